#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <string>

#include "nngp/api.hpp"
#include "nngp/plugin.hpp"

NNGP_API_BEGIN
namespace nngp {

/// A function of one number, or null.
template <class Function>
concept ScalarFunction = std::constructible_from<std::function<double(double)>, Function>;

/// An expectation, of cov12, var1 and var2.
using KernelFunction = std::function<double(double, double, double)>;

/// The functions of neural_tangents.stax.Elementwise as C++ functions: fn of x; nngp_fn = E[fn(x1)
/// fn(x2)] and d_nngp_fn = E[fn'(x1) fn'(x2)] of cov12, var1 and var2. fn or nngp_fn may be null; a
/// d_nngp_fn that is missing is the numerical derivative of nngp_fn, without nngp_fn both are
/// integrated from fn. They are called from several threads at a time, for one entry of a tile after
/// the other, and in double precision whatever the tile's. What they throw ends the computation and
/// reaches its caller. `text` is how the activation is printed; empty: "Elementwise(fn=<C++
/// function>)".
///
/// A quick way to try something: formulas (nngp/formula.hpp) and plugins are faster, and models can be
/// written with them as text. Throws ModelError if both fn and nngp_fn are null, and for
/// a d_nngp_fn without nngp_fn.
Activation function_activation(std::function<double(double)> fn, KernelFunction nngp_fn = nullptr,
                               KernelFunction d_nngp_fn = nullptr, std::string text = "");

/// An expectation of many entries: writes results[i] of cov12[i], var1[i] and var2[i]. All four are of
/// one length.
using KernelArrayFunction =
    std::function<void(std::span<const double> cov12, std::span<const double> var1,
                       std::span<const double> var2, std::span<double> results)>;

/// Functions that are quick only for many entries at a time, such as those of an interpreter.
struct ArrayFunctions {
  std::function<double(double)> fn;
  KernelArrayFunction nngp_fn, d_nngp_fn;
};

/// The same by functions of arrays: each is called once for a tile; for a d_nngp_fn that is missing,
/// nngp_fn is called a few times more, with the points that all of the tile's derivatives need.
Activation function_activation(ArrayFunctions functions, std::string text = "");

}  // namespace nngp
NNGP_API_END
