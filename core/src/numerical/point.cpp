#include <algorithm>
#include <cmath>
#include <numbers>

#include "nngp/gram.hpp"
#include "nngp/numerical.hpp"
#include "numerical/integrator.hpp"
#include "numerical/kinks_dual.hpp"

namespace nngp {

PointValue numerical_point(std::function<double(double)> fn,
                           std::optional<std::vector<nngp_breakpoint>> breakpoints, double cov12,
                           double var1, double var2) {
  using namespace numerical;
  constexpr double smallest = 1e-30;  // stands for 0
  const double sigma1 = std::max(std::sqrt(var1), smallest),
               sigma2 = std::max(std::sqrt(var2), smallest);
  const double high = std::max(sigma1, sigma2), low = std::min(sigma1, sigma2);
  const ScalarFunction function(std::move(fn), std::move(breakpoints), high);
  const Integrator integrator(function, low, high, 1e-14);
  const auto duals = integrator.at({high, low});

  using V = vec<double, sse2>;
  const V c(cov12), v1(var1), v2(var2);
  const double theta = acos2(c, root_det(c, v1, v2))[0];
  const bool obtuse = theta > std::numbers::pi / 2;
  double value[2];
  for (Channel channel : {nngp, d_nngp}) {
    const double acute = obtuse ? std::numbers::pi - theta : theta;
    const double even = duals[channel]->part(0, acute)(1, 0),
                 odd = duals[channel]->part(1, acute)(1, 0);
    value[channel] = even + (obtuse ? -odd : odd);
  }
  if (!integrator.kinks().empty()) {
    const kernel_pair<V> kinks = dual_of_kinks(integrator.kinks(), c, v1, v2);
    value[nngp] += kinks.nngp[0];
    value[d_nngp] += kinks.d_nngp[0];
  }
  if (std::min(var1, var2) == 0 && function(0) == 0) value[nngp] = 0;
  return {value[nngp], value[d_nngp]};
}

}  // namespace nngp
