#pragma once

// What solves the equations of predictions, (K + shift I) x = b with the kernel K of the training
// inputs. Ensemble knows solvers by this interface alone; a further one is a class here and a
// SolveMethod.

#include <memory>
#include <optional>
#include <utility>

#include "nngp/array.hpp"
#include "nngp/model_selection.hpp"
#include "nngp/solve.hpp"

namespace nngp {

/// What is known of the errors of solutions w by which kernels k of test inputs are multiplied; either
/// form may be empty.
struct SolutionErrors {
  /// Errors such as the solutions may have, one a row: the first of each solution, then the second ...
  OwnedMatrix<double> samples;
  /// By solution: k w errs by at most the root of the test input's own kernel times this.
  Eigen::VectorXd bound;
};

/// Copies of an Ensemble share one: all members may be called by several threads at once. What a solver
/// does not offer throws Error, and says which SolveMethod does.
class KernelSolver {
 public:
  virtual ~KernelSolver() = default;

  /// Replaces every row by (K + shift I)^-1 times it. Throws NotPositiveDefinite.
  virtual void invert(MatrixMap<double> rows) const = 0;
  /// Replaces every row by the integral of exp(-(K + shift I) s) over s from 0 to `time` times it:
  /// tends to the inverse as time grows, and is as far as gradient descent gets by then.
  virtual void invert_after(double time, MatrixMap<double> rows) const;
  /// Solutions of more than float64 precision; nullopt: only invert() is offered.
  virtual std::optional<RefinedSolution> refine(const MatrixView<double>& rows) const;

  /// Errors of the solutions that invert(), or invert_after() for a `time`, computes: from the norms of
  /// the right-hand sides `rows` and of the solutions.
  virtual SolutionErrors errors(const Eigen::VectorXd& rows, const Eigen::VectorXd& solutions,
                                std::optional<double> time) const;

  /// `y` has one output a row.
  virtual Scores scores(const MatrixView<double>& y, std::size_t folds) const;
  /// The solver of the same kernel with another shift.
  virtual std::shared_ptr<const KernelSolver> with_shift(double shift) const;
  /// Of K + shift I; nullopt: not known.
  virtual std::optional<double> condition_number() const { return std::nullopt; }
  virtual std::pair<double, double> eigenvalue_range() const;
  virtual std::optional<ConjugateGradients::Report> convergence() const { return std::nullopt; }

  /// How many matrices of the size of invert()'s rows live at once, at most, while it runs.
  virtual std::size_t matrices_at_once() const { return 8; }
};

std::shared_ptr<const KernelSolver> cholesky_solver(OwnedMatrix<double> kernel, double shift);
std::shared_ptr<const KernelSolver> eigensystem_solver(OwnedMatrix<double> kernel, double shift);
/// `matrix` is scale (K + shift I).
std::shared_ptr<const KernelSolver> conjugate_gradients_solver(
    std::unique_ptr<const LinearMap> matrix, std::unique_ptr<const LinearMap> preconditioner,
    double shift, double scale, ConjugateGradients::Options options);

}  // namespace nngp
