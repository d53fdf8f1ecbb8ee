// The least time of some calls of a KernelFn with itself, in seconds: kernel_call PLUGINS MODEL
// EXAMPLES FEATURES CALLS. compare_python.py compares it with the same call from Python.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/registry.hpp"

int main(int argc, char** argv) {
  if (argc != 6) return EXIT_FAILURE;
  const nngp::Registry plugins(nngp::PluginSearch::standard({}, argv[1]));
  const nngp::KernelFn kernel_fn(nngp::parse_model(argv[2], plugins));
  nngp::Matrix<double> x(std::atoi(argv[3]), std::atoi(argv[4]));
  std::mt19937_64 random;
  std::normal_distribution<double> normal;
  std::generate_n(x.data(), x.size(), [&] { return normal(random); });

  double least = std::numeric_limits<double>::infinity();
  for (int call = std::atoi(argv[5]); call > 0; --call) {
    const auto start = std::chrono::steady_clock::now();
    const auto kernels = kernel_fn(nngp::MatrixView<double>(x), std::nullopt, nngp::Get::ntk);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    least = std::min(least, time.count());
  }
  std::printf("%.9f\n", least);
}
