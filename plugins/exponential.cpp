// Exponentials.
#include "shipped.hpp"

/// exp(scale (v1 + v2 + 2 c)). Exponents may be in the hundreds, where their rounding errors show.
template <class T>
T exp_of_variance(double scale, const T& c, const T& v1, const T& v2) {
  const double scale_high = static_cast<typename T::real>(scale);
  const auto v = sum(v1, v2), all = sum(v.high, 2.0 * c), exponent = product(scale_high, all.high);
  const T rest = exponent.low + scale_high * (v.low + all.low) + (scale - scale_high) * all.high;
  // Beyond, exp is 0 or infinite.
  return exp(exponent.high) * select(abs(rest) < 1.0, 1.0 + rest, 1.0);
}

// The moment generating function of x1 + x2.
struct Exp {
  double a = 1, b = 1;

  static constexpr nngp::info info{.name = "Exp",
                                   .summary = "Exponential function",
                                   .formula = "a exp(b x)",
                                   .reference =
                                       "A. Daniely, R. Frostig and Y. Singer, Toward Deeper "
                                       "Understanding of Neural Networks, NIPS 2016"};
  static constexpr auto parameters = std::tuple{nngp::parameter("a", &Exp::a, "factor of the output"),
                                                nngp::parameter("b", &Exp::b, "factor of the input")};

  auto fn(auto x) const { return a * exp(b * x); }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto k = (a * a) * exp_of_variance(b * b / 2, cov12, var1, var2);
    return nngp::kernel_pair{k, (b * b) * k};
  }
};

// A Gaussian integral: a^2 / sqrt(det(1 - 2 b Sigma)), Sigma the covariance matrix. With C, V1, V2 that
// are 2 |b| times those of Sigma, the determinant is (1 -+ V1)(1 -+ V2) - C^2; the expectation is
// infinite unless that and 1 -+ V1 are positive.
struct Gaussian {
  double a = 1, b = -1;

  static constexpr nngp::info info{
      .name = "Gaussian",
      .summary = "Gaussian function",
      .formula = "a exp(b x^2)",
      .reference = "C. K. I. Williams, Computing with Infinite Networks, NIPS 1996"};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("a", &Gaussian::a, "height"),
                 nngp::parameter("b", &Gaussian::b, "minus half the inverse square of the width")};

  static constexpr bool value_alone = true;
  auto fn(auto x) const { return a * exp(b * (x * x)); }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const double scale = 2 * std::abs(b);
    const auto c = scale * cov12, v1 = scale * var1, v2 = scale * var2;
    const auto q = (b <= 0) ? root_of_det(c, v1, v2, 1).under(1) : inverse_root(c, 1.0 - v1, 1.0 - v2);
    const auto slope = select(q <= std::numeric_limits<float>::max(), c * q * q, q);
    return nngp::kernel_pair{(a * a) * q, (a * a * scale) * q * slope};
  }

 private:
  /// 1 / sqrt(m1 m2 - c^2), infinite where the matrix is not positive definite.
  template <class T>
  static T inverse_root(const T& c, const T& m1, const T& m2) {
    const T det = difference_of_products(m1, m2, c, c);
    const auto finite = (m1 > 0.0) & (m2 > 0.0) & (det > 0.0);
    const T infinite = 1.0 / abs(0.0 * c + 0.0 * m1 + 0.0 * m2);  // NaN stays NaN
    return select(finite, 1.0 / sqrt(select(finite, det, 1.0)), infinite);
  }
};

// exp(-x^2) sin(x) is a Gaussian times a characteristic function. With D = det(1 + 2 Sigma) and
// M = Sigma (1 + 2 Sigma)^-1, E = exp(-(M11 + M22) / 2) sinh(M12) / sqrt(D); M12 = c / D and
// M11 + M22 = 1 - (1 + v1 + v2) / D.
struct Gabor {
  static constexpr nngp::info info{.name = "Gabor",
                                   .summary = "Gabor function",
                                   .formula = "exp(-x^2) sin(x)",
                                   .reference = "derived in the source"};

  static constexpr bool value_alone = true;
  auto fn(auto x) const { return exp(-(x * x)) * sin(x); }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto root = root_of_det(cov12, var1, var2, 0.5).under(0.5);  // 1 / sqrt(D)
    const auto inverse = root * root, trace = inverse * (1.0 + (var1 + var2)), m = cov12 * inverse;
    const auto peak = root * exp(0.5 * trace - 0.5);
    const auto sine = sinh(m), cosine = cosh(m);
    const auto slope = 4.0 * m * sine * (1.0 + trace) + (1.0 + 8.0 * cov12 * m) * inverse * cosine;
    return nngp::kernel_pair{peak * sine, peak * slope};
  }
};

// Not an expectation but the kernel of a normalised exponential: sqrt(v1 v2) exp(gamma (rho + shift)).
struct ExpNormalized {
  double gamma = 1, shift = -1;
  bool do_clip = false;

  static constexpr nngp::info info{
      .name = "ExpNormalized",
      .summary = "Gaussian kernel of the normalised inputs",
      .formula = "kernel sqrt(var1 var2) exp(gamma (rho + shift))",
      .reference = "V. Shankar et al., Neural Kernels Without Tangents, ICML 2020"};
  static constexpr auto parameters = std::tuple{
      nngp::parameter("gamma", &ExpNormalized::gamma, "factor of the correlation").at_least(0),
      nngp::parameter("shift", &ExpNormalized::shift, "shift of the correlation"),
      nngp::parameter("do_clip", &ExpNormalized::do_clip, "clip correlations beyond 1; always done")};

  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    using T = decltype(cov12);
    const T size = sqrt(var1) * sqrt(var2);
    const T rho = select(size == 0.0, 0.0, max(-1.0, min(1.0, cov12 / size)));
    const T k = exp(gamma * (rho + shift));
    return nngp::kernel_pair{size * k, gamma * k};
  }
};

NNGP_PLUGIN(shipped("exponential"), Exp, Gaussian, Gabor, ExpNormalized);
