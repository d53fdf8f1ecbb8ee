#include "network/parameter.hpp"

#include <cmath>

#include "nngp/text.hpp"

namespace nngp {

ParameterError::ParameterError(std::string_view layer, std::string_view parameter_,
                               const std::string& reason_)
    : ModelError(std::string(layer) + ": " + std::string(parameter_) + " " + reason_),
      parameter(parameter_),
      reason(std::string(parameter_) + " " + reason_) {}

double not_negative(std::string_view layer, std::string_view parameter, double value) {
  if (!(value >= 0) || std::isinf(value))
    throw ParameterError(layer, parameter,
                         "must be at least 0.0 and finite, got " + format_number(value));
  return value;
}

double positive(std::string_view layer, std::string_view parameter, double value) {
  if (!(value > 0) || std::isinf(value))
    throw ParameterError(layer, parameter, "must be above 0.0 and finite, got " + format_number(value));
  return value;
}

double share(std::string_view layer, std::string_view parameter, double value) {
  if (value == 0) throw ParameterError(layer, parameter, "must be above 0");
  if (!(value > 0 && value <= 1))
    throw ParameterError(layer, parameter, "must be between 0.0 and 1.0, got " + format_number(value));
  return value;
}

std::size_t at_least_one(std::string_view layer, std::string_view parameter, std::size_t value) {
  const auto number = static_cast<double>(value);
  if (value == 0) throw ParameterError(layer, parameter, "must be an integer of at least 1, got 0");
  if (number > max_integer)
    throw ParameterError(
        layer, parameter,
        "must be at most " + format_integer(max_integer) + ", got " + std::to_string(value));
  return value;
}

}  // namespace nngp
