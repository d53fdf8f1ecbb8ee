// Regression of one feature with a band: regression PLUGINS > band.csv
//
// Prints mean and mean +- two standard deviations of the Gaussian process that a wide network is.

#include <cmath>
#include <iostream>

#include "nngp/model.hpp"
#include "nngp/predict.hpp"

using Points = nngp::Matrix<double>;

int main(int count, char** words) try {
  if (count != 2) {
    std::cerr << "usage: regression PLUGINS\n";
    return 2;
  }
  const nngp::Registry plugins(nngp::PluginSearch::standard({}, words[1]));
  const nngp::KernelFn kernel_fn(nngp::parse_model(
      "serial(Dense(512, W_std=1.5, b_std=1), Erf(), Dense(512, 1.5, 1), Erf(), Dense(1))", plugins));

  Points x(12, 1), x_test = Points(Eigen::VectorXd::LinSpaced(61, -3, 3));
  x << -2.5, -2.1, -1.8, -1.4, -1.1, -0.8, 0.9, 1.2, 1.6, 1.9, 2.2, 2.5;
  const Points y = (2 * x).array().sin();

  const nngp::Ensemble<double> process(kernel_fn, x, y, {.diag_reg = {1e-3}});
  const nngp::Gaussian predicted = process.predict(x_test, nngp::Uncertainty::variance);
  std::cout << "x,mean,low,high\n";
  for (Eigen::Index i = 0; i < x_test.rows(); ++i) {
    const double mean = predicted.mean(i, 0);
    const double two_sigma = 2 * std::sqrt(std::max(0.0, predicted.variance[std::size_t(i)]));
    std::cout << x_test(i, 0) << ',' << mean << ',' << mean - two_sigma << ',' << mean + two_sigma
              << '\n';
  }
} catch (const nngp::Error& error) {
  std::cerr << "regression: " << error.what() << '\n';
  return 1;
}
