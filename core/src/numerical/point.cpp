#include <algorithm>
#include <cmath>

#include "nngp/numerical.hpp"
#include "numerical/arguments.hpp"
#include "numerical/expectation.hpp"

namespace nngp {

PointValue numerical_point(std::function<double(double)> fn,
                           std::optional<std::vector<nngp_breakpoint>> breakpoints, double cov12,
                           double var1, double var2) {
  using namespace numerical;
  check_function(fn, breakpoints);
  check_covariances(cov12, var1, var2);
  constexpr double smallest = 1e-30;  // stands for 0 where both are 0
  const double low = std::sqrt(std::min(var1, var2)), high = std::sqrt(std::max(var1, var2));
  const double sigma_max = high > 0 ? high : smallest;
  const Pieces pieces(std::move(fn), breakpoints, low > 0 ? low : sigma_max, sigma_max);
  const PairExpectation::Result result = PairExpectation(pieces)(cov12, var1, var2);
  return {result.value[nngp],
          result.value[d_nngp],
          {result.error[nngp], result.error[d_nngp], pieces.noise()},
          pieces.calls()};
}

}  // namespace nngp
