#include <fmt/format.h>

#include <algorithm>

#include "nngp/solve.hpp"
#include "solve/lapack.hpp"
#include "solve/power_of_two.hpp"

namespace nngp {
namespace {

Eigen::VectorXd dot(const OwnedMatrix<double>& a, const OwnedMatrix<double>& b) {
  return a.view().cwiseProduct(b.view()).rowwise().sum();
}

OwnedMatrix<double> copy(const MatrixView<double>& from) {
  OwnedMatrix<double> to(from.rows(), from.cols());
  to.map() = from;
  return to;
}

}  // namespace

ConjugateGradients::ConjugateGradients(std::unique_ptr<const LinearMap> matrix,
                                       std::unique_ptr<const LinearMap> preconditioner, Options options)
    : matrix_(std::move(matrix)),
      preconditioner_(std::move(preconditioner)),
      options_(std::move(options)) {}

void ConjugateGradients::apply(MatrixMap<double> rows) const {
  // Squares of very large and very small numbers are out of range: every row is solved at about 1.
  const std::vector<int> exponents = normalize_rows(rows);
  solve(rows);
  multiply_rows(rows, exponents);
}

// Saad, Iterative Methods for Sparse Linear Systems, algorithm 9.1, for each row on its own.
void ConjugateGradients::solve(MatrixMap<double> rows) const {
  const OwnedMatrix<double> wanted = copy(lapack::view(rows));
  const Eigen::VectorXd norms = rows.rowwise().norm().cwiseMax(std::numeric_limits<double>::min());
  OwnedMatrix<double> residual = copy(lapack::view(rows));
  rows.setZero();
  OwnedMatrix<double> preconditioned = copy(residual.view());
  preconditioner_->apply(preconditioned.map());
  OwnedMatrix<double> direction = copy(preconditioned.view());
  OwnedMatrix<double> image(rows.rows(), rows.cols());
  Eigen::VectorXd descent = dot(residual, preconditioned);

  double error = (residual.view().rowwise().norm().array() / norms.array()).maxCoeff();
  // NaN is no error within the tolerance.
  for (std::size_t iteration = 1; !(error <= options_.tolerance); ++iteration) {
    if (iteration > options_.iterations)
      throw NumericalError(fmt::format(
          "conjugate gradients stopped after {} iterations at a relative residual of {:.1e}: "
          "use a larger diag_reg, or more memory for a better preconditioner",
          options_.iterations, error));
    image.map() = direction.view();
    matrix_->apply(image.map());
    const Eigen::VectorXd curvature = dot(direction, image);
    Eigen::VectorXd step = Eigen::VectorXd::Zero(rows.rows());
    for (Eigen::Index i = 0; i < rows.rows(); ++i) {
      if (descent[i] == 0) continue;  // solved exactly
      if (!(curvature[i] > 0))
        throw NotPositiveDefinite(
            "the kernel of the training inputs is not positive definite to "
            "rounding: use a larger diag_reg");
      step[i] = descent[i] / curvature[i];
    }
    rows.array() += direction.view().array().colwise() * step.array();
    residual.map().array() -= image.view().array().colwise() * step.array();
    preconditioned.map() = residual.view();
    preconditioner_->apply(preconditioned.map());
    const Eigen::VectorXd next = dot(residual, preconditioned);
    const Eigen::VectorXd turn = (descent.array() == 0).select(0, next.array() / descent.array());
    direction.map() =
        (direction.view().array().colwise() * turn.array() + preconditioned.view().array()).matrix();
    descent = next;
    if (!residual.view().allFinite())
      throw NumericalError(
          "conjugate gradients left the range of numbers: use a larger diag_reg, or a direct solver");
    error = (residual.view().rowwise().norm().array() / norms.array()).maxCoeff();
    ++report_.iterations;
    if (options_.progress && !options_.progress(report_.iterations, error))
      throw Interrupted("interrupted");
  }
  // Rounding lets the residual of the recursion drift from the true one, which one more product tells.
  image.map() = rows;
  matrix_->apply(image.map());
  error = ((wanted.view() - image.view()).rowwise().norm().array() / norms.array()).maxCoeff();
  report_.residual = std::max(report_.residual, error);
}

}  // namespace nngp
