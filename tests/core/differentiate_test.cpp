#include "plugin/differentiate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "golden.hpp"
#include "nngp/registry.hpp"

namespace nngp {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double infinity = std::numeric_limits<double>::infinity();

// Kernels as an author would write them, and their derivatives.
double erf_kernel(const void*, double c, double v1, double v2) {
  return 2 / pi * std::asin(2 * c / std::sqrt((1 + 2 * v1) * (1 + 2 * v2)));
}
double d_erf_kernel(double c, double v1, double v2) {
  return 4 / pi / std::sqrt(1 + 2 * (v1 + v2) + 4 * (v1 * v2 - c * c));
}
double relu_kernel(const void*, double c, double v1, double v2) {
  const double root = std::sqrt(v1 * v2 - c * c);  // a NaN shows values of c beyond the boundary
  return (root + c * (pi - std::atan2(root, c))) / (2 * pi);
}
double d_relu_kernel(double c, double v1, double v2) {
  return (pi - std::atan2(std::sqrt(v1 * v2 - c * c), c)) / (2 * pi);
}

double relative_error(double got, double wanted) { return std::abs(got - wanted) / std::abs(wanted); }

TEST(DifferentiateKernel, IsAccurateInside) {
  for (const double v : {1e-2, 1.0, 10.0, 1e2, 1e4}) {
    for (int i = -7; i <= 7; ++i) {
      const double v2 = 0.37 * v, c = 0.1 * i * std::sqrt(v * v2);
      SCOPED_TRACE(testing::Message() << "variance " << v << ", rho " << 0.1 * i);
      EXPECT_LT(
          relative_error(differentiate_kernel(erf_kernel, nullptr, c, v, v2), d_erf_kernel(c, v, v2)),
          1e-12);
      EXPECT_LT(
          relative_error(differentiate_kernel(relu_kernel, nullptr, c, v, v2), d_relu_kernel(c, v, v2)),
          1e-12);
    }
  }
}

TEST(DifferentiateKernel, IsAccurateNearTheBoundary) {
  for (const double v : {1e-2, 1.0, 10.0, 1e2, 1e4}) {
    for (const double distance : {1e-9, 1e-7, 1e-5, 1e-3, 1e-2, 0.1, 0.2}) {
      // c, v1, v2 with rho = 1 - distance, so that v1 v2 - c^2 is known without cancellation.
      const double c = v * (1 - distance);
      SCOPED_TRACE(testing::Message() << "variance " << v << ", 1 - rho " << distance);
      const double erf_bound = v == 1e4 && distance < 1e-5 ? 2e-9 : 5e-11;
      EXPECT_LT(
          relative_error(differentiate_kernel(erf_kernel, nullptr, c, v, v), d_erf_kernel(c, v, v)),
          erf_bound);
      EXPECT_LT(
          relative_error(differentiate_kernel(erf_kernel, nullptr, -c, v, v), d_erf_kernel(c, v, v)),
          erf_bound);
      EXPECT_LT(
          relative_error(differentiate_kernel(relu_kernel, nullptr, c, v, v), d_relu_kernel(c, v, v)),
          5e-11);
    }
  }
}

TEST(DifferentiateKernel, IsOneSidedOnTheBoundary) {
  for (const double v1 : {1e-6, 1e-2, 1.0, 3.1, 1e2, 1e4}) {
    for (const double ratio : {1.0, 0.3, 7.0}) {
      const double v2 = ratio * v1, c = std::sqrt(v1 * v2);
      SCOPED_TRACE(testing::Message() << "variances " << v1 << ", " << v2);
      const double bound = v1 <= 1e2 ? 5e-11 : 2e-9;
      EXPECT_LT(
          relative_error(differentiate_kernel(erf_kernel, nullptr, c, v1, v2), d_erf_kernel(c, v1, v2)),
          bound);
      EXPECT_LT(relative_error(differentiate_kernel(erf_kernel, nullptr, -c, v1, v2),
                               d_erf_kernel(c, v1, v2)),
                bound);
      EXPECT_LT(relative_error(differentiate_kernel(relu_kernel, nullptr, c, v1, v2), 0.5), 5e-11);
      EXPECT_LT(std::abs(differentiate_kernel(relu_kernel, nullptr, -c, v1, v2)), 5e-11);
      // Beyond the boundary by rounding counts as on it.
      EXPECT_EQ(differentiate_kernel(erf_kernel, nullptr, c * (1 + 1e-15), v1, v2),
                differentiate_kernel(erf_kernel, nullptr, c, v1, v2));
    }
  }
}

TEST(DifferentiateKernel, GoesToTheLimitWhereAVarianceIsZero) {
  EXPECT_NEAR(differentiate_kernel(erf_kernel, nullptr, 0, 0, 1.7), d_erf_kernel(0, 0, 1.7), 1e-11);
  EXPECT_NEAR(differentiate_kernel(erf_kernel, nullptr, 0, 1e4, 0), d_erf_kernel(0, 1e4, 0), 1e-11);
  EXPECT_NEAR(differentiate_kernel(erf_kernel, nullptr, 0, 0, 0), d_erf_kernel(0, 0, 0), 1e-11);
  EXPECT_NEAR(differentiate_kernel(relu_kernel, nullptr, 0, 0, 2), 0.25, 1e-11);
}

TEST(DifferentiateKernel, DoesNotDependOnUnits) {
  // Relu is homogeneous, so its derivative is the same at every scale of the variances.
  for (const double scale : {1e-150, 1e-20, 1e20, 1e150}) {
    EXPECT_NEAR(differentiate_kernel(relu_kernel, nullptr, 0.3 * scale, scale, scale),
                d_relu_kernel(0.3, 1, 1), 1e-12);
  }
}

TEST(DifferentiateKernel, GivesNanForAKernelThatDoes) {
  const auto kernel = [](const void*, double, double, double) { return std::nan(""); };
  EXPECT_TRUE(std::isnan(differentiate_kernel(kernel, nullptr, 0.5, 1, 1)));
}

// Every shipped activation without jumps, its own derivative withheld, against the reference values.
TEST(DifferentiateKernel, AgreesWithReferenceValues) {
  const Registry plugins(PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  for (const test::GoldenRow& row : test::golden_rows()) {
    const bool known =
        std::any_of(plugins.activations().begin(), plugins.activations().end(),
                    [&](const ActivationInfo& info) { return info.name == row.activation; });
    if (!known || std::isnan(row.d_nngp)) continue;
    Arguments arguments;
    for (const auto& [name, values] : row.values()) arguments.keyword.emplace(name, values);
    const Activation exact = plugins.activation(row.activation, arguments);
    nngp_activation table = exact.descriptor();
    table.d_nngp_fn = nullptr;
    table.derivative = NNGP_DERIVATIVE_ABSENT;
    const Activation numerical(std::make_shared<Activation>(exact), table, arguments);
    if (numerical.derivative() != Derivative::numerical) continue;

    // The derivative varies between 0 and its value on the boundary; nngp_fn is not exact itself.
    const bool limit = row.var1 * row.var2 == 0;
    const double v1 = limit ? std::max(row.var1, row.var2) : row.var1;
    const double v2 = limit ? v1 : row.var2;
    const double scale = std::sqrt(exact.d_nngp_fn(v1, v1, v1) * exact.d_nngp_fn(v2, v2, v2));
    double rounding = 2e-14 * std::abs(row.nngp) / std::sqrt(v1 * v2);
    // A variance of 0 is the limit of small ones, and the extrapolation has weights of 5 in all.
    if (limit) rounding *= 5 / std::sqrt(1e-7 * std::min(1.0, v1) / v2);
    EXPECT_NEAR(numerical.d_nngp_fn(row.cov12, row.var1, row.var2), row.d_nngp, 1e-9 * scale + rounding)
        << row.activation << " " << row.params << " at " << row.cov12 << ", " << row.var1 << ", "
        << row.var2;
  }
}

// Kernels of fn with several kinks are no polynomials near the boundary, and their fits drown in
// rounding there, at some variances more than at others.
TEST(DifferentiateKernel, IsAccurateNearTheBoundaryAtAnyVariance) {
  const Registry plugins(PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  for (const char* name : {"HardTanh", "Relu6", "Elu", "Gelu"}) {
    const Activation exact = plugins.activation(name);
    const auto kernel = [](const void* activation, double c, double v1, double v2) {
      return static_cast<const Activation*>(activation)->nngp_fn(c, v1, v2);
    };
    for (int i = 0; i < 500; ++i) {
      const double v = std::pow(10, -2 + 0.008 * i);
      for (const double distance : {0.0, 1e-7, 1e-4}) {
        const double c = v * (1 - distance);
        EXPECT_LT(
            relative_error(differentiate_kernel(kernel, &exact, c, v, v), exact.d_nngp_fn(c, v, v)),
            1e-9)
            << name << ", variance " << v << ", 1 - rho " << distance;
      }
    }
  }
}

// The plugin in plain C, which leaves its derivative to the host.
TEST(ArcsinErf, AgreesWithReferenceValues) {
  const Activation erf = Registry(PluginSearch{{}, {NNGP_TEST_PLUGINS}}).activation("ArcsinErf");
  for (const test::GoldenRow& row : test::golden_rows()) {
    if (row.activation != "Erf" || row.params != "a=1.0;b=1.0;c=0.0") continue;
    SCOPED_TRACE(testing::Message() << row.cov12 << ", " << row.var1 << ", " << row.var2);
    EXPECT_NEAR(erf.nngp_fn(row.cov12, row.var1, row.var2), row.nngp,
                1e-13 * std::abs(row.nngp) + 1e-15);
    EXPECT_NEAR(erf.d_nngp_fn(row.cov12, row.var1, row.var2), row.d_nngp, 5e-11 * row.d_nngp);
  }
}

TEST(Differentiate, IsAccurate) {
  const auto f = [](const void*, double x) { return std::tanh(x); };
  const auto sharp = [](const void*, double x) { return std::tanh(50 * x); };
  for (const double x : {-3.0, -0.1, 0.0, 1e-3, 0.7, 2.0}) {
    const double wanted = 1 / (std::cosh(x) * std::cosh(x));
    EXPECT_NEAR(differentiate(f, nullptr, x, -infinity, infinity), wanted, 1e-12);
    EXPECT_NEAR(differentiate(f, nullptr, x, x, infinity), wanted, 1e-11);
    EXPECT_NEAR(differentiate(f, nullptr, x, x - 1e-3, x + 1e-3), wanted, 1e-10);
    const double sharp_wanted = 50 / (std::cosh(50 * x) * std::cosh(50 * x));
    EXPECT_NEAR(differentiate(sharp, nullptr, x, -infinity, infinity), sharp_wanted, 1e-10);
  }
  const auto wave = [](const void*, double x) { return std::sin(x); };
  EXPECT_NEAR(differentiate(wave, nullptr, 1000, -infinity, infinity), std::cos(1000.0), 1e-11);
}

TEST(Differentiate, StaysOnItsSideOfAKink) {
  const auto elu = [](const void*, double x) { return x > 0 ? 2 * x : std::expm1(x); };
  EXPECT_NEAR(differentiate(elu, nullptr, 0, 0, infinity), 2, 1e-12);
  EXPECT_NEAR(differentiate(elu, nullptr, -1e-9, -infinity, 0), 1, 1e-8);
  EXPECT_NEAR(differentiate(elu, nullptr, 0.1, 0, infinity), 2, 1e-12);
}

}  // namespace
}  // namespace nngp
