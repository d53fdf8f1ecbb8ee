#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "nngp/activation.h"
#include "nngp/api.hpp"
#include "nngp/inexact.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The least and largest variance of a layer's input, over all rows of both inputs.
struct VarianceRange {
  double min;
  double max;
  double positive = 0;  ///< the least above 0, where min is 0 and that is known
};

/// A cache of what belongs to the columns of a tile alone. It is valid for tiles with the same columns,
/// of the same dual activation and with the same Dense layers pending.
template <class Real>
struct ColumnCache {
  const Real* var2 = nullptr;  ///< the columns' variances: the same place must hold the same numbers
  std::size_t cols = 0;
  bool derivative = false;
  std::vector<Real> values;
};

/// nngp and d_nngp of an activation known only as fn: prepared once for a range of variances, then
/// evaluated by tables at the cost of a closed form. See core/numerical.md.
class NumericalDual {
 public:
  struct Options {
    double tolerance = 2e-11;  ///< aimed at, relative to sqrt(E g(x1)^2 E g(x2)^2), g = fn and fn'
    bool float32 = false;      ///< prepare for float32 tiles, else for float64
  };

  /// Break points of fn that are not declared are looked for. Calls fn from several threads.
  /// Throws NumericalError if fn gives NaN or infinity, if E fn(x)^2 does not exist, and for variances
  /// above 0 of which the largest is more than 1e300 times the least; InvalidArgument for a null fn,
  /// variances that are no range, break points that are not increasing, and other tolerances than 0
  /// to 1.
  NumericalDual(std::function<double(double)> fn,
                std::optional<std::vector<nngp_breakpoint>> breakpoints, VarianceRange variances,
                Options options);
  NumericalDual(std::function<double(double)> fn,
                std::optional<std::vector<nngp_breakpoint>> breakpoints, VarianceRange variances)
      : NumericalDual(std::move(fn), std::move(breakpoints), variances, Options{}) {}

  /// Fill a tile; any number of threads may, each with a memory of its own. Variances outside the range
  /// count as on its ends.
  void tile(const nngp_tile_f64& tile, ColumnCache<double>& memory) const;
  void tile(const nngp_tile_f32& tile, ColumnCache<float>& memory) const;

  /// The same for one tile alone.
  void tile(const nngp_tile_f64& one) const {
    ColumnCache<double> memory;
    tile(one, memory);
  }
  void tile(const nngp_tile_f32& one) const {
    ColumnCache<float> memory;
    tile(one, memory);
  }

  /// nngp[i] = nngp(v, v, v) with v = cov_scale * var[i] + cov_shift, the diagonal of a tile of inputs
  /// with themselves, to the last bit; faster than tiles of one entry.
  void diagonal(const double* var, std::size_t count, double cov_scale, double cov_shift,
                double* nngp) const;
  void diagonal(const float* var, std::size_t count, float cov_scale, float cov_shift,
                float* nngp) const;

  /// Bounds of the error relative to sqrt(E fn(x1)^2 E fn(x2)^2), and the same for fn'.
  double error_estimate_nngp() const;
  double error_estimate_d_nngp() const;
  /// Both, with the noise of fn where it was met.
  Inexactness error() const;

  /// Declared or detected.
  std::vector<nngp_breakpoint> breakpoints() const;

  /// How often fn was called.
  std::size_t calls() const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

struct PointValue {
  double nngp;
  double d_nngp;
  Inexactness error;  ///< bounds
  std::size_t calls;  ///< how often fn was called
};

/// nngp and d_nngp at one point, for any fn that is piecewise smooth on some scale: relative to sqrt(E
/// g(x1)^2 E g(x2)^2), g = fn and fn', the errors are about 1e-14 and 1e-12. It does not matter what
/// the unit of x is, nor whether break points are declared. Takes milliseconds, and some thousand calls
/// of fn, at most 1e6 where fn has very many features. |cov12| above sqrt(var1 var2) counts as on the
/// boundary. Throws as NumericalDual does, InvalidArgument for what are no covariances too.
PointValue numerical_point(std::function<double(double)> fn,
                           std::optional<std::vector<nngp_breakpoint>> breakpoints, double cov12,
                           double var1, double var2);

}  // namespace nngp
NNGP_API_END
