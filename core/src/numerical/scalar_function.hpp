#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nngp/activation.h"

namespace nngp::numerical {

/// fn on an interval around 0, with its almost-everywhere derivative: piecewise polynomials on pieces
/// cut until their Chebyshev coefficients have decayed to rounding.
class ScalarFunction {
 public:
  /// Covers all x that matter for expectations over N(0, sigma^2), sigma <= sigma_max.
  /// Break points that are not declared are looked for. Throws NumericalError if fn returns NaN or
  /// infinity, if E fn(sigma_max u)^2 does not exist, or if fn is too rough to be resolved.
  ScalarFunction(std::function<double(double)> fn,
                 std::optional<std::vector<nngp_breakpoint>> breakpoints, double sigma_max);

  /// fn(x) itself.
  double operator()(double x) const;
  /// fn'(x), from the piece that x lies in.
  double derivative(double x) const;

  /// |u| up to which fn(sigma u) counts, in standard deviations.
  double reach() const { return reach_; }
  /// Increasing; fn is well resolved by the nodes of a Gauss rule between any two. Break points are
  /// among them.
  const std::vector<double>& panels() const { return panels_; }
  const std::vector<nngp_breakpoint>& breakpoints() const { return breakpoints_; }

  /// The largest relative error of a piece, rounding of fn included.
  double roughness() const { return roughness_; }

 private:
  struct Piece {
    std::vector<double> fn;          // Chebyshev coefficients, negligible ones dropped
    std::vector<double> derivative;  // likewise, of fn'
  };
  static double find_reach(const std::function<double(double)>& fn, double sigma_max);
  struct Fit {
    double left, right;
    std::vector<double> c;
    double tail;  // the last coefficients relative to fn there and further in
  };
  Fit fit(double left, double right, double scale) const;
  void resolve(Fit whole, double scale, int depth);
  std::size_t piece_of(double x) const;

  std::function<double(double)> fn_;
  std::vector<nngp_breakpoint> breakpoints_;
  double reach_;
  double roughness_ = 0;
  std::vector<double> edges_;  // of the pieces
  std::vector<double> panels_;
  std::vector<Piece> pieces_;
};

}  // namespace nngp::numerical
