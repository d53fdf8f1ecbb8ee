#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "nngp/plugin.hpp"

namespace nngp::python {

/// The first exception that a Python callable raised while the library computed, kept until the library
/// has come to an end.
class PendingError {
 public:
  static void clear();
  static bool is_set();
  /// Takes the exception that is being handled.
  static void set(nanobind::python_error&& error);
  /// Raises it, if there is one, as it was. Needs the interpreter's lock.
  static void rethrow();
};

/// An activation from Python callables; any may be None, but not both fn and nngp_fn. They are called
/// with arrays: fn with one of x, the others with three, of cov12, var1 and var2. `text` is what a
/// model would write.
Activation callable_activation(nanobind::object fn, nanobind::object nngp_fn,
                               nanobind::object d_nngp_fn, std::string text);

}  // namespace nngp::python
