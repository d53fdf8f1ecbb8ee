#pragma once

// The activations of tests/golden/scalar.csv as scalar functions with their break points, written down
// once more so that the numerical layer is tested on its own.

#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "golden.hpp"
#include "nngp/activation.h"

namespace nngp::test {

struct Function {
  std::function<double(double)> fn;
  std::vector<nngp_breakpoint> breakpoints;
};

/// nullopt for ExpNormalized, which has no fn.
inline std::optional<Function> function_of(const GoldenRow& row) {
  const Values values = row.values();
  const auto p = [&](const char* name) { return values.at(name).at(0); };
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const auto softplus = [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); };
  const std::string& n = row.activation;
  using std::exp, std::sqrt, std::sin, std::cos, std::pow, std::expm1;
  if (n == "Erf") {
    return Function{[a = p("a"), b = p("b"), c = p("c")](double x) { return a * std::erf(b * x) + c; },
                    {}};
  }
  if (n == "Sigmoid_like")
    return Function{[](double x) { return 0.5 * std::erf(x / 2.4020563531719796) + 0.5; }, {}};
  if (n == "Gabor") return Function{[](double x) { return exp(-x * x) * sin(x); }, {}};
  if (n == "Gelu") return Function{[=](double x) { return x * normal(x); }, {}};
  if (n == "Sin") {
    return Function{[a = p("a"), b = p("b"), c = p("c")](double x) { return a * sin(b * x + c); }, {}};
  }
  if (n == "Cos") {
    return Function{[a = p("a"), b = p("b"), c = p("c")](double x) { return a * cos(b * x + c); }, {}};
  }
  if (n == "Rbf") {
    return Function{
        [g = p("gamma")](double x) { return sqrt(2.0) * sin(sqrt(2 * g) * x + std::atan(1.0)); }, {}};
  }
  if (n == "ABRelu") {
    return Function{[a = p("a"), b = p("b")](double x) { return (x < 0 ? a : b) * x; }, {{0, 1, 0}}};
  }
  if (n == "Relu") return Function{[](double x) { return std::max(x, 0.0); }, {{0, 1, 0}}};
  if (n == "LeakyRelu")
    return Function{[a = p("alpha")](double x) { return x < 0 ? a * x : x; }, {{0, 1, 0}}};
  if (n == "Abs") return Function{[](double x) { return std::abs(x); }, {{0, 1, 0}}};
  if (n == "Sign") return Function{[](double x) { return (x > 0) - (x < 0); }, {{0, 0, 0}}};
  if (n == "Heaviside") return Function{[](double x) { return x > 0 ? 1.0 : 0.0; }, {{0, 0, 0}}};
  if (n == "Exp") return Function{[a = p("a"), b = p("b")](double x) { return a * exp(b * x); }, {}};
  if (n == "Gaussian")
    return Function{[a = p("a"), b = p("b")](double x) { return a * exp(b * x * x); }, {}};
  if (n == "Hermite") {
    return Function{[degree = static_cast<int>(p("degree"))](double x) {
                      double previous = 0, current = 1;
                      for (int j = 0; j < degree; ++j) {
                        const double next = (x * current - sqrt(j) * previous) / sqrt(j + 1);
                        previous = current;
                        current = next;
                      }
                      return current;
                    },
                    {}};
  }
  if (n == "Monomial") {
    return Function{[degree = static_cast<int>(p("degree"))](double x) { return pow(x, degree); }, {}};
  }
  if (n == "RectifiedMonomial") {
    const int degree = static_cast<int>(p("degree"));
    return Function{[degree](double x) { return x > 0 ? pow(x, degree) : 0; },
                    {{0, static_cast<std::uint32_t>(degree), 0}}};
  }
  if (n == "Polynomial") {
    return Function{[c = values.at("coef")](double x) {
                      double y = 0;
                      for (std::size_t k = c.size(); k-- > 0;) y = y * x + c[k];
                      return y;
                    },
                    {}};
  }
  if (n == "Tanh") return Function{[](double x) { return std::tanh(x); }, {}};
  if (n == "Sigmoid") return Function{[](double x) { return 1 / (1 + exp(-x)); }, {}};
  if (n == "Softplus") return Function{softplus, {}};
  if (n == "Elu") {
    const double a = p("alpha");
    return Function{[a](double x) { return x > 0 ? x : a * expm1(x); }, {{0, a == 1 ? 2u : 1u, 0}}};
  }
  if (n == "Selu") {
    return Function{[](double x) {
                      return 1.0507009873554804934193349852946 *
                             (x > 0 ? x : 1.6732632423543772848170429916717 * expm1(x));
                    },
                    {{0, 1, 0}}};
  }
  if (n == "Celu")
    return Function{[a = p("alpha")](double x) { return x > 0 ? x : a * expm1(x / a); }, {{0, 2, 0}}};
  if (n == "Swish") return Function{[](double x) { return x / (1 + exp(-x)); }, {}};
  if (n == "Mish") return Function{[=](double x) { return x * std::tanh(softplus(x)); }, {}};
  if (n == "HardTanh") {
    return Function{[](double x) { return std::min(std::max(x, -1.0), 1.0); }, {{-1, 1, 0}, {1, 1, 0}}};
  }
  if (n == "HardSigmoid") {
    return Function{[](double x) { return std::min(std::max(x / 6 + 0.5, 0.0), 1.0); },
                    {{-3, 1, 0}, {3, 1, 0}}};
  }
  if (n == "Relu6")
    return Function{[](double x) { return std::min(std::max(x, 0.0), 6.0); }, {{0, 1, 0}, {6, 1, 0}}};
  if (n == "Softsign") return Function{[](double x) { return x / (1 + std::abs(x)); }, {{0, 2, 0}}};
  if (n == "Snake") return Function{[a = p("a")](double x) { return x + pow(sin(a * x), 2) / a; }, {}};
  if (n == "Identity") return Function{[](double x) { return x; }, {}};
  return std::nullopt;
}

}  // namespace nngp::test
