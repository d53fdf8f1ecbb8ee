#include "nngp/data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "data/csv_layout.hpp"
#include "data/labels.hpp"
#include "data/npy_text.hpp"
#include "nngp/error.hpp"
#include "nngp/npy.hpp"

namespace nngp {
namespace {

template <class Real>
MatrixView<Real> view_of(const Real* data, Eigen::Index rows, Eigen::Index cols) {
  return {data, rows, cols, Eigen::OuterStride<>(cols)};
}

/// The number stored at `bytes`, which may be unaligned.
template <class Stored>
Stored load(const std::byte* bytes, bool swapped) {
  std::array<std::byte, sizeof(Stored)> raw;
  std::memcpy(raw.data(), bytes, sizeof(Stored));
  if (swapped) std::reverse(raw.begin(), raw.end());
  if constexpr (std::is_same_v<Stored, bool>) {
    return raw[0] != std::byte(0);
  } else {
    return std::bit_cast<Stored>(raw);
  }
}

/// Whether float64 holds an integer.
template <class Stored>
bool is_exact(Stored value) {
  constexpr double beyond = std::is_signed_v<Stored> ? 0x1p63 : 0x1p64;
  const auto rounded = static_cast<double>(value);
  return rounded < beyond && static_cast<Stored>(rounded) == value;
}

/// The place, in Fortran order, of what is at place j of an example in C order.
Eigen::Index fortran_place(const NpyHeader& header, Eigen::Index j) {
  if (header.example.empty()) return j;
  Eigen::Index place = 0, stride = header.cols;
  for (std::size_t axis = header.example.size(); axis-- > 0;) {
    const Eigen::Index extent = header.example[axis];
    stride /= extent;
    place += j % extent * stride;
    j /= extent;
  }
  return place;
}

template <class Stored, class Real>
Matrix<Real> convert(const std::byte* data, const NpyHeader& header) {
  Matrix<Real> matrix(header.rows, header.cols);
  const auto at = [&](Eigen::Index index) {
    const std::byte* bytes = data + static_cast<std::size_t>(index) * sizeof(Stored);
    return static_cast<Real>(load<Stored>(bytes, header.swapped));
  };
  if (header.fortran_order) {
    for (Eigen::Index j = 0; j < header.cols; ++j)
      for (Eigen::Index i = 0; i < header.rows; ++i)
        matrix(i, j) = at(fortran_place(header, j) * header.rows + i);
  } else {
    for (Eigen::Index k = 0; k < matrix.size(); ++k) matrix.data()[k] = at(k);
  }
  return matrix;
}

template <class Real>
Matrix<Real> convert(const std::byte* data, const NpyHeader& header) {
  switch (header.kind) {
    case 'f':
      switch (header.item_size) {
        case 2:
          return convert<Eigen::half, Real>(data, header);
        case 4:
          return convert<float, Real>(data, header);
        default:
          return convert<double, Real>(data, header);
      }
    case 'i':
      switch (header.item_size) {
        case 1:
          return convert<std::int8_t, Real>(data, header);
        case 2:
          return convert<std::int16_t, Real>(data, header);
        case 4:
          return convert<std::int32_t, Real>(data, header);
        default:
          return convert<std::int64_t, Real>(data, header);
      }
    case 'u':
      switch (header.item_size) {
        case 1:
          return convert<std::uint8_t, Real>(data, header);
        case 2:
          return convert<std::uint16_t, Real>(data, header);
        case 4:
          return convert<std::uint32_t, Real>(data, header);
        default:
          return convert<std::uint64_t, Real>(data, header);
      }
    default:
      return convert<bool, Real>(data, header);
  }
}

/// Calls visit(row, column, text) for each integer that float64 does not hold exactly, until it returns
/// false.
template <class Stored, class Visit>
void visit_inexact(const std::byte* data, const NpyHeader& header, Visit visit) {
  for (Eigen::Index k = 0; k < header.rows * header.cols; ++k) {
    const auto value =
        load<Stored>(data + static_cast<std::size_t>(k) * sizeof(Stored), header.swapped);
    if (is_exact(value)) continue;
    const Eigen::Index row = header.fortran_order ? k % header.rows : k / header.cols;
    const Eigen::Index col = header.fortran_order ? k / header.rows : k % header.cols;
    if (!visit(row, col, std::to_string(value))) return;
  }
}

/// The first such integer, for a message; nothing if there is none.
std::optional<std::string> find_inexact(const std::byte* data, const NpyHeader& header) {
  std::optional<std::string> found;
  const auto visit = [&](Eigen::Index row, Eigen::Index col, const std::string& text) {
    found = "row " + std::to_string(row) + ", column " + std::to_string(col) + " (counted from 0) is " +
            text;
    return false;
  };
  if (header.item_size < 8) return found;
  if (header.kind == 'i') visit_inexact<std::int64_t>(data, header, visit);
  if (header.kind == 'u') visit_inexact<std::uint64_t>(data, header, visit);
  return found;
}

/// Whole numbers as text.
std::vector<std::string> whole_numbers(const std::byte* data, const NpyHeader& header) {
  std::vector<std::string> texts;
  for (Eigen::Index i = 0; i < header.rows; ++i) {
    const std::byte* bytes = data + static_cast<std::size_t>(i) * 8;
    texts.push_back(header.kind == 'i' ? std::to_string(load<std::int64_t>(bytes, header.swapped))
                                       : std::to_string(load<std::uint64_t>(bytes, header.swapped)));
  }
  return texts;
}

template <class Real>
Dataset<Real> labels(const std::vector<std::string>& texts, std::string dtype) {
  std::vector<double> codes;
  DataSource source{std::move(dtype)};
  source.levels = encode(texts, codes);
  const auto rows = static_cast<Eigen::Index>(codes.size());
  return Dataset<Real>(Eigen::Map<const Matrix<double>>(codes.data(), rows, 1).template cast<Real>(),
                       std::move(source));
}

template <class Real>
Dataset<Real> read_npy(const FileBytes& file, const ReadOptions& options) {
  const NpyHeader header = read_npy_header(file, options.positions);
  DataSource source{header.dtype()};
  for (std::size_t axis = 0; axis + 1 < header.example.size(); ++axis)
    source.sites.extents.push_back(static_cast<std::size_t>(header.example[axis]));
  const auto fail = [&](const std::string& why) {
    throw DataError("cannot read '" + file.name() + "': " + why);
  };
  const std::byte* data = file.bytes().data() + header.data_offset;
  const bool may_be_labels = options.labels != Labels::none && header.cols == 1;
  if (header.is_text()) {
    if (!may_be_labels)
      fail("its elements are text (dtype " + header.dtype() +
           "); a column of names can be labels of classes, inputs are numbers");
    return labels<Real>(read_npy_text(file, header), header.dtype());
  }
  if (const auto found = find_inexact(data, header)) {
    if (may_be_labels) return labels<Real>(whole_numbers(data, header), header.dtype());
    fail(*found +
         ", which float64 does not hold exactly; save x.astype(numpy.float64) if it may be "
         "rounded");
  }
  const bool as_wanted = header.kind == 'f' && header.item_size == sizeof(Real) && !header.swapped &&
                         (!header.fortran_order || header.cols == 1) &&
                         reinterpret_cast<std::uintptr_t>(data) % alignof(Real) == 0;
  if (!as_wanted) return Dataset<Real>(convert<Real>(data, header), std::move(source));
  return {file, view_of(reinterpret_cast<const Real*>(data), header.rows, header.cols),
          std::move(source)};
}

template <class Real>
Dataset<Real> read_text(const FileBytes& file, const ReadOptions& options) {
  CsvTable table = read_csv(file, options);
  return Dataset<Real>(table.values.template cast<Real>(), {"csv",
                                                            {},
                                                            std::move(table.names),
                                                            std::move(table.levels),
                                                            std::move(table.remarks),
                                                            table.guessed,
                                                            std::move(table.index)});
}

/// Positions and channels of rows, as they are wanted.
template <class Real>
Dataset<Real> with_shape(const FileBytes& file, const Dataset<Real>& data,
                         const std::vector<std::size_t>& shape) {
  const Sites whole{shape}, sites{{shape.begin(), shape.end() - 1}};
  const auto columns = static_cast<std::size_t>(data.cols());
  if (whole.count() != columns)
    throw DataError(fmt::format("cannot use '{}': its examples have {} numbers, not {} as {}",
                                file.name(), columns, whole.count(), whole.text()));
  if (data.sites().dimensions() > 0 && !(data.sites() == sites))
    throw DataError(fmt::format("cannot use '{}': its examples have {} positions, not {}", file.name(),
                                data.sites().text(), sites.text()));
  return data.with_sites(sites);
}

template <class Real>
void check_finite(const FileBytes& file, const Dataset<Real>& data) {
  const auto found = find_non_finite(data.view());
  if (!found) return;
  const auto [row, col] = *found;
  const Real value = data.view()(row, col);
  const bool overflow = std::isinf(value) && sizeof(Real) < sizeof(double) && data.dtype() != "float32";
  throw DataError("cannot use '" + file.name() + "': row " + std::to_string(row) + ", column " +
                  std::to_string(col) + " (counted from 0) is " +
                  (overflow            ? "infinite or beyond the range of float32; use float64"
                   : std::isnan(value) ? "NaN; remove or replace it"
                                       : "infinite; remove or replace it"));
}

}  // namespace

template <class Real>
std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(const MatrixView<Real>& matrix) {
  for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
    // 0 * x is zero for finite x and NaN otherwise: a sum that vectorises, unlike tests of each entry.
    if ((matrix.row(i).array() * Real(0)).sum() == Real(0)) continue;
    for (Eigen::Index j = 0; j < matrix.cols(); ++j)
      if (!std::isfinite(matrix(i, j))) return std::pair(i, j);
  }
  return std::nullopt;
}

template <class Real>
Dataset<Real> Dataset<Real>::with_columns(const std::vector<std::size_t>& order,
                                          const std::string& remark) const {
  Matrix<Real> matrix(rows(), static_cast<Eigen::Index>(order.size()));
  DataSource source = *source_;
  for (std::size_t i = 0; i < order.size(); ++i) {
    matrix.col(static_cast<Eigen::Index>(i)) = view_.col(static_cast<Eigen::Index>(order[i]));
    if (!source_->names.empty()) source.names[i] = source_->names[order[i]];
  }
  if (!source.names.empty()) source.names.resize(order.size());
  source.remarks.push_back(remark);
  source.guessed = true;
  return Dataset<Real>(std::move(matrix), std::move(source));
}

template <class Real>
Dataset<Real> Dataset<Real>::with_sites(const Sites& sites) const {
  Dataset<Real> data = *this;
  DataSource source = *source_;
  source.sites = sites;
  data.source_ = std::make_shared<const DataSource>(std::move(source));
  return data;
}

template <class Real>
Dataset<Real> read_data(const FileBytes& file, const ReadOptions& options) {
  const auto text = file.text();
  if (text.starts_with("PK\x03\x04"))
    throw DataError(
        "cannot read '" + file.name() +
        "': it is an archive (.npz, .xlsx?); save the array alone with numpy.save, or a sheet "
        "as .csv");
  const bool npy = is_npy(file.bytes()) || std::filesystem::path(file.name()).extension() == ".npy";
  Dataset<Real> data = npy ? read_npy<Real>(file, options) : read_text<Real>(file, options);
  check_finite(file, data);
  file.check_unchanged();
  return options.shape.empty() ? data : with_shape(file, data, options.shape);
}

std::optional<std::size_t> certain_rows(const FileBytes& file, const ReadOptions& options) {
  try {
    if (is_npy(file.bytes()))
      return static_cast<std::size_t>(read_npy_header(file, options.positions).rows);
    const CsvLayout layout = csv_layout(file, options);
    return layout.certain ? std::optional(layout.rows) : std::nullopt;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

template std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(
    const MatrixView<double>&);
template std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(const MatrixView<float>&);
template class Dataset<double>;
template class Dataset<float>;
template Dataset<double> read_data(const FileBytes&, const ReadOptions&);
template Dataset<float> read_data(const FileBytes&, const ReadOptions&);

}  // namespace nngp
