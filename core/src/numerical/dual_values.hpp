#pragma once

#include <Eigen/Core>
#include <cstddef>

#include "numerical/channel.hpp"

namespace nngp::numerical {

/// E[g(x1) g(x2)] for all pairs of some deviations.
class DualValues {
 public:
  virtual ~DualValues() = default;
  /// Its even (0) or odd (1) part as a function of rho = cos(theta), 0 < theta <= pi/2.
  virtual Eigen::MatrixXd part(std::size_t parity, double theta) const = 0;
};

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The symmetric matrix sum_j weight[j] left(a, j) right(b, j); rows of `left` and `right` are
/// contiguous and the product is known to be symmetric.
Eigen::MatrixXd weighted_gram(const RowMatrix& left, const RowMatrix& right,
                              const Eigen::VectorXd& weight);

}  // namespace nngp::numerical
