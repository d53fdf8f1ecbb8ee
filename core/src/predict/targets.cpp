#include "nngp/targets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

std::size_t largest(const double* values, std::size_t count) {
  return static_cast<std::size_t>(std::max_element(values, values + count) - values);
}

void check_columns(Eigen::Index columns, std::size_t wanted) {
  if (static_cast<std::size_t>(columns) != wanted)
    throw InvalidArgument(
        fmt::format("the columns of a matrix are {} and must be {}", columns, wanted));
}

void check_shape(const Gaussian& predicted, Eigen::Index rows, Eigen::Index columns) {
  const MatrixView<double> mean = predicted.mean.view();
  if (mean.rows() != rows || mean.cols() != columns)
    throw InvalidArgument(fmt::format("predictions are {} x {}, of what is {} x {}", mean.rows(),
                                      mean.cols(), rows, columns));
  const auto variances = static_cast<Eigen::Index>(predicted.variance.size());
  if (variances != 0 && variances != rows)
    throw InvalidArgument(fmt::format("predictions are {}, and their variances {}", rows, variances));
}

/// Confidences and hits by tenths of the confidence.
class Reliability {
 public:
  void add(double confidence, bool is_correct) {
    const auto bin = std::min(static_cast<std::size_t>(confidence * count), std::size_t{count - 1});
    bins_[bin].examples += 1;
    bins_[bin].confidence += confidence;
    bins_[bin].accuracy += is_correct;
  }
  void report(ClassificationQuality& quality) {
    const auto all = static_cast<double>(quality.examples);
    double confidence = 0, gap = 0;
    for (ConfidenceBin& bin : bins_) {
      confidence += bin.confidence;
      gap += std::abs(bin.confidence - bin.accuracy);
      if (bin.examples == 0) continue;
      bin.confidence /= static_cast<double>(bin.examples);
      bin.accuracy /= static_cast<double>(bin.examples);
    }
    quality.confidence = confidence / all;
    quality.calibration_error = gap / all;
    quality.bins = bins_;
  }

 private:
  static constexpr std::size_t count = 10;
  std::vector<ConfidenceBin> bins_ = std::vector<ConfidenceBin>(count);
};

}  // namespace

std::vector<Eigen::Index> constant_columns(const MatrixView<double>& y) {
  std::vector<Eigen::Index> found;
  for (Eigen::Index col = 0; col < y.cols(); ++col)
    if (y.rows() > 1 && (y.col(col).array() == y(0, col)).all()) found.push_back(col);
  return found;
}

Standardization::Standardization(const MatrixView<double>& y) {
  for (Eigen::Index col = 0; col < y.cols(); ++col) {
    // In units of the largest, whose square is finite.
    const double largest = y.col(col).cwiseAbs().maxCoeff();
    const double unit = largest > 0 ? largest : 1;
    const Eigen::ArrayXd scaled = y.col(col).array() / unit;
    const double mean = scaled.mean();
    const bool constant = (scaled == scaled(0)).all();
    mean_.push_back(constant ? y(0, col) : mean * unit);
    deviation_.push_back(constant ? 1 : std::sqrt((scaled - mean).square().mean()) * unit);
  }
}

OwnedMatrix<double> Standardization::apply(const MatrixView<double>& y) const {
  check_columns(y.cols(), mean_.size());
  OwnedMatrix<double> out(y.rows(), y.cols());
  for (std::size_t col = 0; col < mean_.size(); ++col) {
    const auto place = static_cast<Eigen::Index>(col);
    out.map().col(place) = (y.col(place).array() - mean_[col]) / deviation_[col];
  }
  return out;
}

void Standardization::undo(MatrixMap<double> predictions) const {
  check_columns(predictions.cols(), mean_.size());
  for (std::size_t col = 0; col < mean_.size(); ++col) {
    auto column = predictions.col(static_cast<Eigen::Index>(col)).array();
    column = column * deviation_[col] + mean_[col];
  }
}

Classes::Classes(const MatrixView<double>& labels) {
  if (labels.cols() != 1)
    throw DataError(fmt::format("labels are one column of whole numbers, not {}", labels.cols()));
  for (Eigen::Index i = 0; i < labels.rows(); ++i) {
    if (labels(i, 0) != std::nearbyint(labels(i, 0)))
      throw DataError(fmt::format("the label {} in row {} (counted from 0) is not a whole number",
                                  format_number(labels(i, 0)), i));
    labels_.push_back(labels(i, 0));
  }
  std::sort(labels_.begin(), labels_.end());
  labels_.erase(std::unique(labels_.begin(), labels_.end()), labels_.end());
  if (count() == 1)
    throw DataError(
        fmt::format("all training labels are {}: there is one class only, and nothing to learn",
                    format_integer(labels_.front())));
}

std::optional<std::size_t> Classes::index(double label) const {
  const auto found = std::lower_bound(labels_.begin(), labels_.end(), label);
  if (found == labels_.end() || *found != label) return std::nullopt;
  return static_cast<std::size_t>(found - labels_.begin());
}

OwnedMatrix<double> Classes::one_hot(const MatrixView<double>& labels) const {
  check_columns(labels.cols(), 1);
  OwnedMatrix<double> targets(labels.rows(), static_cast<Eigen::Index>(count()));
  targets.map().setConstant(-1 / static_cast<double>(count()));
  for (Eigen::Index i = 0; i < labels.rows(); ++i) {
    const auto place = index(labels(i, 0));
    if (!place)
      throw DataError(
          fmt::format("the label {} in row {} (counted from 0) is none of the training data",
                      format_number(labels(i, 0)), i));
    targets.map()(i, static_cast<Eigen::Index>(*place)) += 1;
  }
  return targets;
}

// P(c) = E prod_{j != c} Phi(z + (m_c - m_j) / sigma) over normal z, by the trapezoidal rule, whose
// error falls exponentially for such integrands.
std::vector<double> class_probabilities(const double* mean, std::size_t count, double variance) {
  std::vector<double> probabilities(count, 0);
  const double sigma = std::sqrt(variance);
  if (!(sigma > 0)) {
    probabilities[largest(mean, count)] = 1;
    return probabilities;
  }
  constexpr double end = 8, step = 0.125;
  double sum = 0;
  for (std::size_t c = 0; c < count; ++c) {
    for (double z = -end; z <= end; z += step) {
      double product = std::exp(-0.5 * z * z);
      for (std::size_t j = 0; j < count && product > 0; ++j)
        if (j != c) product *= normal_cdf(z + (mean[c] - mean[j]) / sigma);
      probabilities[c] += product;
    }
    sum += probabilities[c];
  }
  for (double& probability : probabilities) probability /= sum;
  return probabilities;
}

ClassificationQuality classification_quality(const Gaussian& predicted, double noise,
                                             const MatrixView<double>& labels, const Classes& classes) {
  check_shape(predicted, labels.rows(), static_cast<Eigen::Index>(classes.count()));
  check_columns(labels.cols(), 1);
  ClassificationQuality quality;
  quality.examples = static_cast<std::size_t>(labels.rows());
  Reliability reliability;
  double log_loss = 0;
  for (std::size_t i = 0; i < quality.examples; ++i) {
    const double* mean = predicted.mean.data() + i * classes.count();
    const std::size_t best = largest(mean, classes.count());
    const auto truth = classes.index(labels(static_cast<Eigen::Index>(i), 0));
    const bool is_correct = truth == best;
    quality.correct += is_correct;
    quality.unknown += !truth;
    if (predicted.variance.empty()) continue;
    const std::vector<double> probabilities =
        class_probabilities(mean, classes.count(), std::max(0.0, predicted.variance[i]) + noise);
    reliability.add(probabilities[best], is_correct);
    // A probability that underflows counts as the least there is.
    if (truth) log_loss -= std::log(std::max(probabilities[*truth], 1e-300));
  }
  if (predicted.variance.empty()) return quality;
  reliability.report(quality);
  if (quality.unknown < quality.examples)
    quality.log_loss = log_loss / static_cast<double>(quality.examples - quality.unknown);
  return quality;
}

RegressionQuality regression_quality(const Gaussian& predicted, double noise,
                                     const MatrixView<double>& y) {
  check_shape(predicted, y.rows(), y.cols());
  RegressionQuality quality;
  const Eigen::MatrixXd errors = y - predicted.mean.view();
  const auto examples = static_cast<double>(y.rows());
  for (Eigen::Index col = 0; col < y.cols(); ++col) {
    // Squares of very large and very small numbers are out of range.
    const double error = errors.col(col).stableNorm();
    const double mean = (y.col(col) / examples).sum();
    const double spread = (y.col(col).array() - mean).matrix().stableNorm();
    quality.root_mean_squared_error.push_back(error / std::sqrt(examples));
    quality.r_squared.push_back(spread > 0 ? 1 - std::pow(error / spread, 2) : 0);
  }
  if (predicted.variance.empty()) return quality;
  double one = 0, two = 0, density = 0;
  for (Eigen::Index i = 0; i < y.rows(); ++i) {
    const double variance = std::max(0.0, predicted.variance[static_cast<std::size_t>(i)]) + noise;
    for (Eigen::Index col = 0; col < y.cols(); ++col) {
      const double error = std::abs(errors(i, col)), deviation = std::sqrt(variance);
      one += error <= deviation;
      two += error <= 2 * deviation;
      density -=
          0.5 * (std::pow(error / deviation, 2) + std::log(2 * std::numbers::pi)) + std::log(deviation);
    }
  }
  const auto values = static_cast<double>(y.size());
  quality.within_one_sigma = one / values;
  quality.within_two_sigma = two / values;
  if (std::isfinite(density)) quality.log_density = density / values;
  return quality;
}

}  // namespace nngp
