// Bounded piecewise linear activations.
#include <nngp/binormal.hpp>
#include <nngp/float64.hpp>

#include "shipped.hpp"

using nngp::pi;

namespace {

// In units of the standard deviations s1 and s2 let the kinks be at h = t / s1 and k = t / s2, P be
// probabilities and f densities of the correlated standard normal pair (x1, x2).
//
// The derivative of a clipped identity is 1 between its kinks, so d_nngp is the probability of a
// parallelogram. By Price's theorem nngp - nngp(rho = 0) is the integral of d_nngp over cov12; by
// parts, with d f(h, k) / d rho = d^2 f(h, k) / (dh dk), that leaves the terms below.

// clip(x, -t, t), for rho >= 0:
//   nngp / (s1 s2) = rho d_nngp + 2 h k [P(x1 > h, x2 > k) - P(x1 < -h, x2 > k)]
//                    + 2 (1 - rho^2) [f(h, k) - f(-h, k)]
//                    - 2 k f(h) [P(x2 > k | x1 = h) - P(x2 < -k | x1 = h)]
//                    - 2 h f(k) [P(x1 > h | x2 = k) - P(x1 < -h | x2 = k)].
// All terms are O(h k) for large variances and exponentially small but for the first for small ones.
template <class T>
nngp::kernel_pair<T> symmetric_clip(double t, const T& cov12, const nngp::line<T>& x1,
                                    const nngp::line<T>& x2) {
  const nngp::crossing<T> x(abs(cov12), x1, x2, t);  // nngp is odd in cov12, d_nngp even
  const T h = x.h.x, k = x.k.x, hk = h * k;
  const nngp::abscissa<T> opposite_h(fma(x.rho, h, k) / x.s), opposite_k(fma(x.rho, k, h) / x.s);

  const auto inside = hk < 0.25;
  const auto [h1, k1, h2, k2] =
      probability(inside, std::array<nngp::right_triangle<T>, 4>{
                              {{x.h, x.on_h}, {x.k, x.on_k}, {x.h, opposite_h}, {x.k, opposite_k}}});
  const T near = h1 + k1, far = h2 + k2;
  const T d = select(inside, 2.0 * (near + far), 1.0 - 2.0 * (near + far));
  const T tails = select(inside, x.asin_rho / pi - (far - near), far - near);

  const T corners =
      x.s * nngp::bell_of(x.quadratic) * expm1(-2.0 * x.rho * hk / (x.s * x.s)) * (-0.5 / pi);
  const T sides = k * x.h.density() * probability_between(x.on_h, opposite_h, 2.0 * x.rho * h / x.s) +
                  h * x.k.density() * probability_between(x.on_k, opposite_k, 2.0 * x.rho * k / x.s);
  const T nngp = x.deviation1 * x.deviation2 * fma(x.rho, d, 2.0 * (hk * tails + corners - sides));
  return {copysign(nngp, cov12), d};
}

// clip(x, 0, t):
//   nngp / (s1 s2) = rho d_nngp + h k P(x1 > h, x2 > k)
//                    + (1 - rho^2) [f(0, 0) - f(h, 0) - f(0, k) + f(h, k)]
//                    + k [f(0) P(x2 > k | x1 = 0) - f(h) P(x2 > k | x1 = h)]
//                    + h [f(0) P(x1 > h | x2 = 0) - f(k) P(x1 > h | x2 = k)].
template <class T>
nngp::kernel_pair<T> positive_clip(double t, const T& cov12, const nngp::line<T>& x1,
                                   const nngp::line<T>& x2) {
  const nngp::crossing<T> x(cov12, x1, x2, t);
  const T h = x.h.x, k = x.k.x, hk = h * k;
  const nngp::abscissa<T> foot_h(x.rho * h / x.s), foot_k(x.rho * k / x.s);
  const nngp::abscissa<T> above_h(h / x.s), above_k(k / x.s);

  const auto inside = hk < 0.25;
  const auto [h1, k1, h2, k2] =
      probability(inside, std::array<nngp::right_triangle<T>, 4>{
                              {{x.h, x.on_h}, {x.k, x.on_k}, {x.h, foot_h}, {x.k, foot_k}}});
  const T near = h1 + k1, all = near + (h2 + k2);
  const T d = select(inside, all, x.orthant - all);
  const T tail = 0.5 * (x.h.upper + x.k.upper) + select(inside, near - (0.5 - x.orthant), -near);

  const T a = 0.5 * above_h.x * above_h.x, b = 0.5 * above_k.x * above_k.x;
  const T peak = nngp::bell_of(select(x.rho > 0.0, x.quadratic, a + b));
  const T skew = copysign(peak * expm1(-abs(x.rho) * hk / (x.s * x.s)), x.rho);
  const double density0 = 1 / (nngp::sqrt_2 * nngp::sqrt_pi);
  const T corners = (0.5 / pi) * x.s * fma(expm1(-a), expm1(-b), skew);
  const T sides = k * (density0 * above_k.above() - x.h.density() * x.on_h.above()) +
                  h * (density0 * above_h.above() - x.k.density() * x.on_k.above());
  return {x.deviation1 * x.deviation2 * (fma(x.rho, d, hk * tail) + (corners + sides)), d};
}

/// kernels(t, cov12, x1, x2). For large variances their terms exceed the sum, by up to s1 / t and s2 /
/// t, which float32 cannot afford.
template <class Kernels, class T>
nngp::kernel_pair<T> clip_kernels(const Kernels& kernels, double t, const T& cov12,
                                  const nngp::line<T>& x1, const nngp::line<T>& x2) {
  nngp::kernel_pair<T> y = kernels(t, cov12, x1, x2);
  if constexpr (std::is_same_v<typename T::real, float>) {
    const auto large = max(x1.var, x2.var) > 4 * t * t;
    if (any(large)) {
      const auto bound = [&](const auto& c, const auto& var1, const auto& var2) {
        return kernels(t, c, nngp::line(var1, t), nngp::line(var2, t));
      };
      const auto exact = nngp::in_float64(bound, cov12, x1.var, x2.var);
      y = {select(large, exact.nngp, y.nngp), select(large, exact.d_nngp, y.d_nngp)};
    }
  }
  return y;
}

constexpr auto symmetric = [](double t, const auto&... x) { return symmetric_clip(t, x...); };
constexpr auto positive = [](double t, const auto&... x) { return positive_clip(t, x...); };

template <class T>
T clip(const T& x, double low, double high) {
  return select(x < low, T(low), select(x > high, T(high), x));
}

constexpr const char* reference = "D. B. Owen, Ann. Math. Statist. 27 (1956); derived in the source";

}  // namespace

struct HardTanh {
  static constexpr nngp::info info{.name = "HardTanh",
                                   .summary = "Identity clipped to [-1, 1]",
                                   .formula = "min(max(x, -1), 1)",
                                   .reference = reference};

  static constexpr bool long_formula = true;
  auto fn(auto x) const { return clip(x, -1, 1); }
  auto breakpoints() const { return std::array{nngp::breakpoint(-1, 1), nngp::breakpoint(1, 1)}; }
  auto of_variance(auto var) const { return nngp::line(var, 1); }
  auto nngp_and_d_nngp_fn(auto... x) const { return clip_kernels(symmetric, 1, x...); }
};

struct HardSigmoid {
  static constexpr nngp::info info{.name = "HardSigmoid",
                                   .summary = "Piecewise linear sigmoid",
                                   .formula = "min(max(x / 6 + 1/2, 0), 1)",
                                   .reference = reference};

  static constexpr bool long_formula = true;
  auto fn(auto x) const { return clip(x, -3, 3) / 6.0 + 0.5; }
  auto breakpoints() const { return std::array{nngp::breakpoint(-3, 1), nngp::breakpoint(3, 1)}; }
  auto of_variance(auto var) const { return nngp::line(var, 3); }
  auto nngp_and_d_nngp_fn(auto... x) const {
    const auto y = clip_kernels(symmetric, 3, x...);
    return nngp::kernel_pair{y.nngp / 36.0 + 0.25, y.d_nngp / 36.0};
  }
};

struct Relu6 {
  static constexpr nngp::info info{.name = "Relu6",
                                   .summary = "Rectified linear unit clipped at 6",
                                   .formula = "min(max(x, 0), 6)",
                                   .reference = reference};

  static constexpr bool long_formula = true;
  auto fn(auto x) const { return clip(x, 0, 6); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1), nngp::breakpoint(6, 1)}; }
  auto of_variance(auto var) const { return nngp::line(var, 6); }
  auto nngp_and_d_nngp_fn(auto... x) const { return clip_kernels(positive, 6, x...); }
};

NNGP_PLUGIN(shipped("clip"), HardTanh, HardSigmoid, Relu6);
