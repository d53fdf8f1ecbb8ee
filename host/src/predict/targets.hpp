#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "command/inputs.hpp"
#include "nngp/data.hpp"
#include "nngp/targets.hpp"

namespace nngp::host {

/// What the targets of a file stand for.
enum class Task { by_type, regression, classification };

/// "regression", "classification", or "" for by_type. Throws UsageError.
Task parse_task(const std::string& text);

/// How targets are taken.
struct TargetOptions {
  Task task = Task::by_type;
  bool normalize = false;  ///< numbers are centred and scaled
};

/// The options --task and --normalize-y.
void add_target_options(po::options_description& options);
/// Reads them. Throws UsageError.
TargetOptions target_options(const po::variables_map& arguments);

/// Targets of training, as numbers.
class TrainingTargets {
 public:
  /// Reads `path`. By type, one column of names or of an integer type is labels. Throws DataError that
  /// names it. Warns on standard error of columns without anything to learn.
  TrainingTargets(const std::string& path, const TargetOptions& options, ReadOptions reading);

  /// Examples x outputs; labels as one-hot rows, numbers normalised if that was asked for.
  MatrixView<double> values() const { return encoded_.size() ? encoded_.view() : data_.view(); }
  const std::optional<Classes>& classes() const { return classes_; }
  /// Of each class: its name, or its number in decimal.
  const std::vector<std::string>& class_names() const { return class_names_; }
  /// Whether some class has a name that is no whole number.
  bool has_names() const;
  const std::optional<Standardization>& standardization() const { return standardization_; }
  /// "y.npy: 1000 x 1, uint8, 10 classes"
  std::string text(const std::string& path) const;
  const Dataset<double>& data() const { return data_; }

  /// Reads targets of tests, labels as the numbers that classes() knows. Throws DataError, also if they
  /// are of another kind or have other columns.
  Dataset<double> read_test(const std::string& path, const std::string& train_path,
                            ReadOptions reading) const;
  /// As values(): of the targets of tests, none of which is of an unknown class.
  OwnedMatrix<double> encode(const MatrixView<double>& tests) const;

 private:
  /// Whether the numbers in data_ stand for labels, and not for themselves.
  bool is_coded() const { return !data_.source().levels.empty(); }

  Dataset<double> data_;
  std::optional<Classes> classes_;
  std::vector<std::string> class_names_;
  std::vector<Eigen::Index> constant_;
  std::optional<Standardization> standardization_;
  OwnedMatrix<double> encoded_;
};

/// Throws DataError unless there are as many targets as inputs.
void check_same_rows(const std::string& x_path, Eigen::Index inputs, const std::string& y_path,
                     Eigen::Index targets);

/// How good the scores are that examples held out of training get: "0.9750 right" or "rms error 0.12".
std::string held_out_text(const HeldOut& held_out, bool classification);

}  // namespace nngp::host
