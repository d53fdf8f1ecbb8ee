#pragma once

// Owen's T(h, y / h) for one h and many y. What takes most of the time, the coefficients of two series,
// is done once for each h, which belongs to a row or a column of a tile.

#include <array>

#include "nngp/binormal.hpp"
#include "nngp/detail/twice.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {
namespace detail {

/// int_0^1 (-1)^n T_n(2z - 1) du with z = a^2 u^2 for Chebyshev polynomials T_n, n <= degree: [n][k] is
/// the coefficient of a^(2k).
template <std::size_t degree>
constexpr std::array<std::array<double, degree + 1>, degree + 1> chebyshev_integrals() {
  std::array<std::array<double, degree + 1>, degree + 1> t{};
  t[0][0] = 1;
  t[1] = {1, 2};
  for (std::size_t n = 2; n <= degree; ++n)
    for (std::size_t k = 0; k <= n; ++k)
      t[n][k] = 2 * t[n - 1][k] + (k > 0 ? 4 * t[n - 1][k - 1] : 0) - t[n - 2][k];
  for (auto& row : t)  // now T_n(2z + 1)
    for (std::size_t k = 0; k <= degree; ++k)
      row[k] *= (k % 2 == 0 ? 1.0 : -1.0) / static_cast<double>(2 * k + 1);
  return t;
}

}  // namespace detail

/// T(h, y / h) of one h >= 0 and any y: the probability that standard normal variables are X > h
/// and 0 < Y / X < y / h.
///
/// With a = |y| / h <= 1, T = e^(-h^2/2) a / (2 pi) int_0^1 e^(-h^2 a^2 u^2/2) / (1 + a^2 u^2) du. The
/// integrand is a Chebyshev series in a^2 u^2: that of the exponential, whose coefficients are Bessel
/// functions, divided by 1 + a^2 u^2. Its powers are integrated one by one. For |y| > h, T(|y|, h /
/// |y|) comes from the series of owen_t, whose moments depend on h alone then.
template <Vector V>
class owens_t {
 public:
  struct value {
    V t;      ///< T(h, y / h), odd in y
    V above;  ///< density(h) P(X > y) for a standard normal X
  };

  explicit owens_t(const abscissa<V>& h)
      : h_(h.x), inverse_(1.0 / h.x), density_(h.density()), upper_(h.upper) {
    const V capped = min(cap, h.x);
    inverse_density_ = exp(0.5 * capped * capped) * (sqrt_2 * sqrt_pi);
    make_near(capped);
    make_far(capped);
  }

  const V& h() const { return h_; }
  const V& upper() const { return upper_; }  ///< P(X > h)
  const V& density() const { return density_; }

  /// Of two y's, whose chains of operations go side by side; corner = exp(-(h^2 + y^2) / 2).
  std::array<value, 2> at(const V& y1, const V& corner1, const V& y2, const V& corner2) const {
    using Both = detail::twice<V>;
    const auto both = [](const V& x) { return Both(x, x); };
    const Both y(y1, y2), length = max(tiny, abs(y)), scaled = Both(corner1, corner2) * (0.5 / pi);
    const Both beyond = scaled * short_mills_ratio(length);  // density(h) P(X > |y|)
    const Both a = min(1.0, length * both(inverse_)), r = min(1.0, both(h_) / length);
    const Both a2 = a * a, r2 = r * r;
    Both near = both(near_[degree]), far = both(far_[degree]);
#pragma GCC unroll 32
    for (std::size_t k = degree - 1; k < degree; --k) {
      near = fma(near, a2, both(near_[k]));
      far = fma(far, r2, both(far_[k]));
    }
    const Both upper = beyond * both(inverse_density_);  // P(X > |y|)
    const Both rectangle = fma(both(-upper_), upper, 0.5 * (both(upper_) + upper));
    const Both t = copysign(select(length > both(h_), fma(-(scaled * r), far, rectangle), a * near), y);
    const Both above = select(y < 0.0, both(density_) - beyond, beyond);
    return {value{t.a, above.a}, value{t.b, above.b}};
  }

 private:
  static constexpr bool is_double = std::is_same_v<typename V::real, double>;
  using Series = detail::owen_series<typename V::real>;
  /// With two terms less, kernels at h near 7 would be off by 5e-15 of their norm.
  static constexpr std::size_t degree = Series::c.size() - 1;
  /// Where backward recurrences begin. What they lack is below rounding beside e^(-h^2/2).
  static constexpr std::size_t last_bessel = degree + 4, last_moment = degree + (is_double ? 26 : 12);
  /// From where T is far below rounding.
  static constexpr double cap = is_double ? 8.6 : 5.5;
  static constexpr double tiny = 1e-30;
  static constexpr auto reciprocal = detail::odd_reciprocals<last_moment + 1>();

  void make_near(const V& h) {
    // e^(-h^2 z/2) = e^-b (I_0(b) + 2 sum (-1)^n I_n(b) T_n(2z - 1)), b = h^2 / 4, and I_n(b) = (b/2)^n
    // / n! J_n with J_n = J_(n+1) + (b/2)^2 / ((n + 1) (n + 2)) J_(n+2); the sum without signs is e^b.
    const V half = 0.125 * h * h, square = half * half;
    std::array<V, last_bessel + 1> bessel;
    V next(1.0), after(1.0);
    for (std::size_t n = last_bessel + 1; n-- > 0;) {
      bessel[n] = fma(square * (1.0 / static_cast<double>((n + 1) * (n + 2))), after, next);
      after = next;
      next = bessel[n];
    }
    V power(1.0), sum(0.0);
    for (std::size_t n = 1; n <= last_bessel; ++n) {
      power = power * (half * (1.0 / static_cast<double>(n)));
      bessel[n] = power * bessel[n];
      sum = sum + bessel[n];
    }
    sum = fma(sum, V(2.0), bessel[0]);
    // 1 / (1 + z) has the coefficients (-1)^n lambda^|n| sqrt(2): a filter forwards and backwards.
    constexpr double lambda = 0.17157287525380990240;  // 3 - 2 sqrt(2), all its digits
    std::array<V, degree + 1> quotient;
    V backward(0.0);
    for (std::size_t n = last_bessel + 1; n-- > 0;) {
      if (n <= degree) quotient[n] = backward;
      if (n > 0) backward = lambda * (backward + bessel[n]);
    }
    V forward = quotient[0] * (1 / lambda);
    const V scale = density_ / sum * (1 / sqrt_pi);
    for (std::size_t n = 0; n <= degree; ++n) {
      forward = fma(forward, V(lambda), bessel[n]);
      quotient[n] = scale * (quotient[n] + forward);
    }
    quotient[0] = 0.5 * quotient[0];
    static constexpr auto integral = detail::chebyshev_integrals<degree>();
    near_.fill(V(0.0));
    for (std::size_t n = 0; n <= degree; ++n)
      for (std::size_t k = 0; k <= n; ++k) near_[k] = fma(quotient[n], V(integral[n][k]), near_[k]);
  }

  void make_far(const V& h) {
    // e^(h^2/2) int_0^1 u^(2k) e^(-h^2 u^2/2) du
    const V square = h * h;
    V moment(0.0);
    for (std::size_t k = last_moment + 1; k-- > 0;) {
      if (k <= degree) far_[k] = moment * (Series::c[k] * reciprocal[k]);
      if (k > 0) moment = fma(square * reciprocal[k], moment, 1.0);
    }
  }

  V h_, inverse_, density_, inverse_density_, upper_;
  std::array<V, degree + 1> near_, far_;
};

}  // namespace nngp

#pragma GCC visibility pop
