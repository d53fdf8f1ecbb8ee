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
#include "nngp/normal.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// A number and how a standard normal variable X lies to it, each accurate however small.
template <Vector V>
struct abscissa {
  V x;
  V upper;  ///< P(X > |x|)
  V inner;  ///< P(|X| < |x|)

  abscissa() = default;
  abscissa(const V& x_) : x(x_), upper(0.5 * erfc(abs(x_) * (1 / sqrt_2))), inner(1.0 - 2.0 * upper) {
    const auto small = is_small();
    if (any(small)) inner = select(small, erf(abs(x) * (1 / sqrt_2)), inner);
  }
  auto is_small() const { return abs(x) < 0.5; }
  /// P(X > x)
  V above() const { return select(x < 0.0, 1.0 - upper, upper); }
};

/// P(a < X < b) for a standard normal X and b >= |a|.
template <Vector V>
V probability_between(const abscissa<V>& a, const abscissa<V>& b) {
  return select(a.x < 0.5, 0.5 * (b.inner - copysign(a.inner, a.x)), a.upper - b.upper);
}

/// Two jointly normal variables of mean 0 in units of their standard deviations.
template <Vector V>
struct correlation {
  V deviation1, deviation2;
  V rho;  ///< 0 if one of the variables is constant
  V s;    ///< sqrt(1 - rho^2), accurate near |rho| = 1, where it is kept above 0 so that it can divide
  V asin_rho, acos_rho;
  V orthant;  ///< P(x1 > 0, x2 > 0) = 1/4 + asin(rho) / (2 pi), accurate near 0 too

  correlation(const V& cov12, const V& var1, const V& var2)
      : deviation1(sqrt(var1)), deviation2(sqrt(var2)) {
    constexpr double smallest = std::is_same_v<typename V::real, double> ? 1e-70 : 1e-15;
    const V unit = deviation1 * deviation2, root = root_det(cov12, var1, var2);
    const auto constant = unit == 0.0;
    const V divisor = select(constant, 1.0, unit);
    rho = max(V(-1.0), min(V(1.0), cov12 / divisor));
    s = select(constant, 1.0, max(V(smallest), root / divisor));
    asin_rho = asin2(cov12, root);
    acos_rho = acos2(cov12, root);
    orthant = acos2(-cov12, root) * (0.5 / pi);
  }
};

/// The same with the two lines on which one of the variables has the value t > 0: x1 = h = t /
/// deviation1 and x2 = k = t / deviation2.
template <Vector V>
struct crossing : correlation<V> {
  using correlation<V>::rho, correlation<V>::s;

  abscissa<V> h, k;        ///< the distances of the lines from the origin, at most 40
  abscissa<V> on_h, on_k;  ///< where the lines cross: distances from the feet of the perpendiculars
  V quadratic;             ///< the density where they cross is exp(-quadratic) / (2 pi s)

  crossing(const V& cov12, const V& var1, const V& var2, double t) : correlation<V>(cov12, var1, var2) {
    // What happens beyond 40 standard deviations is far below rounding.
    const V limit = t / 40, v1 = max(var1, limit * limit), v2 = max(var2, limit * limit);
    const V d1 = max(this->deviation1, limit), d2 = max(this->deviation2, limit);
    h = t / d1;
    k = t / d2;
    // For rho near 1 the lines are nearly parallel: k - rho h = (k - h) + (1 - rho) h.
    const V gap = h.x * k.x * (v1 - v2) / (t * (d1 + d2) * s);
    const V tilt = s / (1.0 + rho);
    on_h = select(rho > 0.0, fma(h.x, tilt, gap), fma(-rho, h.x, k.x) / s);
    on_k = select(rho > 0.0, fma(k.x, tilt, -gap), fma(-rho, k.x, h.x) / s);
    quadratic = 0.5 * fma(h.x, h.x, on_h.x * on_h.x);
  }
};

namespace detail {

/// Positive half of the Gauss-Legendre rule with 2 N nodes, exact enough for right_triangle below: the
/// relative error is at most 3e-17 with 22 nodes, 4e-8 with 10.
template <class Real>
struct even_rule {
  static constexpr std::array<double, 11> node{
      0.069739273319722221, 0.207860426688221285, 0.341935820892084225, 0.469355837986757026,
      0.587640403506911592, 0.694487263186682780, 0.787816805979208162, 0.865812577720300136,
      0.926956772187174000, 0.970060497835428727, 0.994294585482399292};
  static constexpr std::array<double, 11> weight{
      0.139251872855631993, 0.136541498346015171, 0.131173504787062370, 0.123252376810512424,
      0.112932296080539218, 0.100414144442880964, 0.085941606217067727, 0.069796468424520488,
      0.052293335152683285, 0.033774901584814154, 0.014627995298272200};
};
template <>
struct even_rule<float> {
  static constexpr std::array<double, 5> node{0.148874338981631210, 0.433395394129247190,
                                              0.679409568299024406, 0.865063366688984510,
                                              0.973906528517171720};
  static constexpr std::array<double, 5> weight{0.295524224714752870, 0.269266719309996355,
                                                0.219086362515982044, 0.149451349150580593,
                                                0.066671344308688137};
};

/// (1 - exp(-z)) / z for z >= 0, given exp(-z).
template <Vector V>
V mean_of_exp(const V& z, const V& exp_of_minus_z) {
  const V series = polynomial(z, 1.0, -1 / 2., 1 / 6., -1 / 24., 1 / 120., -1 / 720., 1 / 5040.,
                              -1 / 40320., 1 / 362880., -1 / 3628800., 1 / 39916800., -1 / 479001600.);
  return select(z < 0.25, series, (1.0 - exp_of_minus_z) / z);
}

}  // namespace detail

/// The right triangle with a leg from the origin to a line at distance h.x >= 0 and the other leg of
/// length |y.x| along that line. Where `inside`, its probability; elsewhere that of the rest of its
/// wedge at the origin, T(h, y/h). Negative for negative y. The two add up to atan(y/h) / (2 pi), and
/// each is accurate however small.
///
/// With legs a >= b the triangle has probability a b / (4 pi) int_0^1 m((a^2 + b^2 u^2) / 2) du with
/// m(z) = (1 - e^-z) / z, the rest the same with e^-z / z. If y is the longer leg, the triangle is
/// what its mirror image leaves of the rectangle.
template <Vector V>
V right_triangle(const typename V::mask_type& inside, const abscissa<V>& h, const abscissa<V>& y) {
  using Rule = detail::even_rule<typename V::real>;
  const V length = abs(y.x);
  const V a = max(h.x, length), b = min(h.x, length);
  const V z0 = 0.5 * a * a, z1 = 0.5 * b * b;
  V sum(0.0);
  for (std::size_t i = 0; i < Rule::node.size(); ++i) {
    const V z = fma(z1, Rule::node[i] * Rule::node[i], z0);
    const V e = exp(-z);
    sum = fma(select(inside, detail::mean_of_exp(z, e), e / z), Rule::weight[i], sum);
  }
  const V direct = (0.25 / pi) * h.x * length * sum;
  const V both =
      select(inside, 0.25 * h.inner * y.inner, fma(-h.upper, y.upper, 0.5 * (h.upper + y.upper)));
  return copysign(select(length > h.x, both - direct, direct), y.x);
}

}  // namespace nngp

#pragma GCC visibility pop
