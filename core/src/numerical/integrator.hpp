#pragma once

#include <array>
#include <memory>
#include <vector>

#include "numerical/dual_values.hpp"
#include "numerical/kinks.hpp"
#include "numerical/scalar_function.hpp"

namespace nngp::numerical {

/// Expectations of fn and of fn', by the method that suits fn:
///   - polar coordinates, for kinks at the origin only, or features far smaller than the deviations;
///   - Mehler's series otherwise, if fn has kinks elsewhere for what is left without them.
class Integrator {
 public:
  /// For deviations up to sigma_max. `tolerance` is for E fn^2 and E fn'^2, relative.
  Integrator(const ScalarFunction& fn, double sigma_min, double sigma_max, double tolerance);

  /// By Channel, without the dual of kinks(); `sigma` decreases.
  std::array<std::unique_ptr<DualValues>, 2> at(const std::vector<double>& sigma) const;

  /// Those whose dual is to be added.
  const std::vector<Kink>& kinks() const { return kinks_; }
  /// The order of the zero that fn, or fn', has at 0.
  int power(Channel channel) const { return power_[channel]; }
  /// Expectations are smooth functions of the angle, not of rho.
  bool polar() const { return polar_; }
  /// Part of E fn^2 or E fn'^2 that may be missing.
  double tail() const { return tail_; }

 private:
  void find_kinks(double sigma_max);

  const ScalarFunction& fn_;
  std::array<int, 2> power_{};
  bool polar_;
  std::vector<Kink> kinks_;
  std::size_t terms_ = 0;  // of Mehler's series
  double tail_ = 0;
};

}  // namespace nngp::numerical
