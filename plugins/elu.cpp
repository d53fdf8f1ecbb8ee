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
// hence from any w0, with E(w') = exp(q (cos(w) - cos(w'))) - 1,
//   W = W0 + int g / 2 pi,   V = V0 + U0 E(w0) - int (g - 1) E / 2 pi,   U = V - V0 + U0 - int (g - 1)
//   / 2 pi,
// integrals over w' from w0 to w. That is stable if E is bounded: from w0 = pi/2, where x1 and x2 are
// independent, if rho <= 0 or q is small; from w0 = 0, where they are equal, otherwise. Everything is
// formed without differences that vanish with the variances.
class ExponentialUnit {
 public:
  constexpr ExponentialUnit() = default;
  ExponentialUnit(double alpha_, double beta_)
      : alpha(alpha_), beta(beta_), float64(16, 32, 200), float32(10, 20, 100) {}

  template <class T>
  nngp::kernel_pair<T> operator()(const T& cov12, const T& var1, const T& var2) const {
    constexpr double largest = std::is_same_v<typename T::real, double> ? 1e300 : 1e36;
    const nngp::correlation<T> x(cov12, var1, var2);
    const T z1 = beta * x.deviation1, z2 = beta * x.deviation2;
    const T q = min(z1 * z2, T(largest)), z = max(z1, z2);

    const auto independent = (x.rho <= 0.0) | (q < 1.5);
    const T m1 = mills_ratio(z1), m2 = mills_ratio(z2), m12 = mills_ratio(z1 + z2);
    const T c1 = z1 * mills_decline(z1), c2 = z2 * mills_decline(z2);
    const T c12 = (z1 + z2) * mills_decline(z1 + z2);
    const T w0 = select(independent, root_8_pi * (m1 + m2), T(0.0));
    const T u0 = select(independent, (0.5 / pi) * m1 * m2, 2 * root_8_pi * m12);
    const T v0 = select(independent, (0.5 / pi) * c1 * c2, 2 * root_8_pi * (c1 + c2 - c12));
    const T e0 = expm1(select(independent, q * x.rho, -q * x.s * x.s / (1.0 + abs(x.rho))));

    const T length = select(independent, -x.asin_rho, x.acos_rho);
    const Rules& rules = rules_for(typename T::real());
    Sums<T> sums = integrate(x, z1, z2, q, length, rules.narrow);
    for (const auto& [limit, rule] : {std::pair(4.0, &rules.middle), std::pair(8.0, &rules.layered)}) {
      const auto beyond = z > limit;
      if (any(beyond)) sums = select(beyond, integrate(x, z1, z2, q, length, *rule), sums);
    }

    const T w = fma(sums.g, 0.5 / pi, w0);

    const T u = fma(u0, e0 + 1.0, sums.u * (-0.5 / pi));
    const T v = v0 + fma(u0, e0, sums.v * (-0.5 / pi));
    const double kink = alpha * beta;
    const T edges = mills_decline(z1 * x.s) + mills_decline(z2 * x.s);
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
      const T half = length * (0.5 * rule.rest[i]), s = sin(half), c = cos(half);
      const T sine = max(T(0.0), x.s * (1.0 - 2.0 * s * s) - x.rho * (2.0 * s * c));
      const T y1 = z1 * sine, y2 = z2 * sine;
      const T g = (1.0 - y1 * mills_ratio(y1)) + (1.0 - y2 * mills_ratio(y2));
      const T e = expm1(-2.0 * q * (s * (x.s * c - x.rho * s)));
      sums.g = fma(g, rule.weight[i], sums.g);
      sums.u = fma((g - 1.0) * (e + 1.0), rule.weight[i], sums.u);
      sums.v = fma((g - 1.0) * e, rule.weight[i], sums.v);
    }
    return {length * sums.g, length * sums.u, length * sums.v};
  }

  static constexpr double root_8_pi = 0.19947114020071633897;  // 1 / sqrt(8 pi)

  /// For max(z1, z2) up to 4, up to 8 and beyond. The numbers of nodes are the least that do: with 3/4
  /// of them errors show.
  struct Rules {
    Rule narrow, middle, layered;
    constexpr Rules() = default;
    Rules(int narrow_, int middle_, int layered_)
        : narrow(gauss_legendre(narrow_)),
          middle(gauss_legendre(middle_)),
          layered(double_exponential(layered_)) {}
  };
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

  auto fn(auto x) const { return scale * elu(x, alpha, 1); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1)}; }
  auto nngp_and_d_nngp_fn(auto... x) const {
    const auto y = kernels(x...);
    return nngp::kernel_pair{scale * scale * y.nngp, scale * scale * y.d_nngp};
  }
};

NNGP_PLUGIN(shipped("elu"), Elu, Celu, Selu);
