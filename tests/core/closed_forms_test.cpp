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

/// Of large variances, to 17 digits, by quadrature with 40 (mpmath) of E[fn(x2) | x1], and of E[fn(x1)
/// | x2].
struct Clipped {
  const char* name;
  double cov12, var1, var2, nngp, d_nngp;
};
constexpr Clipped clipped[] = {
    {"HardTanh", 5196.152422706632, 10000.0, 30000.0, 0.19396891906014573, 3.8529040522741548e-5},
    {"HardTanh", 100004999.77500124, 100000000.0, 100010000.0, 0.99993977904412759,
     6.5551238397369242e-5},
    {"HardTanh", -3834.0579025361626, 200000.0, 150, -0.49294042642371951, 0.00016240086881662964},
    {"HardTanh", 700.035713374682, 1000000.0, 0.5, 0.50829305296099916, 0.00079788442782212517},
    {"HardTanh", -0.5, 400, 0.01, -0.019938805838372462, 0.039877611676744923},
    {"HardTanh", 47925.723781702036, 30, 100000000.0, 0.67195125983144331, 2.3451283921509611e-5},
    {"HardTanh", 1.9364916731037085, 5, 3, 0.30296301140752303, 0.16934074169897782},
    {"HardTanh", -11.864715941606018, 2.5, 60, -0.71308294869910897, 0.10125660210996481},
    {"HardTanh", 63.999999940395355, 64, 64, 0.93361333154951596, 0.09946281883138259},
    {"Relu6", 187061.48721743873, 360000.0, 1080000.0, 10.689172865522451, 9.6323059640926192e-6},
    {"Relu6", 3600179991.9000454, 3600000000.0, 3600360000.0, 17.998932998174198,
     2.5815294666605924e-5},
    {"Relu6", -138026.08449130185, 7200000.0, 5400, 4.2628746589779328, 4.0597676453140012e-5},
    {"Relu6", 25201.285681488553, 36000000.0, 18.0, 9.1997670906868309, 0.00020002957316563734},
    {"Relu6", -18.0, 14400, 0.36, 0.5247804483304483, 0.0099180686860315237},
    {"Relu6", 1725326.0561412731, 1080, 3600000000.0, 14.393541482175969, 5.8629197060103342e-6},
    {"Relu6", 69.7137002317335, 180, 108, 8.5330992390503843, 0.044051349711528613},
    {"Relu6", -427.1297738978167, 90.0, 2160, 0.23706981776912679, 0.020485423674331291},
    {"Relu6", 2303.999997854233, 2304, 2304, 16.805039967901113, 0.049724540547311878},
};

TEST(ClosedForms, ClipsOfLargeVariances) {
  const Registry plugins(PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  for (const auto& [name, cov12, var1, var2, nngp, d_nngp] : clipped) {
    SCOPED_TRACE(testing::Message() << name << " at " << cov12 << ", " << var1 << ", " << var2);
    const Activation a = plugins.activation(name);
    const double norm = std::sqrt(a.nngp_fn(var1, var1, var1) * a.nngp_fn(var2, var2, var2));
    EXPECT_NEAR(a.nngp_fn(cov12, var1, var2), nngp, 2e-15 * norm);
    EXPECT_NEAR(a.nngp_fn(cov12, var2, var1), nngp, 2e-15 * norm);
    EXPECT_NEAR(a.d_nngp_fn(cov12, var1, var2), d_nngp, 5e-16);
  }
}

}  // namespace
}  // namespace nngp::test
