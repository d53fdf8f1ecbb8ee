#include "data/npy_text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "nngp/error.hpp"

namespace nngp {
namespace {

/// Appends a code point in UTF-8; false for what is none.
bool append(std::uint32_t point, std::string& out) {
  const auto byte = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return false;
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | point >> 6);
    byte(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3F));
    byte(0x80 | (point & 0x3F));
  } else {
    byte(0xF0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3F));
    byte(0x80 | (point >> 6 & 0x3F));
    byte(0x80 | (point & 0x3F));
  }
  return true;
}

/// What stands before the zeros at the end.
bool read_utf32(std::string_view bytes, bool swapped, std::string& out) {
  std::vector<std::uint32_t> points(bytes.size() / 4);
  std::memcpy(points.data(), bytes.data(), 4 * points.size());
  if (swapped)
    for (std::uint32_t& point : points) point = __builtin_bswap32(point);
  while (!points.empty() && points.back() == 0) points.pop_back();
  return std::all_of(points.begin(), points.end(),
                     [&](std::uint32_t point) { return append(point, out); });
}

}  // namespace

std::vector<std::string> read_npy_text(const FileBytes& file, const NpyHeader& header) {
  std::vector<std::string> elements;
  for (Eigen::Index i = 0; i < header.rows * header.cols; ++i) {
    const std::string_view bytes = file.text().substr(
        header.data_offset + static_cast<std::size_t>(i) * header.item_size, header.item_size);
    std::string& element = elements.emplace_back();
    if (header.kind == 'S')
      element = bytes.substr(0, bytes.find_last_not_of('\0') + 1);
    else if (!read_utf32(bytes, header.swapped, element))
      throw DataError("cannot read '" + file.name() + "': row " + std::to_string(i) +
                      " (counted from 0) is not text; save the array again with numpy.save");
  }
  return elements;
}

}  // namespace nngp
