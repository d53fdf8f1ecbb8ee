#include "command/terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "command/process_guard.hpp"

namespace nngp::host {
namespace {

constexpr std::size_t line_width = 80;

/// Characters of UTF-8 text, as far as columns are concerned.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Words of `text`, with lines broken before `line_width` and continued at column `indent`.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > indent && column + 1 + width(word) > line_width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += width(word);
  }
  return out;
}

}  // namespace

bool is_lively(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return ::isatty(descriptor) && !(no_color && *no_color) && term && std::string_view(term) != "dumb";
}

std::string bold(std::string_view text) {
  if (!is_lively(standard_output_descriptor())) return std::string(text);
  return "\033[1m" + std::string(text) + "\033[0m";
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::size_t column = indent_;
    out += std::string(indent_, ' ');
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      out += row[i] + std::string(widths[i] - width(row[i]) + 2, ' ');
      column += widths[i] + 2;
    }
    if (!row.empty()) out += wrapped(row.back(), column);
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  }
  return out;
}

}  // namespace nngp::host
