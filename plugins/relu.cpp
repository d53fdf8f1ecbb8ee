// Piecewise linear activations with one kink at 0, and the step.
#include "shipped.hpp"

using nngp::pi;

constexpr const char* cho_saul = "Y. Cho and L. K. Saul, Kernel Methods for Deep Learning, NIPS 2009";

/// s = sqrt(var1 var2) sin(theta), theta the angle between the inputs, and E[relu(x1) relu(x2)] with
/// its derivative: (s + (pi - theta) cov12) / (2 pi) and (pi - theta) / (2 pi), the arc-cosine kernels
/// of degree 1 and 0. pi - theta is computed as such, for it is small where the kernel is.
template <class T>
nngp::kernel_pair<T> relu_kernels(const nngp::input_pair<T>& p) {
  const T d = p.angle.turns();
  return {fma(p.angle.c, d, p.area * (0.5 / pi)), d};
}

struct Relu {
  static constexpr nngp::info info{.name = "Relu",
                                   .summary = "Rectified linear unit",
                                   .formula = "max(x, 0)",
                                   .reference = cho_saul};

  auto fn(auto x) const { return select(x <= 0.0, 0.0, x); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1)}; }
  auto of_variance(auto var) const { return nngp::input_norm(var); }
  auto start(auto cov12, auto x1, auto x2) const { return nngp::input_pair(cov12, x1, x2); }
  auto finish(auto p) const { return relu_kernels(p); }
};

struct ABRelu {
  double a = 0, b = 1;

  static constexpr nngp::info info{.name = "ABRelu",
                                   .summary = "Two half-lines that meet at 0",
                                   .formula = "a min(x, 0) + b max(x, 0)",
                                   .reference = cho_saul};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("a", &ABRelu::a, "slope for negative x").required(),
                 nngp::parameter("b", &ABRelu::b, "slope for positive x").required()};

  auto fn(auto x) const { return select(x < 0.0, a * x, b * x); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1)}; }
  auto of_variance(auto var) const { return nngp::input_norm(var); }
  auto start(auto cov12, auto x1, auto x2) const { return nngp::input_pair(cov12, x1, x2); }
  /// f(x) = a x + (b - a) relu(x).
  template <class T>
  nngp::kernel_pair<T> finish(const nngp::input_pair<T>& p) const {
    const double square = (b - a) * (b - a), product = a * b;
    const nngp::kernel_pair<T> relu = relu_kernels(p);
    return {fma(relu.nngp, square, product * p.angle.c), fma(relu.d_nngp, square, product)};
  }
};

struct LeakyRelu {
  double alpha = 0;

  static constexpr nngp::info info{.name = "LeakyRelu",
                                   .summary = "Rectified linear unit that leaks",
                                   .formula = "alpha min(x, 0) + max(x, 0)",
                                   .reference = cho_saul};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("alpha", &LeakyRelu::alpha, "slope for negative x").required()};

  ABRelu general() const { return {alpha, 1}; }
};

// |x| = relu(x) + relu(-x): the even part of the arc-cosine kernel, 2/pi (s + (pi/2 - theta) cov12).
struct Abs {
  static constexpr nngp::info info{
      .name = "Abs", .summary = "Absolute value", .formula = "abs(x)", .reference = cho_saul};

  auto fn(auto x) const { return abs(x); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1)}; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto s = root_det(cov12, var1, var2);
    const auto d = asin2(cov12, s) * (2 / pi);
    return nngp::kernel_pair{fma(cov12, d, s * (2 / pi)), d};
  }
};

// sign(x) is the derivative of |x|. Its own derivative vanishes but for the jump.
struct Sign {
  static constexpr nngp::info info{.name = "Sign",
                                   .summary = "Sign, 0 at 0",
                                   .formula = "-1 for x < 0, 0 for x = 0, 1 for x > 0",
                                   .reference = cho_saul};

  auto fn(auto x) const { return select(x == 0.0, x, x / abs(x)); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 0)}; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto angle = asin2(cov12, root_det(cov12, var1, var2));
    return nngp::kernel_pair{angle * (2 / pi), 0.0 * angle};
  }
};

NNGP_PLUGIN(shipped("relu"), Relu, LeakyRelu, ABRelu, Abs, Sign);
