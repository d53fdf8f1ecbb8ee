#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "nngp/data.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// A field as a message shows it: short and without control characters.
std::string shown(std::string_view field) {
  constexpr std::size_t longest = 24;
  std::string text(field.substr(0, longest));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return "'" + text + (field.size() > longest ? "...'" : "'");
}

enum class Parsed { number, too_large, not_a_number };

/// Locale-independent. Underflow gives zero, as in NumPy.
Parsed parse_number(std::string_view field, double& value) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (stop != end || field.empty() || error == std::errc::invalid_argument) return Parsed::not_a_number;
  if (error == std::errc()) return Parsed::number;
  // from_chars does not tell overflow from underflow: the exponent's sign does.
  const std::size_t exponent = field.find_first_of("eE");
  const bool small = exponent != std::string_view::npos
                         ? field[exponent + 1] == '-'
                         : field.find_first_of("123456789") > field.find('.');
  if (!small) return Parsed::too_large;
  value = 0;
  return Parsed::number;
}

/// Splits text into records of fields, line by line.
class CsvReader {
 public:
  explicit CsvReader(const FileBytes& file) : name_(file.name()), text_(file.text()) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF"))
      fail("it is UTF-16 text; save it as UTF-8");
    if (text_.substr(0, 4096).find('\0') != std::string_view::npos)
      fail("it is neither an .npy file nor text with comma-separated numbers");
    if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
  }

  /// The fields of the next line that is not blank; false at the end.
  bool next(std::vector<std::string>& fields) {
    while (!text_.empty()) {
      line_ = next_line_;
      std::size_t count = 0;
      bool quoted = false;
      do {
        if (count == fields.size()) fields.emplace_back();
        quoted |= read_field(fields[count++]);
      } while (accept(','));
      end_line();
      if (count == 1 && fields[0].empty() && !quoted) continue;
      fields.resize(count);
      return true;
    }
    return false;
  }

  /// Where the current record begins, counted from 1.
  std::size_t line() const { return line_; }

  [[noreturn]] void fail(const std::string& why) const {
    throw DataError("cannot read '" + name_ + "': " + why);
  }
  [[noreturn]] void fail_in_line(const std::string& why) const {
    fail("line " + std::to_string(line_) + why);
  }

 private:
  bool accept(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  /// True if the field was quoted.
  bool read_field(std::string& field) {
    while (!text_.empty() && is_blank(text_.front())) text_.remove_prefix(1);
    if (!accept('"')) {
      const std::size_t length = std::min(text_.find_first_of(",\r\n"), text_.size());
      field = trimmed(text_.substr(0, length));
      text_.remove_prefix(length);
      return false;
    }
    field.clear();
    do {
      const std::size_t length = text_.find('"');
      if (length == std::string_view::npos) fail_in_line(": a quoted field does not end");
      field += text_.substr(0, length);
      text_.remove_prefix(length + 1);
      if (!text_.starts_with('"')) break;
      field += '"';
    } while (accept('"'));
    for (const char c : field) next_line_ += c == '\n';
    while (!text_.empty() && is_blank(text_.front())) text_.remove_prefix(1);
    if (!text_.empty() && text_.find_first_of(",\r\n") != 0)
      fail_in_line(": something follows the quoted field " + shown(field));
    field = std::string(trimmed(field));
    return true;
  }

  void end_line() {
    const bool carriage_return = accept('\r');
    const bool line_feed = accept('\n');
    if (carriage_return || line_feed) ++next_line_;
  }

  const std::string& name_;
  std::string_view text_;
  std::size_t line_ = 1;
  std::size_t next_line_ = 1;
};

bool is_header(const std::vector<std::string>& fields) {
  double value = 0;
  for (const std::string& field : fields)
    if (parse_number(field, value) != Parsed::not_a_number) return false;
  return true;
}

double number(const CsvReader& reader, const std::string& field, std::size_t column) {
  double value = 0;
  const Parsed parsed = parse_number(field, value);
  if (parsed == Parsed::number && std::isfinite(value)) return value;
  const std::string where = ", column " + std::to_string(column + 1) + ": ";
  if (field.empty()) reader.fail_in_line(where + "the field is empty; every row needs every number");
  if (parsed == Parsed::too_large)
    reader.fail_in_line(where + shown(field) + " is beyond the range of float64");
  if (parsed == Parsed::number)
    reader.fail_in_line(where + "the value is " + (std::isnan(value) ? "NaN" : "infinite") +
                        "; remove or replace it");
  const bool other_separator = field.find_first_of(";\t ") != std::string::npos;
  reader.fail_in_line(where + shown(field) + " is not a number" +
                      (other_separator ? "; separate numbers by commas" : ""));
}

}  // namespace

CsvTable read_csv(const FileBytes& file) {
  CsvReader reader(file);
  CsvTable table;
  std::vector<std::string> fields;
  std::vector<double> values;
  std::size_t cols = 0;
  std::size_t first_line = 0;
  while (reader.next(fields)) {
    if (cols == 0) {
      cols = fields.size();
      first_line = reader.line();
      if (is_header(fields)) {
        table.names = fields;
        continue;
      }
    }
    if (fields.size() != cols)
      reader.fail_in_line(" has " + std::to_string(fields.size()) + " fields, but line " +
                          std::to_string(first_line) + " has " + std::to_string(cols));
    for (std::size_t column = 0; column < cols; ++column)
      values.push_back(number(reader, fields[column], column));
  }
  if (values.empty()) reader.fail(table.names.empty() ? "it is blank" : "it has a header but no rows");
  const auto rows = static_cast<Eigen::Index>(values.size() / cols);
  table.values = Eigen::Map<const Matrix<double>>(values.data(), rows, static_cast<Eigen::Index>(cols));
  return table;
}

}  // namespace nngp
