// A program on the installed library: program PLUGINS CUBE.

#include <cmath>
#include <iostream>

#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/registry.hpp"

namespace {

using Inputs = nngp::Matrix<double>;

/// The example of README.md: one hidden layer of Relu, whose NNGP is (W_std^2 |x|^2 / d + b_std^2) / 2.
bool relu_is_right(const char* plugin_folder, const Inputs& x) {
  const nngp::Registry plugins(nngp::PluginSearch::standard({}, plugin_folder));
  const auto kernel_fn =
      nngp::KernelFn(nngp::serial(nngp::Dense(512, {.W_std = 1.5, .b_std = 0.05}),
                                  nngp::Elementwise(plugins.activation("Relu")), nngp::Dense(1)));
  const auto kernels = kernel_fn(x);
  return std::abs(kernels.nngp(0, 0) - (2.25 + 0.0025) / 2) < 1e-14;
}

/// E x^6 = 15; the derivative of 9 c + 6 c^3 at 1 is 27.
bool cube_is_right(const char* cube, const Inputs& x) {
  const nngp::Registry plugins(nngp::PluginSearch{{cube}, {}});
  const auto kernels =
      nngp::KernelFn(nngp::parse_model("serial(Dense(1), Cube(), Dense(1))", plugins))(x);
  return std::abs(kernels.nngp(0, 0) - 15) < 1e-12 && std::abs(kernels.ntk(0, 0) - 42) < 1e-6;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  const Inputs x = Inputs::Ones(1, 2);
  return relu_is_right(words[1], x) && cube_is_right(words[2], x) ? 0 : 1;
}
