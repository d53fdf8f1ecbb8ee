#pragma once

#include <functional>

#include "nngp/plugin.hpp"

namespace nngp {

/// An expectation, of cov12, var1 and var2.
using KernelFunction = std::function<double(double, double, double)>;

/// The functions of neural_tangents.stax.Elementwise as C++ functions: fn of x; nngp_fn = E[fn(x1)
/// fn(x2)] and d_nngp_fn = E[fn'(x1) fn'(x2)] of cov12, var1 and var2. Any may be null; a d_nngp_fn
/// that is missing is the numerical derivative of nngp_fn, without nngp_fn too both are integrated from
/// fn. They are called from several threads at a time, for one entry of a tile after the other, and in
/// double precision whatever the tile's. What they throw ends the computation and reaches its caller.
///
/// A quick way to try something: formulas (nngp/formula.hpp) and plugins are faster, and models can be
/// written with them as text. Throws ModelError if both fn and nngp_fn are null.
Activation function_activation(std::function<double(double)> fn, KernelFunction nngp_fn = nullptr,
                               KernelFunction d_nngp_fn = nullptr);

}  // namespace nngp
