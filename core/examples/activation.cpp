// Choosing an activation for a table: activation PLUGINS TABLE.csv
//
// The last column is the target, the others are features. Every activation gets its best diag_reg by
// leave-one-out error; one eigensystem serves them all.

#include <cmath>
#include <iostream>
#include <string>

#include "nngp/data.hpp"
#include "nngp/model.hpp"
#include "nngp/predict.hpp"
#include "nngp/text.hpp"

namespace {

/// Columns with mean 0 and variance 1.
nngp::Matrix<double> standardised(nngp::Matrix<double> columns) {
  columns.rowwise() -= columns.colwise().mean().eval();
  const Eigen::RowVectorXd deviation =
      (columns.colwise().squaredNorm() / double(columns.rows())).cwiseSqrt();
  columns.array().rowwise() /= deviation.array();
  return columns;
}

}  // namespace

int main(int count, char** words) try {
  if (count != 3) {
    std::cerr << "usage: activation PLUGINS TABLE.csv\n";
    return 2;
  }
  const nngp::Registry plugins(nngp::PluginSearch::standard({}, words[1]));
  const nngp::CsvTable table = nngp::read_csv(nngp::FileBytes(std::filesystem::path(words[2])));
  const nngp::Matrix<double> x = standardised(table.values.leftCols(table.values.cols() - 1)),
                             y = standardised(table.values.rightCols(1));
  std::string best;
  double least = INFINITY;
  for (const std::string activation : {"Relu", "Erf", "Gelu", "Sin", "Identity"}) {
    const std::string hidden = "Dense(512, W_std=1.5, b_std=0.5), " + activation + "(), ";
    const nngp::KernelFn kernel_fn(
        nngp::parse_model("serial(" + hidden + hidden + "Dense(1))", plugins));
    const nngp::Ensemble<double> ensemble(kernel_fn, x, y, {.method = nngp::SolveMethod::eigensystem});
    double error = INFINITY, chosen = 0;
    for (const double diag_reg : nngp::logarithmic_grid(1e-4, 1, 9)) {
      const nngp::Scores scores = ensemble.with({diag_reg}).scores();
      const double tried = scores.leave_one_out.root_mean_squared_error;
      if (tried < error) error = tried, chosen = diag_reg;
    }
    std::cout << activation << ": leave-one-out error " << error << " at diag_reg " << chosen << '\n';
    if (error < least) least = error, best = activation;
  }
  std::cout << "best: " << best << '\n';
} catch (const nngp::Error& error) {
  std::cerr << "activation: " << error.what() << '\n';
  return 1;
}
