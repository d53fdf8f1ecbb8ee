#include <nngp/activation.hpp>

struct Bump {
  double width = 1;  // the default

  static constexpr nngp::info info{.name = "Bump",
                                   .summary = "Bell curve",
                                   .formula = "exp(-x^2 / (2 width^2))",
                                   .reference = "a Gaussian integral"};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("width", &Bump::width, "standard deviation").above(0)};

  auto fn(auto x) const { return exp(-0.5 / (width * width) * (x * x)); }
  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    const double w = width * width;
    return w / root_det(cov12, var1, var2, w);  // sqrt((var1 + w)(var2 + w) - cov12^2)
  }
};

constexpr nngp::library library{.name = "bump", .version = "1.0", .author = "You", .license = "MIT"};
NNGP_PLUGIN(library, Bump);
