// Polynomials.
#include "shipped.hpp"

/// In the Hermite basis He_j(x / s) of an input of variance v = s^2, x^n has the coefficients
/// n! / (2^k k! j!) s^n with j = n - 2 k (Abramowitz and Stegun 22.12), and
/// E[He_j(x1 / s1) He_j(x2 / s2)] = j! rho^j (Mehler). So for f(x) = sum_n coef[n] x^n
///   E[f(x1) f(x2)] = sum_j j! c^j A_j(v1) A_j(v2),   A_j(v) = sum_k coef[n] n! / (2^k k! j!) v^k,
/// and the derivative in c goes term by term.
struct Polynomial {
  std::vector<double> coef;

  static constexpr nngp::info info{
      .name = "Polynomial",
      .summary = "Polynomial",
      .formula = "coef[0] + coef[1] x + coef[2] x^2 + ...",
      .reference =
          "A. Daniely, R. Frostig and Y. Singer, Toward Deeper Understanding of Neural "
          "Networks, NIPS 2016"};
  static constexpr auto parameters = std::tuple{
      nngp::parameter("coef", &Polynomial::coef, "coefficients, that of x^0 first").required()};

  void prepare() {
    if (coef.size() > 31) throw std::invalid_argument("Polynomial: the degree is above 30");
    for (std::size_t j = 0; j < coef.size(); ++j) {
      std::vector<double>& hermite = hermite_.emplace_back();
      // sqrt(j!) n! / (2^k k! j!) from one k to the next
      double weight = 1;
      for (std::size_t i = 1; i <= j; ++i) weight *= std::sqrt(static_cast<double>(i));
      for (std::size_t n = j, k = 0; n < coef.size(); n += 2, ++k) {
        if (k) weight *= static_cast<double>(n * (n - 1)) / static_cast<double>(2 * k);
        hermite.push_back(coef[n] * weight);
      }
    }
  }

  template <class T>
  T fn(const T& x) const {
    T y = 0.0 * x;
    for (std::size_t n = coef.size(); n-- > 0;) y = y * x + coef[n];
    return y;
  }
  auto breakpoints() const { return nngp::smooth; }

  template <class T>
  nngp::kernel_pair<T> nngp_and_d_nngp_fn(const T& cov12, const T& var1, const T& var2) const {
    T nngp = 0.0, d_nngp = 0.0;
    for (std::size_t j = hermite_.size(); j-- > 0;) {
      const T product = evaluate(hermite_[j], var1) * evaluate(hermite_[j], var2);
      nngp = fma(nngp, cov12, product);
      if (j > 0) d_nngp = fma(d_nngp, cov12, static_cast<double>(j) * product);
    }
    return {nngp, d_nngp};
  }

 private:
  template <class T>
  static T evaluate(const std::vector<double>& c, const T& v) {
    T y = 0.0 * v;
    for (std::size_t k = c.size(); k-- > 0;) y = fma(y, v, T(c[k]));
    return y;
  }

  std::vector<std::vector<double>> hermite_;  // sqrt(j!) A_j, row by row
};

// x^n alone: sum_k n! ^2 / (j! (2^k k!)^2) c^j (v1 v2)^k, without cancellation.
struct Monomial {
  int degree = 1;

  static constexpr nngp::info info{.name = "Monomial",
                                   .summary = "Power",
                                   .formula = "x^degree",
                                   .reference = Polynomial::info.reference};
  static constexpr auto parameters = std::tuple{
      nngp::parameter("degree", &Monomial::degree, "exponent").at_least(0).at_most(30).required()};

  void prepare() {
    double weight = 1;
    for (int i = 2; i <= degree; ++i) weight *= i;
    for (int j = degree, k = 0; j >= 0; j -= 2, ++k) {
      if (k) weight *= (j + 2.0) * (j + 1.0) / (4.0 * k * k);
      weights_.push_back(weight);
    }
  }

  auto fn(auto x) const { return power(x, degree); }
  auto breakpoints() const { return nngp::smooth; }

  template <class T>
  nngp::kernel_pair<T> nngp_and_d_nngp_fn(const T& cov12, const T& var1, const T& var2) const {
    const T square = cov12 * cov12, product = var1 * var2;
    T even = weights_[0], slope = degree * weights_[0], powers = 1.0;  // of c^j, and j c^j, over c^odd
    for (std::size_t k = 1; k < weights_.size(); ++k) {
      powers = powers * product;
      even = fma(even, square, weights_[k] * powers);
      const double j = degree - 2.0 * static_cast<double>(k);
      if (j > 0) slope = fma(slope, square, (j * weights_[k]) * powers);
    }
    if (degree % 2) return {even * cov12, slope};
    return {even, slope * cov12};
  }

 private:
  std::vector<double> weights_;
};

// For inputs of unit variance, as normalised networks have them, E[h_n(x1) h_n(x2)] = rho^n (Mehler).
struct Hermite {
  int degree = 1;

  static constexpr nngp::info info{
      .name = "Hermite",
      .summary = "Normalised Hermite polynomial; inputs must have unit variance",
      .formula = "He_degree(x) / sqrt(degree!)",
      .reference = Polynomial::info.reference};
  static constexpr auto parameters = std::tuple{
      nngp::parameter("degree", &Hermite::degree, "degree").at_least(0).at_most(100).required()};

  template <class T>
  T fn(const T& x) const {  // h_{n+1} sqrt(n + 1) = x h_n - sqrt(n) h_{n-1}
    T before = 0.0 * x, h = before + 1.0;
    for (int n = 0; n < degree; ++n) {
      const T next = (x * h - std::sqrt(static_cast<double>(n)) * before) * (1 / std::sqrt(n + 1.0));
      before = h;
      h = next;
    }
    return h;
  }
  auto breakpoints() const { return nngp::smooth; }

  template <class T>
  nngp::kernel_pair<T> nngp_and_d_nngp_fn(const T& cov12, const T&, const T&) const {
    if (degree == 0) return {T(1.0), T(0.0)};
    const T lower = power(cov12, degree - 1);
    return {lower * cov12, degree * lower};
  }
};

NNGP_PLUGIN(shipped("polynomial"), Polynomial, Monomial, Hermite);
