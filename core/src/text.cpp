#include "nngp/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "nngp/error.hpp"

namespace nngp {
namespace {

// Character tests that do not depend on the locale.
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The length of the UTF-8 character that `text` begins with, 0 if it is none.
std::size_t character_length(std::string_view text, char32_t& character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80             ? 1
                             : (byte(0) & 0xE0) == 0xC0 ? 2
                             : (byte(0) & 0xF0) == 0xE0 ? 3
                             : (byte(0) & 0xF8) == 0xF0 ? 4
                                                        : 0;
  if (length == 0 || length > text.size()) return 0;
  character = length == 1 ? byte(0) : byte(0) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3FU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xD800 && character <= 0xDFFF;
  return character < least[length] || character > 0x10FFFF || surrogate ? 0 : length;
}

/// Characters that a terminal obeys instead of showing them: controls, and those that change the
/// direction of what follows or take no room.
bool is_obeyed(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x61C || c == 0x180E || c == 0x200B ||
         c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F);
}

// Number of inserted, deleted, replaced or swapped letters that turn a into b, case apart.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t n = b.size();
  std::vector<std::size_t> before(n + 1), last(n + 1), row(n + 1);
  for (std::size_t j = 0; j <= n; ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= n; ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({row[j - 1] + 1, last[j] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[n];
}

}  // namespace

std::string format_number(double value) {
  if (std::isnan(value)) return "nan";
  char buffer[40];
  // Exponents only where Python has them.
  const double size = std::abs(value);
  const bool fixed = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto end =
      fixed ? std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr
            : std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string format_integer(double value) {
  const std::string text = format_number(value);
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string printable(std::string_view text, std::size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  if (cut) {
    text = text.substr(0, max_bytes);
    // Drop the bytes of a UTF-8 character that was cut in two.
    while (!text.empty() && (text.back() & 0xC0) == 0x80) text.remove_suffix(1);
    if (!text.empty() && (text.back() & 0x80)) text.remove_suffix(1);
  }
  std::string out;
  while (!text.empty()) {
    char32_t character = 0;
    const std::size_t length = character_length(text, character);
    out += length == 0 || is_obeyed(character) ? "?" : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return cut ? out + "..." : out;
}

std::string in_quotes(std::string_view text, std::size_t max_bytes) {
  return "'" + printable(text, max_bytes) + "'";
}

bool is_name(const char* text) {
  constexpr std::size_t max_length = 200;
  if (!text || is_digit(text[0])) return false;
  const std::string_view name(text, strnlen(text, max_length + 1));
  return !name.empty() && name.size() <= max_length &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

std::string suggest(std::string_view name, const std::vector<std::string>& known) {
  if (name.size() > 64) return "";  // not a slip of the hand, and the distance costs its square
  const std::size_t limit = std::max<std::size_t>(1, name.size() / 3);
  std::vector<std::pair<std::size_t, std::string_view>> near;
  for (const std::string& candidate : known) {
    if (candidate.size() > 2 * name.size() + 2) continue;
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= limit) near.emplace_back(distance, candidate);
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  const auto is_farther = [&](const auto& candidate) { return candidate.first > near[0].first; };
  near.erase(std::find_if(near.begin(), near.end(), is_farther), near.end());
  near.resize(std::min<std::size_t>(near.size(), 3));
  std::string out;
  for (std::size_t i = 0; i < near.size(); ++i) {
    out += i == 0 ? "; did you mean '" : i + 1 == near.size() ? " or '" : ", '";
    out += std::string(near[i].second) + "'";
  }
  return out.empty() ? out : out + "?";
}

std::vector<double> logarithmic_grid(double low, double high, std::size_t count) {
  if (!(low > 0) || !(high >= low) || !std::isfinite(high) || count == 0)
    throw DataError("a grid needs 0 < low <= high and at least one value");
  std::vector<double> grid;
  for (std::size_t i = 0; i < count; ++i) {
    const double share = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    grid.push_back(i + 1 == count && count > 1 ? high : low * std::pow(high / low, share));
  }
  return grid;
}

}  // namespace nngp
