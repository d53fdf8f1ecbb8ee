// A program on the installed library: program PLUGINS CUBE.

#include <cmath>
#include <iostream>

#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/registry.hpp"

int main(int count, char** words) {
  if (count != 3) return 2;
  const nngp::Registry plugins(nngp::PluginSearch::standard({words[2]}, words[1]));
  const auto relu = plugins.activation("Relu");
  const auto kernel_fn = nngp::KernelFn(
      nngp::serial(nngp::Dense(512), nngp::Elementwise(plugins.activation("Cube")), nngp::Dense(1)));
  const nngp::Matrix<double> x = nngp::Matrix<double>::Ones(1, 2);
  const auto kernels = kernel_fn(nngp::MatrixView<double>(x.data(), 1, 2, Eigen::OuterStride<>(2)));
  std::cout << kernels.nngp(0, 0) << ' ' << kernels.ntk(0, 0) << ' ' << relu.nngp_fn(1, 1, 1) << '\n';
  // E x^6 = 15; the derivative of 9 c + 6 c^3 at 1 is 27.
  const bool right =
      std::abs(kernels.nngp(0, 0) - 15) < 1e-12 && std::abs(kernels.ntk(0, 0) - 42) < 1e-6;
  return right ? 0 : 1;
}
