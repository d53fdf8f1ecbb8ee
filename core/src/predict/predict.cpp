#include "nngp/predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nngp/error.hpp"
#include "solve/kernel_map.hpp"
#include "solve/lapack.hpp"

namespace nngp {
namespace {

// Examples at which the preconditioner knows the kernel: its cost grows with the square.
constexpr std::size_t most_landmarks = 2000;

Window rows_of(Eigen::Index row, Eigen::Index rows, std::size_t cols) {
  return {static_cast<std::size_t>(row), 0, static_cast<std::size_t>(rows), cols};
}

MatrixMap<double> rows_of(MatrixMap<double> matrix, Eigen::Index row, Eigen::Index rows) {
  return {matrix.data() + row * matrix.outerStride(), rows, matrix.cols(),
          Eigen::OuterStride<>(matrix.outerStride())};
}

void check(const EnsembleOptions& options) {
  if (options.kernel == Get::both) throw DataError("an ensemble has one kernel: nngp or ntk");
  if (!(options.diag_reg.value >= 0) || !std::isfinite(options.diag_reg.value))
    throw DataError(fmt::format("diag_reg is {}; it must be 0 or more", options.diag_reg.value));
  if (!(options.learning_rate > 0) || !std::isfinite(options.learning_rate))
    throw DataError(fmt::format("the learning rate is {}; it must be above 0", options.learning_rate));
}

template <class Real>
std::unique_ptr<const LinearMap> preconditioner(const KernelFn& kernel_fn, const MatrixView<Real>& x,
                                                const EnsembleOptions& options, double shift,
                                                std::size_t memory) {
  const auto n = static_cast<std::size_t>(x.rows());
  const std::size_t count =
      std::clamp(memory / (n * sizeof(double)), std::size_t{1}, std::min(most_landmarks, (n + 1) / 2));
  const std::vector<Eigen::Index> landmarks =
      choose_landmarks(x.rows(), static_cast<Eigen::Index>(count));
  const Matrix<Real> chosen = x(landmarks, Eigen::all);
  const MatrixView<Real> view(chosen.data(), chosen.rows(), chosen.cols(),
                              Eigen::OuterStride<>(chosen.cols()));
  return std::make_unique<Nystroem>(
      kernel_matrix(kernel_fn.bind(view, x, options.compute), options.kernel, options.compute),
      landmarks, shift, static_cast<double>(std::numeric_limits<Real>::epsilon()));
}

/// The integral of exp(-value s) over s from 0 to `time`: what training for `time` makes of 1 / value.
double inverse_after(double value, double time) {
  const double positive = std::max(value, 0.0);
  return positive * time < 1e-16 ? time : -std::expm1(-positive * time) / positive;
}

}  // namespace

template <class Real>
Ensemble<Real>::Ensemble(const KernelFn& kernel_fn, const MatrixView<Real>& x_train,
                         const MatrixView<double>& y_train, const EnsembleOptions& options)
    : options_(options),
      kernel_fn_(kernel_fn),
      x_train_(x_train),
      train_((check(options), kernel_fn.bind(x_train, std::nullopt, options.compute))) {
  if (y_train.rows() != x_train.rows() || y_train.cols() == 0)
    throw DataError(
        fmt::format("there are {} training inputs and {} x {} targets; each input needs one",
                    x_train.rows(), y_train.rows(), y_train.cols()));
  KernelMatrix<double> y(y_train.cols(), y_train.rows());
  y.map() = y_train.transpose();
  y_ = std::make_shared<const KernelMatrix<double>>(std::move(y));

  if (options.method == Method::conjugate_gradients) {
    mean_diagonal_ = kernel_diagonal(train_, options.kernel, options.compute).mean();
    if (!(shift() > 0))
      throw DataError("conjugate gradients need a diag_reg above 0, for the preconditioner");
    const std::size_t share = options.memory / 4;
    conjugate_gradients_ = std::make_shared<const ConjugateGradients>(
        std::make_unique<KernelMap<Real>>(train_, options.kernel, shift(), 2 * share, options.scratch,
                                          options.compute),
        preconditioner(kernel_fn, x_train, options, shift(), share), options.conjugate_gradients);
    return;
  }
  KernelMatrix<double> kernel = kernel_matrix(train_, options.kernel, options.compute);
  mean_diagonal_ = kernel.view().diagonal().mean();
  if (options.method == Method::cholesky)
    cholesky_ = std::make_shared<const Cholesky>(std::move(kernel), shift());
  else
    eigensystem_ = std::make_shared<const Eigensystem>(std::move(kernel));
}

template <class Real>
Ensemble<Real> Ensemble<Real>::with(DiagReg diag_reg) const {
  if (!eigensystem_) throw Error("another diag_reg needs Method::eigensystem");
  Ensemble other = *this;
  other.options_.diag_reg = diag_reg;
  check(other.options_);
  return other;
}

template <class Real>
Scores Ensemble<Real>::scores(std::size_t folds) const {
  if (cholesky_) return nngp::scores(*cholesky_, y_->view(), folds);
  if (eigensystem_) return nngp::scores(*eigensystem_, shift(), y_->view(), folds);
  throw Error("scores need a factorisation, which conjugate gradients do without");
}

template <class Real>
std::optional<double> Ensemble<Real>::condition_number() const {
  if (cholesky_) return cholesky_->condition_number();
  if (!eigensystem_) return std::nullopt;
  const auto [least, largest] = eigenvalue_range();
  return least > 0 ? largest / least : std::numeric_limits<double>::infinity();
}

template <class Real>
std::pair<double, double> Ensemble<Real>::eigenvalue_range() const {
  if (!eigensystem_) throw Error("eigenvalues need Method::eigensystem");
  return {eigensystem_->values().front() + shift(), eigensystem_->values().back() + shift()};
}

template <class Real>
std::optional<ConjugateGradients::Report> Ensemble<Real>::convergence() const {
  if (!conjugate_gradients_) return std::nullopt;
  return conjugate_gradients_->report();
}

template <class Real>
void Ensemble<Real>::check_time(std::optional<double> t) const {
  if (t && !(*t >= 0 && std::isfinite(*t)))
    throw DataError(fmt::format("the training time is {}; it must be 0 or more", *t));
  if (t && !eigensystem_) throw Error("a finite training time needs Method::eigensystem");
  if (!t && eigensystem_ && !(eigensystem_->values().front() + shift() > 0))
    throw NotPositiveDefinite(
        "the kernel of the training inputs is singular to rounding: use a larger diag_reg");
}

/// Replaces rows by what (kernel + shift)^-1 makes of them, as far as training got by time t.
template <class Real>
void Ensemble<Real>::invert(MatrixMap<double> rows, std::optional<double> t) const {
  if (cholesky_) return cholesky_->apply(rows);
  if (conjugate_gradients_) return conjugate_gradients_->apply(rows);
  if (!t) return eigensystem_->apply([&](double value) { return 1 / (value + shift()); }, rows);
  const double time = *t * options_.learning_rate / static_cast<double>(y_->size());
  eigensystem_->apply([&](double value) { return inverse_after(value + shift(), time); }, rows);
}

template <class Real>
Gaussian Ensemble<Real>::predict(const MatrixView<Real>& x_test, Spread spread,
                                 std::optional<double> t) const {
  check_time(t);
  KernelMatrix<double> weights(y_->rows(), y_->cols());
  weights.map() = y_->view();
  invert(weights.map(), t);

  const KernelOperator<Real> cross = kernel_fn_.bind(x_test, x_train_, options_.compute);
  Gaussian out;
  out.mean = KernelMatrix<double>(x_test.rows(), y_->rows());
  if (spread == Spread::none) {
    mean(cross, weights.view(), out.mean.map());
  } else {
    out.variance.resize(static_cast<std::size_t>(x_test.rows()));
    // Several matrices of test with training inputs live at once, most of them in conjugate gradients;
    // a covariance needs them whole.
    constexpr Eigen::Index least = 64;
    const Eigen::Index copies = conjugate_gradients_ ? 32 : 8;
    const auto affordable =
        static_cast<Eigen::Index>(options_.memory / sizeof(double)) / (copies * x_train_.rows());
    const Eigen::Index rows =
        spread == Spread::covariance ? x_test.rows() : std::max(least, affordable);
    for (Eigen::Index row = 0; row < x_test.rows(); row += rows)
      block(cross, x_test, row, std::min(rows, x_test.rows() - row), weights.view(), spread, t, out);
  }
  const auto finite = [](double value) { return std::isfinite(value); };
  if (!out.mean.view().allFinite() || !std::all_of(out.variance.begin(), out.variance.end(), finite) ||
      !out.covariance.view().allFinite())
    throw NumericalError("the predictions are not finite: use a larger diag_reg, or scale the targets");
  return out;
}

/// Means alone, from a few rows of the kernel at a time, in memory that stays in the caches.
template <class Real>
void Ensemble<Real>::mean(const KernelOperator<Real>& cross, const MatrixView<double>& weights,
                          MatrixMap<double> out) const {
  constexpr Eigen::Index resident = Eigen::Index{4} << 20, least = 64;
  const Eigen::Index n = x_train_.rows();
  const Eigen::Index rows =
      std::min(out.rows(), std::max(least, resident / static_cast<Eigen::Index>(sizeof(double)) / n));
  KernelMatrix<double> k(rows, n);
  for (Eigen::Index row = 0; row < out.rows(); row += rows) {
    const Eigen::Index count = std::min(rows, out.rows() - row);
    MatrixMap<double> part(k.data(), count, n, Eigen::OuterStride<>(n));
    compute_kernel(cross, options_.kernel, rows_of(row, count, cross.cols()), part, options_.compute);
    lapack::multiply_transposed(1, lapack::view(part), weights, 0, rows_of(out, row, count));
  }
}

/// Predictions for x_test[row : row + rows].
template <class Real>
void Ensemble<Real>::block(const KernelOperator<Real>& cross, const MatrixView<Real>& x_test,
                           Eigen::Index row, Eigen::Index rows, const MatrixView<double>& weights,
                           Spread spread, std::optional<double> t, Gaussian& out) const {
  const MatrixView<Real> x(x_test.data() + row * x_test.outerStride(), rows, x_test.cols(),
                           Eigen::OuterStride<>(x_test.outerStride()));
  const Window window = rows_of(row, rows, cross.cols());
  const bool ntk = options_.kernel == Get::ntk;
  const KernelMatrix<double> k = kernel_matrix(cross, options_.kernel, window, options_.compute);
  lapack::multiply_transposed(1, k.view(), weights, 0, rows_of(out.mean.map(), row, rows));

  // NNGP: k_tt - a k^T, where a = k (K_dd + shift)^-1, trained for twice the time.
  // NTK: k_tt + a K_dd a^T - (a k^T + its transpose), k and K of the NNGP, a of the NTK.
  KernelMatrix<double> a(k.rows(), k.cols());
  a.map() = k.view();
  invert(a.map(), ntk || !t ? t : std::optional(2 * *t));
  const KernelMatrix<double> prior =
      ntk ? kernel_matrix(cross, Get::nngp, window, options_.compute) : KernelMatrix<double>();
  const KernelMatrix<double> carried = ntk ? times_nngp(a.view()) : KernelMatrix<double>();
  const KernelOperator<Real> test = kernel_fn_.bind(x, std::nullopt, options_.compute);

  if (spread == Spread::variance) {
    Eigen::Map<Eigen::VectorXd> variance(out.variance.data() + row, rows);
    variance = kernel_diagonal(test, Get::nngp, options_.compute);
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
    KernelMatrix<double> inner(rows, a.cols());
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
KernelMatrix<double> Ensemble<Real>::times_nngp(const MatrixView<double>& rows) const {
  constexpr Eigen::Index strip = 1024;
  KernelMatrix<double> product(rows.rows(), rows.cols());
  for (Eigen::Index row = 0; row < rows.cols(); row += strip) {
    const Eigen::Index count = std::min(strip, rows.cols() - row);
    const KernelMatrix<double> part =
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
