// An activation of one's own, with the kernel of the error function (C. K. I. Williams, Neural
// Computation 10, 1998), against the Erf that comes with nngp. It lives in this program; in a shared
// library of its own the command could load it.

#include <nngp/activation.hpp>

#include "example.hpp"

struct MyErf {
  static constexpr nngp::info info{
      .name = "MyErf", .summary = "Error function", .formula = "erf(x)", .reference = "Williams 1998"};

  auto fn(auto x) const { return erf(x); }

  // 2 / pi asin(2 cov12 / sqrt((1 + 2 var1)(1 + 2 var2))); its derivative is found by itself.
  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    return 2 / nngp::pi * asin2(cov12, root_det(cov12, var1, var2, 0.5));
  }
};

constexpr nngp::library my_library{
    .name = "my_library", .version = "1.0", .author = "Me", .license = "MIT"};
NNGP_PLUGIN(my_library, MyErf);

int main(int count, char** words) {
  return example::run(count, words, [](const nngp::Registry& plugins) {
    const nngp::Activation mine(nullptr, *nngp_plugin_entry.activations[0]);
    std::puts("a kernel of one's own against Erf:");
    return example::close(example::kernels(nngp::Elementwise(mine)),
                          example::kernels(nngp::Elementwise(plugins.activation("Erf"))), 1e-13);
  });
}
