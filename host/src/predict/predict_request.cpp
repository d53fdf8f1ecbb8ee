#include "predict/predict_request.hpp"

#include "command/inexact.hpp"
#include "command/models.hpp"
#include "command/options.hpp"
#include "command/plot.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

double positive(const po::variables_map& arguments, const std::string& option) {
  const double value = parse_number(text_of(arguments, option), option);
  if (!(value > 0)) throw UsageError("--" + option + " must be above 0");
  return value;
}

std::optional<double> parse_time(const std::string& text) {
  if (text == "inf") return std::nullopt;
  const double time = parse_number(text, "time", " or inf");
  if (time < 0) throw UsageError("--time is 0 or more, or inf");
  return time;
}

/// Throws UsageError.
void check_files(const PredictRequest& request) {
  Paths inputs = {{"--x-train", request.x_train},
                  {"--y-train", request.y_train},
                  {"--x-test", request.x_test},
                  {"--y-test", request.y_test}};
  for (const auto& path : request.kernels.paths()) inputs.push_back(path);
  const Paths results = {{"--mean", request.mean},
                         {"--cov", request.cov},
                         {"--std", request.std_path},
                         {"--labels", request.labels}};
  Paths outputs = results;
  outputs.insert(outputs.end(), {{"--report", request.report}, {"--plot", request.plot}});
  check_paths(inputs, outputs);
  for (const auto& [option, path] : results)
    if (path == standard_output) throw UsageError(option + " takes a file, not standard output");
}

}  // namespace

po::options_description predict_options() {
  po::options_description options("Options");
  options.add_options()  //
      ("model", text("MODEL"),
       model_help)  //
      ("x-train", text("FILE"),
       "training inputs, one example a row: .npy or .csv, or - for standard input")          //
      ("y-train", text("FILE")->required(), "their targets: numbers, or labels of classes")  //
      ("x-test", text("FILE"), "inputs to predict for")                                      //
      ("y-test", text("FILE"), "their targets, to tell how good the predictions are")        //
      ("kernel", text("KERNEL")->default_value("nngp"),
       "nngp: train the last layer alone, a Gaussian process; ntk: train all layers")               //
      ("loo", "tell the leave-one-out error")                                                       //
      ("time", text("T")->default_value("inf"), "how long gradient descent runs")                   //
      ("learning-rate", text("RATE")->default_value("1"), "its learning rate: time is times this")  //
      ("mean", text("OUT.npy"), "write the means, test examples x outputs")                         //
      ("cov", text("OUT.npy"), "write the covariance of test examples, one for all outputs")        //
      ("std", text("OUT.npy"), "write the standard deviations, test examples x 1")                  //
      ("labels", text("OUT.npy|csv"), "write the predicted class of each test example")             //
      ("report", text("OUT.json"), "write what was computed, from what and how fast; - prints it")  //
      ("solver", text("SOLVER")->default_value("auto"),
       "direct: factorise; cg: conjugate gradients, never storing the kernel; auto: direct if it fits "
       "into --memory")  //
      ("scratch", text("FOLDER"),
       "cg keeps what exceeds --memory in a nameless file there instead of computing it each time")   //
      ("tolerance", text("EPS")->default_value("1e-8"), "of conjugate gradients: relative residual")  //
      ("dtype", text("TYPE")->default_value("float64"),
       "float64 or float32, of the kernel's entries; equations are solved in float64")  //
      ("threads", threads_value(),
       threads_help)  //
      ("memory", text("SIZE"),
       "how much to use, such as 4G; default: half of what the machine, the control group and ulimit "
       "grant")  //
      ("plot", text("OUT.svg|png"),
       "draw the predictions with a band of two sigma if there is one feature, else the errors while "
       "training goes on");
  add_target_options(options);
  add_input_options(options);
  add_shape_option(options);
  add_kernel_file_options(options);
  add_selection_options(options);
  options.add(inexact_options()).add(model_options());
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
  request.labels = value("labels");
  request.report = value("report");
  request.plot = plot_path(arguments);
  request.targets = target_options(arguments);
  request.reading = read_options(arguments);
  request.inputs = reading_positions(request.reading, arguments);
  request.kernel = parse_kernel(value("kernel"));
  request.selection = selection_of(arguments);
  request.leave_one_out = arguments.count("loo") > 0;
  request.time = parse_time(value("time"));
  request.learning_rate = positive(arguments, "learning-rate");
  request.solver = value("solver");
  if (request.solver != "auto" && request.solver != "direct" && request.solver != "cg")
    throw UsageError("--solver is auto, direct or cg, not '" + printable(request.solver) + "'");
  request.scratch = value("scratch");
  request.tolerance = positive(arguments, "tolerance");
  request.dtype = dtype_from(value("dtype"));
  request.threads = threads_from(arguments["threads"].as<int>());
  request.allowed_error = allowed_error(arguments);
  request.memory = memory_from(arguments);
  request.kernels =
      kernel_files_from(arguments, request.kernel, !request.cov.empty() || !request.std_path.empty());
  if (request.kernels.given() && request.dtype != "float64")
    throw UsageError(
        "--dtype is that of kernels which are computed; those of --k-train are used as they are");
  check_files(request);
  if (!request.kernels.given()) request.model = read_model(value("model"));
  return request;
}

}  // namespace nngp::host
