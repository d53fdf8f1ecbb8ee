// Exponential linear units.
#include <nngp/binormal.hpp>
#include <nngp/mills_arcs.hpp>

#include <vector>

#include "shipped.hpp"

using nngp::pi;

namespace {

/// Nodes on [0, 1] by their distance from 1, and weights.
struct Rule {
  std::vector<double> rest, weight;
};

/// The Gauss-Legendre rule with n nodes.
Rule gauss_legendre(int n) {
  Rule rule;
  for (int i = 0; i < n; ++i) {
    double x = std::cos(pi * (i + 0.75) / (n + 0.5)), slope = 1;
    for (int step = 0; step < 6; ++step) {  // Newton's method for the zero of the Legendre polynomial
      double p = 1, lower = 0;
      for (int k = 1; k <= n; ++k)
        lower = std::exchange(p, ((2 * k - 1) * x * p - (k - 1) * lower) / k);
      slope = n * (x * p - lower) / (x * x - 1);
      x -= p / slope;
    }
    rule.rest.push_back((1 - x) / 2);
    rule.weight.push_back(1 / ((1 - x * x) * slope * slope));
  }
  return rule;
}

/// The double exponential rule with n nodes (Takahasi and Mori 1974), for layers at both ends.
Rule double_exponential(int n) {
  Rule rule;
  for (int i = 0; i < n; ++i) {
    const double end = 3.2, step = 2 * end / (n - 1), t = i * step - end, u = pi / 2 * std::sinh(t);
    rule.rest.push_back(1 / (1 + std::exp(2 * u)));
    rule.weight.push_back(step * pi / 4 * std::cosh(t) / (std::cosh(u) * std::cosh(u)));
  }
  return rule;
}

// f(x) = x for x > 0, alpha (exp(beta x) - 1) for x <= 0.
//
// Let z1 = beta s1 and z2 = beta s2 with the standard deviations s1, s2, q = z1 z2, m be Mills' ratio,
// and x1, x2 be in units of s1 and s2. What is needed are, besides P(x1 > 0, x2 > 0) = chi / (2 pi),
//   W = E[exp(z1 x1); x1 < 0 < x2] + E[exp(z2 x2); x2 < 0 < x1]
//   U = E[exp(z1 x1 + z2 x2); x1 < 0, x2 < 0]
//   V = E[(exp(z1 x1) - 1) (exp(z2 x2) - 1); x1 < 0, x2 < 0].
// By parts, with e(x) = -(m(0) - m(x)) / x and rho = cos(w),
//   d_nngp = P(x1 > 0, x2 > 0) + alpha beta W + (alpha beta)^2 U,
//   nngp / (s1 s2) = rho (P(x1 > 0, x2 > 0) + alpha beta W) + alpha^2 V / (s1 s2)
//                    + sin(w) / 2 pi (1 + alpha beta (e(z1 sin(w)) + e(z2 sin(w)))),
// in which no difference vanishes with the variances.
//
// An exponential shifts the normal distribution, so that W and U are scaled probabilities of wedges
// with the apex at a distance z1, z2 or r = |z1 x1 + z2 x2| from the origin: with H and E of
// nngp/mills_arcs.hpp, psi0 = pi/2 - w and tan(psi1) = (z1 + rho z2) / (z2 sin(w)), psi1 + psi2 = chi,
//   2 pi W = sum of H(zi, pi/2) - H(zi, psi0),   2 pi U = H(r, psi1) + H(r, psi2),
//   2 pi V = E(r, psi1) + E(r, psi2) - sum of E(zi, pi/2) + E(zi, psi0),
// for in V what E leaves out of H cancels. The coefficients of zi's series belong to rows and columns.
//
// V is of the size of q, its terms of the squares of z1 and z2: where one of them is much smaller than
// the other, z2 say, V has to be computed otherwise. Where q is not large either, that is a series in
// z2: V = sum of z2^n / n! D_n, D_n = E[(exp(z1 x1) - 1) x2^n; x1 < 0, x2 < 0], by Stein's lemma
//   D_n = (n - 1) D_(n-2) + rho z1 (D_(n-1) + M_(n-1)), for n = 1 less z1 sin(w) e(z1 sin(w)) / 2 pi,
//   M_n = E[x2^n; x1 < 0, x2 < 0]
//       = (n - 1) M_(n-2) - rho int_(x2 < 0) x2^(n-1) f(0, x2) dx2, for n = 1 less f(0) / 2.
// Elsewhere it is an integral. With g(w) = -m'(z1 sin(w)) - m'(z2 sin(w)), Price's theorem gives
//   2 pi dW/dw = g,   2 pi dU/dw = 1 - g - 2 pi q sin(w) U,   dV/dw = -q sin(w) U,
// hence from any w0, with E(w') = exp(q (cos(w) - cos(w'))) - 1 and integrals over w' from w0 to w,
//   W = W0 + int g / 2 pi,
//   U = U0 (1 + E(w0)) - int (g - 1) (1 + E) / 2 pi,
//   V = V0 + U0 E(w0) - int (g - 1) E / 2 pi.
// That is stable where E is bounded: from w0 = pi/2, where x1 and x2 are independent, if rho <= 0 or q
// is small; otherwise from w0 = 0, where they are equal.
class ExponentialUnit {
 public:
  constexpr ExponentialUnit() = default;
  ExponentialUnit(double alpha_, double beta_)
      : alpha(alpha_), beta(beta_), float64(rules(20, 32, 220)), float32(rules(12, 20, 100)) {}

  /// What the kernels need of one input.
  template <class T>
  struct Input {
    T var, deviation, z;
    nngp::mills_arcs<T> arcs;
    typename nngp::mills_arcs<T>::value quarter;  ///< for psi = pi/2

    Input(const T& var_, double beta)
        : var(var_),
          deviation(sqrt(var)),
          z(min(T(largest<T>), beta * deviation)),
          arcs(z),
          quarter(arcs.at(T(pi / 2), z, T(0.0))) {}
  };
  template <class T>
  Input<T> input(const T& var) const {
    return {var, beta};
  }

  template <class T>
  nngp::kernel_pair<T> operator()(const T& cov12, const Input<T>& x1, const Input<T>& x2) const {
    const nngp::correlation<T> x(cov12, x1.var, x2.var, x1.deviation, x2.deviation);
    const T most = max(x1.z, x2.z), least = min(x1.z, x2.z);
    const auto uneven = (most > max_ratio<T> * (least * (1.0 + most))) | (least < smallest<T>);
    const T edge1 = mills_mean_slope(x1.z * x.s), edge2 = mills_mean_slope(x2.z * x.s);
    Expectations<T> e = by_arcs(x, x1, x2);
    if (any(uneven)) [[unlikely]] {
      const auto first = x1.z > x2.z;
      e.v = select(
          uneven, by_series(x, most, least, select(first, edge1, edge2), select(first, e.of_1, e.of_2)),
          e.v);
      const auto steep = uneven & ((most * least > max_q) | (most > 1e5) | (least < smallest<T>));
      if (any(steep)) {
        Expectations<T> other = e;
        run_on(typename T::isa(), [&] { other = by_quadrature(x, x1.z, x2.z); });
        e = {select(steep, other.w, e.w), select(steep, other.u, e.u), select(steep, other.v, e.v)};
      }
    }
    const double kink = alpha * beta;
    const T linear =
        fma(x.rho, x.orthant + kink * e.w, (0.5 / pi) * x.s * (1.0 - kink * (edge1 + edge2)));
    return {fma(x.deviation1 * x.deviation2, linear, alpha * alpha * e.v),
            x.orthant + kink * (e.w + kink * e.u)};
  }

 private:
  template <class T>
  static constexpr bool is_double = std::is_same_v<typename T::real, double>;
  /// Values of z beyond these are as good as these.
  template <class T>
  static constexpr double largest = is_double<T> ? 1e150 : 1e18;
  template <class T>
  static constexpr double smallest = is_double<T> ? 1e-70 : 1e-15;
  /// How many times larger than q what cancels in V may be.
  template <class T>
  static constexpr double max_ratio = is_double<T> ? 16 : 8;

  /// Up to which q the series in the smaller z serves: rounding of its terms grows as q^n / n!.
  static constexpr double max_q = 5;

  template <class T>
  struct Expectations {
    T w, u, v;
    T of_1 = T(0.0), of_2 = T(0.0);  ///< E[exp(zi xi); x1 < 0, x2 < 0]
  };

  /// V for a small z2; E[exp(z1 x1); x1 < 0, x2 < 0] and -e(z1 sin(w)) are known.
  template <class T>
  static T by_series(const nngp::correlation<T>& x, const T& z1, const T& z2, const T& edge,
                     const T& exponential) {
    constexpr int terms = is_double<T> ? 11 : 6;
    const T turn = x.rho * z1, slope = x.rho * nngp::density_at_0;
    // D_n and M_n for n - 1 and n - 2, int_(u < 0) u^k f(u) du s^k for k = n - 1 and n - 2.
    T moment1 = x.orthant, moment2(0.0), change1 = exponential - x.orthant, change2(0.0);
    T edge1(0.5), edge2(0.0), power(1.0), sum(0.0);
    for (int n = 1; n <= terms; ++n) {
      T change = fma(turn, change1 + moment1, (n - 1.0) * change2);
      T moment = fma(-slope, edge1, (n - 1.0) * moment2);
      if (n == 1) {
        change = fma((0.5 / pi) * x.s, z1 * edge, change);
        moment = moment - 0.5 * nngp::density_at_0;
      }
      power = power * z2 * (1.0 / n);
      sum = fma(power, change, sum);
      const T next = n == 1 ? -nngp::density_at_0 * x.s : (n - 1.0) * (x.s * x.s) * edge2;
      edge2 = edge1, edge1 = next;
      change2 = change1, change1 = change;
      moment2 = moment1, moment1 = moment;
    }
    return sum;
  }

  template <class T>
  static Expectations<T> by_arcs(const nngp::correlation<T>& x, const Input<T>& x1,
                                 const Input<T>& x2) {
    const T psi0 = x.asin_rho, chi = 2 * pi * x.orthant;
    const auto a = x1.arcs.at(psi0, x.rho * x1.z, x.s * x1.z);
    const auto b = x2.arcs.at(psi0, x.rho * x2.z, x.s * x2.z);
    // By size, so that the kernel is symmetric to the last bit.
    const T most = max(x1.z, x2.z), least = min(x1.z, x2.z);
    const T h1 = fma(x.rho, least, most), h2 = fma(x.rho, most, least);
    const T y1 = x.s * least, y2 = x.s * most, psi1 = asin2(h1, y1);
    const nngp::mills_arcs<T> arcs(sqrt(fma(h1, h1, y1 * y1)));
    const auto c = arcs.at(psi1, h1, y1), d = arcs.at(chi - psi1, h2, y2);
    const double by_turn = 0.5 / pi;
    return {by_turn * ((x1.quarter.integral - a.integral) + (x2.quarter.integral - b.integral)),
            by_turn * (c.integral + d.integral),
            by_turn * ((c.excess + d.excess) -
                       ((x1.quarter.excess + a.excess) + (x2.quarter.excess + b.excess))),
            by_turn * (x1.quarter.integral + a.integral), by_turn * (x2.quarter.integral + b.integral)};
  }

  template <class T>
  Expectations<T> by_quadrature(const nngp::correlation<T>& x, const T& z1, const T& z2) const {
    constexpr double largest = is_double<T> ? 1e300 : 1e36;
    const T q = min(z1 * z2, T(largest)), z = max(z1, z2);

    const auto independent = (x.rho <= 0.0) | (q < 1.5);
    const T m1 = mills_ratio(z1), m2 = mills_ratio(z2), m12 = mills_ratio(z1 + z2);
    const T c1 = z1 * mills_mean_slope(z1), c2 = z2 * mills_mean_slope(z2);
    const T c12 = (z1 + z2) * mills_mean_slope(z1 + z2);
    const T w0 = select(independent, root_8_pi * (m1 + m2), T(0.0));
    const T u0 = select(independent, (0.5 / pi) * m1 * m2, 2 * root_8_pi * m12);
    const T v0 = select(independent, (0.5 / pi) * c1 * c2, 2 * root_8_pi * (c1 + c2 - c12));
    const T e0 = expm1(select(independent, q * x.rho, -q * x.s * x.s / (1.0 + abs(x.rho))));

    // The integration variable is tan((w - w') / 2), for which nothing but E takes a transcendental
    // function.
    const T length = select(independent, -x.rho / (1.0 + x.s), x.s / (1.0 + abs(x.rho)));
    Sums<T> sums{T(0.0), T(0.0), T(0.0)};
    for (const auto& [limit, rule] : rules_for(typename T::real())) {
      const auto beyond = z >= limit;
      if (any(beyond)) sums = select(beyond, integrate(x, z1, z2, q, length, rule), sums);
    }
    return {fma(sums.g, 0.5 / pi, w0), fma(u0, e0 + 1.0, sums.u * (-0.5 / pi)),
            v0 + fma(u0, e0, sums.v * (-0.5 / pi))};
  }

  /// The integrals of g, (g - 1) (E + 1) and (g - 1) E.
  template <class T>
  struct Sums {
    T g, u, v;
    friend Sums select(const typename T::mask_type& mask, const Sums& a, const Sums& b) {
      return {select(mask, a.g, b.g), select(mask, a.u, b.u), select(mask, a.v, b.v)};
    }
  };

  template <class T>
  static Sums<T> integrate(const nngp::correlation<T>& x, const T& z1, const T& z2, const T& q,
                           const T& length, const Rule& rule) {
    Sums<T> sums{T(0.0), T(0.0), T(0.0)};
    for (std::size_t i = 0; i < rule.rest.size(); ++i) {
      const T t = length * rule.rest[i], k = 2.0 / fma(t, t, 1.0);   // dw' = k dt
      const T shift = k * t;                                         // sin(w - w')
      const T sine = max(T(0.0), x.s - shift * fma(x.s, t, x.rho));  // sin(w')
      const T g = mills_slope(z1 * sine) + mills_slope(z2 * sine);
      const T e = expm1(q * (shift * fma(x.rho, t, -x.s)));
      const T weight = k * rule.weight[i], rest = weight * (g - 1.0);
      sums.g = fma(weight, g, sums.g);
      sums.u = fma(rest, e + 1.0, sums.u);
      sums.v = fma(rest, e, sums.v);
    }
    return {length * sums.g, length * sums.u, length * sums.v};
  }

  static constexpr double root_8_pi = 0.19947114020071633897;  // 1 / sqrt(8 pi)

  /// What is right for max(z1, z2) from the limit on. The numbers of nodes are the least that do.
  struct Choice {
    double limit;
    Rule rule;
  };
  using Rules = std::vector<Choice>;
  static Rules rules(int narrow, int middle, int layered) {
    return {{0, gauss_legendre(narrow)}, {4, gauss_legendre(middle)}, {8, double_exponential(layered)}};
  }
  const Rules& rules_for(double) const { return float64; }
  const Rules& rules_for(float) const { return float32; }

  double alpha = 1, beta = 1;
  Rules float64, float32;
};

/// scale x if x > 0, scale alpha (exp(beta x) - 1) otherwise: Elu, Celu and Selu are cases of it.
struct ScaledUnit {
  double scale, alpha, beta;
  bool smooth;  ///< alpha beta = 1, which may be rounded: the slopes meet at 0

  ExponentialUnit kernels{};
  void prepare() { kernels = {alpha, beta}; }

  static constexpr bool compile_sparingly = true;
  template <class T>
  T fn(const T& x) const {
    return scale * select(x > 0.0, x, alpha * expm1(beta * select(x > 0.0, T(0.0), x)));
  }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, smooth ? 2 : 1)}; }
  auto of_variance(auto var) const { return kernels.input(var); }
  auto nngp_and_d_nngp_fn(const auto&... x) const {
    const auto y = kernels(x...);
    return nngp::kernel_pair{scale * scale * y.nngp, scale * scale * y.d_nngp};
  }
};

constexpr const char* reference =
    "Clevert, Unterthiner and Hochreiter, ICLR 2016; kernel derived in the source";

}  // namespace

struct Elu {
  double alpha = 1;

  static constexpr nngp::info info{.name = "Elu",
                                   .summary = "Exponential linear unit",
                                   .formula = "x if x > 0, alpha (exp(x) - 1) otherwise",
                                   .reference = reference};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("alpha", &Elu::alpha, "negative limit")};

  ScaledUnit general() const { return {1, alpha, 1, alpha == 1}; }
};

struct Celu {
  double alpha = 1;

  static constexpr nngp::info info{
      .name = "Celu",
      .summary = "Continuously differentiable exponential linear unit",
      .formula = "x if x > 0, alpha (exp(x / alpha) - 1) otherwise",
      .reference = "Barron, arXiv 1704.07483; kernel derived in the source"};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("alpha", &Celu::alpha, "negative limit and decay length").above(0)};

  ScaledUnit general() const { return {1, alpha, 1 / alpha, true}; }
};

struct Selu {
  static constexpr double alpha = 1.6732632423543772848, scale = 1.0507009873554804934;

  static constexpr nngp::info info{
      .name = "Selu",
      .summary = "Self-normalizing exponential linear unit",
      .formula = "1.0507... Elu(1.6732...)",
      .reference = "Klambauer et al., NIPS 2017; kernel derived in the source"};

  ScaledUnit general() const { return {scale, alpha, 1, false}; }
};

NNGP_PLUGIN(shipped("elu"), Elu, Celu, Selu);
