#include "nngp/model_selection.hpp"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <numbers>

#include "nngp/error.hpp"
#include "solve/lapack.hpp"
#include "solve/power_of_two.hpp"
#include "solve/random_order.hpp"
#include "solve/singular.hpp"

namespace nngp {
namespace {

using Fold = std::vector<Eigen::Index>;

/// A^-1 y and parts of A^-1, however they are known.
class Inverse {
 public:
  virtual ~Inverse() = default;
  virtual double log_determinant() const = 0;
  virtual const OwnedMatrix<double>& weights() const = 0;  ///< rows of A^-1 y
  virtual Eigen::VectorXd diagonal() const = 0;
  virtual Eigen::MatrixXd block(const Fold& fold) const = 0;
};

class CholeskyInverse final : public Inverse {
 public:
  CholeskyInverse(const Cholesky& factor, const MatrixView<double>& y)
      : log_determinant_(factor.log_determinant()),
        inverse_(factor.inverse()),
        weights_(y.rows(), y.cols()) {
    weights_.map() = y;
    factor.apply(weights_.map());
  }
  double log_determinant() const override { return log_determinant_; }
  const OwnedMatrix<double>& weights() const override { return weights_; }
  Eigen::VectorXd diagonal() const override { return inverse_.view().diagonal(); }
  Eigen::MatrixXd block(const Fold& fold) const override { return inverse_.view()(fold, fold); }

 private:
  double log_determinant_;
  OwnedMatrix<double> inverse_, weights_;
};

class EigenInverse final : public Inverse {
 public:
  EigenInverse(const Eigensystem& kernel, double shift, const MatrixView<double>& y)
      : vectors_(kernel.vectors().view()),
        shifted_(Eigen::Map<const Eigen::VectorXd>(kernel.values().data(), kernel.size()).array() +
                 shift),
        weights_(y.rows(), y.cols()) {
    if (!(shifted_.minCoeff() > 0)) fail_singular(kernel.values().back() == 0);
    weights_.map() = y;
    kernel.apply([&](double value) { return 1 / (value + shift); }, weights_.map());
  }
  double log_determinant() const override { return shifted_.array().log().sum(); }
  const OwnedMatrix<double>& weights() const override { return weights_; }
  Eigen::VectorXd diagonal() const override {
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(vectors_.cols());
    for (Eigen::Index j = 0; j < vectors_.rows(); ++j)
      sum += vectors_.row(j).cwiseAbs2().transpose() / shifted_[j];
    return sum;
  }
  Eigen::MatrixXd block(const Fold& fold) const override {
    const Matrix<double> part = vectors_(Eigen::all, fold);
    const Matrix<double> scaled = part.array().colwise() / shifted_.array();
    Matrix<double> product(part.cols(), part.cols());
    lapack::transposed_multiply(
        1, part, scaled, 0,
        {product.data(), product.rows(), product.cols(), Eigen::OuterStride<>(product.cols())});
    return product;
  }

 private:
  MatrixView<double> vectors_;
  Eigen::VectorXd shifted_;
  OwnedMatrix<double> weights_;
};

/// Targets divided by a power of two, so that squares of their errors stay in range.
struct Targets {
  explicit Targets(const MatrixView<double>& y)
      : values(y.rows(), y.cols()), exponent(exponent_of(y.cwiseAbs().maxCoeff())) {
    values.map() = y;
    for (Eigen::Index i = 0; i < y.rows(); ++i) multiply(values.map().row(i), -exponent);
  }
  OwnedMatrix<double> values;
  int exponent;
};

/// Gathers predictions of held-out examples: errors (of each output) and the variance.
class Tally {
 public:
  explicit Tally(const Targets& targets) : y_(targets.values.view()), exponent_(targets.exponent) {}

  /// `error` is target minus prediction.
  void add(Eigen::Index example, const Eigen::VectorXd& error, double variance) {
    squares_ += error.squaredNorm();
    const double deviations = std::ldexp(error.norm() / std::sqrt(variance), exponent_);
    log_densities_ -=
        0.5 * (deviations * deviations + static_cast<double>(error.size()) *
                                             (std::log(2 * std::numbers::pi) + std::log(variance)));
    Eigen::Index predicted = 0, right = 0;
    (y_.col(example) - error).maxCoeff(&predicted);
    y_.col(example).maxCoeff(&right);
    hits_ += predicted == right;
  }
  HeldOut result() const {
    const auto values = static_cast<double>(y_.size());
    return {std::ldexp(std::sqrt(squares_ / values), exponent_), log_densities_ / values,
            static_cast<double>(hits_) / static_cast<double>(y_.cols())};
  }

 private:
  const MatrixView<double> y_;
  const int exponent_;
  double squares_ = 0, log_densities_ = 0;
  Eigen::Index hits_ = 0;
};

HeldOut leave_one_out(const Inverse& inverse, const Targets& targets) {
  const Eigen::VectorXd diagonal = inverse.diagonal();
  Tally tally(targets);
  for (Eigen::Index i = 0; i < diagonal.size(); ++i)
    tally.add(i, inverse.weights().view().col(i) / diagonal[i], 1 / diagonal[i]);
  return tally.result();
}

/// Every example in one of `count` folds.
std::vector<Fold> deal(Eigen::Index examples, std::size_t count) {
  const std::vector<Eigen::Index> order = random_order(examples);
  std::vector<Fold> folds(count);
  for (std::size_t i = 0; i < order.size(); ++i) folds[i % count].push_back(order[i]);
  return folds;
}

/// With A^-1 partitioned, the errors of a fold F are [A^-1]_FF^-1 [A^-1 y]_F and their covariance is
/// [A^-1]_FF^-1: the block form of the leave-one-out equations.
HeldOut cross_validation(const Inverse& inverse, const Targets& targets, std::size_t folds) {
  Tally tally(targets);
  for (const Fold& fold : deal(targets.values.cols(), folds)) {
    const Eigen::LLT<Eigen::MatrixXd> factor(inverse.block(fold));
    const auto size = static_cast<Eigen::Index>(fold.size());
    const Eigen::MatrixXd weights = inverse.weights().view()(Eigen::all, fold).transpose();
    const Eigen::MatrixXd errors = factor.solve(weights);
    const Eigen::MatrixXd covariance = factor.solve(Eigen::MatrixXd::Identity(size, size));
    for (Eigen::Index i = 0; i < size; ++i)
      tally.add(fold[static_cast<std::size_t>(i)], errors.row(i), covariance(i, i));
  }
  return tally.result();
}

Scores scores_of(const Inverse& inverse, const Targets& targets, std::size_t folds) {
  const MatrixView<double> y = targets.values.view();
  if (folds == 1 || folds > static_cast<std::size_t>(y.cols()))
    throw DataError(
        fmt::format("{} folds of {} examples: there must be 2 or more, and not more than "
                    "examples",
                    folds, y.cols()));
  const double fit = std::ldexp(y.cwiseProduct(inverse.weights().view()).sum(), 2 * targets.exponent);
  const auto n = static_cast<double>(y.cols()), outputs = static_cast<double>(y.rows());
  Scores scores;
  scores.log_marginal_likelihood =
      -0.5 * (fit + outputs * (inverse.log_determinant() + n * std::log(2 * std::numbers::pi)));
  scores.leave_one_out = leave_one_out(inverse, targets);
  if (folds > 0) scores.folds = cross_validation(inverse, targets, folds);
  if (std::isnan(scores.log_marginal_likelihood) ||
      !std::isfinite(scores.leave_one_out.root_mean_squared_error))
    throw NumericalError("the scores are not finite: use a larger diag_reg");
  return scores;
}

}  // namespace

Scores scores(const Cholesky& factor, const MatrixView<double>& y, std::size_t folds) {
  const Targets targets(y);
  return scores_of(CholeskyInverse(factor, targets.values.view()), targets, folds);
}

Scores scores(const Eigensystem& kernel, double shift, const MatrixView<double>& y, std::size_t folds) {
  const Targets targets(y);
  return scores_of(EigenInverse(kernel, shift, targets.values.view()), targets, folds);
}

}  // namespace nngp
