// Exponential linear units.
#include <nngp/binormal.hpp>

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
// and x1, x2 be in units of s1 and s2. What is needed are, besides P(x1 > 0, x2 > 0),
//   W = E[exp(z1 x1); x1 < 0 < x2] + E[exp(z2 x2); x2 < 0 < x1]
//   U = E[exp(z1 x1 + z2 x2); x1 < 0, x2 < 0]
//   V = E[(exp(z1 x1) - 1) (exp(z2 x2) - 1); x1 < 0, x2 < 0].
// With rho = cos(w) and g(w) = -m'(z1 sin(w)) - m'(z2 sin(w)), Price's theorem gives
//   2 pi dW/dw = g,   2 pi dU/dw = 1 - g - 2 pi q sin(w) U,   dV/dw = -q sin(w) U,
// hence from any w0, with E(w') = exp(q (cos(w) - cos(w'))) - 1 and integrals over w' from w0 to w,
//   W = W0 + int g / 2 pi,
//   U = U0 (1 + E(w0)) - int (g - 1) (1 + E) / 2 pi,
//   V = V0 + U0 E(w0) - int (g - 1) E / 2 pi.
// That is stable where E is bounded: from w0 = pi/2, where x1 and x2 are independent, if rho <= 0 or q
// is small; otherwise from w0 = 0, where they are equal. By parts, with e(x) = -(m(0) - m(x)) / x,
//   d_nngp = P(x1 > 0, x2 > 0) + alpha beta W + (alpha beta)^2 U,
//   nngp / (s1 s2) = rho (P(x1 > 0, x2 > 0) + alpha beta W) + alpha^2 V / (s1 s2)
//                    + sqrt(1 - rho^2) / 2 pi (1 + alpha beta (e(z1 sin(w)) + e(z2 sin(w)))),
// in which no difference vanishes with the variances.
class ExponentialUnit {
 public:
  constexpr ExponentialUnit() = default;
  ExponentialUnit(double alpha_, double beta_)
      : alpha(alpha_), beta(beta_), float64(rules(20, 32, 220)), float32(rules(12, 20, 100)) {}

  template <class T>
  nngp::kernel_pair<T> operator()(const T& cov12, const T& var1, const T& var2) const {
    constexpr double largest = std::is_same_v<typename T::real, double> ? 1e300 : 1e36;
    const nngp::correlation<T> x(cov12, var1, var2);
    const T z1 = beta * x.deviation1, z2 = beta * x.deviation2;
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

    const T w = fma(sums.g, 0.5 / pi, w0);
    const T u = fma(u0, e0 + 1.0, sums.u * (-0.5 / pi));
    const T v = v0 + fma(u0, e0, sums.v * (-0.5 / pi));
    const double kink = alpha * beta;
    const T edges = mills_mean_slope(z1 * x.s) + mills_mean_slope(z2 * x.s);
    const T linear = fma(x.rho, x.orthant + kink * w, (0.5 / pi) * x.s * (1.0 - kink * edges));
    return {fma(x.deviation1 * x.deviation2, linear, alpha * alpha * v),
            x.orthant + kink * (w + kink * u)};
  }

 private:
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

template <class T>
T elu(const T& x, double alpha, double beta) {
  return select(x > 0.0, x, alpha * expm1(beta * select(x > 0.0, T(0.0), x)));
}

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

  ExponentialUnit kernels;
  void prepare() { kernels = {alpha, 1}; }

  static constexpr bool long_formula = true;
  auto fn(auto x) const { return elu(x, alpha, 1); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, alpha == 1 ? 2 : 1)}; }
  auto nngp_and_d_nngp_fn(auto... x) const { return kernels(x...); }
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

  ExponentialUnit kernels;
  void prepare() { kernels = {alpha, 1 / alpha}; }

  static constexpr bool long_formula = true;
  auto fn(auto x) const { return elu(x, alpha, 1 / alpha); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 2)}; }
  auto nngp_and_d_nngp_fn(auto... x) const { return kernels(x...); }
};

struct Selu {
  static constexpr double alpha = 1.6732632423543772848, scale = 1.0507009873554804934;

  static constexpr nngp::info info{
      .name = "Selu",
      .summary = "Self-normalizing exponential linear unit",
      .formula = "1.0507... Elu(1.6732...)",
      .reference = "Klambauer et al., NIPS 2017; kernel derived in the source"};

  ExponentialUnit kernels;
  void prepare() { kernels = {alpha, 1}; }

  static constexpr bool long_formula = true;
  auto fn(auto x) const { return scale * elu(x, alpha, 1); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1)}; }
  auto nngp_and_d_nngp_fn(auto... x) const {
    const auto y = kernels(x...);
    return nngp::kernel_pair{scale * scale * y.nngp, scale * scale * y.d_nngp};
  }
};

NNGP_PLUGIN(shipped("elu"), Elu, Celu, Selu);
