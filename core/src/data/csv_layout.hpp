#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/decimal.hpp"
#include "nngp/data.hpp"

namespace nngp {

/// How the text of a table is to be read.
struct CsvLayout {
  std::size_t width = 0;             ///< fields of a record
  bool header = false;               ///< the first record names the columns
  std::vector<std::string> names;    ///< of all columns; empty if nothing names them
  std::vector<std::size_t> columns;  ///< those that are read
  std::optional<std::size_t> index;  ///< one that is left out because it numbers or names the rows
  bool decimal_commas = false;
  bool labels = false;               ///< the one column that is read holds labels, not numbers
  std::vector<std::string> remarks;  ///< what else was understood, for people
  bool certain = true;               ///< the first record could not be taken for something else
  std::size_t rows = 0;              ///< examples
  bool guessed = false;              ///< a header of numbers or an index was taken for one

  /// "column 'height'", or "column 1 (counted from 0)".
  std::string column_text(std::size_t column) const;
};

/// Looks through a whole table and decides. Throws DataError where it could be meant in two ways, and
/// for records of different length.
CsvLayout csv_layout(const FileBytes& file, const ReadOptions& options);

/// The first few of `names`, for messages.
std::string listed(const std::vector<std::string>& names);

/// A field as a number: True and False are 1 and 0; with `decimal_commas` one comma is a point.
Decimal parse_field(std::string_view text, bool decimal_commas, double& value);

}  // namespace nngp
