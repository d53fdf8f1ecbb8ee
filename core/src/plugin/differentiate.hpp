#pragma once

// Derivatives of functions that are known by their values only, those of the ABI's scalar functions.

namespace nngp {

/// d(nngp_fn)/d(cov12), from values of nngp_fn with |cov12| <= sqrt(var1 var2) only; |cov12| may be
/// that bound, or exceed it by rounding.
///
/// Assumes what holds for every fn without jumps: as a function of rho = cov12 / sqrt(var1 var2) the
/// kernel is analytic inside the unit disc (it is a power series in rho, Mehler's formula), and at
/// rho = +-1 either analytic too (fn smooth) or analytic in sqrt(1 - |rho|) (fn with kinks).
/// Everything is relative to sqrt(var1 var2). Where a variance is 0, the limit at rho = 0.
///
/// Measured error relative to the true derivative d (tests/core/differentiate_test.cpp), with kernels
/// exact to rounding, for the error function and Relu:
///   |rho| <= 0.7     1e-12, at variances from 1e-2 to 1e4
///   up to |rho| = 1  5e-11; for erf at variance 1e4, where it is sharp as a step, 2e-9
/// Beside these, expect 20 times the rounding error of nngp divided by sqrt(var1 var2). It shows where
/// a constant dwarfs the part that varies: 1e-9 d for 0.4 + erf(x) at variance 1e-6.
/// It takes 13 values where |rho| is below 0.5 or so, mostly 30 to 70 nearer to 1.
double differentiate_kernel(double (*nngp_fn)(const void* instance, double cov12, double var1,
                                              double var2),
                            const void* instance, double cov12, double var1, double var2);

/// f'(x) for a function that is smooth on [lower, upper], which holds x; the bounds may be infinite.
double differentiate(double (*f)(const void* instance, double x), const void* instance, double x,
                     double lower, double upper);

}  // namespace nngp
