// Erf as an author writes it who leaves the derivative to the SDK: what automatic differentiation
// costs.
#include <nngp/activation.hpp>

struct AutodiffErf {
  static constexpr nngp::info info{
      .name = "AutodiffErf", .summary = "Error function", .formula = "erf(x)"};

  auto fn(auto x) const { return erf(x); }
  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    return asin2(cov12, root_det(cov12, var1, var2, 0.5)) * (2 / nngp::pi);
  }
};

constexpr nngp::library library{
    .name = "autodiff_erf", .version = "1.0.0", .author = "The nngp authors", .license = "MIT"};

NNGP_PLUGIN(library, AutodiffErf);
