#pragma once

// What infinitely wide networks predict: the closed forms of neural_tangents.predict, for targets of
// one or more outputs, which share one kernel.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model_selection.hpp"
#include "nngp/solve.hpp"

NNGP_API_BEGIN
namespace nngp {

class KernelSolver;  // inside the library: what solves the equations of one SolveMethod

/// What to compute of the spread of predictions; return_std and return_cov of scikit-learn.
enum class Uncertainty { none, variance, covariance };

/// Predictions at test inputs, by the name of what functions of neural_tangents.predict return.
struct Gaussian {
  OwnedMatrix<double> mean;        ///< test inputs x outputs
  std::vector<double> variance;    ///< one a test input, the same for every output; or empty
  OwnedMatrix<double> covariance;  ///< test inputs x test inputs, the same for every output; or empty
  /// Error of the mean by rounding or unfinished iterations, relative to its largest entry, for the
  /// kernel's entries as they are: the largest over outputs. An estimate; of conjugate gradients a
  /// bound, which needs the kernel of the test inputs. nullopt if there is none.
  std::optional<double> rounding = {};
};

/// How systems with the kernel of the training inputs are solved.
enum class SolveMethod {
  cholesky,            ///< one diag_reg, infinite time
  eigensystem,         ///< every diag_reg and time; takes about twenty times as long
  conjugate_gradients  ///< matrices larger than memory; one diag_reg above 0, infinite time
};

struct EnsembleOptions {
  Get kernel = Get::nngp;  ///< nngp: only the last layer is trained; ntk: all layers are
  DiagReg diag_reg = {};
  double learning_rate = 1;
  SolveMethod method = SolveMethod::cholesky;
  std::size_t memory = std::size_t{1} << 30;  ///< bytes for what conjugate_gradients keeps
  /// A folder: tiles beyond the memory are written to a nameless file there once and read in each
  /// iteration, rather than computed in each. Worth it where kernels cost more than reading.
  std::filesystem::path scratch = {};
  ConjugateGradients::Options conjugate_gradients = {};
  KernelOptions compute = {};
};

/// An infinite ensemble of infinitely wide networks trained by gradient descent on the mean squared
/// error (Lee et al., arXiv 1902.06720), as neural_tangents.predict.gradient_descent_mse_ensemble. With
/// the NNGP kernel at infinite time it is the exact posterior of a Gaussian process. A cheap value to
/// copy; refers to the training inputs, which must outlive it. Copies share what solves the equations,
/// and may be used by several threads: conjugate gradients serve one of them at a time. An ensemble is
/// made of a network and inputs, or of kernels however they come.
template <class Real>
class Ensemble {
 public:
  /// Computes and factorises the kernel of the training inputs. `y_train` has one example a row.
  /// Throws NotPositiveDefinite, DataError for shapes that do not fit, InvalidArgument for options out
  /// of range. What other functions say they need, they throw InvalidArgument without.
  Ensemble(const KernelFn& kernel_fn, const MatrixView<Real>& x_train,
           const MatrixView<double>& y_train, const EnsembleOptions& options);
  /// From the kernels of the training inputs with themselves. The spread with Get::ntk needs both
  /// kernels.
  Ensemble(KernelOperator<Real> train, const MatrixView<double>& y_train,
           const EnsembleOptions& options);

  /// Predictions after gradient descent for time `t`, in units of 1 / learning_rate; nullopt: at its
  /// end. The spread is that of the networks' outputs, without noise of the targets. Throws
  /// NumericalError rather than return what is not finite.
  Gaussian predict(const MatrixView<Real>& x_test, Uncertainty wanted = Uncertainty::none,
                   std::optional<double> t = std::nullopt) const;
  /// From the kernels `cross` of test with training inputs and, for a spread, `test` of test inputs
  /// with themselves.
  Gaussian predict(const KernelOperator<Real>& cross, const std::optional<KernelOperator<Real>>& test,
                   Uncertainty wanted = Uncertainty::none,
                   std::optional<double> t = std::nullopt) const;

  /// Needs SolveMethod::cholesky or eigensystem. Of `folds` = 0, only leave-one-out.
  Scores scores(std::size_t folds = 0) const;

  /// The same ensemble with another diag_reg; shares the eigensystem, which it needs.
  Ensemble with(DiagReg diag_reg) const;

  /// What diag_reg adds to the diagonal.
  double shift() const { return options_.diag_reg.shift(mean_diagonal_); }
  /// Of the matrix that is inverted; none by conjugate gradients.
  std::optional<double> condition_number() const;
  /// The least and largest eigenvalue of the matrix that is inverted. Needs SolveMethod::eigensystem.
  std::pair<double, double> eigenvalue_range() const;
  /// How conjugate gradients went so far.
  std::optional<ConjugateGradients::Report> convergence() const;
  const EnsembleOptions& options() const { return options_; }
  /// The kernels of the training inputs with themselves.
  const KernelOperator<Real>& kernels() const { return train_; }
  const std::vector<NumericalLayer>& numerical_layers() const { return train_.numerical_layers(); }

 private:
  /// Rows of the kernel of the training inputs at some of them.
  using Rows = std::function<OwnedMatrix<double>(const std::vector<Eigen::Index>&)>;
  struct Weights;

  void train(const MatrixView<double>& y_train, const Rows& rows);
  OwnedMatrix<double> rows_of_kernel(const std::vector<Eigen::Index>& chosen) const;
  void invert(MatrixMap<double> rows, std::optional<double> t) const;
  double flow_time(double t) const;
  Weights weights(std::optional<double> t) const;
  void mean(const MatrixView<double>& k, const Weights& weights, Eigen::Index row, Gaussian& out,
            OwnedMatrix<double>& error) const;
  void add_spread(const KernelOperator<Real>& cross, const KernelOperator<Real>& test,
                  const OwnedMatrix<double>& k, Eigen::Index row, Uncertainty wanted,
                  std::optional<double> t, Gaussian& out) const;
  OwnedMatrix<double> times_nngp(const MatrixView<double>& rows) const;

  EnsembleOptions options_;
  /// What other inputs are bound to; none if the kernels were given.
  std::optional<std::pair<KernelFn, MatrixView<Real>>> network_;
  KernelOperator<Real> train_;
  std::shared_ptr<const OwnedMatrix<double>> y_;  ///< one output a row
  double mean_diagonal_ = 0;
  std::shared_ptr<const KernelSolver> solver_;
};

}  // namespace nngp
NNGP_API_END
