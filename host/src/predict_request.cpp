#include "predict_request.hpp"

#include <cblas.h>

#include <algorithm>
#include <thread>

#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

std::size_t whole(const po::variables_map& arguments, const std::string& option) {
  const int value = arguments[option].as<int>();
  if (value < 0) throw UsageError("--" + option + " is 0 or more");
  return static_cast<std::size_t>(value);
}

double positive(const po::variables_map& arguments, const std::string& option) {
  const double value = parse_number(text_of(arguments, option), option);
  if (!(value > 0)) throw UsageError("--" + option + " must be above 0");
  return value;
}

std::optional<double> parse_time(const std::string& text) {
  if (text == "inf") return std::nullopt;
  const double time = parse_number(text, "time");
  if (time < 0) throw UsageError("--time is 0 or more, or inf");
  return time;
}

}  // namespace

Get parse_kernel(const std::string& text) {
  if (text == "nngp") return Get::nngp;
  if (text == "ntk") return Get::ntk;
  throw UsageError("--kernel is nngp or ntk, not '" + printable(text) + "'");
}

std::string kernel_name(Get kernel) { return kernel == Get::nngp ? "nngp" : "ntk"; }

double parse_diag_reg(const std::string& text) {
  const double value = parse_number(text, "diag-reg");
  if (value < 0) throw UsageError("--diag-reg is 0 or more, not " + format_number(value));
  return value;
}

std::vector<double> parse_grid(const std::string& text) {
  const std::size_t first = text.find(':'), second = text.find(':', first + 1);
  try {
    if (first != std::string::npos && second != std::string::npos) {
      const double count = parse_number(text.substr(second + 1), "diag-reg-grid");
      constexpr double most = 1000;
      if (count >= 1 && count <= most && count == static_cast<int>(count))
        return logarithmic_grid(
            parse_number(text.substr(0, first), "diag-reg-grid"),
            parse_number(text.substr(first + 1, second - first - 1), "diag-reg-grid"),
            static_cast<std::size_t>(count));
    }
  } catch (const DataError&) {
  }
  throw UsageError(
      "--diag-reg-grid takes LOW:HIGH:COUNT with 0 < LOW <= HIGH, such as 1e-6:1:7, not '" +
      printable(text) + "'");
}

Criterion parse_criterion(const std::string& text, std::size_t folds) {
  if (text == "loo") return Criterion::leave_one_out;
  if (text == "lml") return Criterion::likelihood;
  if (text != "cv") throw UsageError("--select is loo, lml or cv, not '" + printable(text) + "'");
  if (folds == 0) throw UsageError("--select cv needs --folds");
  return Criterion::folds;
}

double merit(const Scores& scores, Criterion criterion, bool classification) {
  if (criterion == Criterion::likelihood) return scores.log_marginal_likelihood;
  const HeldOut& held_out = criterion == Criterion::folds ? scores.folds.value() : scores.leave_one_out;
  return classification ? held_out.accuracy : -held_out.mean_squared_error;
}

void set_solver_threads(unsigned threads) {
  const unsigned most = std::max(1u, std::thread::hardware_concurrency());
  openblas_set_num_threads(static_cast<int>(std::min(threads, most)));
}

po::options_description predict_options() {
  po::options_description options("Options");
  const auto text = [](const char* value_name) {
    return po::value<std::string>()->value_name(value_name);
  };
  options.add_options()  //
      ("model", text("MODEL")->required(),
       "the network: an expression as of neural_tangents.stax, or @FILE that holds one")         //
      ("x-train", text("FILE")->required(), "training inputs, one example a row: .npy or .csv")  //
      ("y-train", text("FILE")->required(), "their targets: numbers, or labels of classes")      //
      ("x-test", text("FILE")->required(), "inputs to predict for")                              //
      ("y-test", text("FILE"), "their targets, to tell how good the predictions are")            //
      ("task", text("TASK"),
       "regression or classification; default: classification if y-train is one column of an integer "
       "type")  //
      ("kernel", text("KERNEL")->default_value("nngp"),
       "nngp: train the last layer alone, a Gaussian process; ntk: train all layers")  //
      ("diag-reg", text("R")->default_value("1e-3"),
       "added to the diagonal of the kernel, in units of its mean")             //
      ("diag-reg-absolute", "--diag-reg is not in units of the mean diagonal")  //
      ("diag-reg-grid", text("LOW:HIGH:N"),
       "try N values in equal ratios and take the best by --select")  //
      ("select", text("BY")->default_value("loo"),
       "loo: least leave-one-out error; lml: largest likelihood; cv: least error of --folds")  //
      ("loo", "tell the leave-one-out error")                                                  //
      ("folds", po::value<int>()->default_value(0)->value_name("K"),
       "tell the error of K-fold cross-validation")                                                 //
      ("time", text("T")->default_value("inf"), "how long gradient descent runs")                   //
      ("learning-rate", text("RATE")->default_value("1"), "its learning rate: time is times this")  //
      ("mean", text("OUT.npy"), "write the means, test examples x outputs")                         //
      ("cov", text("OUT.npy"), "write the covariance of test examples, one for all outputs")        //
      ("std", text("OUT.npy"), "write the standard deviations, test examples x 1")                  //
      ("report", text("OUT.json"), "write what was computed, from what and how fast; - prints it")  //
      ("solver", text("SOLVER")->default_value("auto"),
       "direct: factorise; cg: conjugate gradients, never storing the kernel; auto: direct if it fits "
       "into --memory")                                                                               //
      ("tolerance", text("EPS")->default_value("1e-8"), "of conjugate gradients: relative residual")  //
      ("dtype", text("TYPE")->default_value("float64"),
       "float64 or float32, of the kernel's entries; equations are solved in float64")  //
      ("threads", po::value<int>()->default_value(0)->value_name("N"),
       "how many threads; 0: as many as the machine has")  //
      ("memory", text("SIZE"), "how much to use, such as 4G; default: half of the machine's memory");
  return options;
}

PredictRequest predict_request(const po::variables_map& arguments) {
  PredictRequest request;
  const auto value = [&](const char* option) { return text_of(arguments, option); };
  request.x_train = value("x-train");
  request.y_train = value("y-train");
  request.x_test = value("x-test");
  request.y_test = value("y-test");
  request.mean = value("mean");
  request.cov = value("cov");
  request.std_path = value("std");
  request.report = value("report");
  request.task = parse_task(value("task"));
  request.kernel = parse_kernel(value("kernel"));
  request.diag_reg = {parse_diag_reg(value("diag-reg")), arguments.count("diag-reg-absolute") > 0};
  if (arguments.count("diag-reg-grid")) {
    if (!arguments["diag-reg"].defaulted())
      throw UsageError("give either --diag-reg or --diag-reg-grid");
    request.grid = parse_grid(value("diag-reg-grid"));
  }
  request.folds = whole(arguments, "folds");
  request.criterion = parse_criterion(value("select"), request.folds);
  request.leave_one_out = arguments.count("loo") > 0;
  request.time = parse_time(value("time"));
  request.learning_rate = positive(arguments, "learning-rate");
  request.solver = value("solver");
  if (request.solver != "auto" && request.solver != "direct" && request.solver != "cg")
    throw UsageError("--solver is auto, direct or cg, not '" + printable(request.solver) + "'");
  request.tolerance = positive(arguments, "tolerance");
  request.dtype = value("dtype");
  if (request.dtype != "float64" && request.dtype != "float32")
    throw UsageError("--dtype is float64 or float32, not '" + printable(request.dtype) + "'");
  request.threads = threads_from(arguments["threads"].as<int>());
  request.memory = arguments.count("memory") ? parse_size(value("memory")) : default_memory();
  check_paths({{"--x-train", request.x_train},
               {"--y-train", request.y_train},
               {"--x-test", request.x_test},
               {"--y-test", request.y_test}},
              {{"--mean", request.mean},
               {"--cov", request.cov},
               {"--std", request.std_path},
               {"--report", request.report}});
  for (const auto& [option, path] :
       {std::pair("--mean", request.mean), {"--cov", request.cov}, {"--std", request.std_path}})
    if (path == standard_output)
      throw UsageError(std::string(option) + " takes a file, not standard output");
  request.model = read_model(value("model"));
  return request;
}

}  // namespace nngp::host
