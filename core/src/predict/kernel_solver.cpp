#include "predict/kernel_solver.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <random>

#include "nngp/error.hpp"
#include "solve/singular.hpp"

namespace nngp {

void KernelSolver::invert_after(double, MatrixMap<double>) const {
  throw InvalidArgument("a finite training time needs SolveMethod::eigensystem");
}

std::optional<RefinedSolution> KernelSolver::refine(const MatrixView<double>&) const {
  return std::nullopt;
}

SolutionErrors KernelSolver::errors(const Eigen::VectorXd&, const Eigen::VectorXd&,
                                    std::optional<double>) const {
  return {};
}

Scores KernelSolver::scores(const MatrixView<double>&, std::size_t) const {
  throw InvalidArgument("scores need a factorisation, which conjugate gradients do without");
}

std::shared_ptr<const KernelSolver> KernelSolver::with_shift(double) const {
  throw InvalidArgument("another diag_reg needs SolveMethod::eigensystem");
}

std::pair<double, double> KernelSolver::eigenvalue_range() const {
  throw InvalidArgument("eigenvalues need SolveMethod::eigensystem");
}

namespace {

class CholeskySolver final : public KernelSolver {
 public:
  CholeskySolver(OwnedMatrix<double> kernel, double shift)
      : factor_(std::move(kernel), shift), condition_number_(factor_.condition_number()) {}

  void invert(MatrixMap<double> rows) const override { factor_.apply(rows); }
  std::optional<RefinedSolution> refine(const MatrixView<double>& rows) const override {
    return factor_.refine(rows);
  }
  Scores scores(const MatrixView<double>& y, std::size_t folds) const override {
    return nngp::scores(factor_, y, folds);
  }
  std::optional<double> condition_number() const override { return condition_number_; }

 private:
  Cholesky factor_;
  double condition_number_;
};

/// The integral of exp(-value s) over s from 0 to `time`: tends to 1 / value as time grows.
double inverse_after(double value, double time) {
  const double positive = std::max(value, 0.0);
  return positive * time < 1e-16 ? time : -std::expm1(-positive * time) / positive;
}

/// Rows of the norms given, the signs of whose entries are random: four for each, group by group.
OwnedMatrix<double> random_rows(const Eigen::VectorXd& norms, Eigen::Index size) {
  constexpr Eigen::Index samples = 4;
  std::mt19937_64 random(1);
  OwnedMatrix<double> rows(samples * norms.size(), size);
  for (Eigen::Index i = 0; i < rows.rows(); ++i) {
    const double entry = norms[i % norms.size()] / std::sqrt(static_cast<double>(size));
    for (Eigen::Index j = 0; j < size; ++j) rows.map()(i, j) = random() & 1 ? entry : -entry;
  }
  return rows;
}

class EigensystemSolver final : public KernelSolver {
 public:
  EigensystemSolver(std::shared_ptr<const Eigensystem> system, double shift)
      : system_(std::move(system)), shift_(shift) {}

  void invert(MatrixMap<double> rows) const override {
    if (!(eigenvalue_range().first > 0)) fail_singular(system_->values().back() == 0);
    system_->apply([&](double value) { return 1 / (value + shift_); }, rows);
  }
  void invert_after(double time, MatrixMap<double> rows) const override {
    system_->apply([&](double value) { return inverse_after(value + shift_, time); }, rows);
  }
  /// The eigensystem is that of K + E, where the norm of E is some units of rounding of that of K. To
  /// first order a solution w = f(K) y errs by f(K) E w, for the inverse, and by less for finite times
  /// (f falls, and its divided differences are at most f(a) f(b)). E w is taken to be random.
  SolutionErrors errors(const Eigen::VectorXd&, const Eigen::VectorXd& solutions,
                        std::optional<double> time) const override {
    constexpr double backward = 4 * std::numeric_limits<double>::epsilon();  // of dsyevd, measured: 1
    const double norm = std::max(std::abs(system_->values().front()), system_->values().back());
    SolutionErrors errors;
    errors.samples =
        random_rows(backward * norm * solutions, static_cast<Eigen::Index>(system_->values().size()));
    if (time)
      invert_after(*time, errors.samples.map());
    else
      invert(errors.samples.map());
    return errors;
  }
  Scores scores(const MatrixView<double>& y, std::size_t folds) const override {
    return nngp::scores(*system_, shift_, y, folds);
  }
  std::shared_ptr<const KernelSolver> with_shift(double shift) const override {
    return std::make_shared<const EigensystemSolver>(system_, shift);
  }
  std::optional<double> condition_number() const override {
    const auto [least, largest] = eigenvalue_range();
    return least > 0 ? largest / least : std::numeric_limits<double>::infinity();
  }
  std::pair<double, double> eigenvalue_range() const override {
    return {system_->values().front() + shift_, system_->values().back() + shift_};
  }

 private:
  std::shared_ptr<const Eigensystem> system_;
  double shift_;
};

class ConjugateGradientsSolver final : public KernelSolver {
 public:
  ConjugateGradientsSolver(std::unique_ptr<const LinearMap> matrix,
                           std::unique_ptr<const LinearMap> preconditioner, double shift, double scale,
                           ConjugateGradients::Options options)
      : shift_(shift),
        scale_(scale),
        equations_(std::move(matrix), std::move(preconditioner), std::move(options)) {}

  void invert(MatrixMap<double> rows) const override {
    const std::lock_guard lock(one_at_a_time_);
    equations_.apply(rows);
    rows *= scale_;
  }
  /// With the residual r, k w errs by k (K + shift)^-1 r. As K and k are those of a joint kernel,
  /// k = sqrt(k_tt) u sqrt(K), |u| <= 1, and sqrt(K) / (K + shift) is at most 1 / (2 sqrt(shift)).
  SolutionErrors errors(const Eigen::VectorXd& rows, const Eigen::VectorXd&,
                        std::optional<double>) const override {
    SolutionErrors errors;
    errors.bound = convergence()->residual / (2 * std::sqrt(shift_)) * rows;
    return errors;
  }
  std::optional<ConjugateGradients::Report> convergence() const override {
    const std::lock_guard lock(one_at_a_time_);
    return equations_.report();
  }
  std::size_t matrices_at_once() const override { return 32; }

 private:
  double shift_, scale_;
  /// The equations keep tiles and a report from call to call. Recursive, for callbacks that ask for it.
  mutable std::recursive_mutex one_at_a_time_;
  ConjugateGradients equations_;
};

}  // namespace

std::shared_ptr<const KernelSolver> cholesky_solver(OwnedMatrix<double> kernel, double shift) {
  return std::make_shared<const CholeskySolver>(std::move(kernel), shift);
}

std::shared_ptr<const KernelSolver> eigensystem_solver(OwnedMatrix<double> kernel, double shift) {
  return std::make_shared<const EigensystemSolver>(
      std::make_shared<const Eigensystem>(std::move(kernel)), shift);
}

std::shared_ptr<const KernelSolver> conjugate_gradients_solver(
    std::unique_ptr<const LinearMap> matrix, std::unique_ptr<const LinearMap> preconditioner,
    double shift, double scale, ConjugateGradients::Options options) {
  return std::make_shared<const ConjugateGradientsSolver>(std::move(matrix), std::move(preconditioner),
                                                          shift, scale, std::move(options));
}

}  // namespace nngp
