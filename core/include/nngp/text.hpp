#pragma once

// Words and numbers of messages.

#include <string>
#include <string_view>
#include <vector>

namespace nngp {

/// The shortest decimal that reads back as `value`, as Python writes a float: "1.0", "1e-05", "inf".
std::string format_number(double value);

/// `text` in one line fit for a terminal: control characters become '?', a text of more than
/// `max_bytes` is cut and ends in "...".
std::string printable(std::string_view text, std::size_t max_bytes = 80);

/// True for a C identifier of at most 200 letters; false for null.
bool is_name(const char* text);

/// The end of a message about an unknown name: "; did you mean 'Relu' or 'Relu6'?" with up to three
/// of the `known` names that differ from `name` by few letters; empty if none does.
std::string suggest(std::string_view name, const std::vector<std::string>& known);

}  // namespace nngp
