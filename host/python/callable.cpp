#include "callable.hpp"

#include <nanobind/ndarray.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "computation.hpp"
#include "nngp/function.hpp"

namespace nb = nanobind;

namespace nngp::python {
namespace {

/// A Python function that threads without the interpreter's lock may drop.
using Function = std::shared_ptr<const nb::object>;

Function shared(nb::object function) {
  return {new nb::object(std::move(function)), [](const nb::object* held) {
            const nb::gil_scoped_acquire acquire;
            delete held;
          }};
}

std::function<double(double)> scalar_function(nb::object object) {
  if (object.is_none()) return nullptr;
  return [function = shared(std::move(object))](double x) {
    const Callback callback;
    return nb::cast<double>(nb::float_((*function)(x)));
  };
}

/// Of arrays, whose results may be broadcast to them. The function gets copies, which it may keep.
KernelArrayFunction array_function(nb::object object) {
  if (object.is_none()) return nullptr;
  return [function = shared(std::move(object))](
             std::span<const double> cov12, std::span<const double> var1, std::span<const double> var2,
             std::span<double> results) {
    const Callback callback;
    const auto array = [](std::span<const double> values) {
      using Array = nb::ndarray<nb::numpy, const double, nb::ndim<1>>;
      return nb::cast(Array(values.data(), {values.size()}, nb::handle()), nb::rv_policy::copy);
    };
    const nb::object returned = (*function)(array(cov12), array(var1), array(var2));
    const nb::object numpy = nb::module_::import_("numpy");
    const nb::object whole = numpy.attr("ascontiguousarray")(
        numpy.attr("broadcast_to")(returned, nb::make_tuple(results.size())),
        nb::arg("dtype") = "float64");
    const auto numbers = nb::cast<nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>>(whole);
    std::copy_n(numbers.data(), results.size(), results.begin());
  };
}

}  // namespace

Activation callable_activation(nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn,
                               std::string text) {
  return function_activation(ArrayFunctions{.fn = scalar_function(std::move(fn)),
                                            .nngp_fn = array_function(std::move(nngp_fn)),
                                            .d_nngp_fn = array_function(std::move(d_nngp_fn))},
                             std::move(text));
}

Activation native_activation(std::uintptr_t fn, std::uintptr_t nngp_fn, std::uintptr_t d_nngp_fn,
                             std::string text) {
  using KernelFn = double (*)(double, double, double);
  // A null pointer makes an empty function.
  return function_activation(reinterpret_cast<double (*)(double)>(fn),
                             reinterpret_cast<KernelFn>(nngp_fn), reinterpret_cast<KernelFn>(d_nngp_fn),
                             std::move(text));
}

}  // namespace nngp::python
