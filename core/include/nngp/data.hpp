#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/file.hpp"
#include "nngp/sites.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Row and column (from 0) of the first entry that is NaN or infinite, in row order.
template <class Real>
NNGP_API std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(
    const MatrixView<Real>& matrix);

/// What a file says besides its numbers.
struct DataSource {
  /// The type in the file: "float64", "uint8", "str", ..., or "csv".
  std::string dtype;
  /// The positions of an example, whose row holds the channels of one after the other.
  Sites sites = {};
  /// Of the columns; empty if nothing names them.
  std::vector<std::string> names = {};
  /// Of a single column of labels: the number k in the matrix stands for levels[k]. Empty: the numbers
  /// stand for themselves.
  std::vector<std::string> levels = {};
  /// Of text: what was taken for what, such as "header a, b" or "index column 'id' left out".
  std::vector<std::string> remarks = {};
  /// Whether something was taken for what it looks like: a header of numbers, an index, an order.
  bool guessed = false;
  /// Of an index column that was left out: a hash of each field, by which files are compared.
  std::vector<std::size_t> index = {};
};

/// What read_data() returns, inputs as well as targets: a matrix, one example a row, all finite. Cheap
/// to copy; copies share the numbers. None are copied from a mapped file whose type and layout match.
template <class Real>
class Dataset {
 public:
  Dataset(std::shared_ptr<const void> owner, const MatrixView<Real>& view, DataSource source)
      : owner_(std::move(owner)),
        view_(view),
        source_(std::make_shared<const DataSource>(std::move(source))) {}
  Dataset(Matrix<Real> matrix, DataSource source)
      : Dataset(std::make_shared<const Matrix<Real>>(std::move(matrix)), std::move(source)) {}
  /// Numbers that stay in `file`.
  Dataset(FileBytes file, const MatrixView<Real>& view, DataSource source)
      : Dataset(file.owner(), view, std::move(source)) {
    file_.emplace(std::move(file));
    checksum_ = file_->checksum();
  }

  const MatrixView<Real>& view() const { return view_; }
  Eigen::Index rows() const { return view_.rows(); }
  Eigen::Index cols() const { return view_.cols(); }
  const DataSource& source() const { return *source_; }
  const std::string& dtype() const { return source_->dtype; }
  const Sites& sites() const { return source_->sites; }

  /// The same with columns in another order: column i is column order[i] of this. `remark` says why.
  Dataset with_columns(const std::vector<std::size_t>& order, const std::string& remark) const;

  /// The same numbers as channels of these positions.
  Dataset with_sites(const Sites& sites) const;

  /// Throws DataError if the numbers are not those that were read: they stayed in a mapped file, and
  /// another process wrote to it. To be asked when what was made of them is about to be used.
  void check_unchanged() const {
    if (file_) file_->check_unchanged(checksum_);
  }

 private:
  Dataset(const std::shared_ptr<const Matrix<Real>>& held, DataSource source)
      : Dataset(held, {held->data(), held->rows(), held->cols(), Eigen::OuterStride<>(held->cols())},
                std::move(source)) {}

  std::shared_ptr<const void> owner_;
  MatrixView<Real> view_;
  std::shared_ptr<const DataSource> source_;
  std::optional<FileBytes> file_;  ///< where the numbers are, if they are in a file
  std::uint64_t checksum_ = 0;
};

/// Whether the first line of text names the columns. Words: it does if none of its fields is a number.
/// Automatic: also if they are numbers as names are (0, 1, 2, or years) above others that are not.
enum class Header { automatic, words, yes, no };

/// Whether a single column may hold labels, which Dataset::source() lists: names always, numbers where
/// float64 does not hold them exactly; in text those only with `all`, for there they may be meant as
/// numbers.
enum class Labels { none, names, all };

/// How files are read where they do not tell by themselves.
struct ReadOptions {
  Header header = Header::automatic;
  /// Of text: the column that is left out, by name or number from 0, where there is such a one beside
  /// others. "none": no column. Empty: one without a name or with that of an index, such as "id".
  std::string index_column = {};
  /// How many examples there should be, if known: tells a header from an example if it may be both.
  std::optional<std::size_t> rows = std::nullopt;
  Labels labels = Labels::none;
  /// Whether examples may have positions: arrays of up to five dimensions.
  bool positions = false;
  /// How a row is to be read as positions and channels: {8, 8, 1}; empty: as the file says.
  std::vector<std::size_t> shape = {};
};

/// Reads a matrix, an example a row: .npy (versions 1 to 3; floating point of 2, 4 or 8 bytes, integers
/// and bool; either byte order; C or Fortran order; a one-dimensional array is a single column; as
/// labels also arrays of text, dtype U or S) or comma-separated text as read_csv() takes it. Throws
/// DataError, among others if there are no rows or columns or an entry is NaN, infinite, beyond the
/// range of Real, or an integer that float64 does not hold exactly.
template <class Real>
NNGP_API Dataset<Real> read_data(const FileBytes& file, const ReadOptions& options = {});
template <class Real>
Dataset<Real> read_data(const std::filesystem::path& path, const ReadOptions& options = {}) {
  return read_data<Real>(FileBytes(path), options);
}

/// How many examples a file has, if that does not depend on whether its first line is a header; nothing
/// also for a file that cannot be read.
std::optional<std::size_t> certain_rows(const FileBytes& file, const ReadOptions& options);

/// Comma-separated numbers; the other members are those of DataSource.
struct CsvTable {
  std::vector<std::string> names = {};
  Matrix<double> values = {};
  std::vector<std::string> levels = {};
  std::vector<std::string> remarks = {};
  bool guessed = false;
  std::vector<std::size_t> index = {};
};

/// Reads text with a record a line (RFC 4180: quoted fields, LF or CRLF; UTF-8, a byte-order mark,
/// blank lines and those that begin with '#' are passed over). Semicolons, tabs or bars may separate
/// fields, or blanks numbers; then, or in quotes, a decimal comma is understood. The locale does not
/// matter. Throws DataError for anything but a full table of finite numbers, and where text could be
/// meant in two ways.
CsvTable read_csv(const FileBytes& file, const ReadOptions& options = {});

}  // namespace nngp
NNGP_API_END
