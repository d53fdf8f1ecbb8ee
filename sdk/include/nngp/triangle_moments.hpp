#pragma once

// Expectations over right triangles between the origin and a line near it, of one line and many
// triangles. For lines farther away there is Owen's T (nngp/owens_t.hpp).

#include <array>

#include "nngp/binormal.hpp"
#include "nngp/detail/twice.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {
namespace detail {

/// exp(-x) = 1 + c[0] x + c[1] x^2 + ..., interpolated at Chebyshev points: `unit` on [0, 1] within
/// 6e-16, float 6e-8, of which integrals take less than a tenth; `half` on [0, 1/2] within 2e-17, float
/// 3e-8.
template <class Real>
struct exponential_series {
  static constexpr std::array unit{
      -0.999999999999999345,    0.49999999999984137,      -0.166666666660310952,
      0.0416666665672099652,    -0.00833333253382913296,  0.00138888513132013133,
      -0.000198401654064526245, 0.0000247806370824994985, -2.72998474384202512e-6,
      2.55591760028395113e-7,   -1.59228244814405975e-8};
  static constexpr std::array half{-0.999999999999999962,    0.499999999999984822,
                                   -0.166666666665663817,    0.0416666666409417151,
                                   -0.00833333299783510102,  0.00138888637170215282,
                                   -0.000198401172767617202, 0.0000247687880962645734,
                                   -2.69885929212179731e-6,  2.19857038400836925e-7};
};
template <>
struct exponential_series<float> {
  static constexpr std::array unit{-0.999999932898344306,   0.499995159943887265,
                                   -0.166609671216022131,   0.0414187630253310171,
                                   -0.00783736380166743471, 0.000912545391704242893};
  static constexpr std::array half{-0.999999928937559002, 0.499992883378028611, -0.16655192765429989,
                                   0.041013210491042822, -0.00678286255551457392};
};

/// Sums over n of weight_n c_n (h^2 / 2)^n m_a, c_n being those of exp(-x), for the m_a of
/// triangle_moments without their terms with exp(-y^2 / 2): m_(2n+2) is then n! 2^n / y^(2n+2), and
/// m_(2n+1) is 1 3 ... (2n - 1) / y^(2n) times m_1. Coefficients of powers of h^2 / y^2, but for the
/// factor 1 / y^2 or m_1.
template <class Real>
struct moment_series {
  static constexpr std::size_t terms = exponential_series<Real>::half.size() + 1;
  std::array<double, terms> even1, even3, even_rest;  ///< 1 / (2n + 1), 1 / (2n + 3), that less 1
  std::array<double, terms> odd2, odd_rest;           ///< 1 / (2n + 2), 2 less twice that

  constexpr moment_series() : even1(), even3(), even_rest(), odd2(), odd_rest() {
    double even = 1, odd = 1;
    for (std::size_t n = 0; n < terms; ++n) {
      const double c = n == 0 ? 1 : exponential_series<Real>::half[n - 1];
      const double a = static_cast<double>(2 * n + 1);
      even1[n] = c * even / a;
      even3[n] = c * even / (a + 2);
      even_rest[n] = -c * even * (a + 1) / (a + 2);
      odd2[n] = c * odd / (a + 1);
      odd_rest[n] = c * odd * 2 * a / (a + 1);
      even *= (a + 1) / 2;
      odd *= a / 2;
    }
  }
};

}  // namespace detail

/// The right triangle with a leg from the origin to a line at the distance h <= most and the other leg,
/// of length |y|, along that line: with standard normal coordinates X along the first leg and Y, what
/// holds for (X, Y) in it.
///
/// With f(x) = exp(-x^2 / 2) / sqrt(2 pi) and I(x) = P(0 < X < x) these are
///   probability = h int_0^1 f(h p) I(p y) dp,
///   square = h int_0^1 f(h p) (1 - p)^2 I(p y) dp,
///   slope = h int_0^1 f(h p) (1 - p) [p y I(p y) - f(0) + f(p y)] dp, even in y.
/// Up to y = sqrt(2), I(p y) is a series in y^2, and the moments of f(h p) belong to the line. Beyond,
/// f(h p) is a series in h^2, and moments of I(p y) are those of f(p y) by parts: I(y) and m_a =
/// int_0^1 p^(a-1) exp(-p^2 y^2 / 2) dp, for which y^2 m_(a+2) = a m_a - exp(-y^2 / 2). So each of the
/// three is I(y) and exp(-y^2 / 2) times polynomials in h^2 / y^2, and one without.
template <Vector V>
class triangle_moments {
 public:
  static constexpr double most = 1;

  struct value {
    V probability;  ///< negative for negative y
    V square;       ///< E[(1 - X / h)^2], negative for negative y
    V slope;        ///< E[(1 - X / h) (X |y| / h - |Y|)]

    void put(const typename V::mask_type& where, const value& other) {
      probability = select(where, other.probability, probability);
      square = select(where, other.square, square);
      slope = select(where, other.slope, slope);
    }
    void take_sign_of(const V& y) {
      probability = copysign(probability, y);
      square = copysign(square, y);
    }
  };

  /// Nothing but exist() may be called where it is false.
  explicit triangle_moments(const abscissa<V>& h) : square_(h.x * h.x) {
    if (!exist()) return;
    make_near(h);
    make_far(h.x);
  }

  /// True if any h is at most `most`.
  bool exist() const { return !all(square_ > most * most); }

  /// E[1 - X / h] over 0 < X < h
  V missing() const { return missing_; }

  /// Of two lines and a triangle at each, whose chains of operations go side by side.
  static std::array<value, 2> at(const triangle_moments& line1, const V& y1,
                                 const triangle_moments& line2, const V& y2) {
    const V length1 = abs(y1), length2 = abs(y2);
    std::array<value, 2> all{value{0.0, 0.0, 0.0}, value{0.0, 0.0, 0.0}};
    if (any((length1 < edge) | (length2 < edge))) all = near(line1, length1, line2, length2);
    line1.put_far(all[0], length1);
    line2.put_far(all[1], length2);
    all[0].take_sign_of(y1);
    all[1].take_sign_of(y2);
    return all;
  }

 private:
  using Both = detail::twice<V>;
  using Series = detail::exponential_series<typename V::real>;
  static constexpr detail::moment_series<typename V::real> series{};
  static constexpr bool is_double = std::is_same_v<typename V::real, double>;
  static constexpr std::size_t near_terms = Series::unit.size() + 1, far_terms = series.terms;
  static constexpr double edge = sqrt_2;

  static std::array<value, 2> near(const triangle_moments& line1, const V& y1,
                                   const triangle_moments& line2, const V& y2) {
    const Both y(y1, y2), z = 0.5 * y * y;
    std::array<Both, 3> sum{0.0, 0.0, 0.0};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto &a = line1.near_[i], &b = line2.near_[i];
      sum[i] = Both(a[near_terms - 1], b[near_terms - 1]);
#pragma GCC unroll 16
      for (std::size_t k = near_terms - 2; k < near_terms; --k)
        sum[i] = fma(sum[i], z, Both(a[k], b[k]));
    }
    const Both probability = y * sum[0], square = y * sum[1], slope = z * sum[2];
    return {value{probability.a, square.a, slope.a}, value{probability.b, square.b, slope.b}};
  }

  /// Puts values in the place of those that are not near.
  void put_far(value& all, const V& y) const {
    const auto beyond = y >= edge;
    if (any(beyond)) all.put(beyond, far(max(edge, y)));
  }

  value far(const V& y) const {
    const V inverse = 1.0 / y, ratio = inverse * inverse, w = square_ * ratio;
    const V bell = bell_of(0.5 * y * y);
    const V inner = 0.5 - density_at_0 * bell * short_mills_ratio(y);  // I(y)
    const V even1 = detail::horner(w, series.even1) - bell * detail::horner(w, bell_even1_);
    const V even3 = detail::horner(w, series.even3) - bell * detail::horner(w, bell_slope_);
    const V even_rest = detail::horner(w, series.even_rest) - bell * detail::horner(w, bell_square_);
    const V unit = scale_ * inverse, in_odd = (1 / density_at_0) * unit * inner;
    const V odd2 = in_odd * detail::horner(w, series.odd2),
            odd_rest = in_odd * detail::horner(w, series.odd_rest);
    return {probabilities_ * inner - unit * even1,
            fma(squares_, inner, inverse * odd_rest) +
                unit * (fma(ratio, even_rest, -even1) - bell * moment_),
            slopes_ * fma(y, inner, density_at_0 * bell) - density_at_0 * missing_ + odd2 -
                scale_ * ratio * even3};
  }

  void make_near(const abscissa<V>& h) {
    // moment[a] = int_0^1 p^(a-1) exp(-h^2 p^2 / 2) dp; the recurrence begins where it does not matter.
    constexpr std::size_t last = 2 * near_terms + 2, start = last + (is_double ? 24 : 12);
    std::array<V, last + 1> moment;
    V after(0.0), next(0.0);
#pragma GCC unroll 64
    for (std::size_t a = start; a > 0; --a) {
      const V m = fma(square_, after, h.bell) * (1.0 / static_cast<double>(a));
      after = next;
      next = m;
      if (a <= last) moment[a] = m;
    }
    const V scale = h.x * (density_at_0 * density_at_0);
#pragma GCC unroll 16
    for (std::size_t k = 0; k < near_terms; ++k) {
      const double c = (k == 0 ? 1.0 : Series::unit[k - 1]) / static_cast<double>(2 * k + 1);
      const V even = moment[2 * k + 2], odd = moment[2 * k + 3], step = odd - moment[2 * k + 4];
      near_[0][k] = scale * c * even;
      near_[1][k] = scale * c * ((even - odd) - step);
      near_[2][k] = scale * (c / static_cast<double>(k + 1)) * step;
    }
  }

  void make_far(const V& h) {
    const V half = 0.5 * square_, first = density_at_0 * h;
    scale_ = density_at_0 * first;
    V power(1.0);                        // (h^2 / 2)^n
    std::array<V, far_terms> even, odd;  // that / n!, and h^(2n) / (1 3 ... (2n + 1))
    even[0] = odd[0] = power;
    probabilities_ = squares_ = slopes_ = missing_ = moment_ = V(0.0);
#pragma GCC unroll 16
    for (std::size_t n = 0; n < far_terms; ++n) {
      const double a = static_cast<double>(2 * n + 1);
      if (n > 0) {
        power = power * half;
        even[n] = even[n - 1] * half * (1 / static_cast<double>(n));
        odd[n] = odd[n - 1] * square_ * (1 / a);
      }
      const V term = power * (n == 0 ? 1.0 : Series::half[n - 1]);
      probabilities_ = fma(first * term, V(1 / a), probabilities_);
      squares_ = fma(first * term, V(2 / (a * (a + 1) * (a + 2))), squares_);
      slopes_ = fma(first * term, V(1 / ((a + 1) * (a + 2))), slopes_);
      missing_ = fma(first * term, V(1 / (a * (a + 1))), missing_);
      moment_ = fma(term, V(2 / (a + 1) - 1 / (a + 2)), moment_);
    }
    // The terms of m_a with exp(-y^2 / 2): partial sums of a series in y^2, here by powers of h^2 /
    // y^2.
    for (std::size_t j = 0; j < far_terms; ++j) {
      V even1(0.0), even3(0.0), even_rest(0.0), odd2(0.0), odd_rest(0.0);
      for (std::size_t n = j; n < far_terms; ++n) {
        even1 = fma(even[n - j], V(series.even1[n]), even1);
        even3 = fma(even[n - j], V(series.even3[n]), even3);
        even_rest = fma(even[n - j], V(series.even_rest[n]), even_rest);
        if (n == j) continue;
        odd2 = fma(odd[n - j - 1], V(series.odd2[n]), odd2);
        odd_rest = fma(odd[n - j - 1], V(series.odd_rest[n]), odd_rest);
      }
      bell_even1_[j] = even1;
      bell_slope_[j] = fma(-square_, odd2, even3);
      bell_square_[j] = fma(square_, odd_rest, even_rest);
    }
  }

  V square_;  ///< h^2
  std::array<std::array<V, near_terms>, 3> near_;
  V scale_;                             ///< h f(0)^2
  V probabilities_, squares_, slopes_;  ///< h int_0^1 f(h p) w(p) dp for w = 1, (1 - p)^2, p (1 - p)
  V missing_, moment_;
  std::array<V, far_terms> bell_even1_, bell_slope_, bell_square_;
};

}  // namespace nngp

#pragma GCC visibility pop
