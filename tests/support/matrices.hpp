#pragma once

#include <cmath>
#include <random>

#include "nngp/array.hpp"

namespace nngp::test {

template <class Real>
MatrixView<Real> view(const Matrix<Real>& m) {
  return m;
}

/// Numbers between -1.7 and 1.7 without a pattern.
inline Matrix<double> inputs(Eigen::Index rows, Eigen::Index cols) {
  Matrix<double> x(rows, cols);
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x.data()[i] = 1.7 * std::sin(12.9898 * static_cast<double>(i) + 0.3);
  return x;
}

/// Standard normal numbers.
template <class Real = double>
Matrix<Real> normal_inputs(Eigen::Index rows, Eigen::Index cols, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Matrix<Real> x(rows, cols);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Real>(normal(generator));
  return x;
}

/// Largest error relative to max(|K_ij|, sqrt(K_ii K_jj)), `var` being the diagonals, of the entries
/// (i, j) that are not left out; infinite if one is not finite.
template <class Real, class LeftOut>
double largest_error(const OwnedMatrix<Real>& kernel, const MatrixView<double>& exact,
                     const Eigen::VectorXd& var1, const Eigen::VectorXd& var2,
                     const LeftOut& is_left_out) {
  double largest = 0;
  for (Eigen::Index i = 0; i < exact.rows(); ++i)
    for (Eigen::Index j = 0; j < exact.cols(); ++j) {
      if (is_left_out(i, j)) continue;
      const double scale = std::max(std::abs(exact(i, j)), std::sqrt(var1(i) * var2(j)));
      const double error = std::abs(static_cast<double>(kernel(i, j)) - exact(i, j));
      largest = std::max(largest, std::isfinite(error) ? (error == 0 ? 0 : error / scale) : INFINITY);
    }
  return largest;
}
template <class Real>
double largest_error(const OwnedMatrix<Real>& kernel, const MatrixView<double>& exact,
                     const Eigen::VectorXd& var1, const Eigen::VectorXd& var2) {
  return largest_error(kernel, exact, var1, var2, [](Eigen::Index, Eigen::Index) { return false; });
}

}  // namespace nngp::test
