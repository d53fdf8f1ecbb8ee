#include "data/csv_layout.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <unordered_set>

#include "data/csv_reader.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

constexpr std::string_view none = "none";

/// "True" or "False", in any case.
bool is_truth(std::string_view text) {
  if (text.size() != 4 && text.size() != 5) return false;
  const std::string lower = lower_case(text);
  return lower == "true" || lower == "false";
}

/// What is seen of a column below the first record.
struct Column {
  std::size_t empty = 0, numbers = 0, integers = 0, fractions = 0, inexact = 0,
              truths = 0;  ///< fields of each kind
  bool quoted = true;      ///< all fields are
  bool counts = true;      ///< each field is the integer after the one above
  double first = 0, last = 0;
  std::size_t text_line = 0;  ///< of the first field that is neither empty nor a number
  std::string text;           ///< there

  void see(const CsvField& field, Decimal kind, double value, std::size_t line) {
    const bool start = empty + numbers == 0;
    const bool integer = is_plain_integer(field.text);
    quoted &= field.quoted;
    empty += field.text.empty();
    numbers += kind != Decimal::not_a_number;
    truths += kind == Decimal::number && is_truth(field.text);
    integers += integer;
    fractions += kind == Decimal::number && !integer && std::isfinite(value);
    inexact += kind == Decimal::inexact_integer;
    counts &= integer && (start || value == last + 1);
    if (start) first = value;
    last = value;
    if (kind != Decimal::not_a_number || field.text.empty() || text_line != 0) return;
    text_line = line;
    text = field.text;
  }
};

std::vector<std::string> texts_of(const std::vector<CsvField>& fields) {
  std::vector<std::string> texts;
  for (const CsvField& field : fields) texts.push_back(field.text);
  return texts;
}

bool is_number_text(std::string_view text) {
  double value = 0;
  return parse_field(text, true, value) != Decimal::not_a_number;
}
bool is_number(const CsvField& field) { return is_number_text(field.text); }

/// Several, with something between them.
bool are_numbers(std::string_view text) {
  constexpr std::string_view separators = " \t;|,";
  std::size_t count = 0;
  for (std::size_t begin = text.find_first_not_of(separators); begin != text.npos; ++count) {
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    if (!is_number_text(text.substr(begin, end - begin))) return false;
    begin = text.find_first_not_of(separators, end);
  }
  return count > 1;
}

/// Of a field that is a number.
double value_of(const CsvField& field) {
  double value = 0;
  parse_field(field.text, true, value);
  return value;
}

/// Names that index columns have.
bool is_index_name(const std::string& name) {
  constexpr std::array<std::string_view, 16> names = {
      "#",      "id",       "idx",       "index",     "no",         "nr",  "row",         "rowid",
      "row_id", "rownames", "row_names", "sample_id", "unnamed: 0", "obs", "observation", "key"};
  return std::find(names.begin(), names.end(), lower_case(name)) != names.end();
}

bool is_unnamed(const std::string& name) { return name.empty() || name == "Unnamed: 0"; }

/// Such as "width" or "x.1".
bool is_identifier(const std::string& name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

bool is_distinct(const std::vector<std::string>& names) {
  return std::unordered_set<std::string>(names.begin(), names.end()).size() == names.size();
}

/// 3, 4, 5, ...
bool count_up(const std::vector<double>& values) {
  for (std::size_t i = 1; i < values.size(); ++i)
    if (values[i] != values[i - 1] + 1) return false;
  return true;
}

/// Different ones, in order.
bool are_years(const std::vector<double>& values) {
  const auto in_range = [](double value) { return value >= 1500 && value <= 2200; };
  return std::all_of(values.begin(), values.end(), in_range) &&
         (std::adjacent_find(values.begin(), values.end(), std::greater_equal<>()) == values.end() ||
          std::adjacent_find(values.begin(), values.end(), std::less_equal<>()) == values.end());
}

/// "1,234" may be 1234 as well; "0,123" and "1,5" may not.
bool may_be_thousands(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  const std::size_t comma = text.find(',');
  return comma >= 1 && comma <= 3 && text.size() == comma + 4 && text.front() != '0' &&
         is_plain_integer(text.substr(comma + 1));
}

std::string counted(std::size_t number, const char* what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

/// Reads a table once to see what its columns hold, and decides how it is to be read.
class Survey {
 public:
  Survey(const FileBytes& file, const ReadOptions& options) : reader_(file), options_(options) {}

  CsvLayout layout() {
    look();
    CsvLayout layout;
    layout.width = columns_.size();
    layout.header = has_header();
    layout.certain = !doubted_;
    check_blank_lines(layout.header);
    if (layout.header && rows_ == 0) reader_.fail("it has a header but no rows");
    if (!layout.header) see_decimal_signs(first_, first_line_);
    rows_ += !layout.header;
    layout.rows = rows_;
    layout.decimal_commas = has_decimal_commas();
    layout.names = names(layout.header);
    choose_columns(layout);
    layout.guessed = (layout.header && options_.header == Header::automatic &&
                      std::any_of(first_.begin(), first_.end(), is_number)) ||
                     (layout.index && options_.index_column.empty());
    layout.labels = holds_labels(layout);
    remark(layout);
    return layout;
  }

 private:
  // ---- What is there ----

  void look() {
    std::vector<CsvField> fields;
    if (!reader_.next(fields)) reader_.fail("it is blank");
    first_ = fields;
    first_line_ = reader_.line();
    columns_.resize(first_.size());
    while (reader_.next(fields)) {
      if (rows_ == 0) second_line_ = reader_.line();
      std::size_t& blank = rows_ == 0 ? blank_below_first_ : blank_between_;
      if (blank == 0) blank = reader_.blank_before();
      // A header may lack the name of the first column, or of a last one without contents.
      const bool unnamed = options_.header != Header::no && rows_ == 0 &&
                           fields.size() == first_.size() + 1 &&
                           std::none_of(first_.begin(), first_.end(), is_number) &&
                           (fields.back().text.empty() || fields[0].quoted || !is_number(fields[0]));
      if (unnamed) columns_.resize(fields.size());
      check_width(fields.size());
      see(fields);
    }
  }

  /// Where a row has one field only, a blank line may be one without it.
  void check_blank_lines(bool header) const {
    const std::size_t line = blank_below_first_ && !header ? blank_below_first_ : blank_between_;
    if (columns_.size() == 1 && line != 0)
      reader_.fail_in_line(line,
                           ", between rows of one column, is blank: it may be an example without a "
                           "value; fill it in, or remove the line");
  }

  void check_width(std::size_t width) const {
    if (width == columns_.size()) return;
    const bool second = rows_ == 0 || columns_.size() == first_.size();
    std::string why = " has " + std::to_string(width) + " fields, but line " +
                      std::to_string(second ? first_line_ : second_line_) + " has " +
                      std::to_string(columns_.size());
    if (reader_.separator() == ',' && rows_ == 0 && width == 2 * columns_.size())
      why += "; if commas are decimal signs, separate the fields by semicolons";
    reader_.fail_in_line(reader_.line(), why);
  }

  void see(const std::vector<CsvField>& fields) {
    bool count = true;
    double last = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      double value = 0;
      const Decimal kind = parse_field(fields[i].text, true, value);
      columns_[i].see(fields[i], kind, value, reader_.line());
      count &= kind != Decimal::not_a_number && (i == 0 || value == last + 1);
      last = value;
    }
    see_decimal_signs(fields, reader_.line());
    counting_rows_ += count;
    if (fields.size() > 1) keys_.push_back(std::hash<std::string>()(fields[0].text));
    if (options_.labels != Labels::none) last_fields_.push_back(fields.back().text);
    ++rows_;
  }

  void see_decimal_signs(const std::vector<CsvField>& fields, std::size_t line) {
    for (const CsvField& field : fields) {
      const std::size_t sign = field.text.find_first_of(",.");
      if (sign == field.text.npos || !is_number(field)) continue;
      if (field.text[sign] == '.') {
        point_line_ = point_line_ ? std::min(point_line_, line) : line;
        continue;
      }
      if (comma_line_ == 0 || line < comma_line_) {
        comma_line_ = line;
        comma_field_ = field.text;
      }
      decimal_commas_proven_ |= !may_be_thousands(field.text);
    }
  }

  // ---- The decimal sign ----

  bool has_decimal_commas() const {
    if (comma_line_ == 0) return false;
    if (point_line_ != 0)
      reader_.fail("line " + std::to_string(comma_line_) + " has a decimal comma, line " +
                   std::to_string(point_line_) + " a decimal point; write one of them throughout");
    if (!decimal_commas_proven_)
      reader_.fail_in_line(comma_line_,
                           ": " + shown(comma_field_) +
                               " may have a decimal comma or be a number of thousands; write "
                               "decimal points");
    return true;
  }

  // ---- The header ----

  bool has_header() {
    if (options_.header == Header::yes || options_.header == Header::no)
      return options_.header == Header::yes;
    if (columns_.size() > first_.size()) return true;
    std::vector<double> numbers;
    bool integers = true;
    for (const CsvField& field : first_) {
      if (!is_number(field)) continue;
      numbers.push_back(value_of(field));
      integers &= is_plain_integer(field.text) && numbers.back() >= 0;
    }
    if (numbers.empty()) {
      if (first_.size() == 1 && rows_ > 0 && !first_[0].quoted && are_numbers(first_[0].text))
        reader_.fail_in_line(first_line_, " has several numbers, but line " +
                                              std::to_string(second_line_) + " has 1 field");
      return !first_is_label();
    }
    if (options_.header == Header::words) return false;
    if (rows_ == 0 || !integers || !may_be_names(numbers)) return false;
    // "country,2019,2020", or ",0,1" above an index.
    if (numbers.size() < first_.size())
      return numbers.size() + 1 == first_.size() && !is_number(first_[0]);
    return is_header_of_numbers();
  }

  /// Names that are numbers: those of columns without names, 0, 1, 2, ..., or years.
  static bool may_be_names(const std::vector<double>& numbers) {
    constexpr std::size_t many = 5;
    if (count_up(numbers) && (numbers[0] == 0 || numbers.size() >= many)) return true;
    return numbers.size() > 1 && are_years(numbers);
  }

  /// Of a first record without numbers: whether it is a label as those below, and not a header.
  bool first_is_label() {
    const Column& column = columns_.back();
    if (options_.labels == Labels::none || rows_ == 0 || column.numbers == rows_) return false;
    doubted_ = true;
    if (options_.rows == rows_ + 1) return true;
    if (options_.rows == rows_) return false;
    const std::unordered_set<std::string> distinct(last_fields_.begin(), last_fields_.end());
    if (distinct.contains(first_.back().text)) return true;
    if (distinct.size() == rows_) fail_ambiguous();
    return false;
  }

  /// Of a first record of numbers that may be names. If others count too, and not by chance, all are
  /// examples.
  bool is_header_of_numbers() {
    constexpr std::size_t many = 5;
    const std::size_t width = columns_.size();
    if (width > 1 && counting_rows_ >= (width < many ? rows_ / 2 + 1 : 1)) return false;
    doubted_ = true;
    if (options_.rows == rows_ + 1) return false;
    if (options_.rows == rows_) return true;
    if (width == 1 && columns_[0].integers > 0) return false;
    const bool fractions = std::any_of(columns_.begin(), columns_.end(),
                                       [](const Column& column) { return column.fractions > 0; });
    if (width > 2 && fractions) return true;
    fail_ambiguous();
  }

  [[noreturn]] void fail_ambiguous() const {
    reader_.fail_in_line(first_line_, " (" + listed(texts_of(first_)) +
                                          ") may be a header or an example; say which: header "
                                          "yes or no");
  }

  std::vector<std::string> names(bool header) const {
    if (header) return texts_of(first_);
    // "# a, b, c" above the numbers, as numpy.savetxt writes it.
    const std::vector<std::string>& comment = reader_.comment_fields();
    const bool names = options_.header != Header::no && columns_.size() > 1 &&
                       comment.size() == columns_.size() && is_distinct(comment) &&
                       std::all_of(comment.begin(), comment.end(), is_identifier);
    return names ? comment : std::vector<std::string>();
  }

  // ---- Columns ----

  void choose_columns(CsvLayout& layout) const {
    const std::size_t width = columns_.size();
    std::size_t end = width;
    const std::size_t named = layout.header ? first_.size() : width;
    const bool nameless_end = named < width || first_.back().text.empty();
    if (width > 1 && nameless_end && columns_.back().empty == rows_below(layout)) {
      --end;  // a separator at the end of each line
      layout.remarks.push_back("empty last column left out");
    }
    if (layout.header && named < end) layout.names.insert(layout.names.begin(), "");  // as R writes it
    if (!layout.names.empty()) layout.names.resize(width);
    layout.index = index_column(layout, end);
    for (std::size_t i = 0; i < end; ++i)
      if (i != layout.index) layout.columns.push_back(i);
  }

  std::size_t rows_below(const CsvLayout& layout) const { return rows_ - !layout.header; }

  std::optional<std::size_t> index_column(const CsvLayout& layout, std::size_t end) const {
    if (options_.index_column == none || end < 2) return std::nullopt;
    if (!options_.index_column.empty()) return named_index(layout, end);
    if (layout.names.empty()) return std::nullopt;
    if (is_unnamed(layout.names[0])) {
      const bool others_named =
          std::none_of(layout.names.begin() + 1,
                       layout.names.begin() + static_cast<std::ptrdiff_t>(end), is_unnamed);
      if (others_named) return 0;
    }
    const bool integers = columns_[0].integers == rows_below(layout);
    const bool texts = columns_[0].numbers == 0;
    if (is_index_name(layout.names[0]) && (integers || texts) && is_key()) return 0;
    return std::nullopt;
  }

  std::optional<std::size_t> named_index(const CsvLayout& layout, std::size_t end) const {
    const std::string& wanted = options_.index_column;
    for (std::size_t i = 0; i < std::min(end, layout.names.size()); ++i)
      if (layout.names[i] == wanted) return i;
    std::size_t number = 0;
    const auto [stop, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    if (error == std::errc() && stop == wanted.data() + wanted.size() && number < end) return number;
    return std::nullopt;
  }

  /// Whether a column is k, k + 1, k + 2, ... in all rows.
  bool counts_rows(std::size_t column, const CsvLayout& layout) const {
    const Column& below = columns_[column];
    if (!below.counts || rows_ < 2) return false;
    return layout.header ||
           (is_plain_integer(first_[column].text) && value_of(first_[column]) + 1 == below.first);
  }

  bool is_key() const {
    return std::unordered_set<std::size_t>(keys_.begin(), keys_.end()).size() == keys_.size();
  }

  bool holds_labels(const CsvLayout& layout) const {
    if (options_.labels == Labels::none || layout.columns.size() != 1) return false;
    const std::size_t place = layout.columns[0];
    Column column = columns_[place];
    if (!layout.header) {
      double value = 0;
      const Decimal kind = parse_field(first_[place].text, true, value);
      column.see(first_[place], kind, value, first_line_);
    }
    if (column.empty > 0) return false;
    const std::size_t numbers = column.numbers - column.truths;
    if (options_.labels == Labels::names && column.numbers < rows_ && 2 * numbers > rows_)
      reader_.fail_in_line(
          column.text_line,
          ": " + shown(column.text) +
              " is not a number, as most are: correct it, or say that they are labels");
    return column.numbers < rows_ ||
           (options_.labels == Labels::all && column.integers == rows_ && column.inexact > 0);
  }

  // ---- What is said of it ----

  void remark(CsvLayout& layout) const {
    std::vector<std::string>& remarks = layout.remarks;
    std::vector<std::string> said;
    std::vector<std::string> names;
    if (!layout.names.empty())
      for (const std::size_t column : layout.columns) names.push_back(layout.names[column]);
    said.push_back(names.empty()   ? "no header"
                   : layout.header ? "header " + listed(names)
                                   : "names of a comment " + listed(names));
    if (layout.index) {
      const bool named = !layout.names.empty() && !layout.names[*layout.index].empty();
      said.push_back((options_.index_column.empty() ? "index " : "") +
                     (named ? "column " + shown(layout.names[*layout.index])
                            : "column " + std::to_string(*layout.index)) +
                     " left out");
    }
    remarks.insert(remarks.begin(), said.begin(), said.end());
    for (const std::size_t column : layout.columns) {
      constexpr std::size_t least = 3;  // rows; two count by chance
      if (!options_.index_column.empty() || layout.columns.size() < 2 || rows_ < least ||
          !counts_rows(column, layout))
        continue;
      remarks.push_back(layout.column_text(column) +
                        " counts the rows (as index column it is left out)");
      layout.guessed |= layout.names.empty();
    }
    if (layout.decimal_commas) remarks.push_back("decimal commas");
    switch (reader_.separator()) {
      case ';':
        remarks.push_back("semicolons between fields");
        break;
      case '\t':
        remarks.push_back("tabs between fields");
        break;
      case '|':
        remarks.push_back("bars between fields");
        break;
      case ' ':
        remarks.push_back("blanks between fields");
        break;
      default:
        break;
    }
    if (reader_.comments() > 0)
      remarks.push_back(counted(reader_.comments(), "comment line") + " passed over");
  }

  CsvReader reader_;
  const ReadOptions& options_;
  std::vector<CsvField> first_;  ///< record
  std::size_t first_line_ = 0, second_line_ = 0;
  std::size_t blank_below_first_ = 0, blank_between_ = 0;  ///< lines
  std::size_t rows_ = 0;  ///< below the first record; later all that are examples
  std::vector<Column> columns_;
  std::size_t counting_rows_ = 0;         ///< such as 7, 8, 9
  bool doubted_ = false;                  ///< whether the first record may be a header
  std::vector<std::string> last_fields_;  ///< of each record, if they may be labels
  std::vector<std::size_t> keys_;         ///< hashes of the first fields
  std::size_t comma_line_ = 0, point_line_ = 0;
  std::string comma_field_;
  bool decimal_commas_proven_ = false;
};

}  // namespace

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i ? ", " : "") + (names[i].empty() ? "''" : printable(names[i], 24));
  return text + (names.size() > most ? ", ..." : "");
}

std::string CsvLayout::column_text(std::size_t column) const {
  if (column < names.size() && !names[column].empty()) return "column " + shown(names[column]);
  return "column " + std::to_string(column) + " (counted from 0)";
}

CsvLayout csv_layout(const FileBytes& file, const ReadOptions& options) {
  return Survey(file, options).layout();
}

Decimal parse_field(std::string_view text, bool decimal_commas, double& value) {
  if (is_truth(text)) {
    value = text.size() == 4;
    return Decimal::number;
  }
  const std::size_t comma = decimal_commas ? text.find(',') : text.npos;
  if (comma == text.npos) return parse_decimal(text, value);
  if (text.find('.') != text.npos) return Decimal::not_a_number;
  std::string with_point(text);
  with_point[comma] = '.';
  return parse_decimal(with_point, value);
}

}  // namespace nngp
