#include "data/labels.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "data/decimal.hpp"

namespace nngp {
namespace {

/// -1, 0 or 1 and the digits of a whole number without leading zeros.
struct Whole {
  explicit Whole(std::string_view text) {
    negative = text.starts_with('-');
    text.remove_prefix(std::min(text.find_first_of("123456789"), text.size()));
    digits = text;
    negative = negative && !digits.empty();
  }
  bool negative;
  std::string_view digits;
};

bool is_less(std::string_view a, std::string_view b) {
  const Whole left(a), right(b);
  if (left.negative != right.negative) return left.negative;
  const bool smaller = left.digits.size() != right.digits.size()
                           ? left.digits.size() < right.digits.size()
                           : left.digits < right.digits;
  return left.negative ? left.digits != right.digits && !smaller : smaller;
}

}  // namespace

std::vector<std::string> encode(const std::vector<std::string>& labels, std::vector<double>& codes) {
  std::vector<std::string> levels = labels;
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (std::all_of(levels.begin(), levels.end(), is_plain_integer))
    std::stable_sort(levels.begin(), levels.end(), is_less);
  std::unordered_map<std::string_view, double> places;
  for (const std::string& level : levels) places.emplace(level, static_cast<double>(places.size()));
  codes.clear();
  for (const std::string& label : labels) codes.push_back(places.at(label));
  return levels;
}

}  // namespace nngp
