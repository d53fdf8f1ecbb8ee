// A kernel that no known activation has, sqrt(var1 var2) exp(rho - 1) (V. Shankar et al., Neural
// Kernels Without Tangents, arXiv 2003.02237): the derivative that the NTK needs is found by itself.
// Against ExpNormalized, whose derivative is written by hand.

#include <nngp/activation.hpp>

#include "example.hpp"

struct NormalizedExponential {
  static constexpr nngp::info info{.name = "NormalizedExponential",
                                   .summary = "Exponential of the correlation",
                                   .formula = "kernel sqrt(var1 var2) exp(rho - 1)",
                                   .reference = "arXiv 2003.02237"};

  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto size = sqrt(var1) * sqrt(var2);
    return size * exp(cov12 / size - 1.0);
  }
};

constexpr nngp::library my_library{
    .name = "my_library", .version = "1.0", .author = "Me", .license = "MIT"};
NNGP_PLUGIN(my_library, NormalizedExponential);

int main(int count, char** words) {
  return example::run(count, words, [](const nngp::Registry& plugins) {
    const nngp::Activation mine(nullptr, *nngp_plugin_entry.activations[0]);
    std::puts("a derivative found by itself against one written by hand:");
    return example::close(example::kernels(nngp::Elementwise(mine)),
                          example::kernels(nngp::Elementwise(plugins.activation("ExpNormalized"))),
                          1e-13);
  });
}
