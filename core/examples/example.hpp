#pragma once

// What the examples share.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <random>
#include <string>

#include "nngp/kernel.hpp"
#include "nngp/registry.hpp"

namespace example {

/// 200 inputs of 10 normal numbers.
inline nngp::Matrix<double> inputs() {
  std::mt19937_64 generator(1);
  std::normal_distribution<double> normal;
  nngp::Matrix<double> x(200, 10);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = normal(generator);
  return x;
}

/// The kernels of `network` with two hidden layers of one activation, on inputs().
inline nngp::Kernels<double> kernels(const nngp::Layer& activation) {
  const nngp::Matrix<double> x = inputs();
  const nngp::Layer dense = nngp::Dense(512, {.W_std = 1.5, .b_std = 0.05});
  const nngp::KernelFn kernel_fn(nngp::serial(dense, activation, dense, activation, nngp::Dense(1)));
  return kernel_fn(x);
}

/// Prints how far two kernels are apart, relative to sqrt(K_ii K_jj); false if further than `most`.
inline bool close(const char* name, const nngp::OwnedMatrix<double>& a,
                  const nngp::OwnedMatrix<double>& b, double most) {
  double largest = 0;
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    for (Eigen::Index j = 0; j < a.cols(); ++j)
      largest = std::max(largest, std::abs(a(i, j) - b(i, j)) / std::sqrt(b(i, i) * b(j, j)));
  std::printf("%-4s largest difference %.1e\n", name, largest);
  return largest <= most;
}

inline bool close(const nngp::Kernels<double>& a, const nngp::Kernels<double>& b, double most) {
  const bool nngp = close("nngp", a.nngp, b.nngp, most);
  return close("ntk", a.ntk, b.ntk, most) && nngp;
}

/// Runs `body` with the plugins of the folder that the command line names; exit code 0 if it returns
/// true.
template <class Body>
int run(int count, char** words, Body body) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s PLUGIN_FOLDER\n", words[0]);
    return 2;
  }
  try {
    const nngp::Registry plugins(nngp::PluginSearch::standard({words[1]}, {}));
    return body(plugins) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace example
