#include "predict/targets.hpp"

#include <cmath>

#include "command/report.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

bool is_whole_type(const std::string& dtype) {
  return dtype.starts_with("int") || dtype.starts_with("uint") || dtype == "bool";
}

}  // namespace

Task parse_task(const std::string& text) {
  if (text.empty()) return Task::by_type;
  if (text == "regression") return Task::regression;
  if (text == "classification") return Task::classification;
  throw UsageError("--task is regression or classification, not '" + printable(text) + "'");
}

TrainingTargets::TrainingTargets(const std::string& path, Task task)
    : data_(read_data<double>(std::filesystem::path(path))) {
  const bool labels = task == Task::classification ||
                      (task == Task::by_type && data_.cols() == 1 && is_whole_type(data_.dtype()));
  try {
    if (labels)
      one_hot_ = classes_.emplace(data_.view()).one_hot(data_.view());
    else
      check_varied(data_.view());
  } catch (const DataError& error) {
    throw DataError("'" + path + "': " + error.what() +
                    (labels && task == Task::by_type
                         ? " (--task regression takes whole numbers as they are)"
                         : ""));
  }
}

std::string TrainingTargets::text(const std::string& path) const {
  return text_of(path, {data_.rows(), data_.cols(), data_.dtype()}) +
         (classes_ ? ", " + std::to_string(classes_->count()) + " classes" : "");
}

void check_same_rows(const std::string& x_path, Eigen::Index inputs, const std::string& y_path,
                     Eigen::Index targets) {
  if (inputs != targets)
    throw DataError("'" + x_path + "' has " + std::to_string(inputs) + " rows and '" + y_path +
                    "' has " + std::to_string(targets) + "; each input needs its target");
}

std::string held_out_text(const HeldOut& held_out, bool classification) {
  return classification ? print("%.4f right", held_out.accuracy)
                        : print("rms error %.5g", std::sqrt(held_out.mean_squared_error));
}

}  // namespace nngp::host
