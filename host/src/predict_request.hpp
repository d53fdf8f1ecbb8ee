#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "command.hpp"
#include "nngp/predict.hpp"
#include "options.hpp"
#include "targets.hpp"

namespace nngp::host {

/// How the best of a grid of diag_reg is chosen.
enum class Criterion { leave_one_out, likelihood, folds };

/// What `nngp predict` is asked for.
struct PredictRequest {
  std::string model;
  std::string x_train, y_train, x_test, y_test;
  std::string mean, cov, std_path, report, plot;  ///< output paths; empty: not wanted
  Task task = Task::by_type;
  Get kernel = Get::nngp;
  DiagReg diag_reg;
  std::vector<double> grid;  ///< of diag_reg; empty: the one above
  Criterion criterion = Criterion::leave_one_out;
  bool leave_one_out = false;
  std::size_t folds = 0;
  std::optional<double> time;  ///< none: for ever
  double learning_rate = 1;
  std::string solver;  ///< "auto", "direct" or "cg"
  double tolerance = 0;
  std::string dtype;
  unsigned threads = 0;
  std::size_t memory = 0;

  bool wants_scores() const { return leave_one_out || folds > 0 || !grid.empty(); }
};

po::options_description predict_options();

/// Reads the options, and the model's file if one is named. Throws UsageError, DataError.
PredictRequest predict_request(const po::variables_map& arguments);

/// "nngp" or "ntk". Throws UsageError.
Get parse_kernel(const std::string& text);
std::string kernel_name(Get kernel);

/// "1e-6:1e-1:6", from, to and how many. Throws UsageError.
std::vector<double> parse_grid(const std::string& text);

/// A diag_reg of the command line, 0 or more. Throws UsageError.
double parse_diag_reg(const std::string& text);

/// "loo", "lml" or "cv". Throws UsageError.
Criterion parse_criterion(const std::string& text, std::size_t folds);

/// The better, the larger.
double merit(const Scores& scores, Criterion criterion, bool classification);

/// The solvers of equations get as many threads as kernels do. Of the whole process, once.
void set_solver_threads(unsigned threads);

}  // namespace nngp::host
