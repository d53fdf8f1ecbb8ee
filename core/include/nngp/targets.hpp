#pragma once

// What is predicted: numbers, or classes that stand for themselves as rows of numbers; and how good
// predictions are.

#include <cstddef>
#include <optional>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/predict.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The columns whose entries are all equal: there is nothing to learn from them. None of a single row.
std::vector<Eigen::Index> constant_columns(const MatrixView<double>& y);

/// Targets less their mean and divided by their standard deviation (that of the population), column by
/// column; a constant column is not divided.
class Standardization {
 public:
  explicit Standardization(const MatrixView<double>& y);

  const std::vector<double>& mean() const { return mean_; }
  const std::vector<double>& deviation() const { return deviation_; }
  /// Throws InvalidArgument unless there are as many columns as there were; undo() too.
  OwnedMatrix<double> apply(const MatrixView<double>& y) const;
  /// Predictions of standardized targets become those of targets; variances, which are the same for all
  /// columns, are left as they are.
  void undo(MatrixMap<double> predictions) const;

 private:
  std::vector<double> mean_, deviation_;
};

/// Classes of examples, given as whole numbers that need not be consecutive.
class Classes {
 public:
  /// The distinct values in `labels`, one column. Throws DataError for values that are no whole
  /// numbers, and for a single class.
  explicit Classes(const MatrixView<double>& labels);

  const std::vector<double>& labels() const { return labels_; }  ///< increasing
  std::size_t count() const { return labels_.size(); }
  /// Of a label; nullopt if the training data have none such.
  std::optional<std::size_t> index(double label) const;
  /// Targets of regression, examples x classes: 1 for the class and 0 for others, less the mean of the
  /// row, 1 / count. `labels` is one column, else InvalidArgument is thrown; DataError for a label that
  /// the training data lack.
  OwnedMatrix<double> one_hot(const MatrixView<double>& labels) const;

 private:
  std::vector<double> labels_;
};

/// Predictions whose confidence is in one tenth of [0, 1].
struct ConfidenceBin {
  std::size_t examples = 0;
  double confidence = 0;  ///< mean probability of the predicted class
  double accuracy = 0;    ///< share that is correct
};

struct ClassificationQuality {
  std::size_t correct = 0, examples = 0;
  std::size_t unknown = 0;  ///< examples of a class that the training data lack: never correct
  // Without variances:
  std::optional<double> confidence;         ///< mean probability of the predicted class
  std::optional<double> calibration_error;  ///< expected calibration error over the bins
  std::optional<double> log_loss;  ///< mean of -log p(true class), those of unknown ones left out
  std::vector<ConfidenceBin> bins;

  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(examples); }
};

/// Compares predictions, examples x classes, with the true labels, one column. Throws InvalidArgument
/// for other shapes. A class is predicted if its output is the largest; its probability is that of
/// being the largest when each output is drawn from its Gaussian with `noise` added to the variance.
ClassificationQuality classification_quality(const Gaussian& predicted, double noise,
                                             const MatrixView<double>& labels, const Classes& classes);

struct RegressionQuality {
  std::vector<double> root_mean_squared_error;  ///< by output
  std::vector<double> r_squared;                ///< by output: 1 is perfect, 0 is the mean of y
  // Without variances:
  std::optional<double> within_one_sigma;  ///< share of targets; 0.683 if calibrated
  std::optional<double> within_two_sigma;  ///< 0.954
  std::optional<double> log_density;       ///< mean over targets
};

/// Compares predictions with true targets of the same shape, examples x outputs, else InvalidArgument
/// is thrown; `noise` is added to the variances.
RegressionQuality regression_quality(const Gaussian& predicted, double noise,
                                     const MatrixView<double>& y);

/// P(output c is the largest) of independent Gaussians of equal variance. The sum is 1.
std::vector<double> class_probabilities(const double* mean, std::size_t count, double variance);

}  // namespace nngp
NNGP_API_END
