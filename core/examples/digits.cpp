// Classification of handwritten digits: digits PLUGINS FOLDER
//
// Trains on the first 1000 of the digits in FOLDER (x.npy, y.npy) and tells how many of the others an
// infinitely wide network recognises.

#include <iostream>

#include "nngp/data.hpp"
#include "nngp/model.hpp"
#include "nngp/predict.hpp"
#include "nngp/targets.hpp"

int main(int count, char** words) try {
  if (count != 3) {
    std::cerr << "usage: digits PLUGINS FOLDER\n";
    return 2;
  }
  constexpr Eigen::Index training = 1000;
  const nngp::Registry plugins(nngp::PluginSearch::standard({}, words[1]));
  const std::filesystem::path folder = words[2];
  const auto x = nngp::read_data<double>(folder / "x.npy"),
             y = nngp::read_data<double>(folder / "y.npy");

  const nngp::KernelFn kernel_fn(
      nngp::parse_model("serial(Dense(512, 1.5, 0.05), Relu(), Dense(512, 1.5, 0.05), Relu(), "
                        "Dense(512, 1.5, 0.05), Relu(), "
                        "Dense(1, 1.5, 0.05))",
                        plugins));
  const auto labels = y.view().slice(0, training);
  const nngp::Classes classes(labels);
  const nngp::OwnedMatrix<double> targets = classes.one_hot(labels);
  const nngp::Ensemble<double> ensemble(kernel_fn, x.view().slice(0, training), targets.view(),
                                        {.kernel = nngp::Get::ntk, .diag_reg = {1e-3}});
  const nngp::Gaussian predicted = ensemble.predict(x.view().slice(training, x.rows() - training));
  const auto quality = nngp::classification_quality(
      predicted, ensemble.shift(), y.view().slice(training, y.rows() - training), classes);
  std::cout << quality.correct << " of " << quality.examples << " right\n";
} catch (const nngp::Error& error) {
  std::cerr << "digits: " << error.what() << '\n';
  return 1;
}
