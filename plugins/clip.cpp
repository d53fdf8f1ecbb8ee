// Bounded piecewise linear activations.
#include <nngp/binormal.hpp>
#include <nngp/float64.hpp>
#include <nngp/owens_t.hpp>

#include <limits>

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
struct WideSymmetricClip {
  double t;

  template <class T>
  nngp::kernel_pair<T> operator()(const T& cov12, const T& var1, const T& var2) const {
    const nngp::line<T> x1(var1, t), x2(var2, t);
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
};

// clip(x, 0, t):
//   nngp / (s1 s2) = rho d_nngp + h k P(x1 > h, x2 > k)
//                    + (1 - rho^2) [f(0, 0) - f(h, 0) - f(0, k) + f(h, k)]
//                    + k [f(0) P(x2 > k | x1 = 0) - f(h) P(x2 > k | x1 = h)]
//                    + h [f(0) P(x1 > h | x2 = 0) - f(k) P(x1 > h | x2 = k)].
struct WidePositiveClip {
  double t;

  template <class T>
  nngp::kernel_pair<T> operator()(const T& cov12, const T& var1, const T& var2) const {
    const nngp::line<T> x1(var1, t), x2(var2, t);
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
};

/// What the kernels need of one input.
template <class T>
struct Input {
  static constexpr bool only_vectors = true;
  nngp::input_norm<T> norm;
  T deviation;
  nngp::spread_of_line<T> near;
  nngp::owens_t<T> beyond;

  Input(const T& var, double t) : Input(nngp::line<T>(var, t)) {}

 private:
  explicit Input(const nngp::line<T>& x)
      : norm(x.var), deviation(x.deviation), near(x.near), beyond(x.distance) {}
};

// Where no standard deviation is above 2 t the terms above are of the size of their sum, and what is
// beyond a triangle, Owen's T, does for what is within. Most of it belongs to rows and columns then.

/// Two inputs and where their lines x1 = h, x2 = k cross: the long chain of operations, done ahead.
template <class T>
struct Meeting {
  T cov12;
  const Input<T>*x1, *x2;
  T rho, s, inverse_s;  ///< s = sqrt(1 - rho^2), at least smallest_sine
  T on_h, on_k;
  T corner;  ///< 2 pi s times the density there

  Meeting(double t, const T& cov, const T& c, const T& area, const Input<T>& a, const Input<T>& b)
      : cov12(cov), x1(&a), x2(&b) {
    constexpr double least = std::numeric_limits<typename T::real>::min();
    const T h = a.beyond.h(), k = b.beyond.h(), scale = 1.0 / max(least, unit());
    rho = max(-1.0, min(1.0, c * scale));
    s = max(nngp::smallest_sine<T>, area * scale);
    inverse_s = 1.0 / s;
    const auto place = place_of_crossing(rho, s, t, h, a.near, k, b.near);
    on_h = place[0];
    on_k = place[1];
    corner = nngp::bell_of(0.5 * fma(h, h, on_h * on_h));
  }

  /// The product of the deviations.
  T unit() const { return x1->deviation * x2->deviation; }
};

/// Of inputs x1 and x2 as they are, with the angle that they make.
template <class T>
struct SlantedMeeting : Meeting<T> {
  nngp::supplement<T> angle;

  SlantedMeeting(double t, const T& cov12, const nngp::input_pair<T>& pair, const Input<T>& a,
                 const Input<T>& b)
      : Meeting<T>(t, cov12, cov12, pair.area, a, b), angle(pair.angle) {}
};

/// clip(x, -t, t).
template <class T>
nngp::kernel_pair<T> narrow_symmetric_clip(const Meeting<T>& m) {
  const auto &beyond1 = m.x1->beyond, &beyond2 = m.x2->beyond;
  const T h = beyond1.h(), k = beyond2.h();
  const T opposite_h = fma(m.rho, h, k) * m.inverse_s, opposite_k = fma(m.rho, k, h) * m.inverse_s;
  const T opposite = nngp::bell_of(0.5 * fma(h, h, opposite_h * opposite_h));

  const auto [h1, h2] = beyond1.at(m.on_h, m.corner, opposite_h, opposite);
  const auto [k1, k2] = beyond2.at(m.on_k, m.corner, opposite_k, opposite);
  const T near = h1.t + k1.t, far = h2.t + k2.t, d = fma(near + far, T(-2.0), 1.0);
  const T corners = m.s * (m.corner - opposite) * (0.5 / pi);
  const T sides = k * (h1.above - h2.above) + h * (k1.above - k2.above);
  const T nngp = m.unit() * fma(m.rho, d, 2.0 * fma(h * k, far - near, corners - sides));
  return {copysign(nngp, m.cov12), d};
}

/// clip(x, 0, t).
template <class T>
nngp::kernel_pair<T> narrow_positive_clip(const SlantedMeeting<T>& m) {
  const auto &beyond1 = m.x1->beyond, &beyond2 = m.x2->beyond;
  const T h = beyond1.h(), k = beyond2.h(), above_h = h * m.inverse_s, above_k = k * m.inverse_s;
  const T foot_h = nngp::bell_of(0.5 * above_h * above_h);
  const T foot_k = nngp::bell_of(0.5 * above_k * above_k);

  const auto [h1, h2] = beyond1.at(m.on_h, m.corner, m.rho * above_h, foot_h);
  const auto [k1, k2] = beyond2.at(m.on_k, m.corner, m.rho * above_k, foot_k);
  const T near = h1.t + k1.t, d = m.angle.turns() - (near + (h2.t + k2.t));
  const T tail = 0.5 * (beyond1.upper() + beyond2.upper()) - near;
  const T corners = m.s * ((1.0 - foot_h - foot_k) + m.corner) * (0.5 / pi);
  const auto [ratio_h, ratio_k] = nngp::short_mills_ratios(above_h, above_k);
  const T sides =
      k * (foot_k * ratio_k * (0.5 / pi) - h1.above) + h * (foot_h * ratio_h * (0.5 / pi) - k1.above);
  return {m.unit() * (fma(m.rho, d, h * k * tail) + (corners + sides)), d};
}

/// y, and where variances are large the wide kernels. There the terms exceed the sum, by up to s1 / t
/// and s2 / t, which float32 cannot afford.
template <class Kernels, class T>
nngp::kernel_pair<T> unless_wide(const Kernels& wide_kernels, const Meeting<T>& m,
                                 const nngp::kernel_pair<T>& y) {
  constexpr double least = nngp::owens_t<T>::least;
  const double most = wide_kernels.t / least;
  const T &var1 = m.x1->norm.var, &var2 = m.x2->norm.var;
  const auto wide = (var1 > most * most) | (var2 > most * most);
  if (!any(wide)) return y;
  const nngp::kernel_pair<T> other = nngp::in_float64(wide_kernels, m.cov12, var1, var2);
  return {select(wide, other.nngp, y.nngp), select(wide, other.d_nngp, y.d_nngp)};
}

template <class T>
Meeting<T> start_symmetric(double t, const T& cov12, const Input<T>& x1, const Input<T>& x2) {
  const nngp::input_pair<T> pair(cov12, x1.norm, x2.norm);
  return {t, cov12, abs(cov12), pair.area, x1, x2};  // nngp is odd in cov12, d_nngp even
}
template <class T>
nngp::kernel_pair<T> finish_symmetric(double t, const Meeting<T>& m) {
  return unless_wide(WideSymmetricClip{t}, m, narrow_symmetric_clip(m));
}

template <class T>
SlantedMeeting<T> start_positive(double t, const T& cov12, const Input<T>& x1, const Input<T>& x2) {
  return {t, cov12, nngp::input_pair<T>(cov12, x1.norm, x2.norm), x1, x2};
}
template <class T>
nngp::kernel_pair<T> finish_positive(double t, const SlantedMeeting<T>& m) {
  return unless_wide(WidePositiveClip{t}, m, narrow_positive_clip(m));
}

template <class T>
T clip(const T& x, double low, double high) {
  return select(x < low, T(low), select(x > high, T(high), x));
}

/// x clipped to [-t, t], over `divisor`, plus `shift`.
struct SymmetricClip {
  double t, divisor, shift;

  static constexpr bool compile_sparingly = true;
  auto fn(auto x) const { return clip(x, -t, t) / divisor + shift; }
  auto breakpoints() const { return std::array{nngp::breakpoint(-t, 1), nngp::breakpoint(t, 1)}; }
  auto of_variance(auto var) const { return Input(var, t); }
  auto start(const auto&... x) const { return start_symmetric(t, x...); }
  auto finish(const auto& m) const {
    const auto y = finish_symmetric(t, m);
    const double square = divisor * divisor;
    return nngp::kernel_pair{y.nngp / square + shift * shift, y.d_nngp / square};
  }
};

constexpr const char* reference = "D. B. Owen, Ann. Math. Statist. 27 (1956); derived in the source";

}  // namespace

struct HardTanh {
  static constexpr nngp::info info{.name = "HardTanh",
                                   .summary = "Identity clipped to [-1, 1]",
                                   .formula = "min(max(x, -1), 1)",
                                   .reference = reference};

  SymmetricClip general() const { return {1, 1, 0}; }
};

struct HardSigmoid {
  static constexpr nngp::info info{.name = "HardSigmoid",
                                   .summary = "Piecewise linear sigmoid",
                                   .formula = "min(max(x / 6 + 1/2, 0), 1)",
                                   .reference = reference};

  SymmetricClip general() const { return {3, 6, 0.5}; }
};

struct Relu6 {
  static constexpr nngp::info info{.name = "Relu6",
                                   .summary = "Rectified linear unit clipped at 6",
                                   .formula = "min(max(x, 0), 6)",
                                   .reference = reference};

  static constexpr bool compile_sparingly = true;
  auto fn(auto x) const { return clip(x, 0, 6); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1), nngp::breakpoint(6, 1)}; }
  auto of_variance(auto var) const { return Input(var, 6); }
  auto start(const auto&... x) const { return start_positive(6, x...); }
  auto finish(const auto& m) const { return finish_positive(6, m); }
};

NNGP_PLUGIN(shipped("clip"), HardTanh, HardSigmoid, Relu6);
