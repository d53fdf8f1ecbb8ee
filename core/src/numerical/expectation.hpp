#pragma once

#include <array>

#include "numerical/heat_flow.hpp"

namespace nngp::numerical {

/// sqrt(1 - rho^2) without cancellation, of variances above 0.
double sine_of(double cov12, double var1, double var2);

/// E[g(x1) g(x2)] for g = fn and g = fn', by Channel, at any correlation and for fn of any scale. With
///   x_i = a_i m + b_i z_i,  a_i = sigma_i sqrt(|rho|),  b_i = sigma_i sqrt(1 - |rho|)
/// and m, z_1, z_2 ~ N(0, 1) independent (m of the other sign in x2 if rho < 0) it is one integral,
///   E_m[P_b1 g(a_1 m) P_b2 g(a_2 m)],
/// of smooth functions, over panels graded towards the features that diffusion leaves of fn.
class PairExpectation {
 public:
  explicit PairExpectation(const Pieces& fn);

  struct Result {
    std::array<double, 2> value;
    /// sqrt(E g(x1)^2 E g(x2)^2); of fn' at least 1.5e-8 of that of fn, per deviation.
    std::array<double, 2> norm;
    std::array<double, 2> error;  ///< a bound, relative to the norm
  };
  /// |cov12| above sqrt(var1 var2) counts as on the boundary.
  Result operator()(double cov12, double var1, double var2) const;

  /// Without a bound of the error, at half the cost.
  std::array<double, 2> value(double cov12, double var1, double var2) const;
  /// The same for x2 = +-x1 but for an angle whose sine is given, of equal deviations.
  std::array<double, 2> value_near_line(double sine, bool opposite, double sigma) const;

 private:
  /// What an error of g is small against at a deviation where E g^2 is known.
  double norm(Channel channel, double sigma, const std::array<double, 2>& energy) const;

  const Pieces& fn_;
  HeatFlow fine_, coarse_;
};

}  // namespace nngp::numerical
