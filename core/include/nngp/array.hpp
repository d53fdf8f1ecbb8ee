#pragma once

#include <Eigen/Core>
#include <variant>

namespace nngp {

/// Row-major matrix: one example a row.
template <class Real>
using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A read-only view of rows, possibly of a memory-mapped file. Rows are contiguous.
template <class Real>
using MatrixView = Eigen::Map<const Matrix<Real>, Eigen::Unaligned, Eigen::OuterStride<>>;

}  // namespace nngp
