#include "command/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <iterator>

#include "command/options.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

std::string quoted(const std::string& text) { return "'" + printable(text) + "'"; }

std::string quoted(const std::vector<std::string>& names) {
  constexpr std::size_t most = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i ? ", " : "") + quoted(names[i]);
  return text + (names.size() > most ? ", ..." : "");
}

std::string positions_text(const Sites& sites) {
  return sites.dimensions() ? sites.text() + " positions" : "no positions";
}

/// Names of `all` that `part` lacks.
std::vector<std::string> missing(const std::vector<std::string>& all,
                                 const std::vector<std::string>& part) {
  std::vector<std::string> found;
  for (const std::string& name : all)
    if (std::count(part.begin(), part.end(), name) < std::count(all.begin(), all.end(), name))
      found.push_back(name);
  return found;
}

[[noreturn]] void fail(const std::string& reference_path, const DataSource& reference,
                       const std::string& path, const DataSource& source) {
  const auto lacking = missing(reference.names, source.names),
             extra = missing(source.names, reference.names);
  std::string why;
  if (!lacking.empty()) why = "lacks " + quoted(lacking) + " of '" + reference_path + "'";
  if (!extra.empty())
    why += (why.empty() ? "has " : " and has ") + quoted(extra) +
           (lacking.empty() ? " that '" + reference_path + "' lacks" : " instead");
  throw DataError("'" + path + "' " + why + "; both need the same columns");
}

}  // namespace

template <class Real>
Dataset<Real> read_input(const std::string& path, const ReadOptions& options) {
  if (path != standard_input) return read_data<Real>(std::filesystem::path(path), options);
  std::istreambuf_iterator<char> begin(std::cin), end;
  std::vector<std::byte> bytes;
  for (; begin != end; ++begin) bytes.push_back(static_cast<std::byte>(*begin));
  if (bytes.empty()) throw DataError("cannot read standard input: it is empty");
  return read_data<Real>(FileBytes("standard input", std::move(bytes)), options);
}

template Dataset<double> read_input(const std::string&, const ReadOptions&);
template Dataset<float> read_input(const std::string&, const ReadOptions&);

void add_input_options(po::options_description& options) {
  options.add_options()  //
      ("header", text("yes|no|auto")->default_value("auto"),
       "whether the first line of .csv files names the columns; auto: if none of it is a number, or if "
       "it is numbers as names are (0,1,2; years)")  //
      ("index-col", text("COLUMN"),
       "the column of .csv files to leave out, by its name or number from 0; none: no column; default: "
       "one "
       "without a name, or with that of an index and different entries");
}

ReadOptions read_options(const po::variables_map& arguments) {
  ReadOptions options;
  const std::string header = text_of(arguments, "header");
  if (header != "yes" && header != "no" && header != "auto")
    throw UsageError("--header is yes, no or auto, not '" + printable(header) + "'");
  options.header = header == "yes" ? Header::yes : header == "no" ? Header::no : Header::automatic;
  options.index_column = text_of(arguments, "index-col");
  return options;
}

void add_shape_option(po::options_description& options) {
  options.add_options()(
      "shape", po::value<std::string>()->value_name("HxWxC"),
      "inputs are rows of features that are images of this height, width and number of channels, such "
      "as 8x8x1; signals LxC. .npy arrays of three to five dimensions are images as they are");
}

ReadOptions reading_positions(ReadOptions options, const po::variables_map& arguments) {
  options.positions = true;
  const std::string text = text_of(arguments, "shape");
  if (text.empty()) return options;
  std::string_view rest = text;
  double numbers = 1;
  for (bool more = true; more;) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    more = rest.starts_with('x');
    if (more) rest.remove_prefix(1);
    options.shape.push_back(size);
    numbers *= static_cast<double>(size);
    if (error != std::errc() || size == 0 || (!more && !rest.empty()) || numbers > 1e12)
      throw UsageError("--shape is sizes such as 8x8x1 (height, width, channels), not '" +
                       printable(text) + "'");
  }
  const std::size_t axes = options.shape.size();
  if (axes < 2 || axes > Sites::max_dimensions + 1)
    throw UsageError(
        "--shape has one to three sizes of positions and the number of channels, as 8x8x1; '" +
        printable(text) + "' has " + std::to_string(axes));
  return options;
}

ReadOptions with_rows(ReadOptions options, Eigen::Index rows) {
  options.rows = static_cast<std::size_t>(rows);
  return options;
}

ReadOptions with_rows_of(ReadOptions options, const std::string& path) {
  std::error_code ignored;
  // A pipe can be read once only.
  if (!std::filesystem::is_regular_file(path, ignored)) return options;
  ReadOptions labels = options;
  labels.labels = Labels::all;
  try {
    options.rows = certain_rows(FileBytes(std::filesystem::path(path)), labels);
  } catch (const DataError&) {
    // Told when the file is read.
  }
  return options;
}

void check_index_column(const ReadOptions& options, const std::vector<const DataSource*>& files) {
  if (options.index_column.empty() || options.index_column == "none") return;
  const bool found = std::any_of(files.begin(), files.end(),
                                 [](const DataSource* file) { return !file->index.empty(); });
  if (!found)
    throw DataError("no .csv file has a column '" + printable(options.index_column) +
                    "' beside others, which --index-col should leave out");
}

template <class Real>
Dataset<Real> match_columns(const std::string& reference_path, const DataSource& reference,
                            Eigen::Index columns, const std::string& path, const Dataset<Real>& data,
                            const char* what) {
  const std::vector<std::string>&wanted = reference.names, &names = data.source().names;
  const bool named = !wanted.empty() && !names.empty();
  if (!(data.sites() == reference.sites))
    throw DataError("'" + reference_path + "' has examples of " + positions_text(reference.sites) +
                    ", '" + path + "' of " + positions_text(data.sites()) +
                    "; both need the same positions" +
                    (data.sites().dimensions() == 0 || reference.sites.dimensions() == 0
                         ? ": --shape makes rows into images"
                         : ""));
  if (data.cols() != columns) {
    if (named) fail(reference_path, reference, path, data.source());
    if (const auto count = static_cast<Eigen::Index>(reference.sites.count()); count > 1)
      throw DataError("'" + reference_path + "' has " + std::to_string(columns / count) +
                      " channels at each position, '" + path + "' has " +
                      std::to_string(data.cols() / count) + "; both need the same channels");
    throw DataError("'" + reference_path + "' has " + std::to_string(columns) + " columns, '" + path +
                    "' has " + std::to_string(data.cols()) + "; both need the same " + what);
  }
  // A single column cannot be mistaken, whatever its name.
  if (!named || columns == 1 || wanted == names) return data;
  if (!std::is_permutation(wanted.begin(), wanted.end(), names.begin(), names.end()))
    fail(reference_path, reference, path, data.source());
  std::vector<std::size_t> order;
  for (const std::string& name : wanted) {
    if (std::count(names.begin(), names.end(), name) > 1)
      throw DataError("'" + path + "' has two columns " + quoted(name) + ", in another order than '" +
                      reference_path + "'; give them different names");
    order.push_back(
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin()));
  }
  return data.with_columns(order, "columns put into the order of " + reference_path);
}

template Dataset<double> match_columns(const std::string&, const DataSource&, Eigen::Index,
                                       const std::string&, const Dataset<double>&, const char*);
template Dataset<float> match_columns(const std::string&, const DataSource&, Eigen::Index,
                                      const std::string&, const Dataset<float>&, const char*);

void check_same_order(const std::string& x_path, const DataSource& x, const std::string& y_path,
                      const DataSource& y) {
  if (x.index.empty() || y.index.empty()) return;
  const auto [at, ignored] =
      std::mismatch(x.index.begin(), x.index.end(), y.index.begin(), y.index.end());
  if (at == x.index.end()) return;
  throw DataError("the index columns of '" + x_path + "' and '" + y_path + "' differ in row " +
                  std::to_string(at - x.index.begin()) +
                  " (counted from 0): bring the rows into the same order");
}

void note_guesses(const std::string& path, const DataSource& source) {
  if (!source.guessed) return;
  std::cerr << "nngp: note: " << path << ":";
  for (std::size_t i = 0; i < source.remarks.size(); ++i)
    std::cerr << (i ? "; " : " ") << source.remarks[i];
  std::cerr << '\n';
}

}  // namespace nngp::host
