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

/// The power of 2 about the square root of v.
template <Vector V>
V half_exponent(const V& v) {
  const V least = 4 - std::numeric_limits<typename V::real>::max_exponent;
  return round(0.5 * max(least, exponent(v)));
}

/// root_det for anything: powers of 2 take the variances near 1, and inputs that are parallel up to the
/// rounding of cov12 are parallel: an angle of 1e-8 would be made of nothing but rounding errors. In
/// float such angles, 1e-3, are common among real data: kept.
template <Vector V>
V root_det_of_any(const V& cov12, const V& var1, const V& var2) {
  constexpr double rounding = std::is_same_v<typename V::real, double> ? 0x1p-48 : 0.0;
  const V n1 = half_exponent(var1), n2 = half_exponent(var2);
  const V c = scale(scale(cov12, -n1), -n2);
  const V det =
      difference_of_products(scale(scale(var1, -n1), -n1), scale(scale(var2, -n2), -n2), c, c);
  return scale(scale(sqrt(select(det <= rounding * (c * c), V(0.0), det)), n1), n2);
}

/// v1 v2 - c^2, 0 where rounding takes c beyond the boundary.
template <Vector V>
V clamped_det(const V& c, const V& v1, const V& v2) {
  return max(V(0.0), difference_of_products(v1, v2, c, c));
}
template <Vector V>
V root_det_of_any(const V& cov12, const V& var1, const V& var2, double r) {
  const V n1 = half_exponent(var1 + r), n2 = half_exponent(var2 + r);
  const V v1 = scale(scale(var1, -n1), -n1), r1 = scale(scale(V(r), -n1), -n1);
  const V v2 = scale(scale(var2, -n2), -n2), r2 = scale(scale(V(r), -n2), -n2);
  const V c = scale(scale(cov12, -n1), -n2);
  const V det = clamped_det(c, v1, v2) + fma(r1, v2, fma(r2, v1, r1 * r2));
  return scale(scale(sqrt(det), n1), n2);
}

}  // namespace detail

/// A square root, and what makes quotients by it quick.
template <Vector V>
struct root {
  V value;
  V near_inverse;

  /// Of positive numbers; anything for others.
  explicit root(const V& square) : value(0.0), near_inverse(0.0) {
    value = quick_sqrt(square, near_inverse);
  }

  /// a / value, anything if that is 0.
  V under(const V& a) const { return quick_divide(a, value, near_inverse); }

  /// Takes other values where m.
  void replace(const typename V::mask_type& m, const V& other) {
    value = select(m, other, value);
    near_inverse = select(m, 1.0 / other, near_inverse);
  }
};

/// sqrt(var1 var2 - cov12^2): the area of the parallelogram spanned by two vectors of which these are
/// the inner products. Within a few ulp also where they are nearly parallel, since the determinant is;
/// 0 where that is no more than rounding errors.
template <Vector V>
root<V> root_of_det(const V& cov12, const V& var1, const V& var2) {
  constexpr bool is_double = std::is_same_v<typename V::real, double>;
  const V det = difference_of_products(var1, var2, cov12, cov12);
  root<V> area(det);
  // Not between these are parallel inputs, products that overflow, and products so small that they lose
  // their rounding errors.
  const V least = fma(cov12 * cov12, V(is_double ? 0x1p-48 : 0.0), V(is_double ? 0x1p-950 : 0x1p-95));
  const V most = std::numeric_limits<typename V::real>::max();
  const auto unusual = !((det > least) & (det <= most));
  if (any(unusual)) [[unlikely]]
    area.replace(unusual, detail::root_det_of_any(cov12, var1, var2));
  return area;
}

/// sqrt((var1 + r)(var2 + r) - cov12^2) for r > 0, without the rounding of var + r.
template <Vector V>
root<V> root_of_det(const V& cov12, const V& var1, const V& var2, double r) {
  const V det = fma(var1 + (var2 + r), r, detail::clamped_det(cov12, var1, var2));
  constexpr double most = std::is_same_v<typename V::real, double> ? 0x1p512 : 0x1p64;
  root<V> area(det);
  if (!all_below(area.value, most)) [[unlikely]]
    area.replace(!(area.value < most), detail::root_det_of_any(cov12, var1, var2, r));
  return area;
}

/// The same, without what quotients need.
template <Vector V, class... R>
V root_det(const V& cov12, const V& var1, const V& var2, R... r) {
  return root_of_det(cov12, var1, var2, r...).value;
}

namespace detail {

/// unit atan(t) / t for |t| <= tan(pi/8), at no cost for the unit.
template <Vector V>
V atan_over_argument(const V& t, double unit = 1) {
  const V z = t * t;
  const auto scaled = [&](auto... c) { return polynomial(z, unit * c...); };
  if constexpr (std::is_same_v<typename V::real, double>) {  // relative error below 2^-54
    return scaled(1.0, -0.33333333333330148, 0.199999999990881798, -0.142857141951921603,
                  0.111111066506356045, -0.0909078234192421629, 0.0769006728845640836,
                  -0.0664111228363419933, 0.0569249191025156351, -0.0435895816346593328,
                  0.0212581547053002053);
  } else {  // 2^-25
    return scaled(1.0, -0.333329490120052502, 0.199777045680376452, -0.138776127146466464,
                  0.0805348825043672497);
  }
}

/// The angle in [0, pi/4] whose tangent is the smaller of two numbers >= 0 over the larger; 0 if both
/// are 0.
template <Vector V>
V acute_angle(const V& x, const V& y) {
  constexpr double tan_pi_8 = 0.41421356237309504880;
  const V tiny = std::numeric_limits<typename V::real>::min();
  const V least = min(x, y), most = max(tiny, max(y, x));  // one is NaN if x or y is: mind the order
  const auto upper = least > tan_pi_8 * most;              // atan(least / most) = pi/4 + atan(t)
  const V t = quick_divide(select(upper, least - most, least), select(upper, least + most, most));
  return fma(t, atan_over_argument(t), select(upper, V(pi / 4), V(0.0)));
}

}  // namespace detail

/// The angle in [-pi/2, pi/2] whose sine is c / sqrt(c^2 + s^2), s >= 0: atan2(c, s), accurate where an
/// arc sine of the ratio would not be. 0 if both are 0.
template <Vector V>
V asin2(const V& c, const V& s) {
  const V angle = detail::acute_angle(abs(c), s);
  return copysign(select(abs(c) > s, pi / 2 - angle, angle), c);
}

/// The angle in [0, pi] whose cosine is c / sqrt(c^2 + s^2), s >= 0: atan2(s, c), accurate near 0 too.
/// pi/2 if both are 0.
template <Vector V>
V acos2(const V& c, const V& s) {
  const V angle = detail::acute_angle(abs(c), s);
  const V first = select(abs(c) > s, angle, pi / 2 - angle);
  return select(c < 0.0, pi - first, first);
}

/// An angle by its half, whose tangent takes one division and few cases; two steps, see start() in
/// nngp/activation.hpp.
template <Vector V>
struct half_angle {
  V t;     ///< tangent of half of what the angle is from base, |t| <= tan(pi/8)
  V base;  ///< a multiple of 1/4, in the unit of turns()

  /// The angle by 2 pi.
  V turns() const { return fma(t, detail::atan_over_argument(t, 1 / pi), base); }
};

/// asin2(c, s) given h = sqrt(c^2 + s^2) > 0, s >= 0.
template <Vector V>
half_angle<V> asin_of(const V& c, const V& s, const V& h) {
  const auto central = s >= abs(c), positive = c > 0.0;
  return {quick_divide(select(central, c, select(positive, -s, s)), h + max(s, abs(c))),
          select(central, V(0.0), select(positive, V(0.25), V(-0.25)))};
}
/// acos2(-c, s), s >= 0, the angle between x1 and -x2 with c = x1 x2; in the same way, but by the acute
/// angle of which s / |c| is the tangent.
template <Vector V>
struct opposite_angle {
  V c;
  half_angle<V> acute;

  /// q = sqrt(c^2 + s^2) + |c| > 0; above_45_degrees is s >= |c|.
  opposite_angle(const V& c_, const V& s, const V& q, const typename V::mask_type& above_45_degrees)
      : c(c_),
        acute{quick_divide(select(above_45_degrees, s - q, s), select(above_45_degrees, s + q, q)),
              select(above_45_degrees, V(0.25), V(0.0))} {}

  /// By 2 pi: from 0 where the inputs are opposite to 1/2 where they are parallel.
  V turns() const {
    const V u = acute.turns();
    return select(c > 0.0, 0.5 - u, u);
  }
};

/// What parallelogram needs of one input.
template <Vector V>
struct side {
  V var;
  V length;  ///< sqrt(var); NaN where the product of two variances may leave the number type's range

  explicit side(const V& var_) : var(var_), length(0.0) {
    constexpr bool is_double = std::is_same_v<typename V::real, double>;
    const auto usual =
        (var >= (is_double ? 0x1p-475 : 0x1p-47)) & (var <= (is_double ? 0x1p511 : 0x1p63));
    length = select(usual, sqrt(var), V(std::numeric_limits<double>::quiet_NaN()));
  }
};

/// The parallelogram spanned by two inputs x1 and -x2: its area root_det(cov12, var1, var2) and the
/// angle between them.
template <Vector V>
struct parallelogram {
  V area;
  opposite_angle<V> angle;

  parallelogram(const V& cov12, const side<V>& x1, const side<V>& x2)
      : parallelogram(cov12, x1, x2, fma(x1.length, x2.length, abs(cov12))) {}

 private:
  parallelogram(const V& cov12, const side<V>& x1, const side<V>& x2, const V& q)
      : parallelogram(cov12, difference_of_products(x1.var, x2.var, cov12, cov12), q) {
    constexpr double parallel = std::is_same_v<typename V::real, double> ? 0x1p-24 : 0.0;
    const auto unusual = !(area > parallel * q);  // NaN too
    if (any(unusual)) [[unlikely]]
      patch(unusual, x1.var, x2.var);
  }
  parallelogram(const V& cov12, const V& det, const V& q)
      : area(quick_sqrt(det)), angle(cov12, area, q, det >= cov12 * cov12) {}

  /// Powers of 2 take the variances near 1; nearly parallel inputs are left to root_det.
  void patch(const typename V::mask_type& where, const V& var1, const V& var2) {
    const V n1 = detail::half_exponent(var1), n2 = detail::half_exponent(var2);
    const V c = abs(scale(scale(angle.c, -n1), -n2));
    const V v1 = scale(scale(var1, -n1), -n1), v2 = scale(scale(var2, -n2), -n2);
    const V s = detail::root_det_of_any(c, v1, v2), q = sqrt(fma(s, s, c * c)) + c;
    const V none = select(q > 0.0, V(0.0), V(1.0));  // a right angle if all are 0
    const half_angle<V> scaled = opposite_angle<V>(c, s + none, q + none, s >= c).acute;
    area = select(where, scale(scale(s, n1), n2), area);
    angle.acute.t = select(where, scaled.t, angle.acute.t);
    angle.acute.base = select(where, scaled.base, angle.acute.base);
  }
};

// ---- Derivatives -------------------------------------------------------------------------------

/// At root 0, where the slope is infinite, it is taken as 0, as in sqrt.
template <Vector V, class... R>
dual<V> root_det(const dual<V>& cov12, const V& var1, const V& var2, R... r) {
  const root<V> area = root_of_det(cov12.value, var1, var2, r...);
  const V slope = -area.under(cov12.value) * cov12.slope;
  if constexpr (sizeof...(R) > 0) return {area.value, slope};  // r > 0: no root vanishes
  return {area.value, select(area.value > 0.0, slope, V(0.0))};
}
template <Vector V, class... R>
dual<V> root_det(const dual<V>& cov12, const dual<V>& var1, const dual<V>& var2, R... r) {
  const root<V> area = root_of_det(cov12.value, var1.value, var2.value, r...);
  const V v1 = (var1.value + ... + r), v2 = (var2.value + ... + r);
  const V slope = 0.5 * (area.under(v2) * var1.slope + area.under(v1) * var2.slope) -
                  area.under(cov12.value) * cov12.slope;
  return {area.value, select(area.value > 0.0, slope, V(0.0))};
}

namespace detail {

/// The derivative of the angle of (x, y).
template <Vector V>
V slope_of_angle(const dual<V>& x, const dual<V>& y) {
  constexpr bool is_double = std::is_same_v<typename V::real, double>;
  const V square = fma(x.value, x.value, y.value * y.value);
  const V slope = quick_divide(fma(x.value, y.slope, -(y.value * x.slope)), square);
  const auto usual =
      (square > (is_double ? 0x1p-900 : 0x1p-90)) & (square < (is_double ? 0x1p1000 : 0x1p120));
  if (!any(!usual)) [[likely]]
    return slope;
  const V size = max(V(std::numeric_limits<typename V::real>::min()), max(abs(x.value), abs(y.value)));
  const V a = x.value / size, b = y.value / size;
  return select(usual, slope, fma(a, y.slope, -(b * x.slope)) / max(V(0.5), fma(a, a, b * b)) / size);
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
