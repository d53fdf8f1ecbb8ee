// Sines: shift-invariant kernels.
#include "shipped.hpp"

/// Kernels of a sin(b x + c), given 2 sin(c)^2. By the characteristic function of the normal
/// distribution
///   E = a^2/2 (exp(-p + q) - cos(2 c) exp(-p - q)),   p = b^2 (v1 + v2) / 2,   q = b^2 cov12,
/// and the other sign for the derivative. exp(-p + |q|) is taken out, where p - |q| is a sum of
/// positive numbers, and what is left vanishes with sin(c) and q: 1 - cos(2 c) e = 2 sin(c)^2 - cos(2
/// c) (e - 1). Of |cov12| above (v1 + v2) / 2 by rounding, every layer of a deep network would make
/// more.
struct SineKernel {
  double a, b, two_sin2, two_cos2;
  bool plain = b == 1 && two_sin2 == 0;  ///< a sin(x)

  template <class T>
  struct Input {
    static constexpr bool only_vectors = true;
    T half_var;
    T envelope;  ///< a exp(-b^2 var / 2), NaN where it does not allow for products of normal numbers
  };
  template <class T>
  Input<T> input(const T& var) const {
    const T exponent = (b * b / 2) * var;
    const double least = nngp::per_type<T>(1e-100, 1e-8), size = std::abs(a);
    const bool usual = size >= least && size <= 1 / least;
    const double most = usual ? nngp::per_type<T>(32, 8) : -1;
    return {0.5 * var,
            select(exponent < most, exp(-exponent) * a, std::numeric_limits<double>::quiet_NaN())};
  }

  template <class T>
  nngp::kernel_pair<T> operator()(const T& cov, const Input<T>& x1, const Input<T>& x2) const {
    const T mean = x1.half_var + x2.half_var, cov12 = larger(-mean, smaller(mean, cov));
    const T envelope = (0.5 * x1.envelope) * x2.envelope;
    const nngp::hyperbolic<T> q(plain ? cov12 : (b * b) * cov12, envelope);
    T k = q.sinh, d = q.cosh;  // two values, for gcc keeps a pair in memory
    if (!plain) {
      const double sin2 = two_sin2 / 2, cos2 = two_cos2 / 2;
      k = fma(q.cosh, sin2, q.sinh * cos2);
      d = fma(q.cosh, b * b * cos2, q.sinh * (b * b * sin2));
    }
    if (any_nan(envelope)) [[unlikely]] {
      const auto unusual = envelope != envelope;
      const nngp::kernel_pair<T> z = of_any(cov12, 2.0 * x1.half_var, 2.0 * x2.half_var);
      k = select(unusual, z.nngp, k);
      d = select(unusual, z.d_nngp, d);
    }
    return {k, d};
  }

 private:
  template <class T>
  nngp::kernel_pair<T> of_any(const T& cov12, const T& var1, const T& var2) const {
    const double b2 = b * b, factor = a * a / 2, cos_2c = (two_cos2 - two_sin2) / 2;
    const T size = abs(cov12);
    const T envelope = exp((-b2 / 2) * ((var1 - size) + (var2 - size))) * factor;
    const T rest = expm1((-2 * b2) * size);
    const T weight = select(cov12 < 0.0, 1.0, cos_2c), other = select(cov12 < 0.0, 1.0, -cos_2c);
    return {envelope * fma(other, rest, two_sin2), envelope * fma(weight, rest, two_cos2) * b2};
  }
};

constexpr const char* reference =
    "T. Pearce, R. Tsuchida, M. Zaki, A. Brintrup and A. Neely, Expressive Priors in Bayesian Neural "
    "Networks: Kernel Combinations and Periodic Functions, UAI 2019";

/// a sin(b x + c), or a cos(b x + c), the sine of phase c + pi/2, which would be rounded.
struct Wave {
  double a, b, c;
  bool cosine;

  auto fn(auto x) const { return cosine ? a * cos(b * x + c) : a * sin(b * x + c); }
  auto breakpoints() const { return nngp::smooth; }
  void prepare() {
    const double s = std::sin(c), t = std::cos(c);
    kernel = cosine ? SineKernel{a, b, 2 * t * t, 2 * s * s} : SineKernel{a, b, 2 * s * s, 2 * t * t};
  }
  auto of_variance(auto var) const { return kernel.input(var); }
  auto nngp_and_d_nngp_fn(auto... x) const { return kernel(x...); }

  SineKernel kernel{};
};

struct Sin {
  double a = 1, b = 1, c = 0;

  static constexpr nngp::info info{
      .name = "Sin", .summary = "Sine", .formula = "a sin(b x + c)", .reference = reference};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("a", &Sin::a, "amplitude"), nngp::parameter("b", &Sin::b, "frequency"),
                 nngp::parameter("c", &Sin::c, "phase")};

  Wave general() const { return {a, b, c, false}; }
};

struct Cos {
  double a = 1, b = 1, c = 0;

  static constexpr nngp::info info{
      .name = "Cos", .summary = "Cosine", .formula = "a cos(b x + c)", .reference = reference};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("a", &Cos::a, "amplitude"), nngp::parameter("b", &Cos::b, "frequency"),
                 nngp::parameter("c", &Cos::c, "phase")};

  Wave general() const { return {a, b, c, true}; }
};

// The sine whose kernel is exp(-gamma E[(x1 - x2)^2]).
struct Rbf {
  double gamma = 1;

  static constexpr nngp::info info{
      .name = "Rbf",
      .summary = "Sine with the squared exponential kernel",
      .formula = "sqrt(2) sin(sqrt(2 gamma) x + pi/4)",
      .reference =
          "A. Rahimi and B. Recht, Random Features for Large-Scale Kernel Machines, NIPS 2007"};
  static constexpr auto parameters = std::tuple{
      nngp::parameter("gamma", &Rbf::gamma, "inverse square of the length scale, halved").at_least(0)};

  auto fn(auto x) const { return nngp::sqrt_2 * sin(std::sqrt(2 * gamma) * x + nngp::pi / 4); }
  auto breakpoints() const { return nngp::smooth; }
  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto k = exp(-gamma * max(0.0, (var1 - cov12) + (var2 - cov12)));
    return nngp::kernel_pair{k, 2 * gamma * k};
  }
};

NNGP_PLUGIN(shipped("sine"), Sin, Cos, Rbf);
