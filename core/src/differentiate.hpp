#pragma once

#include <functional>

namespace nngp {

/// dk/dcov12 of a kernel k(cov12) of two Gaussians with variances var1 and var2, from values of k with
/// |cov12| <= sqrt(var1 var2) only.
double differentiate_kernel(const std::function<double(double)>& kernel, double cov12, double var1,
                            double var2);

/// f'(x), for f analytic on [lower, upper], which holds x.
double differentiate(const std::function<double(double)>& f, double x, double lower, double upper);

}  // namespace nngp
