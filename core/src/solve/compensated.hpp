#pragma once

// Products as if computed in twice the working precision (Ogita, Rump and Oishi, Accurate sum and dot
// product, SIAM J. Sci. Comput. 26, 2005, algorithm Dot2).

#include <utility>

#include "nngp/array.hpp"

namespace nngp {

/// Numbers as unevaluated sums of two, row by row of a matrix.
struct DoubleDouble {
  DoubleDouble() = default;
  DoubleDouble(Eigen::Index rows, Eigen::Index cols) : high(rows, cols), low(rows, cols) {
    high.map().setZero();
    low.map().setZero();
  }

  Eigen::Index rows() const { return high.rows(); }
  Eigen::Index cols() const { return high.cols(); }
  /// Both parts together.
  auto rounded() const { return high.view() + low.view(); }
  std::pair<double, double> at(Eigen::Index row, Eigen::Index col) const {
    return {high(row, col), low(row, col)};
  }
  /// Adds `change`, of the same shape; high stays the rounded sum.
  void add(const MatrixView<double>& change);

  OwnedMatrix<double> high, low;
};

/// sum += a x^T for the columns col ... col + a.cols() of x; a: rows x cols, sum: rows x rows of x,
/// from its row `row` on.
void add_products(const MatrixView<double>& a, const DoubleDouble& x, Eigen::Index col,
                  DoubleDouble& sum, Eigen::Index row);

/// value - product - factor x, rounded once; products and x are sums of two.
double subtract(double value, std::pair<double, double> product, double factor,
                std::pair<double, double> x);

}  // namespace nngp
