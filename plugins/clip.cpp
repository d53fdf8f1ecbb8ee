// Bounded piecewise linear activations.
#include <nngp/binormal.hpp>
#include <nngp/owens_t.hpp>
#include <nngp/triangle_moments.hpp>

#include <array>
#include <limits>

#include "shipped.hpp"

using nngp::pi;

namespace {

// In units of the standard deviations s1 and s2 let the kinks be at h = t / s1 and k = t / s2, P be
// probabilities and f densities of the correlated standard normal pair (x1, x2).
//
// The derivative of a clipped identity is 1 between its kinks, so d_nngp is the probability of a
// parallelogram: of right triangles with a corner at the origin, two at each line, x1 = h and x2 = k.

/// What the kernels need of one input.
template <class T>
struct Input {
  static constexpr bool only_vectors = true;
  nngp::input_norm<T> norm;
  T deviation;
  nngp::spread_of_line<T> near;
  nngp::owens_t<T> beyond;
  nngp::triangle_moments<T> within;

  Input(const T& var, double t) : Input(nngp::line<T>(var, t)) {}

  /// How many of the vectors in it are of use: the last ones are not where all lines are far away.
  std::size_t vectors() const {
    return (sizeof(Input) - (within.exist() ? 0 : sizeof(within))) / sizeof(T);
  }

 private:
  explicit Input(const nngp::line<T>& x)
      : norm(x.var), deviation(x.deviation), near(x.near), beyond(x.distance), within(x.distance) {}
};

/// Two inputs and where their lines x1 = h, x2 = k cross: the long chain of operations, done ahead.
template <class T>
struct Meeting {
  T cov12;
  const Input<T>*x1, *x2;
  T rho, s, inverse_s;  ///< s = sqrt(1 - rho^2), at least smallest_sine
  T on_h, on_k;
  T corner;                        ///< 2 pi s times the density there
  typename T::mask_type is_large;  ///< is max(t, s1) max(t, s2) > 4 t^2? NaN is not

  Meeting(double t, const T& cov, const T& c, const T& area, const Input<T>& a, const Input<T>& b)
      : cov12(cov), x1(&a), x2(&b), is_large(max(t, a.deviation) * max(t, b.deviation) > 4 * t * t) {
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

using nngp::density_at_0;

/// A standard normal variable X beyond z >= 0.
template <class T>
struct Tail {
  T probability;
  T excess;  ///< E[max(X - z, 0)]

  explicit Tail(const T& z) {
    const T density = density_at_0 * nngp::bell_of(0.5 * z * z);
    probability = density * nngp::short_mills_ratio(z);
    excess = density - z * probability;
  }
};

/// Gauss's rule on [0, 1].
template <class Real>
struct GaussRule {
  static constexpr std::array node{0.019855071751231884, 0.10166676129318663, 0.23723379504183551,
                                   0.4082826787521751,   0.5917173212478249,  0.76276620495816449,
                                   0.89833323870681337,  0.98014492824876812};
  static constexpr std::array weight{0.05061426814518813, 0.11119051722668724, 0.15685332293894364,
                                     0.18134189168918099, 0.18134189168918099, 0.15685332293894364,
                                     0.11119051722668724, 0.05061426814518813};
};
template <>
struct GaussRule<float> {
  static constexpr std::array node{0.069431844202973712, 0.33000947820757187, 0.66999052179242813,
                                   0.93056815579702629};
  static constexpr std::array weight{0.17392742256872693, 0.32607257743127307, 0.32607257743127307,
                                     0.17392742256872693};
};

/// An input, the wide one, of more than four times the deviation of another. As it crosses the strip
/// between its kinks, what is expected of the other hardly changes: integrals over that strip take few
/// points.
template <class T>
struct UnlikePair {
  const Input<T>&wide, &other;
  T rho, s, inverse_s;
  T h = wide.beyond.h(), k = other.beyond.h();

  /// E[(x2 - k)+; 0 < x1 / x2 < rho / s] for the other one x2 and a normal x1 that x2 knows nothing of
  T excess() const {
    const T end = k * inverse_s, y = rho * end;
    const T corner = nngp::bell_of(0.5 * end * end);
    const auto value = other.beyond.at(y, corner, y, corner)[0];
    const T after = (density_at_0 * density_at_0) * corner * nngp::short_mills_ratio(end);
    return fma(0.5, other.beyond.density(), -value.above) + fma(rho, after, -k * value.t);
  }

  /// sum of weight h f(h p) term(p, x) over points of the strip 0 < x1 < t, where x2 has the mean x
  template <class Term>
  auto over_strip(const Term& term) const {
    using Rule = GaussRule<typename T::real>;
    nngp::kernel_pair<T> sum{0.0, 0.0};
    for (std::size_t i = 0; i < Rule::node.size(); ++i) {
      const T u = Rule::node[i] * h, f = (density_at_0 * Rule::weight[i]) * h * exp(-0.5 * u * u);
      const nngp::kernel_pair<T> y = term(Rule::node[i], rho * u);
      sum = {fma(f, y.nngp, sum.nngp), fma(f, y.d_nngp, sum.d_nngp)};
    }
    return sum;
  }
};

/// clip(x, -t, t), for cov12 >= 0: nngp is odd in cov12, d_nngp even.
struct SymmetricKernels {
  double t;

  template <class T>
  Meeting<T> meeting(const T& cov12, const Input<T>& x1, const Input<T>& x2) const {
    const nngp::input_pair<T> pair(cov12, x1.norm, x2.norm);
    return {t, cov12, abs(cov12), pair.area, x1, x2};
  }

  /// By Price's theorem nngp - nngp(rho = 0) is the integral of d_nngp over cov12; by parts, with d
  /// f(h, k) / d rho = d^2 f(h, k) / (dh dk),
  ///   nngp / (s1 s2) = rho d_nngp + 2 h k [P(x1 > h, x2 > k) - P(x1 < -h, x2 > k)]
  ///                    + 2 (1 - rho^2) [f(h, k) - f(-h, k)]
  ///                    - 2 k f(h) [P(x2 > k | x1 = h) - P(x2 < -k | x1 = h)]
  ///                    - 2 h f(k) [P(x1 > h | x2 = k) - P(x1 < -h | x2 = k)].
  template <class T>
  nngp::kernel_pair<T> narrow(const Meeting<T>& m) const {
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

  /// clip(x) / t is the sign of x, less 1 - |x| / t of it between the kinks. Over a triangle at x1 = h
  /// with its third corner at the distance y from the foot, 1 - x2 / k is (1 - X / h) + (s / k) (X y /
  /// h - Y). What the signs lack at single inputs cancels with triangles, and leaves
  ///   nngp / t^2 = 2 asin(rho) / pi + 2 [square(h) - opposite square(h) + square(k) - ...]
  ///                + 2 (s / k) [slope(h) - opposite slope(h)] + 2 (s / h) [slope(k) - ...].
  template <class T>
  nngp::kernel_pair<T> broad(const Meeting<T>& m) const {
    const T h = m.x1->beyond.h(), k = m.x2->beyond.h();
    const T opposite_h = fma(m.rho, h, k) * m.inverse_s, opposite_k = fma(m.rho, k, h) * m.inverse_s;
    using moments = nngp::triangle_moments<T>;
    const auto [h1, k1] = moments::at(m.x1->within, m.on_h, m.x2->within, m.on_k);
    const auto [h2, k2] = moments::at(m.x1->within, opposite_h, m.x2->within, opposite_k);
    const T d = 2.0 * ((h1.probability + k1.probability) + (h2.probability + k2.probability));
    const T squares = (h1.square - h2.square) + (k1.square - k2.square);
    const T slopes = fma(m.x2->deviation, h1.slope - h2.slope, m.x1->deviation * (k1.slope - k2.slope));
    const T turns = asin_of(m.rho, m.s, T(1.0)).turns();
    const T nngp = (t * t) * fma(turns, T(4.0), 2.0 * fma(m.s * (1 / t), slopes, squares));
    return {copysign(nngp, m.cov12), d};
  }

  /// E[sign(x1) clip(x2)] = 2 f(0) rho s2 - 4 s2 excess, less (1 - |x1| / t) of it in the strip.
  template <class T>
  nngp::kernel_pair<T> unlike(const Meeting<T>& m, const UnlikePair<T>& x) const {
    const auto strip = x.over_strip([&](double p, const T& mean) {
      const Tail<T> above((x.k - mean) * x.inverse_s), below((x.k + mean) * x.inverse_s);
      return nngp::kernel_pair{(1 - p) * (mean - x.s * (above.excess - below.excess)),
                               1.0 - (above.probability + below.probability)};
    });
    const T sum = fma(x.rho, T(density_at_0), -2.0 * x.excess()) - strip.nngp;
    return {copysign(2.0 * t * x.other.deviation * sum, m.cov12), 2.0 * strip.d_nngp};
  }
};

/// clip(x, 0, t)
struct PositiveKernels {
  double t;

  template <class T>
  SlantedMeeting<T> meeting(const T& cov12, const Input<T>& x1, const Input<T>& x2) const {
    return {t, cov12, nngp::input_pair<T>(cov12, x1.norm, x2.norm), x1, x2};
  }

  /// In the same way,
  ///   nngp / (s1 s2) = rho d_nngp + h k P(x1 > h, x2 > k)
  ///                    + (1 - rho^2) [f(0, 0) - f(h, 0) - f(0, k) + f(h, k)]
  ///                    + k [f(0) P(x2 > k | x1 = 0) - f(h) P(x2 > k | x1 = h)]
  ///                    + h [f(0) P(x1 > h | x2 = 0) - f(k) P(x1 > h | x2 = k)].
  template <class T>
  nngp::kernel_pair<T> narrow(const SlantedMeeting<T>& m) const {
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

  /// The step at 0 less 1 - x / t between the kinks, in the same way.
  template <class T>
  nngp::kernel_pair<T> broad(const SlantedMeeting<T>& m) const {
    const T h = m.x1->beyond.h(), k = m.x2->beyond.h(), slant = m.rho * m.inverse_s;
    using moments = nngp::triangle_moments<T>;
    const auto [h1, k1] = moments::at(m.x1->within, m.on_h, m.x2->within, m.on_k);
    const auto [h2, k2] = moments::at(m.x1->within, slant * h, m.x2->within, slant * k);
    const T d = (h1.probability + k1.probability) + (h2.probability + k2.probability);
    const T missing = 0.5 * (m.x1->within.missing() + m.x2->within.missing());
    const T slopes = fma(m.x2->deviation, h1.slope - h2.slope, m.x1->deviation * (k1.slope - k2.slope));
    const T sum = fma(m.s * (1 / t), slopes, (h1.square + k1.square) - missing);
    return {(t * t) * (m.angle.turns() + sum), d};
  }

  /// E[step(x1) clip(x2)] less (1 - x1 / t) of it in the strip. The kink of x2 at 0, which is sharp
  /// where s is small, is left to a triangle.
  template <class T>
  nngp::kernel_pair<T> unlike(const SlantedMeeting<T>&, const UnlikePair<T>& x) const {
    const T foot = x.rho * x.h * x.inverse_s;
    const auto at_0 = nngp::triangle_moments<T>::at(x.wide.within, foot, x.wide.within, foot)[0];
    const auto strip = x.over_strip([&](double p, const T& mean) {
      const Tail<T> above((x.k - mean) * x.inverse_s);
      return nngp::kernel_pair{(1 - p) * fma(x.s, density_at_0 - above.excess, 0.5 * mean),
                               0.5 - above.probability};
    });
    const T beyond = x.excess() + 0.5 * (x.other.beyond.density() - x.k * x.other.beyond.upper());
    const T sum = (0.5 * density_at_0) * (1.0 + x.rho) - beyond - fma(x.s, at_0.slope, strip.nngp);
    return {t * x.other.deviation * sum, strip.d_nngp + at_0.probability};
  }
};

/// True where an input of deviation d2 is so much less spread than one of d1 that an UnlikePair serves
/// best: terms of narrow() exceed the sum by d1 / t then, those of broad() by d1 t / d2^2, and those of
/// unlike() by d2 / t.
template <class T>
auto is_unlike(double t, const T& d1, const T& d2) {
  return (d1 > 4 * t) & ((d2 < t) | (16.0 * d2 * d2 * d2 < (t * t) * d1));
}

/// The kernels by what serves the deviations.
template <class Clip, class M>
auto kernels_of(const Clip& clip, const M& m) {
  using T = decltype(m.rho);
  const double t = clip.t;
  const T &d1 = m.x1->deviation, &d2 = m.x2->deviation;
  const auto is_large = m.is_large;
  if (!any(is_large)) [[likely]]  // apart, for it is 3 % quicker
    return clip.narrow(m);
  nngp::kernel_pair<T> y{0.0, 0.0};
  const auto take = [&](const auto& where, const auto& kernels) {
    if (!any(where)) return;
    const nngp::kernel_pair<T> other = kernels();
    y = {select(where, other.nngp, y.nngp), select(where, other.d_nngp, y.d_nngp)};
  };
  take(!is_large, [&] { return clip.narrow(m); });
  const auto first_is_wide = is_unlike(t, d1, d2), second_is_wide = is_unlike(t, d2, d1);
  take(is_large & (!(first_is_wide | second_is_wide)), [&] { return clip.broad(m); });
  for (const bool first : {true, false})
    take(first ? first_is_wide : second_is_wide, [&] {
      const auto &wide = first ? *m.x1 : *m.x2, &other = first ? *m.x2 : *m.x1;
      return clip.unlike(m, UnlikePair<T>{wide, other, m.rho, m.s, m.inverse_s});
    });
  return y;
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
  auto start(const auto&... x) const { return SymmetricKernels{t}.meeting(x...); }
  auto finish(const auto& m) const {
    const auto y = kernels_of(SymmetricKernels{t}, m);
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
  auto start(const auto&... x) const { return PositiveKernels{6}.meeting(x...); }
  auto finish(const auto& m) const { return kernels_of(PositiveKernels{6}, m); }
};

NNGP_PLUGIN(shipped("clip"), HardTanh, HardSigmoid, Relu6);
