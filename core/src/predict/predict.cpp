#include "nngp/predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nngp/error.hpp"
#include "parallel.hpp"
#include "predict/kernel_solver.hpp"
#include "solve/compensated.hpp"
#include "solve/kernel_map.hpp"
#include "solve/lapack.hpp"
#include "solve/power_of_two.hpp"
#include "solve/singular.hpp"

namespace nngp {
namespace {

// Examples at which the preconditioner knows the kernel: its cost grows with the square.
constexpr std::size_t max_landmarks = 2000;

KernelWindow rows_of(Eigen::Index row, Eigen::Index rows, std::size_t cols) {
  return {static_cast<std::size_t>(row), 0, static_cast<std::size_t>(rows), cols};
}

MatrixMap<double> rows_of(MatrixMap<double> matrix, Eigen::Index row, Eigen::Index rows) {
  return {matrix.data() + row * matrix.outerStride(), rows, matrix.cols(),
          Eigen::OuterStride<>(matrix.outerStride())};
}

void check_options(const EnsembleOptions& options) {
  if (options.kernel == Get::both) throw InvalidArgument("an ensemble has one kernel: nngp or ntk");
  if (!(options.diag_reg.value >= 0) || !std::isfinite(options.diag_reg.value))
    throw InvalidArgument(fmt::format("diag_reg is {}; it must be 0 or more", options.diag_reg.value));
  if (!(options.learning_rate > 0) || !std::isfinite(options.learning_rate))
    throw InvalidArgument(
        fmt::format("the learning rate is {}; it must be above 0", options.learning_rate));
  const double tolerance = options.conjugate_gradients.tolerance;
  if (!(tolerance > 0 && tolerance < 1))
    throw InvalidArgument(fmt::format(
        "the tolerance of conjugate gradients is {}; it must be above 0, below 1", tolerance));
}

/// The kernels of some of the inputs with all of them.
template <class Real>
OwnedMatrix<double> rows_of_network(const KernelFn& kernel_fn, const MatrixView<Real>& x,
                                    const std::vector<Eigen::Index>& chosen,
                                    const EnsembleOptions& options) {
  const Matrix<Real> some = x(chosen, Eigen::all);
  return kernel_matrix(kernel_fn.bind<Real>(some, x, options.compute), options.kernel, options.compute);
}

/// Without leaving the range of numbers before the mean does.
double mean_of(const Eigen::VectorXd& diagonal) {
  const double sum = diagonal.sum();
  return std::isfinite(sum) ? sum / static_cast<double>(diagonal.size())
                            : (diagonal / static_cast<double>(diagonal.size())).sum();
}

/// The power of two that makes a positive number about 1.
double scale_of(double value) { return std::ldexp(1, std::clamp(-exponent_of(value), -1022, 1022)); }

void check_time(std::optional<double> t) {
  if (t && !(*t >= 0 && std::isfinite(*t)))
    throw InvalidArgument(fmt::format(
        "the training time is {}; it must be 0 or more, and finite; without one it is at the end", *t));
}

Eigen::ArrayXd largest_of_columns(const MatrixView<double>& matrix) {
  return matrix.cwiseAbs().colwise().maxCoeff().transpose().array();
}

/// The error of means relative to the largest of an output, the worst of the outputs: from samples of
/// errors, several columns for each column of means, or from bounds; nullopt if neither is known.
std::optional<double> rounding(const MatrixView<double>& means, const MatrixView<double>& samples,
                               const Eigen::ArrayXd& bounds) {
  constexpr double unit =
      std::numeric_limits<double>::epsilon();  // half of it in the last rounding alone
  if (means.rows() == 0 || (samples.cols() == 0 && !(bounds.size() > 0 && bounds.isFinite().all())))
    return std::nullopt;
  Eigen::ArrayXd errors = bounds;
  if (samples.cols() > 0) {
    const Eigen::ArrayXd each = largest_of_columns(samples);
    errors = each.reshaped(means.cols(), samples.cols() / means.cols()).rowwise().maxCoeff();
  }
  const Eigen::ArrayXd largest = largest_of_columns(means);
  const Eigen::ArrayXd relative = (largest == 0).select(0, unit + errors / largest);
  return relative.isFinite().all() ? relative.maxCoeff() : 1;
}

}  // namespace

/// Predictions are a kernel times these: A^-1 y, or as far towards it as training got. They are divided
/// by powers of two, so that weights stay in range where only predictions do.
template <class Real>
struct Ensemble<Real>::Weights {
  OwnedMatrix<double> values;  ///< outputs x training inputs; or empty, if refined
  std::optional<RefinedSolution> refined;
  SolutionErrors errors;
  std::vector<int> exponents;  ///< by output
};

template <class Real>
Ensemble<Real>::Ensemble(const KernelFn& kernel_fn, const MatrixView<Real>& x_train,
                         const MatrixView<double>& y_train, const EnsembleOptions& options)
    : options_(options),
      network_(std::in_place, kernel_fn, x_train),
      train_((check_options(options), kernel_fn.bind(x_train, std::nullopt, options.compute))) {
  train(y_train, [&](const std::vector<Eigen::Index>& chosen) {
    return rows_of_network(kernel_fn, x_train, chosen, options_);
  });
}

template <class Real>
Ensemble<Real>::Ensemble(KernelOperator<Real> train_kernels, const MatrixView<double>& y_train,
                         const EnsembleOptions& options)
    : options_(options), train_((check_options(options), std::move(train_kernels))) {
  if (!train_.symmetric())
    throw DataError("the kernel of the training inputs must be that of inputs with themselves");
  train(y_train, [&](const std::vector<Eigen::Index>& chosen) { return rows_of_kernel(chosen); });
}

template <class Real>
OwnedMatrix<double> Ensemble<Real>::rows_of_kernel(const std::vector<Eigen::Index>& chosen) const {
  const auto n = static_cast<Eigen::Index>(train_.cols());
  OwnedMatrix<double> rows(static_cast<Eigen::Index>(chosen.size()), n);
  for (std::size_t i = 0; i < chosen.size(); ++i)
    compute_kernel(train_, options_.kernel, rows_of(chosen[i], 1, train_.cols()),
                   rows_of(rows.map(), static_cast<Eigen::Index>(i), 1), options_.compute);
  return rows;
}

template <class Real>
void Ensemble<Real>::train(const MatrixView<double>& y_train, const Rows& rows) {
  const SolverThreads threads(options_.compute.threads);
  const auto n = static_cast<Eigen::Index>(train_.rows());
  if (y_train.rows() != n || y_train.cols() == 0)
    throw DataError(
        fmt::format("there are {} training inputs and {} x {} targets; each input needs one", n,
                    y_train.rows(), y_train.cols()));
  OwnedMatrix<double> y(y_train.cols(), y_train.rows());
  y.map() = y_train.transpose();
  y_ = std::make_shared<const OwnedMatrix<double>>(std::move(y));

  if (options_.method == SolveMethod::conjugate_gradients) {
    mean_diagonal_ = mean_of(kernel_diagonal(train_, options_.kernel, options_.compute));
    if (!(shift() > 0) && mean_diagonal_ == 0) fail_singular(true);
    if (!(shift() > 0))
      throw DataError("conjugate gradients need a diag_reg above 0, for the preconditioner");
    const double scale = scale_of(mean_diagonal_);
    const std::size_t share = options_.memory / 4;
    const std::size_t count =
        std::clamp(share / (static_cast<std::size_t>(n) * sizeof(double)), std::size_t{1},
                   std::min(max_landmarks, (static_cast<std::size_t>(n) + 1) / 2));
    const std::vector<Eigen::Index> landmarks = choose_landmarks(n, static_cast<Eigen::Index>(count));
    OwnedMatrix<double> known = rows(landmarks);
    known.map() *= scale;
    solver_ = conjugate_gradients_solver(
        std::make_unique<KernelMap<Real>>(train_, options_.kernel, shift(), scale, 2 * share,
                                          options_.scratch, options_.compute),
        std::make_unique<Nystroem>(std::move(known), landmarks, shift() * scale,
                                   static_cast<double>(std::numeric_limits<Real>::epsilon())),
        shift(), scale, options_.conjugate_gradients);
    return;
  }
  OwnedMatrix<double> kernel = kernel_matrix(train_, options_.kernel, options_.compute);
  mean_diagonal_ = mean_of(kernel.view().diagonal());
  solver_ = options_.method == SolveMethod::cholesky ? cholesky_solver(std::move(kernel), shift())
                                                     : eigensystem_solver(std::move(kernel), shift());
}

template <class Real>
Ensemble<Real> Ensemble<Real>::with(DiagReg diag_reg) const {
  const SolverThreads threads(options_.compute.threads);
  Ensemble other = *this;
  other.options_.diag_reg = diag_reg;
  check_options(other.options_);
  other.solver_ = solver_->with_shift(other.shift());
  return other;
}

template <class Real>
Scores Ensemble<Real>::scores(std::size_t folds) const {
  const SolverThreads threads(options_.compute.threads);
  return solver_->scores(y_->view(), folds);
}

template <class Real>
std::optional<double> Ensemble<Real>::condition_number() const {
  const SolverThreads threads(options_.compute.threads);
  return solver_->condition_number();
}

template <class Real>
std::pair<double, double> Ensemble<Real>::eigenvalue_range() const {
  return solver_->eigenvalue_range();
}

template <class Real>
std::optional<ConjugateGradients::Report> Ensemble<Real>::convergence() const {
  return solver_->convergence();
}

/// Replaces every row by (kernel + shift)^-1 times it, as far as training got by time t.
template <class Real>
void Ensemble<Real>::invert(MatrixMap<double> rows, std::optional<double> t) const {
  if (!t) return solver_->invert(rows);
  solver_->invert_after(flow_time(*t), rows);
}

/// The time of the flow that the solver integrates.
template <class Real>
double Ensemble<Real>::flow_time(double t) const {
  return t * options_.learning_rate / static_cast<double>(y_->size());
}

template <class Real>
typename Ensemble<Real>::Weights Ensemble<Real>::weights(std::optional<double> t) const {
  Weights weights;
  weights.values = OwnedMatrix<double>(y_->rows(), y_->cols());
  weights.values.map() = y_->view();
  weights.exponents = normalize_rows(weights.values.map());
  if (!t) weights.refined = solver_->refine(weights.values.view());
  if (weights.refined) {
    weights.errors.samples = std::move(weights.refined->error);
    weights.values = OwnedMatrix<double>();
    return weights;
  }
  const Eigen::VectorXd norms = weights.values.view().rowwise().norm();
  invert(weights.values.map(), t);
  weights.errors = solver_->errors(norms, weights.values.view().rowwise().norm(),
                                   t ? std::optional(flow_time(*t)) : t);
  return weights;
}

template <class Real>
Gaussian Ensemble<Real>::predict(const MatrixView<Real>& x_test, Uncertainty wanted,
                                 std::optional<double> t) const {
  if (!network_) throw InvalidArgument("predictions at inputs need a network; give kernels of theirs");
  const auto& [kernel_fn, x_train] = *network_;
  std::optional<KernelOperator<Real>> test;
  // Conjugate gradients bound their errors by the variances of the test inputs.
  if (wanted != Uncertainty::none || options_.method == SolveMethod::conjugate_gradients)
    test.emplace(kernel_fn.bind(x_test, std::nullopt, options_.compute));
  return predict(kernel_fn.bind(x_test, x_train, options_.compute), test, wanted, t);
}

template <class Real>
Gaussian Ensemble<Real>::predict(const KernelOperator<Real>& cross,
                                 const std::optional<KernelOperator<Real>>& test, Uncertainty wanted,
                                 std::optional<double> t) const {
  const SolverThreads threads(options_.compute.threads);
  check_time(t);
  const auto tests = static_cast<Eigen::Index>(cross.rows()), n = y_->cols();
  if (cross.cols() != train_.cols() || (test && (!test->symmetric() || test->rows() != cross.rows())))
    throw DataError(fmt::format(
        "the kernel of test with training inputs is {} x {}, for {} training inputs{}", cross.rows(),
        cross.cols(), n,
        test ? fmt::format(" and a kernel of {} x {} test inputs", test->rows(), test->cols()) : ""));
  if (wanted != Uncertainty::none && !test)
    throw InvalidArgument("a spread needs the kernel of the test inputs");
  const Weights weights = this->weights(t);
  Gaussian out;
  out.mean = OwnedMatrix<double>(tests, y_->rows());
  OwnedMatrix<double> error(1, weights.errors.samples.rows());  // the largest, by sample
  error.map().setZero();
  if (wanted != Uncertainty::none) out.variance.resize(cross.rows());
  // Means alone come from a few rows of the kernel at a time, in memory that stays in the caches. For a
  // spread several matrices of test with training inputs live at once, most of them in conjugate
  // gradients; a covariance needs them whole.
  constexpr Eigen::Index resident = Eigen::Index{4} << 20, least = 64;
  const std::size_t bytes = wanted == Uncertainty::none ? static_cast<std::size_t>(resident)
                                                        : options_.memory / solver_->matrices_at_once();
  const Eigen::Index affordable = static_cast<Eigen::Index>(bytes / sizeof(double)) / n;
  const Eigen::Index rows =
      wanted == Uncertainty::covariance ? tests : std::min(tests, std::max(least, affordable));
  for (Eigen::Index row = 0; row < tests; row += rows) {
    const OwnedMatrix<double> k =
        kernel_matrix(cross, options_.kernel, rows_of(row, std::min(rows, tests - row), cross.cols()),
                      options_.compute);
    mean(k.view(), weights, row, out, error);
    if (wanted != Uncertainty::none) add_spread(cross, *test, k, row, wanted, t, out);
  }
  double variance = NAN;
  if (test && weights.errors.bound.size() > 0)
    variance = kernel_diagonal(*test, options_.kernel, 0, tests, options_.compute).maxCoeff();
  out.rounding = rounding(out.mean.view(), error.view(), std::sqrt(variance) * weights.errors.bound);
  multiply_columns(out.mean.map(), weights.exponents);
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!out.mean.view().allFinite() || !std::all_of(out.variance.begin(), out.variance.end(), finite) ||
      !out.covariance.view().allFinite())
    throw NumericalError("the predictions are not finite: use a larger diag_reg, or scale the targets");
  return out;
}

/// Means for the rows of k, from `row` on, and their errors by sample, if larger than `error` so far.
template <class Real>
void Ensemble<Real>::mean(const MatrixView<double>& k, const Weights& weights, Eigen::Index row,
                          Gaussian& out, OwnedMatrix<double>& error) const {
  MatrixMap<double> means = rows_of(out.mean.map(), row, k.rows());
  if (error.cols() > 0) {
    OwnedMatrix<double> errors(k.rows() + 1, error.cols());
    lapack::multiply_transposed(1, k, weights.errors.samples.view(), 0,
                                rows_of(errors.map(), 0, k.rows()));
    errors.map().row(k.rows()) = error.view();
    error.map() = largest_of_columns(errors.view()).matrix().transpose();
  }
  if (!weights.refined) {
    lapack::multiply_transposed(1, k, weights.values.view(), 0, means);
    return;
  }
  // Weights of both signs that are much larger than their sum: it would lose what refinement brought.
  DoubleDouble sum(k.rows(), means.cols());
  arena(options_.compute.threads).execute([&] {
    parallel_for(k.rows(), [&](Eigen::Index i) {
      add_products(k.slice(i, 1), *weights.refined->values, 0, sum, i);
    });
  });
  means = sum.rounded();
}

/// Computes the spread of predictions for the rows of k, from `row` on.
template <class Real>
void Ensemble<Real>::add_spread(const KernelOperator<Real>& cross, const KernelOperator<Real>& test,
                                const OwnedMatrix<double>& k, Eigen::Index row, Uncertainty wanted,
                                std::optional<double> t, Gaussian& out) const {
  const Eigen::Index rows = k.rows();
  const bool ntk = options_.kernel == Get::ntk;
  // NNGP: k_tt - a k^T, where a = k (K_dd + shift)^-1, trained for twice the time.
  // NTK: k_tt + a K_dd a^T - (a k^T + its transpose), k and K of the NNGP, a of the NTK.
  OwnedMatrix<double> a(k.rows(), k.cols());
  a.map() = k.view();
  invert(a.map(), ntk || !t ? t : std::optional(2 * *t));
  const OwnedMatrix<double> prior =
      ntk ? kernel_matrix(cross, Get::nngp, rows_of(row, rows, cross.cols()), options_.compute)
          : OwnedMatrix<double>();
  const OwnedMatrix<double> carried = ntk ? times_nngp(a.view()) : OwnedMatrix<double>();

  if (wanted == Uncertainty::variance) {
    Eigen::Map<Eigen::VectorXd> variance(out.variance.data() + row, rows);
    variance = kernel_diagonal(test, Get::nngp, row, rows, options_.compute);
    if (ntk) {
      variance += a.view().cwiseProduct(carried.view()).rowwise().sum();
      variance -= 2 * a.view().cwiseProduct(prior.view()).rowwise().sum();
    } else {
      variance -= a.view().cwiseProduct(k.view()).rowwise().sum();
    }
    return;
  }
  out.covariance = kernel_matrix(test, Get::nngp, options_.compute);
  MatrixMap<double> covariance = out.covariance.map();
  if (ntk) {
    // a (K_dd a^T - 2 k^T), whose symmetric part is wanted.
    OwnedMatrix<double> inner(rows, a.cols());
    inner.map() = carried.view() - 2 * prior.view();
    lapack::multiply_transposed(1, a.view(), inner.view(), 1, covariance);
  } else {
    lapack::multiply_transposed(-1, a.view(), k.view(), 1, covariance);
  }
  const Matrix<double> transposed = covariance.transpose();
  covariance = 0.5 * (covariance + transposed);
  Eigen::Map<Eigen::VectorXd>(out.variance.data(), rows) = covariance.diagonal();
}

/// rows K, with the NNGP kernel of the training inputs, in strips.
template <class Real>
OwnedMatrix<double> Ensemble<Real>::times_nngp(const MatrixView<double>& rows) const {
  constexpr Eigen::Index strip = 1024;
  OwnedMatrix<double> product(rows.rows(), rows.cols());
  for (Eigen::Index row = 0; row < rows.cols(); row += strip) {
    const Eigen::Index count = std::min(strip, rows.cols() - row);
    const OwnedMatrix<double> part =
        kernel_matrix(train_, Get::nngp, rows_of(row, count, train_.cols()), options_.compute);
    lapack::multiply_transposed(
        1, rows, part.view(), 0,
        {product.data() + row, product.rows(), count, Eigen::OuterStride<>(product.cols())});
  }
  return product;
}

template class Ensemble<double>;
template class Ensemble<float>;

}  // namespace nngp
