#pragma once

#include <cmath>

#include "nngp/array.hpp"

namespace nngp::test {

template <class Real>
MatrixView<Real> view(const Matrix<Real>& m) {
  return {m.data(), m.rows(), m.cols(), Eigen::OuterStride<>(m.cols())};
}

/// Numbers between -1.7 and 1.7 without a pattern.
inline Matrix<double> inputs(Eigen::Index rows, Eigen::Index cols) {
  Matrix<double> x(rows, cols);
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x.data()[i] = 1.7 * std::sin(12.9898 * static_cast<double>(i) + 0.3);
  return x;
}

}  // namespace nngp::test
