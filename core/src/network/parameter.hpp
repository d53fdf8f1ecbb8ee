#pragma once

// Checks of the numbers that layers are made with. They hold for layers from C++ and from a model's
// text alike: whoever makes a layer runs them, and a parser adds the place.

#include <string>
#include <string_view>

#include "nngp/error.hpp"

namespace nngp {

/// A ModelError that knows which parameter of a layer is to blame, so that a parser can point at it.
/// what() is "LAYER: PARAMETER REASON", as in "ElementwiseNumerical: tolerance must be above 0".
class ParameterError : public ModelError {
 public:
  ParameterError(std::string_view layer, std::string_view parameter, const std::string& reason);

  std::string parameter;
  std::string reason;  ///< what() without the layer
};

/// `value` if it is finite and at least 0. NaN never passes these checks.
double not_negative(std::string_view layer, std::string_view parameter, double value);
/// `value` if it is finite and above 0.
double positive(std::string_view layer, std::string_view parameter, double value);
/// `value` if it is above 0 and at most 1.
double share(std::string_view layer, std::string_view parameter, double value);
/// `value` if it is at least 1 and an exact integer also as a double.
std::size_t at_least_one(std::string_view layer, std::string_view parameter, std::size_t value);

/// The largest integer that a model may contain: doubles are exact up to there, and beyond.
constexpr double max_integer = 1e15;

}  // namespace nngp
