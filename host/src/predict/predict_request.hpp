#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "command/options.hpp"
#include "nngp/predict.hpp"
#include "predict/kernel_files.hpp"
#include "predict/selection.hpp"
#include "predict/targets.hpp"

namespace nngp::host {

/// What `nngp predict` is asked for.
struct PredictRequest {
  std::string model;
  std::string x_train, y_train, x_test, y_test;
  KernelFiles kernels;                                    ///< instead of the model and the inputs
  std::string mean, cov, std_path, labels, report, plot;  ///< output paths; empty: not wanted
  TargetOptions targets;
  ReadOptions reading;
  ReadOptions inputs;  ///< the same for inputs, which may have positions
  Get kernel = Get::nngp;
  Selection selection;
  bool leave_one_out = false;
  std::optional<double> time;  ///< none: to convergence
  double learning_rate = 1;
  std::string scratch;  ///< folder; empty: none
  std::string solver;   ///< "auto", "direct" or "cg"
  double tolerance = 0;
  std::string dtype;
  double allowed_error = 0;  ///< of layers that are integrated
  unsigned threads = 0;
  Memory memory;

  bool wants_scores() const { return leave_one_out || selection.folds > 0 || !selection.grid.empty(); }
};

po::options_description predict_options();

/// Reads the options, and the model's file if one is named. Throws UsageError, DataError.
PredictRequest predict_request(const po::variables_map& arguments);

}  // namespace nngp::host
