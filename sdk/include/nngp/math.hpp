#pragma once

// Elementary functions on vectors of float or double (nngp/simd.hpp), their derivatives
// (nngp/dual.hpp), and the same of plain numbers (nngp/scalar.hpp). All are branch-free but for rare
// arguments, and give NaN for NaN.

#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

#include "nngp/dual.hpp"
#include "nngp/scalar.hpp"
#include "nngp/simd.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

inline constexpr double pi = 3.14159265358979323846;
inline constexpr double sqrt_pi = 1.77245385090551602730;
inline constexpr double sqrt_2 = 1.41421356237309504880;
/// Of a standard normal variable: 1 / sqrt(2 pi).
inline constexpr double density_at_0 = 1 / (sqrt_2 * sqrt_pi);

template <class V>
concept Vector = requires {
  typename V::isa;
};

namespace detail {

/// How much a number type can hold: what comes of numbers of several types is of the highest.
template <class T>
constexpr int level = -1;
template <>
inline constexpr int level<int> = 0;
template <>
inline constexpr int level<float> = 1;
template <>
inline constexpr int level<double> = 2;
template <Vector V>
constexpr int level<V> = 3;
template <class V>
constexpr int level<dual_number<V>> = 4;

template <class A, class... Rest>
struct common {
  using type = A;
};
template <class A, class B, class... Rest>
struct common<A, B, Rest...> : common<std::conditional_t<(level<A> < level<B>), B, A>, Rest...> {};

}  // namespace detail

/// The number type of what is computed of numbers of the types A.
template <class... A>
using number_of = typename detail::common<A...>::type;

/// Numbers, not all of one type.
template <class... A>
concept Mixed = ((detail::level<A> >= 0) && ...) && !(std::same_as<A, number_of<A...>> && ...);

/// One of two numbers by the number type of V.
template <class V>
constexpr double per_type(double float64, double float32) {
  return std::is_same_v<typename V::real, double> ? float64 : float32;
}

/// m ? a : b, lane by lane, of plain numbers.
template <class Real, class Isa>
vec<Real, Isa> select(const mask<Real, Isa>& m, double a, double b) {
  return select(m, vec<Real, Isa>(a), vec<Real, Isa>(b));
}

/// The smaller and the larger of x and a number that is not NaN; NaN where x is.
template <Vector V>
V min(double bound, const V& x) {
  return smaller(V(bound), x);
}
template <Vector V>
V min(const V& x, double bound) {
  return smaller(V(bound), x);
}
template <Vector V>
V max(double bound, const V& x) {
  return larger(V(bound), x);
}
template <Vector V>
V max(const V& x, double bound) {
  return larger(V(bound), x);
}

/// f of every lane, for functions that have no vector form here, and its derivative d_f.
template <Scalar R, class F>
R map(R x, F f) {
  return static_cast<R>(f(x));
}
template <Vector V, class F>
V map(const V& x, F f) {
  typename V::real lanes[V::size];
  x.store(lanes);
  for (auto& lane : lanes) lane = map(lane, f);
  return V::load(lanes);
}
template <class T, class F, class DF>
T map(const T& x, F f, DF) {
  return map(x, f);
}
template <Vector V, class F, class DF>
dual_number<V> map(const dual_number<V>& x, F f, DF d_f) {
  return {map(x.value, f), x.slope * map(x.value, d_f)};
}
template <Vector V, class F>
dual_number<V> map(const dual_number<V>& x, F) {
  static_assert(!std::is_same_v<V, V>,
                "map(x, f) has no derivative: write map(x, f, d_f), or give the activation d_fn");
  return x;
}

namespace detail {

template <std::size_t First, std::size_t Step, Vector V, std::size_t N>
V horner(const V& x, const double (&c)[N]) {
  if constexpr (First + Step >= N) {
    return V(c[First]);
  } else {
    return fma(x, horner<First + Step, Step>(x, c), V(c[First]));
  }
}

/// c[0] + c[1] x + c[2] x^2 + ..., of coefficients that are numbers or vectors.
template <Vector V, class C, std::size_t n>
V horner(const V& x, const std::array<C, n>& c) {
  V sum(c[n - 1]);
#pragma GCC unroll 32
  for (std::size_t j = 1; j < n; ++j) sum = fma(sum, x, V(c[n - 1 - j]));
  return sum;
}

}  // namespace detail

/// c[0] + c[1] x + c[2] x^2 + ..., even and odd powers apart: half as long a chain of operations. Where
/// it is short, or four vectors hide its length, a product fewer.
template <Vector V, class... C>
V polynomial(const V& x, C... c) {
  const double coefficients[] = {c...};
  if constexpr (V::isa::vectors_in_step > 2 || sizeof...(C) <= 6)
    return detail::horner<0, 1>(x, coefficients);
  const V square = x * x;
  return fma(x, detail::horner<1, 2>(square, coefficients), detail::horner<0, 2>(square, coefficients));
}

/// The unevaluated sum high + low: a rounded result and its rounding error.
template <class T>
struct double_word {
  T high;
  T low;
};

/// a + b (D. E. Knuth).
template <class T>
double_word<T> sum(const T& a, const T& b) {
  const T high = a + b, b_seen = high - a;
  return {high, (a - (high - b_seen)) + (b - b_seen)};
}

/// a b
template <Scalar R>
double_word<R> product(R a, R b) {
  const R high = a * b;
  return {high, std::fma(a, b, -high)};
}
template <Vector V>
double_word<V> product(const V& a, const V& b) {
  const V high = a * b;
  if constexpr (V::has_fma) {
    return {high, fma(a, b, -high)};
  } else {  // T. J. Dekker, Numer. Math. 18 (1971): split into halves whose products are exact
    const auto upper_half = [](const V& x) {
      constexpr int half = (std::numeric_limits<typename V::real>::digits + 1) / 2;
      const V shifted = x * static_cast<double>((1 << half) + 1);
      return shifted - (shifted - x);
    };
    const V a1 = upper_half(a), b1 = upper_half(b);
    const V a2 = a - a1, b2 = b - b1;
    return {high, a2 * b2 - (((high - a1 * b1) - a2 * b1) - a1 * b2)};
  }
}
/// The slope of a product is a sum of products: its rounding error is left out.
template <Vector V>
double_word<dual_number<V>> product(const dual_number<V>& a, const dual_number<V>& b) {
  const double_word<V> y = product(a.value, b.value);
  return {{y.high, fma(a.slope, b.value, a.value * b.slope)}, {y.low, V(0.0)}};
}
template <class A, class B>
requires Mixed<A, B>
auto sum(const A& a, const B& b) { return sum(number_of<A, B>(a), number_of<A, B>(b)); }
template <class A, class B>
requires Mixed<A, B>
auto product(const A& a, const B& b) { return product(number_of<A, B>(a), number_of<A, B>(b)); }

// ---- Exponentials ------------------------------------------------------------------------------

namespace detail {

/// x = n ln 2 + r with whole n and |r| <= ln(2) / 2, for x in the range where exp neither vanishes nor
/// overflows; and q with e^r = 1 + r + r^2 q.
template <Vector V>
struct exponent_parts {
  V n, r, q;

  explicit exponent_parts(const V& x) : n(round_product(x, 1.4426950408889634074)), r(x), q(0.0) {
    if constexpr (std::is_same_v<typename V::real, double>) {  // relative error of e^r - 1: 2^-58
      r = fma(n, -1.9082149292705878161e-10, fma(n, -0x1.62e42feep-1, x));
      q = polynomial(r, 0.500000000000000087, 0.16666666666666671, 0.0416666666666522438,
                     0.00833333333332613084, 0.00138888888956131318, 0.000198412698748450948,
                     0.0000248015745177826057, 2.75572553601885678e-6, 2.75679356201384925e-7,
                     2.51052365552131016e-8, 1.76877447252083757e-9);
    } else {  // 2^-31
      r = fma(n, -0.000031946184945309417232, fma(n, -0x1.62ep-1, x));
      q = polynomial(r, 0.500000005318800943, 0.166666669027140865, 0.0416663264102353005,
                     0.00833321985616665454, 0.00139432573748386522, 0.000199623217336618915);
    }
  }
};

/// Beyond these e^x is 0 or infinite in the number type.
template <Vector V>
V clamp_exponent(const V& x) {
  return max(per_type<V>(-746, -105), min(per_type<V>(710, 89), x));
}

}  // namespace detail

/// e^x
template <Vector V>
V exp(const V& x) {
  const detail::exponent_parts<V> p(detail::clamp_exponent(x));
  return ldexp(1.0 + fma(p.r * p.r, p.q, p.r), p.n);
}

/// e^x - 1, accurate near 0 too.
template <Vector V>
V expm1(const V& x) {
  const detail::exponent_parts<V> p(max(-50.0, detail::clamp_exponent(x)));
  const V half_power = power_of_2(p.n, -1);
  return 2.0 * fma(half_power, fma(p.r * p.r, p.q, p.r), half_power - 0.5);
}

/// (e^x - e^-x) / 2
template <Vector V>
V sinh(const V& x) {
  const V size = abs(x);
  const V half = 0.5 * expm1(min(88.0, size));
  const V large = exp(0.5 * size);
  return copysign(select(size < 20.0, half + half / (1.0 + 2.0 * half), 0.5 * large * large), x);
}

/// (e^x + e^-x) / 2
template <Vector V>
V cosh(const V& x) {
  const V root = exp(0.5 * abs(x));
  return 0.5 * root * root + 0.5 / root / root;
}

/// 2 a sinh(x) and 2 a cosh(x) together, accurate near 0 too, for |x| < 700 (double) or 80 (float) and
/// normal numbers a e^|x| and a e^-|x|: with x = n ln 2 + r, the sums of e^r and e^-r times powers
/// of 2.
template <Vector V>
struct hyperbolic {
  V sinh, cosh;

  explicit hyperbolic(const V& x, const V& a = V(0.5)) : sinh(0.0), cosh(0.0) {
    V exponent(0.0);
    const V n = round_product(x, 1.4426950408889634074, exponent);
    V r(0.0), s(0.0), c(0.0);  // sinh(r) = r + r^3 s, cosh(r) = 1 + r^2 c
    if constexpr (std::is_same_v<typename V::real, double>) {  // relative error below 2^-56
      r = fma(n, -1.9082149292705878161e-10, fma(n, -0x1.62e42feep-1, x));
      s = polynomial(r * r, 0.166666666666666675, 0.00833333333332993167, 0.000198412698637005241,
                     2.75572674597276351e-6, 2.51008589602595997e-8);
      c = polynomial(r * r, 0.500000000000000107, 0.0416666666666224353, 0.00138888889180549318,
                     0.0000248015199952344719, 2.7620704126492415e-7);
    } else {  // 2^-32
      r = fma(n, -0.000031946184945309417232, fma(n, -0x1.62ep-1, x));
      s = polynomial(r * r, 0.166666666820674349, 0.0083333104838708535, 0.000198914785970219709);
      c = polynomial(r * r, 0.500000001386578733, 0.0416664609486954052, 0.00139340892322977322);
    }
    s = fma(r * r * r, s, r);
    c = fma(r * r, c, 1.0);
    V up(0.0), down(0.0);
    scale_both_ways(a, exponent, up, down);
    sinh = fma(up + down, s, (up - down) * c);
    cosh = fma(up + down, c, (up - down) * s);
  }
};

template <Vector V>
V tanh(const V& x) {
  const V e = expm1(2.0 * min(20.0, abs(x)));
  return copysign(e / (e + 2.0), x);
}

// ---- Logarithms --------------------------------------------------------------------------------

namespace detail {

/// log(1 + f) for 1 + f between sqrt(1/2) and sqrt(2), times 2^n.
template <Vector V>
V log_of_parts(const V& n, const V& f) {
  // With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - (h - s (h + s^2 p(s^2))), h = f^2 / 2.
  const V s = f / (2.0 + f), z = s * s, h = 0.5 * f * f;
  if constexpr (std::is_same_v<typename V::real, double>) {  // relative error below 2^-59
    const V p = polynomial(z, 0.666666666666673489, 0.399999999994110917, 0.285714287432639323,
                           0.222221984758247464, 0.181835697486863784, 0.15313903015358184,
                           0.147975100560108724);
    const V low = fma(n, 1.9082149292705878161e-10, s * fma(z, p, h));
    return fma(n, 0x1.62e42feep-1, f - (h - low));
  } else {  // 2^-30
    const V p = polynomial(z, 0.66666776725509033, 0.399774947244339065, 0.298730931319851819);
    const V low = fma(n, 0.000031946184945309417232, s * fma(z, p, h));
    return fma(n, 0x1.62ep-1, f - (h - low));
  }
}

}  // namespace detail

/// The natural logarithm; -inf at 0, NaN below.
template <Vector V>
V log(const V& x) {
  using limits = std::numeric_limits<typename V::real>;
  const auto tiny = x < limits::min();
  const V normal = select(tiny, x * (1.0 / limits::epsilon()), x);
  const V up = exponent(normal * (1 / sqrt_2)) + 1.0;  // so that the mantissa is about 1
  const V n = up - select(tiny, limits::digits - 1, 0.0);
  const V y =
      detail::log_of_parts(n, scale(scale(normal, round(-0.5 * up)), -up - round(-0.5 * up)) - 1.0);
  const V special = select(x == 0.0, -limits::infinity(), limits::quiet_NaN());
  return select(x > 0.0, select(x == limits::infinity(), x, y), special);
}

/// log(1 + x), accurate near 0 too.
template <Vector V>
V log1p(const V& x) {
  const V sum = 1.0 + x;
  const V lost = select(x < 1.0, x - (sum - 1.0), 1.0 - (sum - x));
  const V y = log(sum);
  return select((sum > 0.0) & (sum < std::numeric_limits<typename V::real>::infinity()), y + lost / sum,
                y);
}

// ---- Sine and cosine ---------------------------------------------------------------------------

namespace detail {

/// x - n pi/2 for whole n such that the result is within pi/4 of 0. pi/2 comes in pieces, so short that
/// their products with n are exact as long as |x| <= reducible (W. J. Cody and W. Waite, 1980).
template <Vector V>
struct quadrant {
  static constexpr bool is_double = std::is_same_v<typename V::real, double>;
  static constexpr double reducible = is_double || V::has_fma ? 1e6 : 1e4;
  V n, r;

  explicit quadrant(const V& x) : n(round(x * 0.63661977236758134308)), r(x) {
    if constexpr (is_double) {
      subtract(0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69);
    } else if constexpr (V::has_fma) {
      subtract(0x1.921fb4p+0, 0x1.4442dp-24, 0x1.8469898cc5170p-48);
    } else {
      subtract(0x1.92p+0, 0x1.fb4p-12, 0x1.444p-24, 0x1.68c234c4c6629p-39);
    }
  }

  template <class... Piece>
  void subtract(Piece... piece) {
    ((r = fma(n, V(-piece), r)), ...);
  }

  /// The sine of r + (n + shift) pi/2.
  V sine(double shift) const {
    const V z = r * r;
    V sine(0.0), cosine(0.0);
    if constexpr (is_double) {  // relative errors below 2^-57
      sine = fma(r * z,
                 polynomial(z, -0.166666666666666305, 0.00833333333332206166, -0.00019841269829542262,
                            2.75573136044196911e-6, -2.50507450223283017e-8, 1.58960666606853012e-10),
                 r);
      cosine =
          fma(z * z,
              polynomial(z, 0.0416666666666665925, -0.00138888888888729756, 0.0000248015872887998618,
                         -2.75573141639328633e-7, 2.08756987029486779e-9, -1.1358423241919746e-11),
              fma(z, -0.5, 1.0));
    } else {  // 2^-27
      sine = fma(r * z,
                 polynomial(z, -0.166666545740228035, 0.00833215846089716672, -0.000195149634375027647),
                 r);
      cosine =
          fma(z * z,
              polynomial(z, 0.0416666456186493939, -0.00138873130919826593, 0.0000244327896961092126),
              fma(z, -0.5, 1.0));
    }
    const V m = n + shift;
    const V pairs = round(fma(m, 0.5, -0.25));  // floor(m / 2)
    const auto odd = fma(pairs, -2.0, m) == 1.0;
    const auto negative = fma(round(0.5 * pairs), -2.0, pairs) != 0.0;
    const V size = select(odd, cosine, sine);
    return select(negative, -size, size);
  }
};

}  // namespace detail

template <Vector V>
V sin(const V& x) {
  const auto large = abs(x) > detail::quadrant<V>::reducible;
  if (any(large)) [[unlikely]] {
    const V exact = map(x, [](auto lane) { return std::sin(lane); });
    return select(large, exact, detail::quadrant<V>(select(large, V(0.0), x)).sine(0));
  }
  return detail::quadrant<V>(x).sine(0);
}

template <Vector V>
V cos(const V& x) {
  const auto large = abs(x) > detail::quadrant<V>::reducible;
  if (any(large)) [[unlikely]] {
    const V exact = map(x, [](auto lane) { return std::cos(lane); });
    return select(large, exact, detail::quadrant<V>(select(large, V(0.0), x)).sine(1));
  }
  return detail::quadrant<V>(x).sine(1);
}

template <Vector V>
V tan(const V& x) {
  return sin(x) / cos(x);
}

// ---- Inverse trigonometric functions -----------------------------------------------------------

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
  // One is NaN if x or y is.
  const V least = smaller(x, y), most = larger(tiny, larger(y, x));
  const auto upper = least > tan_pi_8 * most;  // atan(least / most) = pi/4 + atan(t)
  const V t = quick_divide(subtract_where(upper, least, most), add_where(upper, most, least));
  return fma(t, atan_over_argument(t), select(upper, pi / 4, 0.0));
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

/// The angle in (-pi, pi] of the point (x, y), for finite x and y: 0 or pi if y is 0.
template <Vector V>
V atan2(const V& y, const V& x) {
  const V angle = detail::acute_angle(abs(y), abs(x));
  const V first = select(abs(y) > abs(x), pi / 2 - angle, angle);
  return copysign(select(x < 0.0, pi - first, first), y);
}

template <Vector V>
V atan(const V& x) {  // beyond these pi/2, by which quick_divide has finite numbers
  return asin2(copysign(min(per_type<V>(1e300, 1e37), abs(x)), x), V(1.0));
}
/// NaN beyond [-1, 1].
template <Vector V>
V asin(const V& x) {
  return asin2(x, sqrt((1.0 - x) * (1.0 + x)));
}
template <Vector V>
V acos(const V& x) {
  return acos2(x, sqrt((1.0 - x) * (1.0 + x)));
}

// ---- Inverse hyperbolic functions --------------------------------------------------------------

namespace detail {

/// log(2 x) for large x.
template <Vector V>
V log_of_twice(const V& x) {
  return log(x) + 0.69314718055994530942;
}

}  // namespace detail

template <Vector V>
V asinh(const V& x) {
  const V size = abs(x);
  const V near = log1p(size + size * size / (1.0 + sqrt(fma(size, size, 1.0))));
  return copysign(select(size < 1e9, near, detail::log_of_twice(size)), x);
}
/// NaN below 1.
template <Vector V>
V acosh(const V& x) {
  const V above = x - 1.0;
  const V near = log1p(above + sqrt(above * (above + 2.0)));
  return select(x > 1e9, detail::log_of_twice(x), near);
}
/// Infinite at -1 and 1, NaN beyond.
template <Vector V>
V atanh(const V& x) {
  const V size = abs(x);
  return copysign(0.5 * log1p(2.0 * size / (1.0 - size)), x);
}

// ---- The error function ------------------------------------------------------------------------

namespace detail {

/// erf(x) for |x| <= 1.
template <Vector V>
V erf_near_0(const V& x) {
  const V z = x * x;
  if constexpr (std::is_same_v<typename V::real, double>) {  // relative error below 2^-56
    return fma(x,
               polynomial(z, 0.12837916709551257, -0.376126389031835196, 0.112837916709441848,
                          -0.0268661706431114679, 0.00522397760611848138, -0.000854832592931665575,
                          0.000120552935770214706, -0.0000149247123051898937, 1.64471316177482373e-6,
                          -1.6206314146064028e-7, 1.3710982127039678e-8, -7.77947169226739801e-10),
               x);
  } else {  // 2^-29
    return fma(x,
               polynomial(z, 0.12837916572682916, -0.376126258236837297, 0.112835851420555346,
                          -0.0268538116733791369, 0.00518832721065788238, -0.000801018959933895306,
                          0.0000785384839886155051),
               x);
  }
}

/// exp(x^2) erfc(x) for x >= 0: (1 + 2 x) times that is nearly constant, and smooth in (x - k) / (x +
/// k) (M. M. Shepherd and J. G. Laframboise, Math. Comp. 36 (1981)).
template <Vector V>
V erfcx_right(const V& x) {
  if constexpr (std::is_same_v<typename V::real, double>) {  // relative error below 2^-58
    const V q = (x - 3.75) / (x + 3.75);
    return polynomial(q, 1.23751263083782758, -0.14024059858554698, 0.00358541548546477388,
                      0.0822767384901467634, -0.108803930141765836, 0.092304321160336279,
                      -0.0586933985893106724, 0.0283622774194587055, -0.00974657956125240251,
                      0.00175562584949971765, 0.000293713684327377425, -0.000290154066540565123,
                      0.0000516490300307708799, 0.0000223842021359683133, -0.000011443979995213204,
                      -9.73495809335607285e-7, 1.7513704136624001e-6, -5.72904950268796885e-8,
                      -2.58385207002302386e-7, 2.33146298269254174e-8, 3.84851266225039009e-8,
                      -3.76480893527954971e-9, -5.10071128967165106e-9, 3.14749871958442149e-10,
                      4.12807917538472796e-10) /
           fma(x, 2.0, 1.0);
  } else {  // 2^-28
    const V q = (x - 3.0) / (x + 3.0);
    return polynomial(q, 1.25300805683391242, -0.135621057813810993, -0.0475621839414400236,
                      0.129643855949747503, -0.119275033313098102, 0.0683181413699357923,
                      -0.0237643173239395142, 0.00249527155833111303, 0.00187598910941416203,
                      -0.000722392944266920494, -0.0000929312592590061029, 0.0000757652201958612075) /
           fma(x, 2.0, 1.0);
  }
}

/// erfc(x) for x >= 0.
template <Vector V>
V erfc_right(const V& x) {
  const V y = min(40.0, x);
  const auto square = product(y, y);  // the rounding error of x^2 would be multiplied by x^2
  const V e = exp(-square.high);
  return fma(e, -square.low, e) * erfcx_right(y);
}

}  // namespace detail

template <Vector V>
V erf(const V& x) {
  const V size = abs(x);
  return select(size < 1.0, detail::erf_near_0(x), copysign(1.0 - detail::erfc_right(size), x));
}

/// 1 - erf(x), accurate however small.
template <Vector V>
V erfc(const V& x) {
  const V right = detail::erfc_right(abs(x));
  const V beyond = select(x < 0.0, 2.0 - right, right);
  return select(abs(x) < 0.5, 1.0 - detail::erf_near_0(x), beyond);
}

/// exp(x^2) erfc(x), which decreases like 1 / x only.
template <Vector V>
V erfcx(const V& x) {
  const V right = detail::erfcx_right(abs(x));
  return select(x < 0.0, 2.0 * exp(x * x) - right, right);
}

// ---- Powers ------------------------------------------------------------------------------------

/// x^n for whole n >= 0, by repeated squaring; 1 for n = 0.
template <class T>
T power(const T& x, int n) {
  if (n == 0) return T(1.0);
  if (n == 1) return x;
  const T half = power(x, n / 2);
  return n % 2 ? half * half * x : half * half;
}

/// x^p for x >= 0, lane by lane by the C library.
template <Vector V>
V pow(const V& x, double p) {
  return map(x, [p](auto lane) { return std::pow(static_cast<double>(lane), p); });
}

// ---- Plain numbers -----------------------------------------------------------------------------

// What the C++ library lacks: one lane of a vector.
template <Scalar R>
R erfcx(R x) {
  return erfcx(vec<R, baseline>(x))[0];
}
template <Scalar R>
R asin2(R c, R s) {
  return asin2(vec<R, baseline>(c), vec<R, baseline>(s))[0];
}
template <Scalar R>
R acos2(R c, R s) {
  return acos2(vec<R, baseline>(c), vec<R, baseline>(s))[0];
}

// ---- Numbers of several types ------------------------------------------------------------------

template <class C, class S>
requires Mixed<C, S>
auto asin2(const C& c, const S& s) { return asin2(number_of<C, S>(c), number_of<C, S>(s)); }
template <class C, class S>
requires Mixed<C, S>
auto acos2(const C& c, const S& s) { return acos2(number_of<C, S>(c), number_of<C, S>(s)); }
template <class Y, class X>
requires(Mixed<Y, X> && !Arithmetic<number_of<Y, X>>)  // of those there is one
    auto atan2(const Y& y, const X& x) {
  return atan2(number_of<Y, X>(y), number_of<Y, X>(x));
}

// ---- Derivatives -------------------------------------------------------------------------------

template <Vector V>
dual_number<V> exp(const dual_number<V>& x) {
  const V y = exp(x.value);
  return {y, x.slope * y};
}
template <Vector V>
dual_number<V> expm1(const dual_number<V>& x) {
  const V y = expm1(x.value);
  return {y, x.slope * (y + 1.0)};
}
template <Vector V>
dual_number<V> log(const dual_number<V>& x) {
  return {log(x.value), x.slope / x.value};
}
template <Vector V>
dual_number<V> log1p(const dual_number<V>& x) {
  return {log1p(x.value), x.slope / (1.0 + x.value)};
}
template <Vector V>
dual_number<V> sin(const dual_number<V>& x) {
  return {sin(x.value), x.slope * cos(x.value)};
}
template <Vector V>
dual_number<V> cos(const dual_number<V>& x) {
  return {cos(x.value), x.slope * -sin(x.value)};
}
template <Vector V>
dual_number<V> sinh(const dual_number<V>& x) {
  return {sinh(x.value), x.slope * cosh(x.value)};
}
template <Vector V>
dual_number<V> cosh(const dual_number<V>& x) {
  return {cosh(x.value), x.slope * sinh(x.value)};
}
template <Vector V>
dual_number<V> tanh(const dual_number<V>& x) {
  const V y = tanh(x.value);
  return {y, x.slope * ((1.0 - y) * (1.0 + y))};
}
template <Vector V>
dual_number<V> erf(const dual_number<V>& x) {
  return {erf(x.value), x.slope * (exp(-(x.value * x.value)) * (2 / sqrt_pi))};
}
template <Vector V>
dual_number<V> erfcx(const dual_number<V>& x) {
  const V y = erfcx(x.value);
  return {y, x.slope * fma(2.0 * x.value, y, -2 / sqrt_pi)};
}
template <Vector V>
dual_number<V> erfc(const dual_number<V>& x) {
  return {erfc(x.value), x.slope * (exp(-(x.value * x.value)) * (-2 / sqrt_pi))};
}

template <Vector V>
dual_number<V> tan(const dual_number<V>& x) {
  const V y = tan(x.value);
  return {y, x.slope * fma(y, y, 1.0)};
}
template <Vector V>
dual_number<V> asin(const dual_number<V>& x) {
  return {asin(x.value), x.slope / sqrt((1.0 - x.value) * (1.0 + x.value))};
}
template <Vector V>
dual_number<V> acos(const dual_number<V>& x) {
  return {acos(x.value), -x.slope / sqrt((1.0 - x.value) * (1.0 + x.value))};
}
template <Vector V>
dual_number<V> atan(const dual_number<V>& x) {
  return {atan(x.value), x.slope / fma(x.value, x.value, 1.0)};
}
template <Vector V>
dual_number<V> asinh(const dual_number<V>& x) {
  return {asinh(x.value), x.slope / sqrt(fma(x.value, x.value, 1.0))};
}
template <Vector V>
dual_number<V> acosh(const dual_number<V>& x) {
  return {acosh(x.value), x.slope / sqrt((x.value - 1.0) * (x.value + 1.0))};
}
template <Vector V>
dual_number<V> atanh(const dual_number<V>& x) {
  return {atanh(x.value), x.slope / ((1.0 - x.value) * (1.0 + x.value))};
}
template <Vector V>
dual_number<V> pow(const dual_number<V>& x, double p) {
  return {pow(x.value, p), x.slope * (p * pow(x.value, p - 1))};
}

namespace detail {

/// The derivative of the angle of (x, y).
template <Vector V>
V slope_of_angle(const dual_number<V>& x, const dual_number<V>& y) {
  const V square = fma(x.value, x.value, y.value * y.value);
  const V slope = quick_divide(fma(x.value, y.slope, -(y.value * x.slope)), square);
  const auto usual =
      (square > per_type<V>(0x1p-900, 0x1p-90)) & (square < per_type<V>(0x1p1000, 0x1p120));
  if (all(usual)) [[likely]]
    return slope;
  const V size = max(V(std::numeric_limits<typename V::real>::min()), max(abs(x.value), abs(y.value)));
  const V a = x.value / size, b = y.value / size;
  return select(usual, slope, fma(a, y.slope, -(b * x.slope)) / max(0.5, fma(a, a, b * b)) / size);
}

}  // namespace detail

template <Vector V>
dual_number<V> asin2(const dual_number<V>& c, const dual_number<V>& s) {
  return {asin2(c.value, s.value), detail::slope_of_angle(s, c)};
}
template <Vector V>
dual_number<V> acos2(const dual_number<V>& c, const dual_number<V>& s) {
  return {acos2(c.value, s.value), detail::slope_of_angle(c, s)};
}

template <Vector V>
dual_number<V> atan2(const dual_number<V>& y, const dual_number<V>& x) {
  return {atan2(y.value, x.value), detail::slope_of_angle(x, y)};
}

}  // namespace nngp

#pragma GCC visibility pop
