#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

#include "nngp/plugin.hpp"

namespace nngp::python {

/// An activation from Python callables; any may be None, but not both fn and nngp_fn. fn is called with
/// one number, the others with three arrays, of cov12, var1 and var2. What they raise comes out of the
/// library as it was. `text` is what a model would write.
Activation callable_activation(nanobind::object fn, nanobind::object nngp_fn,
                               nanobind::object d_nngp_fn, std::string text);

/// The same from the addresses of functions of the C calling convention: double(double),
/// double(double, double, double) and the same; 0: not given. They have to stay where they are.
Activation native_activation(std::uintptr_t fn, std::uintptr_t nngp_fn, std::uintptr_t d_nngp_fn,
                             std::string text);

}  // namespace nngp::python
