#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nngp/array.hpp"
#include "nngp/file.hpp"

namespace nngp {

/// Row and column (from 0) of the first entry that is NaN or infinite, in row order.
template <class Real>
std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(const MatrixView<Real>& matrix);

/// A matrix read from a file, one example a row, all entries finite. Cheap to copy; copies share the
/// numbers, which stay in the mapped file if they are stored there as they are wanted.
template <class Real>
class Data {
 public:
  Data(std::shared_ptr<const void> owner, const MatrixView<Real>& view, std::string dtype)
      : owner_(std::move(owner)), view_(view), dtype_(std::move(dtype)) {}

  const MatrixView<Real>& view() const { return view_; }
  Eigen::Index rows() const { return view_.rows(); }
  Eigen::Index cols() const { return view_.cols(); }
  /// The type in the file: "float64", "uint8", ..., or "csv".
  const std::string& dtype() const { return dtype_; }

 private:
  std::shared_ptr<const void> owner_;
  MatrixView<Real> view_;
  std::string dtype_;
};

/// Reads a matrix: .npy (versions 1 to 3; floating point of 2, 4 or 8 bytes, integers and bool; either
/// byte order; C or Fortran order; a one-dimensional array is a single column) or comma-separated
/// text as read_csv() takes it. Integers beyond 2^53 are rounded. Throws DataError, among others if
/// there are no rows or columns or an entry is NaN, infinite or beyond the range of Real.
template <class Real>
Data<Real> read_data(const FileBytes& file);
template <class Real>
Data<Real> read_data(const std::filesystem::path& path) {
  return read_data<Real>(FileBytes(path));
}

/// Comma-separated numbers. `names` is empty if the first line is data already.
struct CsvTable {
  std::vector<std::string> names;
  Matrix<double> values;
};

/// Reads comma-separated text (RFC 4180: quoted fields, LF or CRLF; UTF-8, a byte-order mark and blank
/// lines are skipped; the decimal sign is a point, whatever the locale). The first line is a header if
/// none of its fields is a number. Throws DataError for anything but a full table of finite numbers.
CsvTable read_csv(const FileBytes& file);

}  // namespace nngp
