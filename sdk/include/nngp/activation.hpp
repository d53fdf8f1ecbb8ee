#pragma once

// The C++ SDK: an activation is a struct with its formulas, written once for any number type; what the
// C ABI wants is generated from it.
//   struct Bump {
//     double width = 1;                                        // a parameter and its default
//
//     static constexpr nngp::info info{.name = "Bump", .summary = "Gaussian bump",
//                                      .formula = "exp(-x^2 / (2 width^2))"};
//     static constexpr auto parameters =
//         std::tuple{nngp::parameter("width", &Bump::width, "standard deviation").above(0)};
//
//     auto fn(auto x) const { return exp(-0.5 / (width * width) * (x * x)); }
//     auto nngp_fn(auto cov12, auto var1, auto var2) const {
//       const double w = width * width;
//       return w / root_det(cov12, var1, var2, w);
//     }
//   };
//   constexpr nngp::library bump{.name = "bump", .version = "1.0", .author = "You", .license = "MIT"};
//   NNGP_PLUGIN(bump, Bump);
// sdk/README.md lists members and functions. In nngp/detail, members.hpp finds what there is and what
// is wrong with it, tile.hpp fills tiles, and table.hpp makes the tables of nngp/activation.h.

#if __cplusplus < 201709L
#error "nngp/activation.hpp needs C++20: compile with -std=c++20"
#endif

#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "nngp/activation.h"
#include "nngp/dual.hpp"
#include "nngp/gram.hpp"
#include "nngp/math.hpp"
#include "nngp/simd.hpp"

// Nothing but the entry symbol is exported, also when the author's flags do not say so: an exported
// template instantiation could be merged with that of another plugin and would keep it from unloading.
#pragma GCC visibility push(hidden)

// Of plain numbers: the C library has other functions of these names, which would be taken instead.
using nngp::select;
using std::abs;

namespace nngp {

/// One line each; `name` is a C identifier, the name used in models.
struct info {
  const char* name;
  const char* summary;
  const char* formula;              ///< of fn
  const char* reference = nullptr;  ///< where the closed form comes from
};

/// What all activations of one shared library have in common.
struct library {
  const char* name;  ///< a C identifier, as in "name:Activation"
  const char* version;
  const char* author;
  const char* license;  ///< SPDX identifier
};

/// A parameter: a member of an activation, whose initial value is the default.
template <class Owner, class Member>
struct parameter {
  const char* name;
  Member Owner::*member;
  const char* summary;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  unsigned flags = 0;
  bool has_default = true;

  constexpr parameter(const char* name_, Member Owner::*member_, const char* summary_)
      : name(name_), member(member_), summary(summary_) {}

  constexpr parameter at_least(double bound) const { return with_minimum(bound, 0); }
  constexpr parameter above(double bound) const { return with_minimum(bound, NNGP_MINIMUM_EXCLUDED); }
  constexpr parameter at_most(double bound) const { return with_maximum(bound, 0); }
  constexpr parameter below(double bound) const { return with_maximum(bound, NNGP_MAXIMUM_EXCLUDED); }
  /// The user has to give a value.
  constexpr parameter required() const {
    parameter copy = *this;
    copy.has_default = false;
    return copy;
  }

 private:
  constexpr parameter with_minimum(double bound, unsigned flag) const {
    parameter copy = *this;
    copy.minimum = bound;
    copy.flags |= flag;
    return copy;
  }
  constexpr parameter with_maximum(double bound, unsigned flag) const {
    parameter copy = *this;
    copy.maximum = bound;
    copy.flags |= flag;
    return copy;
  }
};

/// nngp_fn and d_nngp_fn of the same arguments.
template <class T>
struct kernel_pair {
  T nngp;
  T d_nngp;
};
template <class T>
kernel_pair(T, T) -> kernel_pair<T>;

/// `order` is that of the lowest derivative of fn that jumps at x: 0 a jump, 1 a kink.
constexpr nngp_breakpoint breakpoint(double x, std::uint32_t order) { return {x, order, 0}; }
/// What breakpoints() returns for an fn without any.
inline constexpr std::array<nngp_breakpoint, 0> smooth{};

}  // namespace nngp

#pragma GCC visibility pop

#include "nngp/detail/table.hpp"

/// Exports activations: NNGP_PLUGIN(library, First, Second, ...), once in a shared library.
#define NNGP_PLUGIN(library_, ...)                                       \
  struct nngp_plugin_library {                                           \
    static constexpr nngp::library value = library_;                     \
  };                                                                     \
  extern "C" NNGP_EXPORT constinit const nngp_plugin nngp_plugin_entry = \
      nngp::detail::tables<nngp_plugin_library, __VA_ARGS__>::plugin
