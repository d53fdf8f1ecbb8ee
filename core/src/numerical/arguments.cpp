#include "numerical/arguments.hpp"

#include <fmt/format.h>

#include <cmath>

#include "nngp/error.hpp"

namespace nngp::numerical {
namespace {

bool is_variance(double value) { return value >= 0 && std::isfinite(value); }

}  // namespace

void check_function(const std::function<double(double)>& fn,
                    const std::optional<std::vector<nngp_breakpoint>>& breakpoints) {
  if (!fn) throw InvalidArgument("there is no fn to integrate");
  if (!breakpoints) return;
  for (std::size_t i = 0; i < breakpoints->size(); ++i)
    if (!std::isfinite((*breakpoints)[i].x) ||
        (i > 0 && !((*breakpoints)[i - 1].x < (*breakpoints)[i].x)))
      throw InvalidArgument(
          fmt::format("break points are finite and increasing: number {} (counted from 0) is {}", i,
                      (*breakpoints)[i].x));
}

void check_range(const VarianceRange& variances) {
  const auto& [min, max, positive] = variances;
  if (!is_variance(min) || !is_variance(max) || !is_variance(positive) || min > max || positive > max)
    throw InvalidArgument(fmt::format("variances from {} to {} (the least above 0: {}) are no range",
                                      min, max, positive));
  constexpr double widest = 1e300;  // where squares of quotients of deviations leave float64
  const double least = min > 0 ? min : positive;
  if (least > 0 && max / least > widest)
    throw NumericalError(fmt::format(
        "variances of inputs go from {:.3g} to {:.3g}, but fn is integrated over at most {:g} "
        "times the least: scale the data, or leave out the examples that are so far off",
        least, max, widest));
}

void check_tolerance(double tolerance) {
  if (!(tolerance > 0 && tolerance <= 1))
    throw InvalidArgument(fmt::format("the tolerance is {}; it must be above 0, at most 1", tolerance));
}

void check_covariances(double cov12, double var1, double var2) {
  if (!is_variance(var1) || !is_variance(var2) || !std::isfinite(cov12))
    throw InvalidArgument(fmt::format(
        "cov12 = {}, var1 = {}, var2 = {} are no covariances: they must be finite, variances 0 or more",
        cov12, var1, var2));
}

}  // namespace nngp::numerical
