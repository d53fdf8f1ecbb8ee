#pragma once

// Decompositions of small matrices, compiled once: Eigen's take more of a compiler's time than all else
// here.

#include <Eigen/Core>

namespace nngp::numerical {

struct Eigensystem {
  Eigen::VectorXd values;   ///< increasing
  Eigen::MatrixXd vectors;  ///< columns
};
/// Of a symmetric matrix.
Eigensystem eigensystem(const Eigen::MatrixXd& matrix);

/// The x for which |basis x - y| is least, by Householder's QR decomposition.
Eigen::VectorXd least_squares(const Eigen::MatrixXd& basis, const Eigen::VectorXd& y);

}  // namespace nngp::numerical
