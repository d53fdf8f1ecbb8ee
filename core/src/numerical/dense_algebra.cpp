#include "numerical/dense_algebra.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>

namespace nngp::numerical {

Eigensystem eigensystem(const Eigen::MatrixXd& matrix) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  return {solver.eigenvalues(), solver.eigenvectors()};
}

Eigen::VectorXd least_squares(const Eigen::MatrixXd& basis, const Eigen::VectorXd& y) {
  return basis.householderQr().solve(y);
}

}  // namespace nngp::numerical
