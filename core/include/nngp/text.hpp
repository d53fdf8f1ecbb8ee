#pragma once

// Words and numbers of messages.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The shortest decimal that reads back as `value`, as Python writes a float: "1.0", "1e-05", "inf".
std::string format_number(double value);

/// The same for a value that should be an integer: "3", but "3.5".
std::string format_integer(double value);

/// `text` with A to Z in lower case.
std::string lower_case(std::string_view text);

/// `text` in a line of UTF-8 for a terminal: bytes that are none, controls and what turns the direction
/// or is invisible become '?'; a text of more than `max_bytes` is cut and ends in "...".
std::string printable(std::string_view text, std::size_t max_bytes = 80);

/// The same in single quotes, for messages about what somebody wrote.
std::string in_quotes(std::string_view text, std::size_t max_bytes = 80);

/// True for a C identifier of at most 200 letters; false for null.
bool is_name(const char* text);

/// The end of a message about an unknown name: "; did you mean 'Relu' or 'Relu6'?" with those of the
/// `known` names, three at most, that differ from `name` least; empty if all differ by many letters.
std::string suggest(std::string_view name, const std::vector<std::string>& known);

/// `count` values from `low` to `high` in equal ratios. Throws DataError unless 0 < low <= high.
std::vector<double> logarithmic_grid(double low, double high, std::size_t count);

}  // namespace nngp
NNGP_API_END
