#include "predict/predict_plot.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nngp/text.hpp"

namespace nngp::host {
namespace {

std::vector<double> column(const MatrixView<double>& matrix, Eigen::Index col,
                           const std::vector<Eigen::Index>& order) {
  std::vector<double> values;
  for (const Eigen::Index row : order) values.push_back(matrix(row, col));
  return values;
}

std::vector<Eigen::Index> by_first_column(const MatrixView<double>& matrix) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(matrix.rows()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](Eigen::Index a, Eigen::Index b) { return matrix(a, 0) < matrix(b, 0); });
  return order;
}

template <class Real>
double error(const Ensemble<Real>& ensemble, const KernelOperator<Real>& cross,
             const MatrixView<double>& y, double time) {
  const Gaussian predicted = ensemble.predict(cross, std::nullopt, Uncertainty::none, time);
  return std::sqrt((predicted.mean.view() - y).squaredNorm() / static_cast<double>(y.size()));
}

}  // namespace

Plot prediction_plot(const MatrixView<double>& x_train, const MatrixView<double>& y_train,
                     const MatrixView<double>& x_test, const Gaussian& predicted) {
  Plot plot("x", "y");
  const std::vector<Eigen::Index> order = by_first_column(x_test), train = by_first_column(x_train);
  const std::vector<double> x = column(x_test, 0, order);
  const bool one = y_train.cols() == 1;
  for (Eigen::Index output = 0; output < y_train.cols(); ++output) {
    const auto colour = static_cast<std::size_t>(output);
    const std::vector<double> mean = column(predicted.mean.view(), output, order);
    std::vector<double> low = mean, high = mean;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const double two_sigma =
          2 * std::sqrt(std::max(0.0, predicted.variance[static_cast<std::size_t>(order[i])]));
      low[i] -= two_sigma;
      high[i] += two_sigma;
    }
    const std::string suffix = one ? "" : " of output " + std::to_string(output);
    plot.band("two sigma" + suffix, colour, x, low, high);
    plot.line("mean" + suffix, colour, x, mean);
    plot.points("training data" + suffix, one ? 1 : colour, column(x_train, 0, train),
                column(y_train, output, train));
  }
  return plot;
}

template <class Real>
Plot learning_plot(const Ensemble<Real>& ensemble, const MatrixView<double>& y_train,
                   const KernelOperator<Real>& cross, const std::optional<MatrixView<double>>& y_test) {
  constexpr std::size_t count = 40;
  constexpr double widest = 1e8;
  // From before the fastest direction has been learned to after the slowest.
  const auto [least, largest] = ensemble.eigenvalue_range();
  const double unit = static_cast<double>(y_train.size()) / ensemble.options().learning_rate / largest;
  const double ratio = least > 0 ? std::min(widest, 10 * largest / least) : widest;
  const std::vector<double> times = logarithmic_grid(0.1 * unit, ratio * unit, count);
  std::vector<double> train, test;
  for (const double time : times) {
    train.push_back(error(ensemble, ensemble.kernels(), y_train, time));
    if (y_test) test.push_back(error(ensemble, cross, *y_test, time));
  }
  Plot plot("training time", "root mean squared error");
  plot.logarithmic_x();
  plot.line("training", 0, times, train);
  if (y_test) plot.line("test", 1, times, test);
  return plot;
}

template Plot learning_plot(const Ensemble<double>&, const MatrixView<double>&,
                            const KernelOperator<double>&, const std::optional<MatrixView<double>>&);
template Plot learning_plot(const Ensemble<float>&, const MatrixView<double>&,
                            const KernelOperator<float>&, const std::optional<MatrixView<double>>&);

}  // namespace nngp::host
