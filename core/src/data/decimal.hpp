#pragma once

#include <string_view>

namespace nngp {

/// What the text of a field is.
enum class Decimal {
  number,
  inexact_integer,  ///< digits alone, which float64 does not hold exactly
  too_large,        ///< beyond the range of float64
  not_a_number
};

/// Reads a decimal number, "nan" or "inf", whatever the locale, rounded correctly; underflow gives
/// zero. `value` is what was read of a number or an inexact integer.
Decimal parse_decimal(std::string_view text, double& value);

/// Whether `text` is digits, with or without a sign.
bool is_plain_integer(std::string_view text);

}  // namespace nngp
