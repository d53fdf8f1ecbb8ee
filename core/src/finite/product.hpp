#pragma once

// Products of matrices by the inner loops of the tile engine, which are compiled for each instruction
// set (Eigen's would be for the baseline alone: measured a quarter of the speed with AVX-512). Every
// entry is the same chain of operations wherever it lies in the matrices: results depend neither on how
// rows are cut into blocks nor on the number of threads.

#include "nngp/array.hpp"

namespace nngp {

/// out = a b, or out += a b if `add`: rows x inner times inner x cols.
template <class Real>
void multiply(const MatrixView<Real>& a, const MatrixView<Real>& b, bool add, MatrixMap<Real> out);

/// out = a b^T, or out += a b^T if `add`: rows x inner times the transpose of cols x inner.
template <class Real>
void multiply_transposed(const MatrixView<Real>& a, const MatrixView<Real>& b, bool add,
                         MatrixMap<Real> out);

/// The whole of an Eigen matrix.
template <class Real>
MatrixView<Real> view(const Matrix<Real>& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols(), Eigen::OuterStride<>(matrix.cols())};
}
template <class Real>
MatrixMap<Real> map(Matrix<Real>& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols(), Eigen::OuterStride<>(matrix.cols())};
}

}  // namespace nngp
