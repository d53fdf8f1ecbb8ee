#include "predict/targets.hpp"

#include <algorithm>
#include <iostream>

#include "command/report.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

bool is_whole_type(const std::string& dtype) {
  return dtype.starts_with("int") || dtype.starts_with("uint") || dtype == "bool";
}

Labels labels_of(Task task) {
  return task == Task::regression       ? Labels::none
         : task == Task::classification ? Labels::all
                                        : Labels::names;
}

/// Whether whole numbers may be measurements as well as classes: nearly all are different, and they are
/// not some 0, 1, 2, ...
bool may_be_numbers(const Classes& classes, Eigen::Index examples) {
  constexpr Eigen::Index few = 4;
  const std::size_t count = classes.count();
  const bool repeated = count < static_cast<std::size_t>(examples);
  const bool compact =
      classes.labels().back() - classes.labels().front() + 1 == static_cast<double>(count);
  return examples > few && 2 * count > static_cast<std::size_t>(examples) && !(repeated && compact);
}

std::string columns_text(const std::vector<Eigen::Index>& columns) {
  std::string text = columns.size() == 1 ? "column " : "columns ";
  for (std::size_t i = 0; i < columns.size(); ++i) text += (i ? ", " : "") + std::to_string(columns[i]);
  return text + " (counted from 0)";
}

std::string first_of(const std::vector<std::string>& names) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i)
    text += (i ? ", " : "") + printable(names[i], 24);
  return text + (names.size() > most ? ", ..." : "");
}

}  // namespace

Task parse_task(const std::string& text) {
  if (text.empty()) return Task::by_type;
  if (text == "regression") return Task::regression;
  if (text == "classification") return Task::classification;
  throw UsageError("--task is regression or classification, not '" + printable(text) + "'");
}

void add_target_options(po::options_description& options) {
  options.add_options()  //
      ("task", po::value<std::string>()->value_name("TASK"),
       "regression or classification; default: classification if y-train is one column of names or of "
       "an "
       "integer type")  //
      ("normalize-y",
       "train on targets less their mean and by their standard deviation, column by column; "
       "predictions "
       "and their spreads are in units of y-train, scores of what is held out are not");
}

TargetOptions target_options(const po::variables_map& arguments) {
  const TargetOptions options = {parse_task(text_of(arguments, "task")),
                                 arguments.count("normalize-y") > 0};
  if (options.normalize && options.task == Task::classification)
    throw UsageError("--normalize-y is for numbers, not for --task classification");
  return options;
}

TrainingTargets::TrainingTargets(const std::string& path, const TargetOptions& options,
                                 ReadOptions reading)
    : data_([&] {
        reading.labels = labels_of(options.task);
        return read_input<double>(path, reading);
      }()) {
  const Task task = options.task;
  const bool labels = task == Task::classification || is_coded() ||
                      (task == Task::by_type && data_.cols() == 1 && is_whole_type(data_.dtype()));
  const auto fail = [&](const std::string& why) { throw DataError("'" + path + "': " + why); };
  if (labels) {
    if (options.normalize)
      fail(
          "--normalize-y is for numbers, not for labels (--task regression takes "
          "whole numbers as they are)");
    try {
      classes_.emplace(data_.view());
    } catch (const DataError& error) {
      fail(error.what() + std::string(task == Task::by_type && !is_coded()
                                          ? " (--task regression takes whole numbers as they are)"
                                          : ""));
    }
    if (task == Task::by_type && !is_coded() && may_be_numbers(*classes_, data_.rows()))
      fail(std::to_string(classes_->count()) + " different labels for " + std::to_string(data_.rows()) +
           " examples may be numbers or classes; say --task regression or --task classification");
    encoded_ = classes_->one_hot(data_.view());
    class_names_ = data_.source().levels;
    if (class_names_.empty())
      for (const double label : classes_->labels()) class_names_.push_back(format_integer(label));
    return;
  }
  constant_ = constant_columns(data_.view());
  if (static_cast<Eigen::Index>(constant_.size()) == data_.cols() && task == Task::by_type)
    fail("all training targets are " +
         (data_.cols() == 1 ? format_number(data_.view()(0, 0)) : "constant") +
         ": there is nothing to learn (--task regression predicts them nevertheless)");
  if (!constant_.empty())
    std::cerr << "nngp: warning: '" << path << "': " << columns_text(constant_)
              << " of the training targets is constant: there is nothing to learn from it\n";
  if (options.normalize) encoded_ = standardization_.emplace(data_.view()).apply(data_.view());
}

bool TrainingTargets::has_names() const {
  return std::any_of(class_names_.begin(), class_names_.end(), [](const std::string& name) {
    return name.empty() || name.find_first_not_of("0123456789", name[0] == '-') != name.npos ||
           name == "-";
  });
}

std::string TrainingTargets::text(const std::string& path) const {
  InputReport report = input_report(data_);
  if (classes_) report.dtype += ", " + std::to_string(classes_->count()) + " classes";
  if (classes_ && has_names()) report.dtype += ": " + first_of(class_names_);
  if (!constant_.empty()) report.dtype += ", " + columns_text(constant_) + " constant";
  if (standardization_ && data_.cols() == 1)
    report.dtype += print(", normalized: mean %.5g, deviation %.5g", standardization_->mean()[0],
                          standardization_->deviation()[0]);
  else if (standardization_)
    report.dtype += ", normalized";
  return text_of(path, report);
}

Dataset<double> TrainingTargets::read_test(const std::string& path, const std::string& train_path,
                                           ReadOptions reading) const {
  reading.labels = classes_ ? Labels::all : Labels::none;
  const Dataset<double> data = match_columns(train_path, data_.source(), data_.cols(), path,
                                             read_input<double>(path, reading), "targets");
  const std::vector<std::string>& levels = data.source().levels;
  if (levels.empty() && !is_coded()) return data;
  // By what the labels say; a class that training did not know gets no number of one.
  constexpr double unknown = -0.5;
  std::vector<double> numbers;
  for (const std::string& level : levels) {
    const auto found = std::find(class_names_.begin(), class_names_.end(), level);
    const auto place = static_cast<std::size_t>(found - class_names_.begin());
    numbers.push_back(found == class_names_.end() ? unknown : classes_->labels()[place]);
  }
  Matrix<double> labels(data.rows(), 1);
  std::size_t known = 0;
  for (Eigen::Index i = 0; i < data.rows(); ++i) {
    const double number = data.view()(i, 0);
    const auto named = std::find(class_names_.begin(), class_names_.end(), format_integer(number));
    labels(i, 0) = !levels.empty() ? numbers[static_cast<std::size_t>(number)]
                   : named == class_names_.end()
                       ? unknown
                       : classes_->labels()[static_cast<std::size_t>(named - class_names_.begin())];
    known += labels(i, 0) != unknown;
  }
  if (known == 0)
    throw DataError("none of the labels in '" + path + "' is one of '" + train_path + "' (" +
                    first_of(class_names_) + ")");
  return Dataset<double>(std::move(labels), data.source());
}

OwnedMatrix<double> TrainingTargets::encode(const MatrixView<double>& tests) const {
  if (classes_) return classes_->one_hot(tests);
  if (standardization_) return standardization_->apply(tests);
  OwnedMatrix<double> copy(tests.rows(), tests.cols());
  copy.map() = tests;
  return copy;
}

void check_same_rows(const std::string& x_path, Eigen::Index inputs, const std::string& y_path,
                     Eigen::Index targets) {
  if (inputs != targets)
    throw DataError("'" + x_path + "' has " + std::to_string(inputs) + " rows and '" + y_path +
                    "' has " + std::to_string(targets) + "; each input needs its target");
}

std::string held_out_text(const HeldOut& held_out, bool classification) {
  return classification ? print("%.4f right", held_out.accuracy)
                        : print("rms error %.5g", held_out.root_mean_squared_error);
}

}  // namespace nngp::host
