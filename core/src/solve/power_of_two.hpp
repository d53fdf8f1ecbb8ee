#pragma once

// Scaling by powers of two, which rounds nothing as long as results stay in range.

#include <cmath>
#include <vector>

#include "nngp/array.hpp"

namespace nngp {

/// The power of two, as its exponent, by which `value` is between 1 and 2. 0 for 0.
inline int exponent_of(double value) { return value == 0 ? 0 : std::ilogb(value); }

/// Multiplies by 2^exponent, also where that is out of range itself.
template <class Vector>
void multiply(Vector&& vector, int exponent) {
  if (exponent != 0)
    vector = vector.unaryExpr([=](double value) { return std::ldexp(value, exponent); }).eval();
}
inline void multiply_rows(MatrixMap<double> matrix, const std::vector<int>& exponents) {
  for (Eigen::Index i = 0; i < matrix.rows(); ++i)
    multiply(matrix.row(i), exponents[static_cast<std::size_t>(i)]);
}
inline void multiply_columns(MatrixMap<double> matrix, const std::vector<int>& exponents) {
  for (Eigen::Index j = 0; j < matrix.cols(); ++j)
    multiply(matrix.col(j), exponents[static_cast<std::size_t>(j)]);
}

/// Divides every row by a power of two so that its largest entry is between 1 and 2, and returns the
/// exponents.
inline std::vector<int> normalize_rows(MatrixMap<double> rows) {
  std::vector<int> exponents(static_cast<std::size_t>(rows.rows()));
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    const int exponent = exponent_of(rows.row(i).cwiseAbs().maxCoeff());
    multiply(rows.row(i), -exponent);
    exponents[static_cast<std::size_t>(i)] = exponent;
  }
  return exponents;
}

}  // namespace nngp
