#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "data/csv_layout.hpp"
#include "data/csv_reader.hpp"
#include "data/labels.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

double number(const CsvReader& reader, const CsvLayout& layout, const std::string& field,
              std::size_t column) {
  double value = 0;
  const auto fail = [&](const std::string& why) {
    // Lines and columns of text are counted from 1, as editors do.
    const bool named = column < layout.names.size() && !layout.names[column].empty();
    reader.fail_in_line(reader.line(), ", column " + std::to_string(column + 1) + ": " + why +
                                           (named ? " (" + layout.column_text(column) + ")" : ""));
  };
  switch (parse_field(field, layout.decimal_commas, value)) {
    case Decimal::number:
      if (!std::isfinite(value))
        fail(std::string("the value is ") + (std::isnan(value) ? "NaN" : "infinite") +
             "; remove or replace it");
      return value;
    case Decimal::inexact_integer:
      fail(shown(field) +
           " has more digits than float64 holds; scale it, or end it by a point if it may be rounded");
      break;
    case Decimal::too_large:
      fail(shown(field) + " is beyond the range of float64");
      break;
    case Decimal::not_a_number:
      break;
  }
  if (field.empty()) fail("the field is empty; every row needs every number");
  std::string plain = field;
  const bool commas = std::erase(plain, ',') > 0;
  if (commas && parse_field(plain, false, value) != Decimal::not_a_number)
    fail(shown(field) + " is not a number; write it without separators of thousands");
  const bool other_separator = field.find_first_of(";\t |") != std::string::npos;
  fail(shown(field) + " is not a number" + (other_separator ? "; separate numbers by commas" : ""));
  return value;
}

}  // namespace

CsvTable read_csv(const FileBytes& file, const ReadOptions& options) {
  CsvTable table;
  const CsvLayout layout = csv_layout(file, options);
  CsvReader reader(file);
  std::vector<CsvField> fields;
  if (layout.header) reader.next(fields);
  std::vector<double> values;
  std::vector<std::string> labels;
  while (reader.next(fields)) {
    for (const std::size_t column : layout.columns)
      if (layout.labels)
        labels.push_back(fields[column].text);
      else
        values.push_back(number(reader, layout, fields[column].text, column));
    if (layout.index) table.index.push_back(std::hash<std::string>()(fields[*layout.index].text));
  }
  if (layout.labels) table.levels = encode(labels, values);
  if (!layout.names.empty())
    for (const std::size_t column : layout.columns) table.names.push_back(layout.names[column]);
  table.remarks = layout.remarks;
  table.guessed = layout.guessed;
  const auto cols = static_cast<Eigen::Index>(layout.columns.size());
  const Eigen::Index rows = static_cast<Eigen::Index>(values.size()) / cols;
  table.values = Eigen::Map<const Matrix<double>>(values.data(), rows, cols);
  return table;
}

}  // namespace nngp
