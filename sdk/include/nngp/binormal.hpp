#pragma once

// The bivariate normal distribution, for activations with kinks away from 0.
//
// x1 and x2, divided by their standard deviations, are the projections of a standard normal vector of
// the plane on two directions at an angle theta, cos(theta) = rho. The lines x1 = h and x2 = k have
// distances h and k from the origin. Every polygon made of such lines consists of right triangles with
// an acute corner at the origin, so all probabilities reduce to that of one such triangle; what lies
// beyond the triangle is Owen's T (D. B. Owen, Ann. Math. Statist. 27 (1956) 1075-1090).

#include <array>
#include <type_traits>

#include "nngp/gram.hpp"
#include "nngp/math.hpp"
#include "nngp/mills.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// exp(-exponent). In float 0 below 2e-19, so that no product of two of them is a denormal number, with
/// which many processors take a hundred times as long.
template <Vector V>
V bell_of(const V& exponent) {
  if constexpr (std::is_same_v<typename V::real, float>)
    return select(exponent > 43.0, V(0.0), exp(-min(V(43.0), exponent)));
  return exp(-exponent);
}

/// A number and how a standard normal variable X lies to it, each accurate however small (in float,
/// down to 2e-19).
template <Vector V>
struct abscissa {
  V x;
  V bell;   ///< exp(-x^2 / 2)
  V upper;  ///< P(X > |x|)
  V inner;  ///< P(|X| < |x|)

  abscissa() = default;
  abscissa(const V& x_)
      : x(x_),
        bell(bell_of(0.5 * x * x)),
        upper(bell * mills_ratio(abs(x)) * density_at_0),
        inner(1.0 - 2.0 * upper) {
    const auto small = abs(x) < 0.5;
    if (any(small)) inner = select(small, erf(abs(x) * (1 / sqrt_2)), inner);
  }
  /// P(X > x)
  V above() const { return select(x < 0.0, 1.0 - upper, upper); }
  V density() const { return bell * density_at_0; }
};

/// sqrt(1 - rho^2) of parallel inputs is kept at this, so that it can divide.
template <Vector V>
constexpr double smallest_sine = per_type<V>(1e-70, 1e-15);

/// Two jointly normal variables of mean 0 in units of their standard deviations.
template <Vector V>
struct correlation {
  V deviation1, deviation2;
  V rho;  ///< 0 if one of the variables is constant
  V s;    ///< sqrt(1 - rho^2), accurate near |rho| = 1, at least smallest_sine
  V asin_rho, acos_rho;
  V orthant;  ///< P(x1 > 0, x2 > 0) = 1/4 + asin(rho) / (2 pi), accurate near 0 too

  correlation(const V& cov12, const V& var1, const V& var2)
      : correlation(cov12, var1, var2, sqrt(var1), sqrt(var2)) {}
  correlation(const V& cov12, const V& var1, const V& var2, const V& root1, const V& root2)
      : deviation1(root1), deviation2(root2) {
    const V unit = deviation1 * deviation2, root = root_det(cov12, var1, var2);
    const auto constant = unit == 0.0;
    const V divisor = select(constant, 1.0, unit);
    rho = max(V(-1.0), min(V(1.0), cov12 / divisor));
    s = select(constant, 1.0, max(smallest_sine<V>, root / divisor));
    asin_rho = asin2(cov12, root);
    acos_rho = acos2(cov12, root);
    orthant = acos2(-cov12, root) * (0.5 / pi);
  }
};

/// A variance and its root, at least those with which the value t > 0 is 40 standard deviations away.
/// What happens beyond is far below rounding.
template <Vector V>
struct spread_of_line {
  V var, deviation;

  spread_of_line(const V& var_, const V& deviation_, double t)
      : var(max(t / 40 * (t / 40), var_)), deviation(max(t / 40, deviation_)) {}
};

/// A variable of variance var and the line on which it has the value t > 0, at the distance t /
/// deviation from the origin; at most 40.
template <Vector V>
struct line {
  V var, deviation;
  spread_of_line<V> near;
  abscissa<V> distance;

  line(const V& var_, double t)
      : var(var_), deviation(sqrt(var)), near(var, deviation, t), distance(t / near.deviation) {}
};

/// Where lines of the same t at the distances h and k cross, for a correlation rho and s = sqrt(1 -
/// rho^2): its distances on them from the feet of the perpendiculars.
template <Vector V>
std::array<V, 2> place_of_crossing(const V& rho, const V& s, double t, const V& h,
                                   const spread_of_line<V>& x1, const V& k,
                                   const spread_of_line<V>& x2) {
  // For rho near 1 the lines are nearly parallel: k - rho h = (k - h) + (1 - rho) h.
  const V gap = h * k * (x1.var - x2.var) / (t * (x1.deviation + x2.deviation) * s);
  const V tilt = s / (1.0 + rho);
  return {select(rho > 0.0, fma(h, tilt, gap), fma(-rho, h, k) / s),
          select(rho > 0.0, fma(k, tilt, -gap), fma(-rho, k, h) / s)};
}

/// The right triangle with a leg from the origin to a line at distance h.x >= 0 and the other leg of
/// length |y.x| along that line.
template <Vector V>
struct right_triangle {
  abscissa<V> h, y;
};

namespace detail {

/// 1 / (1 + x) = c0 + c1 x + ... on [0, 1], interpolated at Chebyshev points: within 1e-16, float 5e-9.
/// `start` is where the backward recurrence of owen_t begins, from 0.
template <class Real>
struct owen_series {
  static constexpr std::array c{
      0.99999999999999997,   -0.99999999999997212,   0.99999999999548879,  -0.99999999970855543,
      0.99999998997331633,   -0.9999997874803432,    0.99999697098717136,  -0.99996923936209483,
      0.99976818508028997,   -0.9986643576507731,    0.99398180550240152,  -0.97841383991820512,
      0.93746332175107981,   -0.85178223758601761,   0.70898043064424729,  -0.51989114145238589,
      0.32241482733669193,   -0.161899320675807,     0.062532578457163943, -0.017301628940854161,
      0.0030364833241718455, -0.00025304027701432046};
  static constexpr int start = 52;
};
template <>
struct owen_series<float> {
  static constexpr std::array c{0.99999999241483699,  -0.99999815680538966, 0.99992473242749648,
                                -0.99877931213236279, 0.9896159497712933,   -0.94685359208630235,
                                0.82245400609360138,  -0.59005917511822595, 0.31118537794777544,
                                -0.10339705848743976, 0.015907239767298425};
  static constexpr int start = 26;
};

/// 1 / (2k + 1) for k < n.
template <std::size_t n>
constexpr std::array<double, n> odd_reciprocals() {
  std::array<double, n> values{};
  for (std::size_t k = 0; k < n; ++k) values[k] = 1.0 / static_cast<double>(2 * k + 1);
  return values;
}

/// T(h, y/h) for each of the triangles with y <= h, else T(y, h/y).
///
/// T(a, b/a) = r / (2 pi) e^(-a^2/2) int_0^1 e^(-b^2 u^2/2) / (1 + r^2 u^2) du with r = b/a <= 1. The
/// denominator as a polynomial leaves the moments int_0^1 u^(2k) e^(-b^2 u^2/2) du, which a backward
/// recurrence gives, `moment` being 2k + 1 times them (M. P. Borth, Int. J. Math. Educ. Sci. Technol. 4
/// (1973)). The triangles go side by side, because each recurrence is one long chain of operations.
template <Vector V, std::size_t n>
std::array<V, n> owen_t(const std::array<right_triangle<V>, n>& triangles) {
  using Series = owen_series<typename V::real>;
  constexpr int degree = Series::c.size() - 1;
  static constexpr auto reciprocal = odd_reciprocals<Series::start + 1>();
  std::array<V, n> square, ratio, edge, moment, sum;
  for (std::size_t j = 0; j < n; ++j) {
    const auto& [h, y] = triangles[j];
    const V length = abs(y.x), b = min(h.x, length);
    ratio[j] = b / max(V(std::numeric_limits<typename V::real>::min()), max(h.x, length));
    square[j] = b * b;
    edge[j] = max(h.bell, y.bell);
    moment[j] = sum[j] = V(0.0);
  }
  for (int k = Series::start; k > degree; --k)
    for (std::size_t j = 0; j < n; ++j) moment[j] = fma(square[j] * reciprocal[k], moment[j], edge[j]);
  for (int k = degree; k >= 0; --k)
    for (std::size_t j = 0; j < n; ++j) {
      sum[j] = fma(sum[j], ratio[j] * ratio[j], Series::c[k] * (reciprocal[k] * moment[j]));
      if (k > 0) moment[j] = fma(square[j] * reciprocal[k], moment[j], edge[j]);
    }
  for (std::size_t j = 0; j < n; ++j)
    sum[j] = (0.5 / pi) * ratio[j] * min(triangles[j].h.bell, triangles[j].y.bell) * sum[j];
  return sum;
}

/// The probability of the triangle with legs a >= b and a^2 <= 1/2:
/// a b / (4 pi) int_0^1 m((a^2 + b^2 u^2) / 2) du with m(z) = (1 - e^-z) / z.
template <Vector V>
V small_triangle(const V& a, const V& b) {
  constexpr double node[] = {0.18343464249564980, 0.52553240991632899, 0.79666647741362674,
                             0.96028985649753623};
  constexpr double weight[] = {0.36268378337836198, 0.31370664587788729, 0.22238103445337447,
                               0.10122853629037626};
  V sum(0.0);
  for (int i = 0; i < 4; ++i) {
    const V z = 0.5 * fma(b * b, node[i] * node[i], a * a);
    sum = fma(polynomial(z, 1.0, -1 / 2., 1 / 6., -1 / 24., 1 / 120., -1 / 720., 1 / 5040., -1 / 40320.,
                         1 / 362880., -1 / 3628800., 1 / 39916800., -1 / 479001600.),
              weight[i], sum);
  }
  return (0.25 / pi) * a * b * sum;
}

}  // namespace detail

/// For each triangle its probability where `inside`; elsewhere that of the rest of its wedge at the
/// origin, T(h, y/h). Negative for negative y. The two add up to atan(y/h) / (2 pi), and each is
/// accurate however small, but for an error of 1e-20 in T (float: 1e-11) if both legs are above 6.
template <Vector V, std::size_t n>
std::array<V, n> probability(const typename V::mask_type& inside,
                             const std::array<right_triangle<V>, n>& triangles) {
  std::array<V, n> result = detail::owen_t(triangles);
  for (std::size_t j = 0; j < n; ++j) {
    const auto& [h, y] = triangles[j];
    const V length = abs(y.x);
    V direct = result[j], rectangle = fma(-h.upper, y.upper, 0.5 * (h.upper + y.upper));
    if (any(inside)) {
      const V a = max(h.x, length), b = min(h.x, length);
      const V within =
          select(a * a < 0.5, detail::small_triangle(a, b), asin2(b, a) * (0.5 / pi) - direct);
      direct = select(inside, within, direct);
      rectangle = select(inside, 0.25 * h.inner * y.inner, rectangle);
    }
    // If y is the longer leg, the triangle is what its mirror image leaves of their rectangle.
    result[j] = copysign(select(length > h.x, rectangle - direct, direct), y.x);
  }
  return result;
}

}  // namespace nngp

#pragma GCC visibility pop
