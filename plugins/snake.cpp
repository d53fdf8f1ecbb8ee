// A linear function with a periodic one on top.
#include "shipped.hpp"

// x + sin(a x)^2 / a = x + (1 - cos(2 a x)) / (2 a), of which x is odd and the rest even, so
//   nngp = cov12 + E[(1 - cos(2 a x1)) (1 - cos(2 a x2))] / (4 a^2),
//   d_nngp = 1 + E[sin(2 a x1) sin(2 a x2)].
// With A = 2 a^2 var1, B = 2 a^2 var2 and z = 4 a^2 cov12 the characteristic function of the normal
// distribution gives (1 - e^-A) (1 - e^-B) + e^-(A + B) (cosh(z) - 1) and e^-(A + B) sinh(z). Both are
// written with e^(|z| - A - B) <= 1 and without differences, for small variances and large ones.
struct Snake {
  double a = 1;

  static constexpr nngp::info info{
      .name = "Snake",
      .summary = "Identity plus a squared sine",
      .formula = "x + sin(a x)^2 / a",
      .reference =
          "Ziyin, Hartwig and Ueda, Neural Networks Fail to Learn Periodic Functions, NeurIPS 2020"};
  static constexpr auto parameters = std::tuple{nngp::parameter("a", &Snake::a, "frequency").above(0)};

  auto fn(auto x) const {
    const auto s = sin(a * x);
    return x + s * s / a;
  }
  auto breakpoints() const { return nngp::smooth; }

  template <class T>
  auto nngp_and_d_nngp_fn(T cov12, T var1, T var2) const {
    const double a2 = a * a;
    const T size = abs(cov12);
    const T peak = exp(min(0.0, -2 * a2 * ((var1 - size) + (var2 - size))));
    const T half = expm1(-4 * a2 * size);
    const T even = fma(expm1(-2 * a2 * var1), expm1(-2 * a2 * var2), 0.5 * peak * (half * half));
    return nngp::kernel_pair{cov12 + even / (4 * a2),
                             1.0 + 0.5 * copysign(peak * expm1(-8 * a2 * size), cov12)};
  }
};

NNGP_PLUGIN(shipped("snake"), Snake);
