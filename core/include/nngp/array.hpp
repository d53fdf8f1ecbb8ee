#pragma once

#include <Eigen/Core>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "nngp/api.hpp"
#include "nngp/error.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Row-major matrix: one example a row.
template <class Real>
using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Whatever of Eigen has its rows in memory one after the other: matrices in row-major order, blocks of
/// them, maps of memory, and vectors as matrices of one column.
template <class Derived, class Real>
concept RowsInMemory = std::is_same_v<typename Derived::Scalar, Real> &&
                           (Derived::Flags& Eigen::DirectAccessBit) != 0 &&
                       int(Derived::InnerStrideAtCompileTime) == 1 &&
                       ((Derived::Flags & Eigen::RowMajorBit) != 0 ||
                        int(Derived::ColsAtCompileTime) == 1);

/// A read-only view of rows, possibly of a memory-mapped file; an expression of Eigen. Rows are
/// contiguous. A value to copy and assign; what it refers to must outlive it. (Of the 1.6 s in which a
/// program with predict.hpp compiles, Eigen/Core takes 1.2: too little to give up expressions for.)
template <class Real>
class MatrixView : public Eigen::Map<const Matrix<Real>, Eigen::Unaligned, Eigen::OuterStride<>> {
 public:
  using Map = Eigen::Map<const Matrix<Real>, Eigen::Unaligned, Eigen::OuterStride<>>;

  /// Of no rows.
  MatrixView() : MatrixView(nullptr, 0, 0) {}
  /// Of rows x cols numbers without gaps.
  MatrixView(const Real* data, Eigen::Index rows, Eigen::Index cols)
      : MatrixView(data, rows, cols, Eigen::OuterStride<>(cols)) {}
  /// With `stride` numbers from the beginning of a row to that of the next.
  MatrixView(const Real* data, Eigen::Index rows, Eigen::Index cols, Eigen::OuterStride<> stride)
      : Map(data, rows, cols, stride) {}
  /// Of rows of `cols` numbers each. Throws InvalidArgument unless they use up `data`.
  MatrixView(std::span<const Real> data, Eigen::Index cols)
      : MatrixView(data.data(), rows_of(data.size(), cols), cols) {}
  /// Of a matrix of Eigen.
  template <class Derived>
  requires RowsInMemory<Derived, Real> MatrixView(const Eigen::MatrixBase<Derived>& matrix)  // NOLINT
      : MatrixView(matrix.derived().data(), matrix.rows(), matrix.cols(),
                   Eigen::OuterStride<>(Derived::IsRowMajor ? matrix.derived().outerStride()
                                                            : matrix.cols())) {}

  MatrixView(const MatrixView&) = default;
  /// Refers to what `other` refers to; copies no numbers.
  MatrixView& operator=(const MatrixView& other) {
    new (static_cast<Map*>(this)) Map(other);  // Eigen's way to change what a map refers to
    return *this;
  }

  /// Rows first ... first + count - 1.
  MatrixView slice(Eigen::Index first, Eigen::Index count) const {
    return {this->data() + first * this->outerStride(), count, this->cols(),
            Eigen::OuterStride<>(this->outerStride())};
  }

 private:
  static Eigen::Index rows_of(std::size_t size, Eigen::Index cols) {
    const auto count = static_cast<Eigen::Index>(size);
    if (cols <= 0 || count % cols != 0)
      throw InvalidArgument(std::to_string(size) + " numbers are not rows of " + std::to_string(cols));
    return count / cols;
  }
};
template <class Derived>
MatrixView(const Eigen::MatrixBase<Derived>&) -> MatrixView<typename Derived::Scalar>;

/// The same, writable.
template <class Real>
using MatrixMap = Eigen::Map<Matrix<Real>, Eigen::Unaligned, Eigen::OuterStride<>>;

/// A kernel, or what else is as large, that owns its memory, row-major without gaps; can be moved. An
/// Eigen matrix will not do: how Eigen frees memory depends on the flags of whoever frees it. Aligned
/// to cache lines, and to huge pages where large: the first touch of 4 KiB pages costs more than three
/// hidden layers (tests/benchmarks).
template <class Real>
class OwnedMatrix {
 public:
  OwnedMatrix() = default;
  /// Contents are not initialised. Throws std::bad_alloc.
  OwnedMatrix(Eigen::Index rows, Eigen::Index cols);
  OwnedMatrix(OwnedMatrix&& other) noexcept
      : memory_(std::move(other.memory_)),
        rows_(std::exchange(other.rows_, 0)),
        cols_(std::exchange(other.cols_, 0)) {}
  OwnedMatrix& operator=(OwnedMatrix&& other) noexcept {
    memory_ = std::move(other.memory_);
    rows_ = std::exchange(other.rows_, 0);
    cols_ = std::exchange(other.cols_, 0);
    return *this;
  }

  Eigen::Index rows() const { return rows_; }
  Eigen::Index cols() const { return cols_; }
  Eigen::Index size() const { return rows_ * cols_; }
  Real* data() { return memory_.get(); }
  const Real* data() const { return memory_.get(); }
  Real operator()(Eigen::Index row, Eigen::Index col) const { return memory_.get()[row * cols_ + col]; }

  MatrixMap<Real> map() { return {data(), rows_, cols_, Eigen::OuterStride<>(cols_)}; }
  MatrixView<Real> view() const { return {data(), rows_, cols_, Eigen::OuterStride<>(cols_)}; }

 private:
  struct Free {
    void operator()(Real* memory) const { std::free(memory); }
  };
  std::unique_ptr<Real[], Free> memory_;
  Eigen::Index rows_ = 0;
  Eigen::Index cols_ = 0;
};

}  // namespace nngp
NNGP_API_END
