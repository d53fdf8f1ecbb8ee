#pragma once

#include <Eigen/Core>

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

}  // namespace nngp
