#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/file.hpp"

namespace nngp {

/// One field of a record.
struct CsvField {
  std::string text;  ///< without quotes and without blanks around it
  bool quoted = false;
};

/// `text` as a message shows it: in quotes, short and without control characters.
std::string shown(std::string_view text);

/// Splits text into records of fields, line by line. What separates fields (comma, semicolon, tab, bar,
/// or blanks between numbers) is found out from the first lines; blank lines and those that begin with
/// '#' are passed over.
class CsvReader {
 public:
  /// Throws DataError for text that is no table: UTF-16, binary, JSON.
  explicit CsvReader(const FileBytes& file);

  /// The fields of the next record; false at the end.
  bool next(std::vector<CsvField>& fields);

  /// Where the current record begins, counted from 1.
  std::size_t line() const { return line_; }
  /// ' ' stands for any blanks.
  char separator() const { return separator_; }
  /// The first blank line between the record before and the current one; 0 if there is none.
  std::size_t blank_before() const { return blank_before_; }
  /// Comments passed over so far.
  std::size_t comments() const { return comments_; }
  /// What the last comment before the first record says, split as a record; empty if there was none.
  const std::vector<std::string>& comment_fields() const { return comment_fields_; }

  [[noreturn]] void fail(const std::string& why) const;
  [[noreturn]] void fail_in_line(std::size_t line, const std::string& why) const;

 private:
  bool is_blank(char c) const { return c == ' ' || (c == '\t' && separator_ != '\t'); }
  bool accept(char c);
  bool accept_separator();
  bool skip_comment();
  void skip_blanks();
  void read_field(CsvField& field);
  void end_line();

  std::string name_;
  std::string_view text_;
  char separator_ = ',';
  std::size_t line_ = 1;
  std::size_t next_line_ = 1;
  std::size_t comments_ = 0;
  std::size_t blank_before_ = 0;
  bool seen_record_ = false;
  std::vector<std::string> comment_fields_;
};

}  // namespace nngp
