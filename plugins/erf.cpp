// The error function and its relatives.
#include "shipped.hpp"

using nngp::pi;

constexpr const char* williams = "C. K. I. Williams, Computing with Infinite Networks, NIPS 1996";

/// E[erf(b x1) erf(b x2)] = 2/pi asin(c / sqrt((v1 + r)(v2 + r))), r = 1 / (2 b^2): the angle of (s, c)
/// with s^2 = (v1 + r)(v2 + r) - c^2, and 1/s is its derivative in c.
template <class T>
nngp::kernel_pair<T> erf_kernels(double a, double b, double c, const T& cov12, const T& var1,
                                 const T& var2) {
  const double r = 0.5 / std::max(b * b, 1e-36), factor = a * a * (2 / pi);
  const T s = root_det(cov12, var1, var2, r);
  return {fma(asin2(cov12, s), factor, c * c), factor / s};
}

struct Erf {
  double a = 1, b = 1, c = 0;

  static constexpr nngp::info info{
      .name = "Erf", .summary = "Error function", .formula = "a erf(b x) + c", .reference = williams};
  static constexpr auto parameters = std::tuple{nngp::parameter("a", &Erf::a, "factor of the output"),
                                                nngp::parameter("b", &Erf::b, "factor of the input"),
                                                nngp::parameter("c", &Erf::c, "shift of the output")};

  auto fn(auto x) const { return a * erf(b * x) + c; }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    return erf_kernels(a, b, c, cov12, var1, var2);
  }
};

struct Sigmoid_like {
  static constexpr double width = 2.4020563531719796;  // closest to 1 / (1 + exp(-x))

  static constexpr nngp::info info{.name = "Sigmoid_like",
                                   .summary = "Error function in the likeness of the logistic sigmoid",
                                   .formula = "erf(x / 2.4020563531719796) / 2 + 1/2",
                                   .reference = williams};

  auto fn(auto x) const { return 0.5 * erfc(x * (-1 / width)); }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    return erf_kernels(0.5, 1 / width, 0.5, cov12, var1, var2);
  }
};

// With s^2 = (1 + v1)(1 + v2) - c^2 and alpha = asin(c / sqrt((1 + v1)(1 + v2))),
//   2 pi E = c (alpha + pi/2) + (c^2 / s + v1 v2 s) / ((1 + v1)(1 + v2))
//   2 pi dE/dc = alpha + pi/2 + c/s (1/s^2 + 1/(1 + v1) + 1/(1 + v2)).
struct Gelu {
  bool approximate = false;

  static constexpr nngp::info info{
      .name = "Gelu",
      .summary = "Gaussian error linear unit",
      .formula = "x Phi(x), Phi the standard normal distribution function",
      .reference =
          "R. Tsuchida, T. Pearce, C. van der Heide, F. Roosta and M. Gallagher, Avoiding "
          "Kernel Fixed Points: Computing with ELU and GELU Infinite Networks, AAAI 2021"};
  static constexpr auto parameters = std::tuple{
      nngp::parameter("approximate", &Gelu::approximate,
                      "fn by tanh, for networks of finite width; the kernels are those of x Phi(x)")};

  auto fn(auto x) const {
    const auto exact = 0.5 * x * erfc(x * (-1 / nngp::sqrt_2));
    if (!approximate) return exact;
    return 0.5 * x * (1.0 + tanh((nngp::sqrt_2 / nngp::sqrt_pi) * (x + 0.044715 * x * x * x)));
  }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto s = root_det(cov12, var1, var2, 1);
    const auto p1 = 1.0 / (1.0 + var1), p2 = 1.0 / (1.0 + var2), p = 1.0 / s;
    const auto angle = acos2(-cov12, s);
    const auto density = (cov12 * p1) * (cov12 * p2) * p + (var1 * p1) * (var2 * p2) * s;
    const auto slope = cov12 * p * (p * p + (p1 + p2));
    return nngp::kernel_pair{fma(cov12, angle, density) * (0.5 / pi), (angle + slope) * (0.5 / pi)};
  }
};

NNGP_PLUGIN(shipped("erf"), Erf, Sigmoid_like, Gelu);
