#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace nngp::numerical {

inline constexpr double epsilon = std::numeric_limits<double>::epsilon();

/// Up to here a last digit is taken for what rounding of larger values leaves: values up to 4e5.
inline constexpr double largest_digit = 1e-10;

/// The least power of two that y is no multiple of twice; infinite for 0.
inline double last_digit(double y) {
  if (y == 0) return INFINITY;
  int exponent;
  const double whole = std::ldexp(std::frexp(std::abs(y), &exponent), 53);
  return std::ldexp(1.0, exponent - 53 + std::countr_zero(static_cast<std::uint64_t>(whole)));
}

/// Whether two values differ by a few units of a last digit such as the rounding of sums leaves near 0.
inline bool is_rounding(double y1, double y2) {
  constexpr double few = 64;
  const double digit = std::min(last_digit(y1), last_digit(y2));
  return digit < largest_digit && std::abs(y1 - y2) < few * digit;
}

}  // namespace nngp::numerical
