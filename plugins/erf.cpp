// The error function and its relatives.
#include "shipped.hpp"

using nngp::pi;

constexpr const char* williams = "C. K. I. Williams, Computing with Infinite Networks, NIPS 1996";

/// E[erf(b x1) erf(b x2)] = 2/pi asin(c / sqrt((v1 + r)(v2 + r))), r = 1 / (2 b^2): the angle of (s, c)
/// with s^2 = (v1 + r)(v2 + r) - c^2, and 1/s is its derivative in c.
struct Erf {
  double a = 1, b = 1, c = 0;

  static constexpr nngp::info info{
      .name = "Erf", .summary = "Error function", .formula = "a erf(b x) + c", .reference = williams};
  static constexpr auto parameters = std::tuple{nngp::parameter("a", &Erf::a, "factor of the output"),
                                                nngp::parameter("b", &Erf::b, "factor of the input"),
                                                nngp::parameter("c", &Erf::c, "shift of the output")};

  /// a erf(b x) + a = a erfc(-b x), which keeps its digits where it is small.
  auto fn(auto x) const { return c == a ? a * erfc(-b * x) : a * erf(b * x) + c; }
  auto breakpoints() const { return nngp::smooth; }

  double r = 0, factor = 0, shift = 0;
  void prepare() {
    r = 0.5 / std::max(b * b, 1e-36);
    factor = a * a * (2 / pi);
    shift = c * c;
  }

  template <class T>
  struct Input {
    T var, root;  ///< root = sqrt(var + r)
  };
  template <class T>
  Input<T> of_variance(const T& var) const {
    return {var, sqrt(var + r)};
  }
  template <class T>
  struct Started {
    nngp::half_angle<T> angle;
    T slope;
  };
  template <class T>
  Started<T> start(const T& cov12, const Input<T>& x1, const Input<T>& x2) const {
    const auto s = root_of_det(cov12, x1.var, x2.var, r);
    return {asin_of(cov12, s.value, x1.root * x2.root), s.under(factor)};
  }
  template <class T>
  nngp::kernel_pair<T> finish(const Started<T>& started) const {
    return {fma(started.angle.turns(), 2 * pi * factor, shift), started.slope};
  }
};

struct Sigmoid_like {
  static constexpr double width = 2.4020563531719796;  // closest to 1 / (1 + exp(-x))

  static constexpr nngp::info info{.name = "Sigmoid_like",
                                   .summary = "Error function in the likeness of the logistic sigmoid",
                                   .formula = "erf(x / 2.4020563531719796) / 2 + 1/2",
                                   .reference = williams};

  Erf general() const { return {0.5, 1 / width, 0.5}; }
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

  static constexpr bool value_alone = true;
  template <class T>
  struct Input {
    T var, root;       ///< root = sqrt(1 + var)
    T p, share, half;  ///< 1 / (1 + var) and var / (1 + var) by sqrt(2 pi), and 1 / (1 + var) by 2 pi
  };
  template <class T>
  Input<T> of_variance(const T& var) const {
    const T p = nngp::density_at_0 / (1.0 + var);
    return {var, sqrt(1.0 + var), p, var * p, p * nngp::density_at_0};
  }
  template <class T>
  struct Started {
    nngp::supplement<T> angle;
    T density, slope;
  };
  template <class T>
  Started<T> start(const T& cov12, const Input<T>& x1, const Input<T>& x2) const {
    const auto s = root_of_det(cov12, x1.var, x2.var, 1);
    const T p = s.under(1);
    const T size = abs(cov12);
    return {nngp::supplement<T>(cov12, s.value, fma(x1.root, x2.root, size), s.value >= size),
            fma((cov12 * x1.p) * (cov12 * x2.p), p, (x1.share * x2.share) * s.value),
            cov12 * p * fma(p * (0.5 / pi), p, x1.half + x2.half)};
  }
  auto finish(auto started) const {
    const auto angle = started.angle.turns();
    return nngp::kernel_pair{fma(started.angle.c, angle, started.density), angle + started.slope};
  }
};

NNGP_PLUGIN(shipped("erf"), Erf, Sigmoid_like, Gelu);
