#include "nngp/data.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "nngp/error.hpp"
#include "nngp/npy.hpp"

namespace nngp {
namespace {

template <class Real>
MatrixView<Real> view_of(const Real* data, Eigen::Index rows, Eigen::Index cols) {
  return {data, rows, cols, Eigen::OuterStride<>(cols)};
}

template <class Real>
Data<Real> owning(Matrix<Real> matrix, std::string dtype) {
  auto held = std::make_shared<const Matrix<Real>>(std::move(matrix));
  const MatrixView<Real> view = view_of(held->data(), held->rows(), held->cols());
  return {std::move(held), view, std::move(dtype)};
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

template <class Stored, class Real>
Matrix<Real> convert(const std::byte* data, const NpyHeader& header) {
  Matrix<Real> matrix(header.rows, header.cols);
  const auto at = [&](Eigen::Index index) {
    const std::byte* bytes = data + static_cast<std::size_t>(index) * sizeof(Stored);
    return static_cast<Real>(load<Stored>(bytes, header.swapped));
  };
  if (header.fortran_order) {
    for (Eigen::Index j = 0; j < header.cols; ++j)
      for (Eigen::Index i = 0; i < header.rows; ++i) matrix(i, j) = at(j * header.rows + i);
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

template <class Real>
Data<Real> read_npy(const FileBytes& file) {
  const NpyHeader header = read_npy_header(file);
  const std::byte* data = file.bytes().data() + header.data_offset;
  const bool as_wanted = header.kind == 'f' && header.item_size == sizeof(Real) && !header.swapped &&
                         (!header.fortran_order || header.cols == 1) &&
                         reinterpret_cast<std::uintptr_t>(data) % alignof(Real) == 0;
  if (!as_wanted) return owning<Real>(convert<Real>(data, header), header.dtype());
  return {file.owner(), view_of(reinterpret_cast<const Real*>(data), header.rows, header.cols),
          header.dtype()};
}

template <class Real>
void check_finite(const FileBytes& file, const Data<Real>& data) {
  const auto found = find_non_finite(data.view());
  if (!found) return;
  const auto [row, col] = *found;
  const Real value = data.view()(row, col);
  const bool overflow = std::isinf(value) && sizeof(Real) < sizeof(double) && data.dtype() != "float32";
  throw DataError("cannot use '" + file.name() + "': row " + std::to_string(row + 1) + ", column " +
                  std::to_string(col + 1) + " (counted from 1) is " +
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
Data<Real> read_data(const FileBytes& file) {
  const auto text = file.text();
  if (text.starts_with("PK\x03\x04"))
    throw DataError("cannot read '" + file.name() +
                    "': it is an archive (.npz?); save the array alone with numpy.save");
  const bool npy = is_npy(file.bytes()) || std::filesystem::path(file.name()).extension() == ".npy";
  Data<Real> data =
      npy ? read_npy<Real>(file) : owning<Real>(read_csv(file).values.template cast<Real>(), "csv");
  check_finite(file, data);
  return data;
}

template std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(
    const MatrixView<double>&);
template std::optional<std::pair<Eigen::Index, Eigen::Index>> find_non_finite(const MatrixView<float>&);
template Data<double> read_data(const FileBytes&);
template Data<float> read_data(const FileBytes&);

}  // namespace nngp
