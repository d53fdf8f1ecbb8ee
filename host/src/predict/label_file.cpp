#include "predict/label_file.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>

#include "nngp/npy.hpp"

namespace nngp::host {
namespace {

constexpr const char* byte_order = std::endian::native == std::endian::little ? "<" : ">";

/// As a field of comma-separated text.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",;\"\r\n\t|# ") == std::string::npos && !text.empty()) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string csv_of(const std::vector<std::size_t>& predicted, const std::vector<std::string>& classes) {
  std::string text = "label\n";
  for (const std::size_t place : predicted) text += quoted(classes[place]) + '\n';
  return text;
}

template <class Value>
void append(const Value& value, std::string& out) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// The classes as 64-bit integers; false if they are beyond them.
template <class Integer>
bool parse(const std::vector<std::string>& classes, std::vector<Integer>& values) {
  values.clear();
  for (const std::string& text : classes) {
    const char* begin = text.data() + text.starts_with('+');
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, values.emplace_back());
    if (error != std::errc() || stop != end) return false;
  }
  return true;
}

template <class Integer>
std::string integers(const char* type, const std::vector<std::size_t>& predicted,
                     const std::vector<Integer>& values) {
  std::string bytes =
      npy_header(byte_order + std::string(type), {static_cast<Eigen::Index>(predicted.size())});
  for (const std::size_t place : predicted) append(values[place], bytes);
  return bytes;
}

/// Code points of UTF-8; a byte that is none stands for itself.
std::u32string code_points(const std::string& text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80    ? 1
                               : first >= 0xF0 ? 4
                               : first >= 0xE0 ? 3
                               : first >= 0xC0 ? 2
                                               : 1;
    char32_t point = length == 1 ? first : first & (0xFF >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    points += point;
    i += length;
  }
  return points;
}

std::string texts(const std::vector<std::size_t>& predicted, const std::vector<std::string>& classes) {
  std::vector<std::u32string> points;
  std::size_t longest = 1;
  for (const std::string& text : classes)
    longest = std::max(longest, points.emplace_back(code_points(text)).size());
  std::string bytes = npy_header(byte_order + ("U" + std::to_string(longest)),
                                 {static_cast<Eigen::Index>(predicted.size())});
  for (const std::size_t place : predicted) {
    std::u32string padded = points[place];
    padded.resize(longest);
    for (const char32_t point : padded) append(point, bytes);
  }
  return bytes;
}

std::string npy_of(const std::vector<std::size_t>& predicted, const std::vector<std::string>& classes,
                   bool names) {
  std::vector<std::int64_t> integer;
  if (!names && parse(classes, integer)) return integers("i8", predicted, integer);
  std::vector<std::uint64_t> positive;
  if (!names && parse(classes, positive)) return integers("u8", predicted, positive);
  return texts(predicted, classes);
}

}  // namespace

LabelFile::LabelFile(const std::string& path) : csv_(path.ends_with(".csv")), file_(path) {}

void LabelFile::write(const std::vector<std::size_t>& predicted,
                      const std::vector<std::string>& classes, bool names) {
  const std::string bytes = csv_ ? csv_of(predicted, classes) : npy_of(predicted, classes, names);
  file_.allocate(bytes.size());
  file_.write(0, std::as_bytes(std::span(bytes)));
}

}  // namespace nngp::host
