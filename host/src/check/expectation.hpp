#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace nngp::host {

/// Expectations of a function of jointly normal variables of mean 0, by adaptive quadrature (Gauss and
/// Kronrod's rule of 21 nodes, nested, split at the points where the function is not smooth). Shares
/// nothing with the core's numerical integration, which it may be used to judge. Slow and exact: errors
/// are below 1e-12 of sqrt(E f(x1)^2 E f(x2)^2).
class Expectation {
 public:
  /// `breaks` in any order.
  Expectation(std::function<double(double)> f, std::vector<double> breaks);

  /// E f(x)^2 for variance var; nullopt if it is infinite or f is not finite where it counts.
  std::optional<double> square(double var) const;

  /// E f(x1) f(x2); |cov12| from sqrt(var1 var2) on counts as on the boundary. nullopt if a square is,
  /// or if f is too rough to integrate in reasonable time.
  std::optional<double> product(double cov12, double var1, double var2) const;

  /// dE f(x1) f(x2) / dcov12, which is E f'(x1) f'(x2) if f has no jumps, without use of f':
  /// integrated by parts twice. Needs |cov12| < sqrt(var1 var2).
  std::optional<double> slope(double cov12, double var1, double var2) const;

 private:
  /// Where x / sqrt(var) matters, in standard deviations.
  struct Range {
    double low, high;
  };
  std::optional<Range> range(double var) const;
  std::optional<double> compute_square(double var) const;
  double on_line(double scale1, double scale2, const Range& range, double tolerance) const;
  template <class Weight>
  std::optional<double> on_plane(double cov12, double var1, double var2, Weight weight) const;
  std::vector<double> panels(const Range& range, double center, double scale) const;

  std::function<double(double)> f_;
  std::vector<double> breaks_;
  mutable std::map<double, std::optional<double>> squares_;  ///< by variance
};

}  // namespace nngp::host
