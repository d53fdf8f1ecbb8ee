#pragma once

#include <optional>
#include <string>

#include "command/command.hpp"
#include "nngp/data.hpp"
#include "nngp/targets.hpp"

namespace nngp::host {

/// What the targets of a file stand for.
enum class Task { by_type, regression, classification };

/// "regression", "classification", or "" for by_type. Throws UsageError.
Task parse_task(const std::string& text);

/// Targets of training, as numbers.
class TrainingTargets {
 public:
  /// Reads `path`. By type, one column of an integer type is labels. Throws DataError that names it.
  TrainingTargets(const std::string& path, Task task);

  /// Examples x outputs; labels as one-hot rows.
  MatrixView<double> values() const { return classes_ ? one_hot_.view() : data_.view(); }
  const std::optional<Classes>& classes() const { return classes_; }
  /// "y.npy: 1000 x 1, uint8, 10 classes"
  std::string text(const std::string& path) const;
  const Data<double>& data() const { return data_; }

 private:
  Data<double> data_;
  std::optional<Classes> classes_;
  KernelMatrix<double> one_hot_;
};

/// Throws DataError unless there are as many targets as inputs.
void check_same_rows(const std::string& x_path, Eigen::Index inputs, const std::string& y_path,
                     Eigen::Index targets);

/// How good the scores are that examples held out of training get: "0.9750 right" or "rms error 0.12".
std::string held_out_text(const HeldOut& held_out, bool classification);

}  // namespace nngp::host
