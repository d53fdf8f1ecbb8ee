#pragma once

#include <vector>

#include "numerical/dual_values.hpp"
#include "numerical/scalar_function.hpp"

namespace nngp::numerical {

/// Expectations in polar coordinates, for g with kinks or jumps at the origin: there rays do not cross
/// them. With e, o the even and odd parts of g on x > 0,
///   E[g(x1) g(x2)] = J_e(pi - theta) + J_e(theta) + J_o(pi - theta) - J_o(theta),
///   J(alpha) = 1/pi int_0^alpha M(sigma1 sin(alpha - w), sigma2 sin w) dw,
///   M(p, q) = int_0^inf g(r p) g(r q) r exp(-r^2/2) dr.
/// M is smooth, so a short sum of products h(p) h(q).
class PolarDual final : public DualValues {
 public:
  PolarDual(const ScalarFunction& fn, Channel channel, int power, const std::vector<double>& sigma);
  Eigen::MatrixXd part(std::size_t parity, double theta) const override;

 private:
  Eigen::MatrixXd sector(std::size_t parity, double alpha) const;

  std::vector<double> sigma_;
  int power_;  // of p that is taken out of h before interpolation
  double z_max_;
  Eigen::MatrixXd h_[2];  // for e and o: Chebyshev coefficients in z(p), degree x factor
};

}  // namespace nngp::numerical
