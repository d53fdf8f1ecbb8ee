// Powers of the positive part: the arc-cosine kernels.
#include <numbers>

#include "shipped.hpp"

using nngp::pi;

constexpr const char* cho_saul = "Y. Cho and L. K. Saul, Kernel Methods for Deep Learning, NIPS 2009";

// Both inputs are positive in a wedge of angle pi - theta of the plane on which they are projections of
// a standard normal vector, theta being the angle between the directions of projection.
struct Heaviside {
  static constexpr nngp::info info{.name = "Heaviside",
                                   .summary = "Unit step",
                                   .formula = "0 if x < 0, 1/2 if x = 0, 1 if x > 0",
                                   .reference = cho_saul};

  auto fn(auto x) const {
    return select(x > 0.0, 1.0, select(x < 0.0, 0.0, 0.5 + 0.0 * x));  // NaN of NaN
  }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 0)}; }

  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    return acos2(-cov12, root_det(cov12, var1, var2)) * (0.5 / pi);
  }
  auto d_nngp_fn(auto cov12, auto, auto) const { return decltype(cov12)(0.0); }
};

// The arc-cosine kernel of degree n. Cho and Saul's integral in polar coordinates, with standard
// deviations s1, s2 and chi = pi - theta:
//   K_n = (s1 s2)^n n! / (2 pi) I_n,   I_n = int_0^chi (cos(u) - cos(chi))^n du.
// By parts, with D = var1 var2 - cov12^2,
//   K_n = (2n - 1) cov12 K_(n-1) + (n - 1)^2 D K_(n-2),   dK_n / dcov12 = n^2 K_(n-1).
// For cov12 >= 0 all terms are positive. For cov12 < 0 they cancel; there v = sin(u/2)^2 / eta with
// eta = sin(chi/2)^2 <= 1/2 turns I_n into Euler's integral of a series of positive terms,
//   K_n = n! B(1/2, n + 1) / (2 pi) (2 s1 s2 eta)^n sqrt(eta) 2F1(1/2, 1/2; n + 3/2; eta).
struct RectifiedMonomial {
  int degree = 1;

  static constexpr nngp::info info{.name = "RectifiedMonomial",
                                   .summary = "Power of the positive part",
                                   .formula = "x^degree if x > 0, else 0",
                                   .reference = cho_saul};
  static constexpr auto parameters =
      std::tuple{nngp::parameter("degree", &RectifiedMonomial::degree, "exponent")
                     .at_least(0)
                     .at_most(20)
                     .required()};

  /// n! B(1/2, n + 1) / (2 pi) 2F1(1/2, 1/2; n + 3/2; eta), eta <= 1/2.
  struct Series {
    std::array<double, 24> float64;
    std::array<double, 11> float32;

    explicit Series(int n) {
      const auto f = [n](long double t) { return hypergeometric(n, (t + 1) / 4); };
      interpolate(f, float64);
      interpolate(f, float32);
    }
    template <class T>
    T operator()(const T& eta) const {
      const T t = fma(4.0, eta, -1.0);
      if constexpr (std::is_same_v<typename T::real, double>) return horner(float64, t);
      return horner(float32, t);
    }

   private:
    static long double hypergeometric(int n, long double eta) {
      long double term = 1 / std::numbers::pi_v<long double>, sum = 0;
      for (int k = 1; k <= n; ++k) term *= k * k / (k + 0.5L);
      for (int k = 1; k <= 64; ++k) {  // (1/2)^64 is far below rounding
        sum += term;
        term *= eta * ((k - 0.5L) * (k - 0.5L) / (k * (n + k + 0.5L)));
      }
      return sum;
    }

    /// The powers of the polynomial that is f at the Chebyshev points of [-1, 1].
    template <class F, std::size_t size>
    static void interpolate(const F& f, std::array<double, size>& powers) {
      std::array<long double, size> next = {}, after = {};  // of Clenshaw's recurrence, as powers
      for (std::size_t k = size; k-- > 0;) {
        std::array<long double, size> sum = {};
        for (std::size_t i = 0; i < size; ++i) {
          const long double angle = std::numbers::pi_v<long double> * (i + 0.5L) / size;
          sum[0] += f(std::cos(angle)) * std::cos(k * angle) * (k == 0 ? 1 : 2) / size;
        }
        for (std::size_t i = 0; i < size; ++i)
          sum[i] += (i == 0 ? 0 : next[i - 1] * (k == 0 ? 1 : 2)) - after[i];
        after = std::exchange(next, sum);
      }
      std::copy(next.begin(), next.end(), powers.begin());
    }

    template <class T, std::size_t size>
    static T horner(const std::array<double, size>& powers, const T& t) {
      T sum(powers.back());
      for (std::size_t k = 1; k < size; ++k) sum = fma(sum, t, T(powers[size - 1 - k]));
      return sum;
    }
  };
  Series series{1}, lower_series{0};

  void prepare() {
    series = Series(degree);
    lower_series = Series(std::max(degree - 1, 0));
  }

  auto fn(auto x) const { return degree == 0 ? Heaviside().fn(x) : power(max(x, 0.0), degree); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, degree)}; }

  template <class T>
  auto nngp_and_d_nngp_fn(T cov12, T var1, T var2) const {
    const T root = root_det(cov12, var1, var2);
    T lower = acos2(-cov12, root) * (0.5 / pi);
    if (degree == 0) return nngp::kernel_pair{lower, T(0.0)};
    T k = fma(cov12, lower, root * (0.5 / pi));
    for (int n = 2; n <= degree; ++n) {
      const T rest = ((n - 1.0) * root) * ((n - 1.0) * root) * lower;
      const T next =
          fma((2 * n - 1.0) * cov12, k, select(root == 0.0, 0.0, rest));  // lower may overflow
      lower = k;
      k = next;
    }
    if (const auto negative = cov12 < 0.0; any(negative)) {
      const T s1_s2 = sqrt(var1) * sqrt(var2);
      const T tan = root / select(negative, s1_s2 - cov12, 1.0);  // of chi/2
      const T sin = tan / sqrt(fma(tan, tan, 1.0)), eta = sin * sin;
      const T p = power(root * tan, degree - 1) * sin;
      k = select(negative, root * tan * p * series(eta), k);
      lower = select(negative, p * lower_series(eta), lower);
    }
    return nngp::kernel_pair{k, (1.0 * degree * degree) * lower};
  }
};

NNGP_PLUGIN(shipped("rectified_monomial"), Heaviside, RectifiedMonomial);
