// The kernels that shipped plugins give in closed form against integrals of their fn, which share
// nothing with them: inputs of like and of very unlike variances, also nearly parallel.

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "nngp/error.hpp"
#include "nngp/numerical.hpp"
#include "nngp/registry.hpp"

namespace nngp::test {
namespace {

struct Point {
  double cov12, var1, var2;
};

/// Every other one of variances within a factor of 10, every other one nearly parallel.
std::vector<Point> points(int count) {
  std::mt19937_64 random(1);
  const auto uniform = [&](double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  };
  std::vector<Point> all;
  for (int i = 0; i < count; ++i) {
    const double var1 = std::pow(10, uniform(-4, 4));
    const double var2 = i % 2 ? var1 * std::pow(10, uniform(-1, 1)) : std::pow(10, uniform(-4, 4));
    const double near_1 = 1 - std::pow(10, uniform(-12, -1));
    const double rho = i % 4 < 2 ? uniform(-1, 1) : i % 8 < 5 ? near_1 : -near_1;
    all.push_back({rho * std::sqrt(var1 * var2), var1, var2});
  }
  return all;
}

TEST(ClosedForms, AgreeWithIntegrals) {
  const Registry plugins(PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  int compared = 0;
  for (const char* text :
       {"HardTanh", "HardSigmoid", "Relu6", "Elu", "Celu", "Selu", "Erf", "Sigmoid_like", "Gelu", "Sin",
        "Cos", "Rbf", "Relu", "Abs", "Sign", "Heaviside", "Gaussian", "Gabor", "Snake"}) {
    const Activation a = plugins.activation(text);
    const auto root = [](double product) { return std::sqrt(std::abs(product)); };
    for (const auto& [cov12, var1, var2] : points(60)) {
      SCOPED_TRACE(testing::Message() << text << " at " << cov12 << ", " << var1 << ", " << var2);
      const PointValue value =
          numerical_point([&](double x) { return a.fn(x); }, a.breakpoints(), cov12, var1, var2);
      const double norm = root(a.nngp_fn(var1, var1, var1) * a.nngp_fn(var2, var2, var2));
      const double d_norm = root(a.d_nngp_fn(var1, var1, var1) * a.d_nngp_fn(var2, var2, var2));
      constexpr double of_closed_form = 1e-12;
      const auto allowed = [&](double error) { return error + of_closed_form; };
      EXPECT_NEAR(a.nngp_fn(cov12, var1, var2), value.nngp, allowed(value.error.nngp) * norm);
      EXPECT_NEAR(a.d_nngp_fn(cov12, var1, var2), value.d_nngp, allowed(value.error.d_nngp) * d_norm);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 19 * 60);
}

}  // namespace
}  // namespace nngp::test
