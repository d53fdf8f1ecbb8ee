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
  const auto cd = product(c, d);
  if constexpr (V::has_fma) {
    return fma(a, b, -cd.high) - cd.low;
  } else {
    const auto ab = product(a, b);
    return (ab.high - cd.high) + (ab.low - cd.low);
  }
}
template <Scalar R>
R difference_of_products(R a, R b, R c, R d) {
  const auto cd = product(c, d);
  return std::fma(a, b, -cd.high) - cd.low;
}
template <Vector V>
dual_number<V> difference_of_products(const dual_number<V>& a, const dual_number<V>& b,
                                      const dual_number<V>& c, const dual_number<V>& d) {
  return {difference_of_products(a.value, b.value, c.value, d.value),
          difference_of_products(a.slope, b.value, c.slope, d.value) +
              difference_of_products(a.value, b.slope, c.value, d.slope)};
}
template <class A, class B, class C, class D>
requires Mixed<A, B, C, D>
auto difference_of_products(const A& a, const B& b, const C& c, const D& d) {
  using T = number_of<A, B, C, D>;
  return difference_of_products(T(a), T(b), T(c), T(d));
}

namespace detail {

/// The power of 2 about the square root of v.
template <Vector V>
V half_exponent(const V& v) {
  constexpr double least = 4 - std::numeric_limits<typename V::real>::max_exponent;
  return round(0.5 * max(least, exponent(v)));
}

/// root_det without limits of range: powers of 2 scale the variances to about 1. Angles below the
/// rounding of cov12 (1e-8) become 0, since nothing but rounding errors would make them; in float such
/// angles (1e-3) are common among real data and stay.
template <Vector V>
V root_det_of_any(const V& cov12, const V& var1, const V& var2) {
  constexpr double rounding = per_type<V>(0x1p-48, 0);
  const V n1 = half_exponent(var1), n2 = half_exponent(var2);
  const V c = scale(scale(cov12, -n1), -n2);
  const V det =
      difference_of_products(scale(scale(var1, -n1), -n1), scale(scale(var2, -n2), -n2), c, c);
  return scale(scale(sqrt(select(det <= rounding * (c * c), 0.0, det)), n1), n2);
}

/// v1 v2 - c^2, 0 where rounding takes c beyond the boundary.
template <Vector V>
V clamped_det(const V& c, const V& v1, const V& v2) {
  return max(0.0, difference_of_products(v1, v2, c, c));
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
  const V det = difference_of_products(var1, var2, cov12, cov12);
  root<V> area(det);
  // Not between these are parallel inputs, products that overflow, and products so small that they lose
  // their rounding errors.
  const V least = fma(cov12 * cov12, per_type<V>(0x1p-48, 0), per_type<V>(0x1p-950, 0x1p-95));
  const V most = std::numeric_limits<typename V::real>::max();
  const auto usual = (det > least) & (det <= most);
  if (!all(usual)) [[unlikely]]
    area.replace(!usual, detail::root_det_of_any(cov12, var1, var2));
  return area;
}

/// sqrt((var1 + r)(var2 + r) - cov12^2) for r > 0, without the rounding of var + r.
template <Vector V>
root<V> root_of_det(const V& cov12, const V& var1, const V& var2, double r) {
  const V det = fma(var1 + (var2 + r), r, detail::clamped_det(cov12, var1, var2));
  constexpr double most = per_type<V>(0x1p512, 0x1p64);
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

/// An angle by its half, whose tangent takes one division and few cases; two steps, see start() in
/// nngp/activation.hpp.
template <Vector V>
struct half_angle {
  V tan_half;  ///< of the angle less the offset; at most tan(pi/8) in size
  V offset;    ///< in turns, a multiple of 1/4

  /// The angle in turns, of which one is 2 pi.
  V turns() const { return fma(tan_half, detail::atan_over_argument(tan_half, 1 / pi), offset); }
};

/// asin2(c, s) given h = sqrt(c^2 + s^2) > 0, s >= 0.
template <Vector V>
half_angle<V> asin_of(const V& c, const V& s, const V& h) {
  const V size = abs(c);
  const auto beyond_45_degrees = size > s;
  return {quick_divide(select(beyond_45_degrees, -flip_sign(s, c), c), h + larger(s, size)),
          select(beyond_45_degrees, copysign(V(0.25), c), 0.0)};
}
/// acos2(-c, s), s >= 0, the angle between x1 and -x2 with c = x1 x2; in the same way, but by the acute
/// angle of which s / |c| is the tangent.
template <Vector V>
struct supplement {
  V c;
  half_angle<V> acute;

  /// q = sqrt(c^2 + s^2) + |c| > 0; above_45_degrees is s >= |c|.
  supplement(const V& c_, const V& s, const V& q, const typename V::mask_type& above_45_degrees)
      : c(c_),
        acute{quick_divide(subtract_where(above_45_degrees, s, q), add_where(above_45_degrees, q, s)),
              select(above_45_degrees, 0.25, 0.0)} {}

  /// In turns: from 0 where the inputs are opposite to 1/2 where they are parallel.
  V turns() const {
    const V u = acute.turns();
    return select(c > 0.0, 0.5 - u, u);
  }
};

/// What input_pair needs of one input.
template <Vector V>
struct input_norm {
  V var;
  V norm;  ///< sqrt(var); NaN where the product of two variances may leave the number type's range

  explicit input_norm(const V& var_) : var(var_), norm(0.0) {
    const auto usual = (var >= per_type<V>(0x1p-475, 0x1p-47)) & (var <= per_type<V>(0x1p511, 0x1p63));
    norm = select(usual, sqrt(var), std::numeric_limits<double>::quiet_NaN());
  }
};

/// The parallelogram spanned by two inputs x1 and -x2: its area root_det(cov12, var1, var2) and the
/// angle between them.
template <Vector V>
struct input_pair {
  V area;
  supplement<V> angle;

  input_pair(const V& cov12, const input_norm<V>& x1, const input_norm<V>& x2)
      : input_pair(cov12, x1, x2, fma(x1.norm, x2.norm, abs(cov12))) {}

 private:
  input_pair(const V& cov12, const input_norm<V>& x1, const input_norm<V>& x2, const V& q)
      : input_pair(cov12, difference_of_products(x1.var, x2.var, cov12, cov12), q) {
    constexpr double parallel = per_type<V>(0x1p-24, 0);
    const auto usual = area > parallel * q;  // false for NaN
    if (!all(usual)) [[unlikely]]
      patch(!usual, x1.var, x2.var);
  }
  input_pair(const V& cov12, const V& det, const V& q)
      : area(quick_sqrt(det)), angle(cov12, area, q, det >= cov12 * cov12) {}

  /// Powers of 2 take the variances near 1; nearly parallel inputs are left to root_det.
  void patch(const typename V::mask_type& where, const V& var1, const V& var2) {
    const V n1 = detail::half_exponent(var1), n2 = detail::half_exponent(var2);
    const V c = abs(scale(scale(angle.c, -n1), -n2));
    const V v1 = scale(scale(var1, -n1), -n1), v2 = scale(scale(var2, -n2), -n2);
    const V s = detail::root_det_of_any(c, v1, v2), q = sqrt(fma(s, s, c * c)) + c;
    const V none = select(q > 0.0, 0.0, 1.0);  // a right angle if all are 0
    const half_angle<V> scaled = supplement<V>(c, s + none, q + none, s >= c).acute;
    area = select(where, scale(scale(s, n1), n2), area);
    angle.acute.tan_half = select(where, scaled.tan_half, angle.acute.tan_half);
    angle.acute.offset = select(where, scaled.offset, angle.acute.offset);
  }
};

// ---- Derivatives -------------------------------------------------------------------------------

/// At root 0, where the slope is infinite, it is taken as 0, as in sqrt.
template <Vector V, class... R>
dual_number<V> root_det(const dual_number<V>& cov12, const V& var1, const V& var2, R... r) {
  const root<V> area = root_of_det(cov12.value, var1, var2, r...);
  const V slope = -area.under(cov12.value) * cov12.slope;
  if constexpr (sizeof...(R) > 0) return {area.value, slope};  // r > 0: no root vanishes
  return {area.value, select(area.value > 0.0, slope, 0.0)};
}
template <Vector V, class... R>
dual_number<V> root_det(const dual_number<V>& cov12, const dual_number<V>& var1,
                        const dual_number<V>& var2, R... r) {
  const root<V> area = root_of_det(cov12.value, var1.value, var2.value, r...);
  const V v1 = (var1.value + ... + r), v2 = (var2.value + ... + r);
  const V slope = 0.5 * (area.under(v2) * var1.slope + area.under(v1) * var2.slope) -
                  area.under(cov12.value) * cov12.slope;
  return {area.value, select(area.value > 0.0, slope, 0.0)};
}

// ---- Plain numbers, and numbers of several types ---------------------------------------------------

template <Scalar R, std::convertible_to<double>... Shift>
R root_det(R cov12, R var1, R var2, Shift... r) {
  using V = vec<R, baseline>;
  return root_det(V(cov12), V(var1), V(var2), r...)[0];
}
template <class C, class V1, class V2, std::convertible_to<double>... Shift>
requires Mixed<C, V1, V2> &&(!std::same_as<V1, V2> || !std::same_as<C, dual_number<V1>>)  //
    auto root_det(const C& cov12, const V1& var1, const V2& var2, Shift... r) {
  using T = number_of<C, V1, V2>;
  return root_det(T(cov12), T(var1), T(var2), r...);
}

}  // namespace nngp

#pragma GCC visibility pop
