#pragma once

// Two inputs as the kernels see them: cov12, var1 and var2 are the inner products of two vectors. The
// area these span and the angle between them, accurate where textbook formulas cancel.

#include "nngp/math.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// a b - c d to within 2 ulp of itself, however much cancels (Jeannerod, Louvet and Muller, Math. Comp.
/// 82 (2013), on Kahan's algorithm). Products must neither overflow nor underflow.
template <Vector V>
V difference_of_products(const V& a, const V& b, const V& c, const V& d) {
  const product<V> cd(c, d);
  if constexpr (V::has_fma) {
    return fma(a, b, -cd.high) - cd.low;
  } else {
    const product<V> ab(a, b);
    return (ab.high - cd.high) + (ab.low - cd.low);
  }
}

namespace detail {

template <Vector V>
V root_of_det(const V& c, const V& v1, const V& v2) {
  const V det = difference_of_products(v1, v2, c, c);
  // Inputs that are parallel up to the rounding of c are parallel: an angle of 1e-8 would be made of
  // nothing but rounding errors. In float such angles, 1e-3, are common among real data: kept.
  constexpr double rounding = std::is_same_v<typename V::real, double> ? 0x1p-48 : 0.0;
  return sqrt(select(det <= rounding * (c * c), V(0.0), det));
}
template <Vector V>
V root_of_det(const V& c, const V& v1, const V& v2, const V& r1, const V& r2) {
  const V det = difference_of_products(v1, v2, c, c);
  return sqrt(max(V(0.0), fma(r1, r2, fma(r1, v2, fma(r2, v1, det)))));
}

/// True if a product of variances may overflow, or underflow so far that it loses its rounding error.
template <Vector V>
bool any_extreme(const V& v1, const V& v2) {
  constexpr bool is_double = std::is_same_v<typename V::real, double>;
  const V low = (is_double ? 0x1p-900 : 0x1p-90) / v1, high = (is_double ? 0x1p980 : 0x1p110) / v1;
  return any((v2 <= low) | (v2 >= high));
}

/// The power of 2 about the square root of v.
template <Vector V>
V half_exponent(const V& v) {
  const V least = 4 - std::numeric_limits<typename V::real>::max_exponent;
  return round(0.5 * max(least, exponent(v)));
}

}  // namespace detail

/// sqrt(var1 var2 - cov12^2): the area of the parallelogram spanned by two vectors of which these are
/// the inner products. Within a few ulp also where they are nearly parallel, since the determinant is;
/// 0 where that is no more than rounding errors.
template <Vector V>
V root_det(const V& cov12, const V& var1, const V& var2) {
  if (detail::any_extreme(var1, var2)) [[unlikely]] {
    const V n1 = detail::half_exponent(var1), n2 = detail::half_exponent(var2);
    const V root = detail::root_of_det(scale(scale(cov12, -n1), -n2), scale(scale(var1, -n1), -n1),
                                       scale(scale(var2, -n2), -n2));
    return scale(scale(root, n1), n2);
  }
  return detail::root_of_det(cov12, var1, var2);
}

/// sqrt((var1 + r)(var2 + r) - cov12^2) for r > 0, without the rounding of var + r.
template <Vector V>
V root_det(const V& cov12, const V& var1, const V& var2, double r) {
  if (detail::any_extreme(var1 + r, var2 + r)) [[unlikely]] {
    const V n1 = detail::half_exponent(var1 + r), n2 = detail::half_exponent(var2 + r);
    const V root = detail::root_of_det(scale(scale(cov12, -n1), -n2), scale(scale(var1, -n1), -n1),
                                       scale(scale(var2, -n2), -n2), scale(scale(V(r), -n1), -n1),
                                       scale(scale(V(r), -n2), -n2));
    return scale(scale(root, n1), n2);
  }
  return detail::root_of_det(cov12, var1, var2, V(r), V(r));
}

namespace detail {

/// atan(t) / t for |t| <= tan(pi/8).
template <Vector V>
V atan_over_argument(const V& t) {
  const V z = t * t;
  if constexpr (std::is_same_v<typename V::real, double>) {  // relative error below 2^-54
    return polynomial(z, 1.0, -0.33333333333330148, 0.199999999990881798, -0.142857141951921603,
                      0.111111066506356045, -0.0909078234192421629, 0.0769006728845640836,
                      -0.0664111228363419933, 0.0569249191025156351, -0.0435895816346593328,
                      0.0212581547053002053);
  } else {  // 2^-25
    return polynomial(z, 1.0, -0.333329490120052502, 0.199777045680376452, -0.138776127146466464,
                      0.0805348825043672497);
  }
}

/// atan(|c| / s) = centre + atan(t) with |t| <= tan(pi/8) and centre 0, pi/4 or pi/2.
template <Vector V>
struct sector {
  V centre;
  V t;

  sector(const V& c, const V& s) {
    constexpr double tan_pi_8 = 0.41421356237309504880;
    const V a = abs(c);
    const auto beyond_first = a > tan_pi_8 * s;
    const auto in_last = tan_pi_8 * a > s;
    const V numerator = select(in_last, -s, select(beyond_first, a - s, a));
    const V denominator = select(in_last, a, select(beyond_first, a + s, s));
    centre = select(in_last, V(pi / 2), select(beyond_first, V(pi / 4), V(0.0)));
    t = numerator / max(V(std::numeric_limits<typename V::real>::min()), denominator);
  }
};

}  // namespace detail

/// The angle in [-pi/2, pi/2] whose sine is c / sqrt(c^2 + s^2), s >= 0: atan2(c, s), accurate where an
/// arc sine of the ratio would not be. 0 if both are 0.
template <Vector V>
V asin2(const V& c, const V& s) {
  const detail::sector<V> at(c, s);
  return copysign(fma(at.t, detail::atan_over_argument(at.t), at.centre), c);
}

/// The angle in [0, pi] whose cosine is c / sqrt(c^2 + s^2), s >= 0: atan2(s, c), accurate near 0 too.
/// pi/2 if both are 0.
template <Vector V>
V acos2(const V& c, const V& s) {
  const detail::sector<V> at(c, s);
  return fma(flip_sign(at.t, -c), detail::atan_over_argument(at.t), pi / 2 - flip_sign(at.centre, c));
}

// ---- Derivatives -----------------------------------------------------------------------------------

/// At root 0, where the slope is infinite, it is taken as 0, as in sqrt.
template <Vector V, class... R>
dual<V> root_det(const dual<V>& cov12, const V& var1, const V& var2, R... r) {
  const V root = root_det(cov12.value, var1, var2, r...);
  return {root, select(root > 0.0, -(cov12.value / root) * cov12.slope, V(0.0))};
}
template <Vector V, class... R>
dual<V> root_det(const dual<V>& cov12, const dual<V>& var1, const dual<V>& var2, R... r) {
  const V root = root_det(cov12.value, var1.value, var2.value, r...);
  const V v1 = (var1.value + ... + r), v2 = (var2.value + ... + r);
  const V slope =
      0.5 * ((v2 / root) * var1.slope + (v1 / root) * var2.slope) - (cov12.value / root) * cov12.slope;
  return {root, select(root > 0.0, slope, V(0.0))};
}

namespace detail {

/// The derivative of the angle of (x, y).
template <Vector V>
V slope_of_angle(const dual<V>& x, const dual<V>& y) {
  const V size = max(V(std::numeric_limits<typename V::real>::min()), max(abs(x.value), abs(y.value)));
  const V a = x.value / size, b = y.value / size;
  return fma(a, y.slope, -(b * x.slope)) / max(V(0.5), fma(a, a, b * b)) / size;
}

}  // namespace detail

template <Vector V>
dual<V> asin2(const dual<V>& c, const dual<V>& s) {
  return {asin2(c.value, s.value), detail::slope_of_angle(s, c)};
}
template <Vector V>
dual<V> acos2(const dual<V>& c, const dual<V>& s) {
  return {acos2(c.value, s.value), detail::slope_of_angle(c, s)};
}

}  // namespace nngp

#pragma GCC visibility pop
