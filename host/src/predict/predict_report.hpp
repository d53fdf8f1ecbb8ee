#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "command/report.hpp"
#include "nngp/predict.hpp"
#include "nngp/targets.hpp"
#include "predict/predict_request.hpp"

namespace nngp::host {

/// What `nngp predict` did.
struct PredictReport {
  PredictRequest request;
  std::string normalised_model;   ///< empty: kernels of one's own
  std::vector<InputFile> inputs;  ///< what kernels were made of, or themselves
  InputReport y_train;
  std::optional<InputReport> y_test;
  std::string targets;               ///< the training targets, for reading
  std::vector<std::string> classes;  ///< labels, if these are predicted
  bool named_classes = false;        ///< some are no whole numbers
  bool normalized = false;           ///< targets
  std::size_t outputs = 0;
  std::vector<PluginReport> plugins;
  std::vector<NumericalLayer> numerical;
  SolveMethod method = SolveMethod::cholesky;
  double diag_reg = 0;  ///< used: given, or the best of the grid
  double shift = 0;     ///< what it added to the diagonal
  std::optional<double> condition_number;
  std::optional<double> rounding;  ///< estimated relative error of the mean
  std::optional<ConjugateGradients::Report> convergence;
  std::vector<Scored> scores;  ///< by diag_reg
  std::optional<ClassificationQuality> classification;
  std::optional<RegressionQuality> regression;
  std::size_t clamped = 0;      ///< variances that rounding had made negative
  double most_negative = 0;     ///< of these
  unsigned solver_threads = 0;  ///< of OpenBLAS
  double read_seconds = 0, train_seconds = 0, predict_seconds = 0;

  /// Decimal digits of the mean that rounding left, for the kernel's entries as they are.
  std::optional<int> digits() const;

  /// As JSON, with the peak memory of the process so far.
  std::string json() const;
  /// For reading: aligned lines of at most about 80 columns.
  std::string text() const;
};

/// A line for every diag_reg: its scores.
std::string scores_text(const std::vector<Scored>& scores, bool classification);

ordered_json json_of(const Scores& scores, bool classification);

}  // namespace nngp::host
