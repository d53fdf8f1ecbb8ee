#include "predict/predict_report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "command/terminal.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

template <class Value>
ordered_json or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

/// JSON has no infinity.
ordered_json finite_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? ordered_json(*value) : ordered_json();
}

ordered_json json_of(const HeldOut& held_out, bool classification) {
  return {{"root_mean_squared_error", held_out.root_mean_squared_error},
          {"log_density", held_out.log_density},
          {"accuracy", classification ? ordered_json(held_out.accuracy) : ordered_json()}};
}

ordered_json json_of(const ClassificationQuality& quality) {
  ordered_json bins = ordered_json::array();
  for (const ConfidenceBin& bin : quality.bins)
    bins.push_back(
        {{"examples", bin.examples}, {"confidence", bin.confidence}, {"accuracy", bin.accuracy}});
  return {{"correct", quality.correct},
          {"examples", quality.examples},
          {"of_unknown_class", quality.unknown},
          {"accuracy", quality.accuracy()},
          {"confidence", or_null(quality.confidence)},
          {"calibration_error", or_null(quality.calibration_error)},
          {"log_loss", or_null(quality.log_loss)},
          {"reliability", bins}};
}

ordered_json json_of(const RegressionQuality& quality) {
  return {{"root_mean_squared_error", quality.root_mean_squared_error},
          {"r_squared", quality.r_squared},
          {"within_one_sigma", or_null(quality.within_one_sigma)},
          {"within_two_sigma", or_null(quality.within_two_sigma)},
          {"log_density", or_null(quality.log_density)}};
}

std::string method_name(SolveMethod method) {
  switch (method) {
    case SolveMethod::cholesky:
      return "cholesky";
    case SolveMethod::eigensystem:
      return "eigensystem";
    default:
      return "conjugate gradients";
  }
}

std::string numbers(const std::vector<double>& values) {
  constexpr std::size_t most = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, values.size()); ++i)
    text += (i ? ", " : "") + print("%.5g", values[i]);
  return text + (values.size() > most ? ", ..." : "");
}

/// Names as text, numbers as numbers.
ordered_json classes_json(const PredictReport& report) {
  ordered_json list = ordered_json::array();
  for (const std::string& label : report.classes)
    list.push_back(report.named_classes ? ordered_json(label)
                                        : ordered_json::parse(label, nullptr, false));
  return list;
}

std::string solver_text(const PredictReport& report) {
  std::string text = method_name(report.method);
  if (report.convergence)
    text += print(", %zu iterations to a residual of %.1e", report.convergence->iterations,
                  report.convergence->residual);
  if (report.convergence && report.request.solver == "auto")
    text += ", as the kernel takes more than " + report.request.memory.text();
  if (report.condition_number) text += print(", condition number %.0e", *report.condition_number);
  if (report.digits())
    text += print(report.convergence ? ", at least %d digits of the mean" : ", %d digits of the mean",
                  *report.digits());
  return text;
}

void add(Table& table, const ClassificationQuality& quality) {
  table.add({bold("accuracy"),
             print("%.4f: %zu of %zu right", quality.accuracy(), quality.correct, quality.examples) +
                 (quality.unknown ? print(", %zu of a class not trained on", quality.unknown) : "")});
  if (quality.confidence)
    table.add({bold("calibration"),
               print("confidence %.4f, expected calibration error %.4f", *quality.confidence,
                     *quality.calibration_error) +
                   (quality.log_loss ? print(", log loss %.4f", *quality.log_loss) : "")});
}

void add(Table& table, const RegressionQuality& quality) {
  table.add({bold("rms error"), numbers(quality.root_mean_squared_error)});
  table.add({bold("R squared"), numbers(quality.r_squared)});
  if (quality.within_one_sigma)
    table.add(
        {bold("calibration"), print("%.3f of targets within one sigma (0.683), %.3f within two (0.954)",
                                    *quality.within_one_sigma, *quality.within_two_sigma)});
}

}  // namespace

ordered_json json_of(const Scores& scores, bool classification) {
  return {{"log_marginal_likelihood", scores.log_marginal_likelihood},
          {"leave_one_out", json_of(scores.leave_one_out, classification)},
          {"folds", scores.folds ? json_of(*scores.folds, classification) : ordered_json()}};
}

std::string scores_text(const std::vector<Scored>& scores, bool classification) {
  Table table;
  table.add({"DIAG_REG", "LIKELIHOOD", "LEAVE-ONE-OUT",
             scores.empty() || !scores.front().second.folds ? "" : "FOLDS"});
  for (const auto& [diag_reg, score] : scores)
    table.add({print("%.4g", diag_reg), print("%.2f", score.log_marginal_likelihood),
               held_out_text(score.leave_one_out, classification),
               score.folds ? held_out_text(*score.folds, classification) : ""});
  return table.text();
}

std::optional<int> PredictReport::digits() const {
  constexpr double most = 15;  // that float64 holds
  if (!rounding) return std::nullopt;
  return static_cast<int>(std::clamp(-std::log10(2 * *rounding), 0.0, most));
}

std::string PredictReport::json() const {
  ordered_json input_files = ordered_json::object();
  for (const InputFile& input : inputs) {
    std::string key = input.name;
    std::replace(key.begin(), key.end(), '-', '_');
    input_files[key] = json_of(input.path, input.matrix);
  }
  input_files["y_train"] = json_of(request.y_train, y_train);
  input_files["y_test"] = y_test ? json_of(request.y_test, *y_test) : ordered_json();
  ordered_json tried = ordered_json::array();
  for (const auto& [value, score] : scores) {
    ordered_json entry = nngp::host::json_of(score, !classes.empty());
    entry["diag_reg"] = value;
    tried.push_back(entry);
  }
  return finish_report(
      {{"nngp_version", NNGP_VERSION},
       {"model", normalised_model.empty()
                     ? ordered_json()
                     : ordered_json{{"text", request.model}, {"normalised", normalised_model}}},
       {"inputs", input_files},
       {"outputs",
        {{"mean", path_or_null(request.mean)},
         {"cov", path_or_null(request.cov)},
         {"std", path_or_null(request.std_path)},
         {"labels", path_or_null(request.labels)}}},
       {"task", classes.empty() ? "regression" : "classification"},
       {"classes", classes_json(*this)},
       {"normalized_targets", normalized},
       {"kernel", kernel_name(request.kernel)},
       {"diag_reg",
        {{"value", diag_reg}, {"absolute", request.selection.diag_reg.absolute}, {"added", shift}}},
       {"time", request.time ? ordered_json(*request.time) : ordered_json("inf")},
       {"learning_rate", request.learning_rate},
       {"solver",
        {{"method", method_name(method)},
         {"threads", solver_threads},
         {"condition_number", finite_or_null(condition_number)},
         {"digits", or_null(digits())},
         {"iterations", convergence ? ordered_json(convergence->iterations) : ordered_json()},
         {"residual", convergence ? ordered_json(convergence->residual) : ordered_json()}}},
       {"scores", tried},
       {"classification", classification ? json_of(*classification) : ordered_json()},
       {"regression", regression ? json_of(*regression) : ordered_json()},
       {"variances_clamped_to_zero", clamped},
       {"memory", nngp::host::json_of(request.memory)}},
      {request.dtype,
       request.threads,
       plugins,
       numerical,
       {{"read", read_seconds}, {"train", train_seconds}, {"predict", predict_seconds}}});
}

std::string PredictReport::text() const {
  Table table;
  if (!normalised_model.empty()) table.add({bold("model"), normalised_model});
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    table.add({bold(inputs[i].name), text_of(inputs[i].path, inputs[i].matrix)});
    if (i == 0) table.add({bold("y-train"), targets});
  }
  add_plugins(table, plugins);
  table.add({bold("kernel"),
             kernel_name(request.kernel) + ", trained " +
                 (request.time ? "for time " + format_number(*request.time) : "to convergence")});
  table.add({bold("diag_reg"), print("%.4g, adds %.4g to the diagonal", diag_reg, shift)});
  table.add({bold("solver"), solver_text(*this)});
  table.add(
      {bold("seconds"), print("read %.3f, train %.3f, predict %.3f (%s, %u threads)", read_seconds,
                              train_seconds, predict_seconds, instruction_set(), request.threads)});
  if (clamped)
    table.add({bold("variances"), print("%zu below 0 by rounding, the least %.2g, are taken as 0",
                                        clamped, most_negative)});
  if (classification) add(table, *classification);
  if (regression) add(table, *regression);
  return table.text() + (scores.empty() ? "" : "\n" + scores_text(scores, !classes.empty()));
}

}  // namespace nngp::host
