// Activations whose kernels have no closed form.
#include "shipped.hpp"

struct Tanh {
  static constexpr nngp::info info{
      .name = "Tanh", .summary = "Hyperbolic tangent", .formula = "tanh(x)"};

  auto fn(auto x) const { return tanh(x); }
  auto breakpoints() const { return nngp::smooth; }
};

/// 1 / (1 + exp(-x)), accurate where it is small and where it is not.
template <class T>
T logistic(const T& x) {
  const T e = exp(-abs(x));
  return select(x < 0.0, e, 1.0) / (1.0 + e);
}

struct Sigmoid {
  static constexpr nngp::info info{
      .name = "Sigmoid", .summary = "Logistic sigmoid", .formula = "1 / (1 + exp(-x))"};

  auto fn(auto x) const { return logistic(x); }
  auto breakpoints() const { return nngp::smooth; }
};

struct Softplus {
  static constexpr nngp::info info{
      .name = "Softplus", .summary = "Smooth rectifier", .formula = "log(1 + exp(x))"};

  auto fn(auto x) const {
    const auto y = log1p(exp(-abs(x)));
    return select(x < 0.0, y, x + y);
  }
  auto breakpoints() const { return nngp::smooth; }
};

struct Swish {
  static constexpr nngp::info info{.name = "Swish",
                                   .summary = "Sigmoid-weighted linear unit (SiLU)",
                                   .formula = "x / (1 + exp(-x))",
                                   .reference = "arXiv 1710.05941"};

  auto fn(auto x) const { return x * logistic(x); }
  auto breakpoints() const { return nngp::smooth; }
};

struct Mish {
  static constexpr nngp::info info{.name = "Mish",
                                   .summary = "Self-regularised smooth rectifier",
                                   .formula = "x tanh(log(1 + exp(x)))",
                                   .reference = "arXiv 1908.08681"};

  auto fn(auto x) const {  // tanh(log(1 + t)) = (t^2 + 2 t) / (t^2 + 2 t + 2) with t = exp(x)
    const auto e = exp(-abs(x));
    const auto n = select(x < 0.0, e * (e + 2.0), 1.0 + 2.0 * e);
    return x * n / (n + 2.0 * select(x < 0.0, 1.0, e * e));
  }
  auto breakpoints() const { return nngp::smooth; }
};

struct Softsign {
  static constexpr nngp::info info{
      .name = "Softsign", .summary = "Rational sigmoid", .formula = "x / (1 + abs(x))"};

  auto fn(auto x) const { return x / (1.0 + abs(x)); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 2)}; }
};

NNGP_PLUGIN(shipped("smooth"), Tanh, Sigmoid, Softplus, Swish, Mish, Softsign);
