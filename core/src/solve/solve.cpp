#include "nngp/solve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nngp/text.hpp"
#include "parallel.hpp"
#include "solve/compensated.hpp"
#include "solve/lapack.hpp"
#include "solve/singular.hpp"

namespace nngp {
namespace {

/// Two rows of a covariance matrix that are the same variable to rounding.
std::optional<std::pair<Eigen::Index, Eigen::Index>> equal_rows(const MatrixView<double>& matrix) {
  constexpr double rounding = 1e-12;
  for (Eigen::Index i = 0; i < matrix.rows(); ++i)
    for (Eigen::Index j = 0; j < i; ++j) {
      const double a = matrix(i, i), b = matrix(j, j), c = matrix(j, i);
      if (std::abs(a - b) <= rounding * a && a - c <= rounding * a) return std::pair(j, i);
    }
  return std::nullopt;
}

/// The upper triangle over the lower one, and `diagonal` onto the diagonal.
void restore(MatrixMap<double> matrix, const Eigen::VectorXd& diagonal) {
  constexpr Eigen::Index block = 64;
  const Eigen::Index n = matrix.rows();
  for (Eigen::Index row = 0; row < n; row += block)
    for (Eigen::Index col = 0; col < n; col += block)
      for (Eigen::Index i = row; i < std::min(n, row + block); ++i)
        for (Eigen::Index j = col; j < std::min(i, col + block); ++j) matrix(i, j) = matrix(j, i);
  matrix.diagonal() = diagonal;
}

/// The least power of ten that, times the mean of the diagonal, makes the matrix positive definite;
/// found by trying. Nothing if 1 does not suffice: then it is no covariance at all.
std::optional<double> sufficient_diag_reg(MatrixMap<double> matrix, const Eigen::VectorXd& diagonal) {
  for (int exponent = -15; exponent <= 0; ++exponent) {
    restore(matrix, diagonal.array() + std::pow(10.0, exponent) * diagonal.mean());
    // Ten times what just works is safely away from the edge.
    if (lapack::cholesky(matrix) == 0) return std::pow(10.0, std::min(0, exponent + 1));
  }
  return std::nullopt;
}

[[noreturn]] void fail(MatrixMap<double> matrix, const Eigen::VectorXd& diagonal, int minor) {
  restore(matrix, diagonal);
  if (diagonal.isZero(0)) fail_singular(true);
  const auto equal = equal_rows(lapack::view(matrix));
  std::string text = "the kernel of the training inputs is not positive definite to rounding";
  text += equal ? fmt::format(": rows {} and {} (counted from 0) are identical", equal->first,
                              equal->second)
                : fmt::format(" from row {} (counted from 0) on", minor - 1);
  const auto enough = sufficient_diag_reg(matrix, diagonal);
  text += enough ? fmt::format("; a diag_reg of {} makes it so", format_number(*enough))
                 : std::string("; no diag_reg helps, is it a kernel?");
  throw NotPositiveDefinite(text);
}

/// A block, from `row` and `col` on, of the symmetric matrix that a factor was made from: `upper` has
/// it above the diagonal alone.
void copy_block(const OwnedMatrix<double>& upper, const Eigen::VectorXd& diagonal, Eigen::Index row,
                Eigen::Index col, MatrixMap<double> to) {
  if (row + to.rows() <= col) {
    to = upper.view().block(row, col, to.rows(), to.cols());
    return;
  }
  for (Eigen::Index j = 0; j < to.cols(); ++j) {
    const Eigen::Index other = col + j;
    for (Eigen::Index i = 0; i < to.rows(); ++i) {
      const Eigen::Index one = row + i;
      to(i, j) = one == other ? diagonal[one] : upper(std::min(one, other), std::max(one, other));
    }
  }
}

}  // namespace

void fail_singular(bool zero) {
  throw NotPositiveDefinite(
      zero ? "the kernel of the training inputs is zero, as of inputs without any feature above or "
             "below "
             "0 in a network without biases: give the Dense layers a b_std, or an absolute diag_reg, "
             "which then is all that is learned from"
           : "the kernel of the training inputs is singular to rounding: use a larger diag_reg");
}

Cholesky::Cholesky(OwnedMatrix<double> matrix, double shift)
    : matrix_(std::move(matrix)), diagonal_(matrix_.view().diagonal()), shift_(shift) {
  MatrixMap<double> map = matrix_.map();
  map.diagonal().array() += shift;
  norm_ = map.cwiseAbs().rowwise().sum().maxCoeff();
  if (!std::isfinite(norm_)) throw Error("the kernel of the training inputs is not finite");
  if (const int minor = lapack::cholesky(map)) fail(map, diagonal_, minor);
}

void Cholesky::apply(MatrixMap<double> rows) const { lapack::cholesky_solve(matrix_.view(), rows); }

/// rows - (matrix + shift I) x, in twice the precision and then rounded.
OwnedMatrix<double> Cholesky::residual(const MatrixView<double>& rows, const DoubleDouble& x) const {
  constexpr Eigen::Index height = 64, width = 512;
  constexpr Eigen::Index pitch = width + 8;  // rows a power of two apart share few lines of a cache
  const Eigen::Index n = size();
  DoubleDouble product(n, x.rows());
  OwnedMatrix<double> difference(x.rows(), n);
  arena(solver_threads()).execute([&] {
    parallel_for((n + height - 1) / height, [&](Eigen::Index block) {
      const Eigen::Index row = block * height, count = std::min(height, n - row);
      OwnedMatrix<double> tile(count, pitch);
      for (Eigen::Index col = 0; col < n; col += width) {
        MatrixMap<double> part(tile.data(), count, std::min(width, n - col),
                               Eigen::OuterStride<>(pitch));
        copy_block(matrix_, diagonal_, row, col, part);
        add_products(lapack::view(part), x, col, product, row);
      }
      for (Eigen::Index k = 0; k < x.rows(); ++k)
        for (Eigen::Index i = row; i < row + count; ++i)
          difference.map()(k, i) = subtract(rows(k, i), product.at(i, k), shift_, x.at(k, i));
    });
  });
  return difference;
}

RefinedSolution Cholesky::refine(const MatrixView<double>& rows) const {
  constexpr std::size_t max_steps = 50;
  constexpr double slowest = 0.8;   // by which a step may reduce the error
  constexpr double enough = 1e-28;  // relative change, near the end of twice the precision
  auto x = std::make_shared<DoubleDouble>(rows.rows(), size());
  OwnedMatrix<double> change(rows.rows(), size());
  change.map() = rows;
  apply(change.map());
  x->add(change.view());
  RefinedSolution solution{x, OwnedMatrix<double>(rows.rows(), size()), 0};
  const Eigen::VectorXd norms = change.view().rowwise().norm();
  Eigen::VectorXd last = norms;
  std::vector<bool> done(static_cast<std::size_t>(rows.rows()), false);
  while (solution.steps < max_steps && std::find(done.begin(), done.end(), false) != done.end()) {
    change = residual(rows, *x);
    apply(change.map());
    for (Eigen::Index k = 0; k < rows.rows(); ++k) {
      const auto row = change.map().row(k);
      const double size = row.norm(), ratio = last[k] > 0 ? size / last[k] : 0;
      if (done[static_cast<std::size_t>(k)] || !(ratio < slowest)) {
        if (!done[static_cast<std::size_t>(k)]) solution.error.map().row(k) = row;
        done[static_cast<std::size_t>(k)] = true;
        change.map().row(k).setZero();
        continue;
      }
      // Changes shrink as they did, so that those to come add up to a geometric series.
      solution.error.map().row(k) = row * (ratio / (1 - ratio));
      last[k] = size;
      done[static_cast<std::size_t>(k)] = !(size > enough * norms[k]);
    }
    x->add(change.view());
    ++solution.steps;
  }
  return solution;
}

double Cholesky::log_determinant() const { return 2 * matrix_.view().diagonal().array().log().sum(); }

double Cholesky::condition_number() const {
  const double number = norm_ * lapack::cholesky_inverse_norm(matrix_.view());
  return std::isfinite(number) ? number : std::numeric_limits<double>::infinity();
}

OwnedMatrix<double> Cholesky::inverse() const {
  OwnedMatrix<double> inverse(size(), size());
  inverse.map() = matrix_.view();
  lapack::cholesky_inverse(inverse.map());
  MatrixMap<double> map = inverse.map();
  map.triangularView<Eigen::StrictlyUpper>() = map.transpose();
  return inverse;
}

Eigensystem::Eigensystem(OwnedMatrix<double> matrix)
    : values_(static_cast<std::size_t>(matrix.rows())), vectors_(std::move(matrix)) {
  lapack::eigen(vectors_.map(), values_.data(), true);
}

void Eigensystem::apply(const std::function<double(double)>& fn, MatrixMap<double> rows) const {
  OwnedMatrix<double> components(rows.rows(), size());
  lapack::multiply_transposed(1, lapack::view(rows), vectors_.view(), 0, components.map());
  Eigen::RowVectorXd factors(size());
  std::transform(values_.begin(), values_.end(), factors.data(), fn);
  components.map().array().rowwise() *= factors.array();
  lapack::multiply(1, components.view(), vectors_.view(), 0, rows);
}

std::vector<double> eigenvalues(OwnedMatrix<double> matrix) {
  std::vector<double> values(static_cast<std::size_t>(matrix.rows()));
  lapack::eigen(matrix.map(), values.data(), false);
  return values;
}

}  // namespace nngp
