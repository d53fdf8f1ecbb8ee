#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nngp/activation.h"
#include "nngp/numerical.hpp"

namespace nngp::numerical {

/// Throws InvalidArgument for no fn, and for break points that are not finite and increasing.
void check_function(const std::function<double(double)>& fn,
                    const std::optional<std::vector<nngp_breakpoint>>& breakpoints);

/// Throws InvalidArgument for what is no range of variances, NumericalError for more orders of
/// magnitude than expectations are computed over.
void check_range(const VarianceRange& variances);

/// Throws InvalidArgument for tolerances outside (0, 1].
void check_tolerance(double tolerance);

/// Throws InvalidArgument for what are no variances and covariance. |cov12| may be above the boundary.
void check_covariances(double cov12, double var1, double var2);

}  // namespace nngp::numerical
