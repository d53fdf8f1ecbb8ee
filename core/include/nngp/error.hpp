#pragma once

#include <stdexcept>
#include <string>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Base of every exception of the library. `what()` is one line (two with a caret) that says what is
/// wrong, where, and what to do; it is written for the person at the terminal.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The text of a model or the way its layers are put together is wrong.
class ModelError : public Error {
 public:
  using Error::Error;
};

/// What was asked for needs a function that the activation does not offer
/// (neural-tangents raises NotImplementedError in the same places).
class NotImplemented : public Error {
 public:
  using Error::Error;
};

/// The numerical layer cannot compute an expectation: fn grows too fast, or is not finite.
class NumericalError : public Error {
 public:
  using Error::Error;
};

/// A function of the library was called with what it does not take: a mistake of the program, not of
/// its data.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// A matrix that should be positive definite is not, to rounding.
class NotPositiveDefinite : public Error {
 public:
  using Error::Error;
};

/// A plugin file cannot be used: missing, not a library, no entry, wrong version, bad contents.
class PluginError : public Error {
 public:
  using Error::Error;
};

/// A data file cannot be read or written, or its contents cannot be used.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A computation ended early because its progress callback asked for it.
class Interrupted : public Error {
 public:
  using Error::Error;
};

}  // namespace nngp
NNGP_API_END
