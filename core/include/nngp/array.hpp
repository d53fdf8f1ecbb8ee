#pragma once

#include <Eigen/Core>
#include <cstdlib>
#include <memory>
#include <utility>

namespace nngp {

/// Row-major matrix: one example a row.
template <class Real>
using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A read-only view of rows, possibly of a memory-mapped file. Rows are contiguous.
template <class Real>
using MatrixView = Eigen::Map<const Matrix<Real>, Eigen::Unaligned, Eigen::OuterStride<>>;

/// The same, writable.
template <class Real>
using MatrixMap = Eigen::Map<Matrix<Real>, Eigen::Unaligned, Eigen::OuterStride<>>;

/// A large result that owns its memory, row-major without gaps; can be moved. An Eigen matrix will not
/// do: how Eigen frees memory depends on the compiler flags of whoever frees it. Aligned to cache
/// lines, and to huge pages where large: the first touch of 4 KiB pages costs more than three hidden
/// layers (tests/benchmarks).
template <class Real>
class KernelMatrix {
 public:
  KernelMatrix() = default;
  /// Contents are not initialised. Throws std::bad_alloc.
  KernelMatrix(Eigen::Index rows, Eigen::Index cols);
  KernelMatrix(KernelMatrix&& other) noexcept
      : memory_(std::move(other.memory_)),
        rows_(std::exchange(other.rows_, 0)),
        cols_(std::exchange(other.cols_, 0)) {}
  KernelMatrix& operator=(KernelMatrix&& other) noexcept {
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
