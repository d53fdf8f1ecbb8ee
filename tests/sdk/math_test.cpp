// The elementary functions on each instruction set against the C library in extended precision.

#include "nngp/math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "nngp/gram.hpp"
#include "vectors.hpp"

namespace nngp::test {
namespace {

/// f of every element of `in`, compiled for the instruction set.
template <class V, class F>
struct Apply {
  const std::vector<typename V::real>* in;
  std::vector<typename V::real>* out;
  F f;

  void operator()() const {
    for (std::size_t i = 0; i < in->size(); i += V::size)
      f(V::load(in->data() + i)).store(out->data() + i);
  }
};

/// Numbers of both signs between low and high in size, evenly spaced on a linear and a logarithmic
/// scale.
template <class Real>
std::vector<Real> spread(double low, double high, bool both_signs = true) {
  std::vector<Real> xs;
  constexpr int n = 4096;
  for (int i = 0; i < n; ++i) {
    const double t = (i + 0.37) / n;
    for (const double x : {low * std::pow(high / low, t), low + t * (high - low)}) {
      xs.push_back(static_cast<Real>(x));
      xs.push_back(static_cast<Real>(both_signs ? -x : x));
    }
  }
  return xs;
}

template <class Real>
double ulp(long double truth) {
  const Real size = std::max(static_cast<Real>(std::abs(truth)), std::numeric_limits<Real>::min());
  return static_cast<double>(std::nextafter(size, std::numeric_limits<Real>::infinity())) -
         static_cast<double>(size);
}

template <class V>
class Math : public testing::Test {
 public:
  using Real = typename V::real;

  void SetUp() override {
    if (!supported<typename V::isa>()) GTEST_SKIP() << "this machine lacks " << V::isa::name;
  }

  /// Expects |f(x) - truth(x)| <= bound ulp; beyond the normal numbers an ulp is the smallest one's.
  template <class F>
  void check(const char* name, F f, const std::function<long double(long double)>& truth,
             const std::vector<Real>& xs, double bound) {
    const std::vector<Real> ys = values(f, xs);
    double worst = 0;
    Real at = 0;
    for (std::size_t i = 0; i < xs.size(); ++i) {
      const long double exact = truth(xs[i]);
      if (std::abs(exact) > static_cast<long double>(std::numeric_limits<Real>::max())) {
        EXPECT_TRUE(std::isinf(ys[i])) << name << "(" << xs[i] << ") = " << ys[i];
        continue;
      }
      const double error = static_cast<double>(std::abs(ys[i] - exact)) / ulp<Real>(exact);
      if (!(error <= worst)) worst = error, at = xs[i];
    }
    EXPECT_LE(worst, bound) << name << "(" << at << ")";
    this->RecordProperty(name, std::to_string(worst));
    if (std::getenv("NNGP_SHOW_ERRORS")) std::printf("%-8s %.3f ulp at %g\n", name, worst, double(at));
  }

  template <class F>
  std::vector<Real> values(F f, const std::vector<Real>& xs) {
    std::vector<Real> ys(xs.size());
    run_on(typename V::isa(), Apply<V, F>{&xs, &ys, f});
    return ys;
  }

  /// Expects f(x) == y.
  template <class F>
  void check_point(const char* name, F f, Real x, Real y) {
    const Real got = values(f, std::vector<Real>(V::size, x))[0];
    EXPECT_TRUE(got == y || (std::isnan(got) && std::isnan(y))) << name << "(" << x << ") = " << got;
  }
};

TYPED_TEST_SUITE(Math, Vectors, VectorName);

// Function templates as objects.
#define NNGP_FUNCTION(name) [](const auto& x) { return name(x); }

TYPED_TEST(Math, Exponentials) {
  using Real = typename TypeParam::real;
  constexpr bool is_double = sizeof(Real) == 8;
  const double largest = is_double ? 710 : 89;
  const auto xs = spread<Real>(is_double ? 1e-300 : 1e-36, largest);
  this->check(
      "exp", NNGP_FUNCTION(exp), [](long double x) { return std::exp(x); }, xs, 1.0);
  this->check(
      "expm1", NNGP_FUNCTION(expm1), [](long double x) { return std::expm1(x); }, xs, 1.6);
  this->check(
      "sinh", NNGP_FUNCTION(sinh), [](long double x) { return std::sinh(x); }, xs, 3.0);
  this->check(
      "cosh", NNGP_FUNCTION(cosh), [](long double x) { return std::cosh(x); }, xs, 3.0);
  this->check(
      "tanh", NNGP_FUNCTION(tanh), [](long double x) { return std::tanh(x); }, xs, 3.0);
}

TYPED_TEST(Math, HyperbolicFunctionsTogether) {
  using Real = typename TypeParam::real;
  const auto xs = spread<Real>(1e-20, std::is_same_v<Real, double> ? 690 : 79);
  this->check(
      "sinh", []<class V>(const V& x) { return hyperbolic<V>(x).sinh; },
      [](long double x) { return std::sinh(x); }, xs, 3.0);
  this->check(
      "cosh", []<class V>(const V& x) { return hyperbolic<V>(x).cosh; },
      [](long double x) { return std::cosh(x); }, xs, 3.0);
}

TYPED_TEST(Math, Logarithms) {
  using Real = typename TypeParam::real;
  using limits = std::numeric_limits<Real>;
  const auto all = spread<Real>(limits::denorm_min(), limits::max() * 0.99, false);
  const auto near_1 = spread<Real>(0.5, 2, false);
  this->check(
      "log", NNGP_FUNCTION(log), [](long double x) { return std::log(x); }, all, 1.0);
  this->check(
      "log", NNGP_FUNCTION(log), [](long double x) { return std::log(x); }, near_1, 1.0);
  this->check(
      "log1p", NNGP_FUNCTION(log1p), [](long double x) { return std::log1p(x); },
      spread<Real>(limits::min(), 0.999), 2.0);
  this->check(
      "log1p", NNGP_FUNCTION(log1p), [](long double x) { return std::log1p(x); },
      spread<Real>(0.5, limits::max() * 0.99, false), 2.0);
}

TYPED_TEST(Math, SineAndCosine) {
  using Real = typename TypeParam::real;
  for (const double largest : {10.0, 1e4, 1e6, 1e12}) {
    const auto xs = spread<Real>(1e-30, largest);
    this->check(
        "sin", NNGP_FUNCTION(sin), [](long double x) { return std::sin(x); }, xs, 2.0);
    this->check(
        "cos", NNGP_FUNCTION(cos), [](long double x) { return std::cos(x); }, xs, 2.0);
  }
}

long double exact_erfcx(long double x) {
  if (x < 80) return std::exp(x * x) * std::erfc(x);
  long double sum = 1, term = 1;
  for (int k = 1; k < 8; ++k) sum += term *= -(2 * k - 1) / (2 * x * x);
  return sum / (x * 1.7724538509055160272981674833411451828L);
}

TYPED_TEST(Math, ErrorFunction) {
  using Real = typename TypeParam::real;
  const auto xs = spread<Real>(1e-30, sizeof(Real) == 8 ? 28 : 11);
  this->check(
      "erf", NNGP_FUNCTION(erf), [](long double x) { return std::erf(x); }, xs, 1.5);
  this->check(
      "erfc", NNGP_FUNCTION(erfc), [](long double x) { return std::erfc(x); }, xs, 5.0);
  this->check("erfcx", NNGP_FUNCTION(erfcx), exact_erfcx, spread<Real>(1e-30, 1e15, false), 6.0);
}

TYPED_TEST(Math, Angles) {
  using Real = typename TypeParam::real;
  const auto xs = spread<Real>(1e-15, 1e15);
  this->check(
      "asin2", [](const auto& x) { return asin2(x, decltype(x)(1.0)); },
      [](long double x) { return std::atan(x); }, xs, 3.0);
  this->check(
      "acos2", [](const auto& x) { return acos2(x, decltype(x)(1.0)); },
      [](long double x) { return std::atan2(1.0L, x); }, xs, 2.5);
  this->check(
      "acos2", [](const auto& x) { return acos2(decltype(x)(-3.0), abs(x)); },
      [](long double x) { return std::atan2(std::abs(x), -3.0L); }, xs, 2.5);
}

TYPED_TEST(Math, InverseFunctions) {
  using Real = typename TypeParam::real;
  constexpr bool is_double = sizeof(Real) == 8;
  const auto all = spread<Real>(1e-15, is_double ? 1e300 : 1e37), inside = spread<Real>(1e-15, 0.9999);
  this->check(
      "atan", NNGP_FUNCTION(atan), [](long double x) { return std::atan(x); }, all, 3.0);
  this->check(
      "atan2", [](const auto& y) { return atan2(y, decltype(y)(-3.0)); },
      [](long double y) { return std::atan2(y, -3.0L); }, all, 2.5);
  this->check(
      "asin", NNGP_FUNCTION(asin), [](long double x) { return std::asin(x); }, inside, 3.5);
  this->check(
      "acos", NNGP_FUNCTION(acos), [](long double x) { return std::acos(x); }, inside, 3.5);
  this->check(
      "asinh", NNGP_FUNCTION(asinh), [](long double x) { return std::asinh(x); }, all, 3.5);
  this->check(
      "acosh", NNGP_FUNCTION(acosh), [](long double x) { return std::acosh(x); },
      spread<Real>(1.0001, is_double ? 1e300 : 1e37, false), 3.5);
  this->check(
      "atanh", NNGP_FUNCTION(atanh), [](long double x) { return std::atanh(x); }, inside, 3.5);
  this->check(
      "tan", NNGP_FUNCTION(tan), [](long double x) { return std::tan(x); }, spread<Real>(1e-15, 1e6),
      4.5);
  this->check(
      "pow", [](const auto& x) { return pow(x, 1.7); },
      [](long double x) { return std::pow(x, static_cast<long double>(1.7)); },
      spread<Real>(1e-10, 1e10, false), 1.0);
}

TYPED_TEST(Math, AnglesOfNanAreNan) {
  using Real = typename TypeParam::real;
  if (!supported<typename TypeParam::isa>())
    GTEST_SKIP() << "this machine lacks " << TypeParam::isa::name;
  const std::vector<Real> nan(16, std::numeric_limits<Real>::quiet_NaN());
  const auto one = [](const auto& x) { return std::decay_t<decltype(x)>(1.0); };
  const auto expect_nan = [&](auto f) {
    for (const Real y : this->values(f, nan)) EXPECT_TRUE(std::isnan(y));
  };
  expect_nan([&](const auto& x) { return asin2(x, one(x)); });
  expect_nan([&](const auto& x) { return asin2(one(x), x); });
  expect_nan([&](const auto& x) { return acos2(x, one(x)); });
  expect_nan([&](const auto& x) { return acos2(one(x), x); });
}

// The same in turns, by half the angle. x runs through all ratios of cosine to sine.
TYPED_TEST(Math, AnglesInTurns) {
  using Real = typename TypeParam::real;
  const auto xs = spread<Real>(1e-6, 1e6);
  constexpr long double turn = 2 * 3.14159265358979323846264L;
  this->check(
      "asin_of",
      []<class V>(const V& x) { return asin_of<V>(x, V(1.0), sqrt(fma(x, x, 1.0))).turns(); },
      [](long double x) { return std::atan(x) / turn; }, xs, 4.0);
  this->check(
      "supplement",
      []<class V>(const V& x) {
        const V size = abs(x);
        return supplement<V>(-x, V(1.0), sqrt(fma(x, x, 1.0)) + size, 1.0 >= size).turns();
      },
      [](long double x) { return std::atan2(1.0L, x) / turn; }, xs, 4.0);
}

// (x, 1) and (-1, 0): inner product -x, area 1.
TYPED_TEST(Math, Parallelograms) {
  using Real = typename TypeParam::real;
  constexpr bool is_double = std::is_same_v<Real, double>;
  // Exact inner products: x^2 + 1 without rounding.
  std::vector<Real> xs;
  for (int i = 0; i < (is_double ? 20000 : 2000); i += 1) xs.push_back(static_cast<Real>(i));
  while (xs.size() % 16) xs.push_back(1);
  constexpr long double turn = 2 * 3.14159265358979323846264L;
  for (const double scale : {1.0, is_double ? 0x1p-600 : 0x1p-60, is_double ? 0x1p+502 : 0x1p+50}) {
    const auto span = [scale]<class V>(const V& x) {
      const V s(scale);
      return input_pair<V>(-x * s, input_norm<V>(fma(x, x, 1.0) * s), input_norm<V>(s));
    };
    this->check(
        "area", [&](const auto& x) { return span(x).area / scale; }, [](long double) { return 1.0L; },
        xs, 2.0);
    this->check(
        "turns", [&](const auto& x) { return span(x).angle.turns(); },
        [](long double x) { return std::atan2(1.0L, x) / turn; }, xs, 4.0);
  }
}

TYPED_TEST(Math, SumsWhereAMaskSaysSo) {
  if (!supported<typename TypeParam::isa>())
    GTEST_SKIP() << "this machine lacks " << TypeParam::isa::name;
  run_on(typename TypeParam::isa(), [] {
    using V = TypeParam;
    typename V::real lanes[V::size];
    for (std::size_t i = 0; i < V::size; ++i) lanes[i] = static_cast<typename V::real>(i) - 1;
    const V x = V::load(lanes);
    const V more = add_where(x > 0.0, x, V(8.0)), less = subtract_where(x > 0.0, x, V(8.0));
    for (std::size_t i = 0; i < V::size; ++i) {
      const double a = static_cast<double>(lanes[i]);
      EXPECT_EQ(more[i], a > 0 ? a + 8 : a);
      EXPECT_EQ(less[i], a > 0 ? a - 8 : a);
    }
  });
}

TYPED_TEST(Math, QuickRootsAndQuotients) {
  using Real = typename TypeParam::real;
  using limits = std::numeric_limits<Real>;
  const auto positive_root = []<class V>(const V& x) { return root<V>(x); };
  for (const auto& [low, high] :
       {std::pair{double(limits::min() * 8), 1.0}, {1.0, double(limits::max() / 8)}}) {
    const auto xs = spread<Real>(low, high, false);
    this->check(
        "sqrt", [&](const auto& x) { return positive_root(x).value; },
        [](long double x) { return std::sqrt(x); }, xs, 0.7);
    this->check(
        "a / x", [](const auto& x) { return quick_divide(decltype(x)(-1.75), x); },
        [](long double x) { return -1.75L / x; }, xs, 0.7);
    this->check(
        "x / a", [](const auto& x) { return quick_divide(x, decltype(x)(-1.75)); },
        [](long double x) { return x / -1.75L; }, xs, 0.7);
    this->check(
        "a / sqrt(x)", [&](const auto& x) { return positive_root(x).under(1.75); },
        [](long double x) { return 1.75L / std::sqrt(x); }, xs, 1.5);  // two roundings
  }
}

TYPED_TEST(Math, QuickRootsAndQuotientsThatAreExact) {
  using Real = typename TypeParam::real;
  for (Real x = 1; x < 2000; x += Real(1.25)) {
    this->check_point(
        "sqrt(x^2)", [](const auto& y) { return quick_sqrt(y); }, x * x, x);
    this->check_point(
        "x / 0.625", [](const auto& y) { return quick_divide(y, decltype(y)(0.625)); }, x * Real(0.625),
        x);
    this->check_point(
        "x / x", [](const auto& y) { return quick_divide(y, y); }, x, Real(1));
  }
}

TYPED_TEST(Math, SpecialValues) {
  using Real = typename TypeParam::real;
  constexpr Real inf = std::numeric_limits<Real>::infinity(),
                 nan = std::numeric_limits<Real>::quiet_NaN();
  const auto check = [this]<class F>(const char* name, F f, Real x, Real y) {
    this->check_point(name, f, x, y);
  };
#define NNGP_POINTS(name, at_nan, at_minus_inf, at_0, at_inf) \
  check(#name, NNGP_FUNCTION(name), nan, at_nan);             \
  check(#name, NNGP_FUNCTION(name), -inf, at_minus_inf);      \
  check(#name, NNGP_FUNCTION(name), Real(0), at_0);           \
  check(#name, NNGP_FUNCTION(name), inf, at_inf);
  NNGP_POINTS(exp, nan, 0, 1, inf)
  NNGP_POINTS(expm1, nan, -1, 0, inf)
  NNGP_POINTS(sinh, nan, -inf, 0, inf)
  NNGP_POINTS(cosh, nan, inf, 1, inf)
  NNGP_POINTS(tanh, nan, -1, 0, 1)
  NNGP_POINTS(log, nan, nan, -inf, inf)
  NNGP_POINTS(log1p, nan, nan, 0, inf)
  NNGP_POINTS(sin, nan, nan, 0, nan)
  NNGP_POINTS(cos, nan, nan, 1, nan)
  const Real right = static_cast<Real>(pi / 2);
  NNGP_POINTS(tan, nan, nan, 0, nan)
  NNGP_POINTS(atan, nan, -right, 0, right)
  NNGP_POINTS(asin, nan, nan, 0, nan)
  NNGP_POINTS(acos, nan, nan, right, nan)
  NNGP_POINTS(asinh, nan, -inf, 0, inf)
  NNGP_POINTS(acosh, nan, nan, nan, inf)
  NNGP_POINTS(atanh, nan, nan, 0, nan)
  NNGP_POINTS(erf, nan, -1, 0, 1)
  NNGP_POINTS(erfc, nan, 2, 1, 0)
}

}  // namespace
}  // namespace nngp::test
