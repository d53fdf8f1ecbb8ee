#pragma once

// Products of matrices by the inner loops of the tile engine, which are compiled for each instruction
// set. With AVX-512 they took a third of the time of Eigen's, which are compiled for the baseline
// alone, for 64 x 512 by 512 x 512, and about half for inner products of 64 with 64 rows. Every entry
// is the same chain of operations wherever it lies in the matrices: results depend neither on how rows
// are cut into blocks nor on the number of threads.

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
  return matrix;
}
template <class Real>
MatrixMap<Real> map(Matrix<Real>& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols(), Eigen::OuterStride<>(matrix.cols())};
}

}  // namespace nngp
