#include "data/decimal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace nngp {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text;
}

/// Whether a number out of the range of double is below it: its first digit stands at a negative power
/// of ten.
bool is_small(std::string_view text) {
  text = without_sign(text);
  const std::size_t end = std::min(text.find_first_of("eE"), text.size());
  const std::string_view digits = text.substr(0, end);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  // Both differences are far from overflow; an exponent that is not decides alone.
  const long long place = first < point ? static_cast<long long>(point - first) - 1
                                        : static_cast<long long>(point) - static_cast<long long>(first);
  if (end == text.size()) return place < 0;
  std::string_view power = text.substr(end + 1);
  const bool negative = power.starts_with('-');
  power = without_sign(power);
  long long exponent = 0;
  const auto [stop, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
  constexpr long long huge = 1'000'000'000'000'000;
  if (error != std::errc() || exponent > huge) return negative;
  return place + (negative ? -exponent : exponent) < 0;
}

/// Whether `value` is exactly the integer that `text` writes.
bool is_exact(std::string_view text, double value) {
  constexpr double least = 9007199254740992;  // 2^53: all integers up to there are doubles
  if (std::abs(value) < least) return true;
  std::string_view digits = without_sign(text);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  char exact[400];
  const auto end =
      std::to_chars(exact, exact + sizeof exact, std::abs(value), std::chars_format::fixed, 0).ptr;
  return std::string_view(exact, static_cast<std::size_t>(end - exact)) == digits;
}

}  // namespace

bool is_plain_integer(std::string_view text) {
  text = without_sign(text);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

Decimal parse_decimal(std::string_view text, double& value) {
  const std::string_view whole = text;
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (stop != end || text.empty() || error == std::errc::invalid_argument) return Decimal::not_a_number;
  if (error == std::errc::result_out_of_range) {
    if (!is_small(text)) return Decimal::too_large;
    value = 0;
    return Decimal::number;
  }
  return is_plain_integer(whole) && !is_exact(whole, value) ? Decimal::inexact_integer
                                                            : Decimal::number;
}

}  // namespace nngp
