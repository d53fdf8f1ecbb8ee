#include "data/csv_reader.hpp"

#include <algorithm>
#include <array>

#include "data/decimal.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

/// The first lines that are neither blank nor comments.
std::vector<std::string_view> sample_of(std::string_view text) {
  constexpr std::size_t max_lines = 100, max_bytes = 1 << 20;
  const bool cut = text.size() > max_bytes;
  text = text.substr(0, max_bytes);
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < max_lines) {
    const std::size_t length = text.find_first_of("\r\n");
    if (length == std::string_view::npos && cut && !lines.empty()) break;
    const std::string_view line = trimmed(text.substr(0, length));
    if (!line.empty() && line.front() != '#') lines.push_back(line);
    text.remove_prefix(length == std::string_view::npos ? text.size() : length + 1);
  }
  return lines;
}

/// How often `separator` stands in a line, outside of quotes. A tab beside another separator is a
/// blank.
std::size_t count_in(std::string_view line, char separator) {
  std::size_t count = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    quoted ^= line[i] == '"';
    if (quoted || line[i] != separator) continue;
    if (separator == '\t') {
      const std::string_view before = trimmed(line.substr(0, i)), after = trimmed(line.substr(i + 1));
      const auto separates = [](char c) { return c == ',' || c == ';' || c == '|'; };
      if ((!before.empty() && separates(before.back())) || (!after.empty() && separates(after.front())))
        continue;
    }
    ++count;
  }
  return count;
}

/// The number of numbers in a line of numbers with blanks between them; 0 for any other line.
std::size_t numbers_between_blanks(std::string_view line) {
  std::size_t count = 0;
  for (line = trimmed(line); !line.empty(); line = trimmed(line)) {
    const std::size_t length = std::min(line.find_first_of(blanks), line.size());
    double value = 0;
    if (parse_decimal(line.substr(0, length), value) == Decimal::not_a_number) return 0;
    line.remove_prefix(length);
    ++count;
  }
  return count;
}

/// What stands equally often in all lines, of which the first, if there are others, may be a header.
char separator_of(const std::vector<std::string_view>& lines) {
  const auto data = lines.begin() + (lines.size() > 1);
  const auto is_even = [&](auto count) {
    return data != lines.end() && count(*data) > 0 &&
           std::all_of(data, lines.end(), [&](auto line) { return count(line) == count(*data); });
  };
  for (const char separator : {';', '\t', ',', '|'})
    // Tabs in some lines alone are blanks.
    if (is_even([&](std::string_view line) { return count_in(line, separator); }) &&
        (separator != '\t' || count_in(lines.front(), separator) > 0))
      return separator;
  if (is_even(numbers_between_blanks) && numbers_between_blanks(*data) > 1) return ' ';
  for (const char separator : {',', ';', '\t', '|'})
    if (std::any_of(data, lines.end(), [&](auto line) { return count_in(line, separator) > 0; }))
      return separator;
  return ',';
}

}  // namespace

std::string shown(std::string_view field) { return in_quotes(field, 24); }

CsvReader::CsvReader(const FileBytes& file) : name_(file.name()), text_(file.text()) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF"))
    fail("it is UTF-16 text; save it as UTF-8");
  if (text_.substr(0, 4096).find('\0') != std::string_view::npos)
    fail("it is neither an .npy file nor text with comma-separated numbers");
  if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
  const std::size_t first = text_.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text_[first] == '[' || text_[first] == '{'))
    fail("it looks like JSON; save the array with numpy.save");
  // A line by which spreadsheets are told: "sep=;".
  if (text_.starts_with("sep=") && text_.size() > 5 && (text_[5] == '\n' || text_[5] == '\r')) {
    separator_ = text_[4];
    text_.remove_prefix(5);
    end_line();
  } else {
    separator_ = separator_of(sample_of(text_));
  }
}

void CsvReader::fail(const std::string& why) const {
  throw DataError("cannot read '" + name_ + "': " + why);
}
void CsvReader::fail_in_line(std::size_t line, const std::string& why) const {
  fail("line " + std::to_string(line) + why);
}

bool CsvReader::next(std::vector<CsvField>& fields) {
  std::size_t blank = 0;
  while (!text_.empty()) {
    line_ = next_line_;
    if (skip_comment()) continue;
    std::size_t count = 0;
    do {
      if (count == fields.size()) fields.emplace_back();
      read_field(fields[count++]);
    } while (accept_separator());
    end_line();
    if (count == 1 && fields[0].text.empty() && !fields[0].quoted) {
      if (blank == 0) blank = line_;
      continue;
    }
    fields.resize(count);
    seen_record_ = true;
    blank_before_ = blank;
    return true;
  }
  return false;
}

bool CsvReader::accept(char c) {
  if (text_.empty() || text_.front() != c) return false;
  text_.remove_prefix(1);
  return true;
}

bool CsvReader::accept_separator() {
  if (separator_ != ' ') return accept(separator_);
  const std::size_t before = text_.size();
  skip_blanks();
  return text_.size() < before && !text_.empty() && text_.front() != '\r' && text_.front() != '\n';
}

void CsvReader::skip_blanks() {
  while (!text_.empty() && is_blank(text_.front())) text_.remove_prefix(1);
}

bool CsvReader::skip_comment() {
  const std::size_t first = text_.find_first_not_of(blanks);
  if (first == std::string_view::npos || text_[first] != '#') return false;
  const std::size_t length = std::min(text_.find_first_of("\r\n"), text_.size());
  if (!seen_record_) {
    comment_fields_.clear();
    std::string_view rest = trimmed(text_.substr(first + 1, length - first - 1));
    const std::string_view separators = separator_ == ' ' ? blanks : std::string_view(&separator_, 1);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(separators), rest.size());
      comment_fields_.emplace_back(trimmed(rest.substr(0, end)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (separator_ == ' ') rest = trimmed(rest);
    }
  }
  text_.remove_prefix(length);
  end_line();
  ++comments_;
  return true;
}

void CsvReader::read_field(CsvField& field) {
  skip_blanks();
  field.quoted = accept('"');
  if (!field.quoted) {
    const std::array<char, 5> ends = {separator_, '\r', '\n', separator_ == ' ' ? '\t' : '\n', '\0'};
    const std::size_t length = std::min(text_.find_first_of(ends.data(), 0, 4), text_.size());
    field.text = trimmed(text_.substr(0, length));
    text_.remove_prefix(length);
    return;
  }
  field.text.clear();
  do {
    const std::size_t length = text_.find('"');
    if (length == std::string_view::npos) fail_in_line(line_, ": a quoted field does not end");
    field.text += text_.substr(0, length);
    text_.remove_prefix(length + 1);
    if (!text_.starts_with('"')) break;
    field.text += '"';
  } while (accept('"'));
  for (const char c : field.text) next_line_ += c == '\n';
  std::string_view after = text_;
  while (!after.empty() && is_blank(after.front())) after.remove_prefix(1);
  const bool ends = after.empty() || after.front() == '\r' || after.front() == '\n' ||
                    after.front() == separator_ || (separator_ == ' ' && after.size() < text_.size());
  if (!ends) fail_in_line(line_, ": something follows the quoted field " + shown(field.text));
  if (separator_ != ' ') text_ = after;
  field.text = std::string(trimmed(field.text));
}

void CsvReader::end_line() {
  // Python's csv.writer ends lines by two carriage returns where files are not opened as it says.
  const std::size_t returns = std::min(text_.find_first_not_of('\r'), text_.size());
  const bool line_feed = returns < text_.size() && text_[returns] == '\n';
  const std::size_t length = line_feed ? returns + 1 : std::min<std::size_t>(returns, 1);
  text_.remove_prefix(length);
  if (length > 0) ++next_line_;
}

}  // namespace nngp
