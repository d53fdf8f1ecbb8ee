#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/activation.h"
#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Where d(nngp_fn)/d(cov12) comes from.
enum class Derivative {
  handwritten,  ///< the plugin's own formula
  automatic,    ///< the SDK's automatic differentiation of the plugin's nngp_fn
  numerical,    ///< the core differentiates the plugin's nngp_fn in cov12
  absent        ///< there is no nngp_fn to differentiate
};

/// The values of an activation's parameters as a model gives them: positional ones first, then by
/// keyword. A number is a list of one.
struct Arguments {
  std::vector<std::vector<double>> positional;
  std::map<std::string, std::vector<double>, std::less<>> keyword;
};

/// An activation with its parameters bound: the instance a plugin made, kept alive together with its
/// library. A cheap value to copy; all const members may be called by any number of threads.
class Activation {
 public:
  /// Binds `arguments` to the parameters of `descriptor`. `library` is kept for as long as the
  /// instance lives. Throws ModelError for an unknown, missing or out-of-range parameter, PluginError
  /// for a table or break points that are not as nngp/activation.h says; so does the next.
  Activation(std::shared_ptr<const void> library, const nngp_activation& descriptor,
             const Arguments& arguments = {});
  /// An instance that is made already, by the program itself; `owner` keeps it and `descriptor` alive.
  /// `text` is how a model writes the activation.
  Activation(std::shared_ptr<const void> owner, const nngp_activation& descriptor, void* instance,
             std::string text);

  std::string name() const;
  /// The activation as a model writes it, every parameter named: "Erf(a=1.0, b=1.0, c=0.0)".
  std::string text() const;
  const nngp_activation& descriptor() const;
  /// What the functions of the descriptor take.
  const void* instance() const;

  bool has_fn() const;
  bool has_nngp_fn() const;
  Derivative derivative() const;

  /// The scalar functions; throw NotImplemented, naming the activation, where the plugin has none.
  /// d_fn and d_nngp_fn fall back to numerical differentiation.
  double fn(double x) const;
  double d_fn(double x) const;
  double nngp_fn(double cov12, double var1, double var2) const;
  double d_nngp_fn(double cov12, double var1, double var2) const;

  /// Points where fn is not smooth, in increasing order; nullopt when the plugin does not declare any.
  std::optional<std::vector<nngp_breakpoint>> breakpoints() const;

  /// Fills one tile (see nngp_tile_f64): by the plugin's own entry, or by looping over its scalars.
  void tile(const nngp_tile_f64& tile) const;
  void tile(const nngp_tile_f32& tile) const;

 private:
  struct Instance;
  std::shared_ptr<const Instance> instance_;
};

}  // namespace nngp
NNGP_API_END
