// The table of functions in sdk/README.md: each call compiles for every number type, with its
// derivative, and all agree.

#include <gtest/gtest.h>

#include <cmath>

#include "nngp/activation.hpp"
#include "nngp/detail/twice.hpp"
#include "vectors.hpp"

namespace nngp::test {
namespace {

/// A function that the SDK lacks, and its derivative.
double f(double x) { return std::exp2(x) * x; }
double d_f(double x) { return std::exp2(x) * (1 + x * std::log(2.0)); }

template <class T>
const T& number(const T& x) {
  return x;
}
template <class T>
T number(const double_word<T>& x) {
  return x.high + x.low;
}

template <Vector V>
double first_lane(const V& x) {
  typename V::real lanes[V::size];
  x.store(lanes);
  for (const auto lane : lanes) EXPECT_TRUE(lane == lanes[0] || std::isnan(lane));
  return lanes[0];
}

/// A call of the table, in which every argument depends on t.
template <class F>
class Call {
 public:
  Call(const char* text, F call) : text_(text), call_(call) {
    int finite = 0;
    for (const double t : {-0.7, 0.3, 0.8, 1.4, 2.6}) {
      value_ = call_(t);
      slope_ = (8 * (call_(t + step) - call_(t - step)) - (call_(t + 2 * step) - call_(t - 2 * step))) /
               (12 * step);
      if (!std::isfinite(value_) || !std::isfinite(slope_)) continue;  // not in the domain
      ++finite;
      compare(call_(static_cast<float>(t)), value_, 1e-5, t, "");
      for_each_instruction_set([&](auto isa) {
        compare_vector<vec<double, decltype(isa)>>(t, 1e-14);
        compare_vector<vec<float, decltype(isa)>>(t, 1e-5);
      });
      compare_vector<detail::twice<vec<double, baseline>>>(t, 1e-14);
    }
    EXPECT_GE(finite, 2) << text_;
  }

 private:
  static constexpr double step = 1e-3;

  void compare(double found, double expected, double tolerance, double t, const char* what) const {
    EXPECT_NEAR(found, expected, tolerance * (1 + std::abs(expected))) << text_ << what << " at " << t;
  }
  template <class V>
  void compare_vector(double t, double tolerance) const {
    double found[3] = {};
    run_on(typename V::isa(), [&] {
      found[0] = first_lane(V(call_(V(t))));
      const dual_number<V> y = call_(dual_number<V>(V(t), V(1.0)));
      found[1] = first_lane(y.value);
      found[2] = first_lane(y.slope);
    });
    compare(found[0], value_, tolerance, t, "");
    compare(found[1], value_, tolerance, t, ", with its derivative,");
    compare(found[2], slope_, std::max(tolerance, 1e-8), t, ", its derivative,");
  }
  const char* text_;
  F call_;
  double value_ = 0, slope_ = 0;
};

#define NNGP_CALL(text, expression)                                                        \
  Call(text, [](const auto& t) {                                                           \
    [[maybe_unused]] const auto x = t;                                                     \
    [[maybe_unused]] const auto y = 1.25 - 0.5 * t, z = 0.5 * t * t - 0.25, w = t + 2.0;   \
    [[maybe_unused]] const auto cov12 = 0.5 * t, var1 = 1.0 + t * t, var2 = 3.0 + 0.5 * t; \
    [[maybe_unused]] const int n = 3;                                                      \
    [[maybe_unused]] const double p = 2.5, r = 0.75;                                       \
    return number(expression);                                                             \
  });

TEST(Functions, OfTheTableWorkOnEveryNumberType){
#include "functions.inc"
}

// The other arguments may be plain numbers or vectors without a derivative.
TEST(Functions, TakeArgumentsOfSeveralTypes) {
  NNGP_CALL("copysign", copysign(x, -1.0) + copysign(2.0, x))
  NNGP_CALL("quick_divide", quick_divide(1.0, w) + quick_divide(x, 3.0))
  NNGP_CALL("difference_of_products", difference_of_products(x, y, 0.5, 2.0))
  NNGP_CALL("sum, product", sum(1.0, x).high + product(x, 1.5).low + product(2.5, x).high)
  NNGP_CALL("root_det", root_det(x * 0.1, 1.0, 2.0) + root_det(0.25, w, 2.0, 1))
  NNGP_CALL("asin2, acos2, atan2", asin2(x, 1.0) + acos2(0.5, w) + atan2(1.0, x))
  NNGP_CALL("fma", fma(x, 2.0, y) + fma(2.0, 3.0, x))
  NNGP_CALL("min, max", min(x, 0.5) + max(0.25, x) + min(1, x) + max(x, 2))
  NNGP_CALL("select", select(x < 1, 2.0, 0.5) * x + select(x > 0.5, x, 0) + select(x > 0.5, 1, 0))
  NNGP_CALL("map", map(
                       x, [](double a) { return std::cbrt(a * a); },
                       [](double a) { return 2 / (3 * std::cbrt(a)); }))
}

template <class V>
void expect_natural_relu() {
  const auto relus = [](const auto& x) {
    using T = std::remove_cvref_t<decltype(x)>;
    return std::array{max(x, 0.0),    max(0.0, x),   max(x, T(0.0)),
                      max(T(0.0), x), -min(-x, 0.0), -min(0.0, -x)};
  };
  for (const double x : {-2.0, -0.0, 0.0, 3.0, std::nan("")}) {
    double values[6], slopes[6];
    run_on(typename V::isa(), [&] {
      const auto y = relus(V(x));
      const auto d = relus(dual_number<V>(V(x), V(1.0)));
      for (int i = 0; i < 6; ++i) {
        values[i] = first_lane(y[i]);
        slopes[i] = first_lane(d[i].slope);
        EXPECT_EQ(first_lane(d[i].value) == first_lane(y[i]), !std::isnan(x));
      }
    });
    for (int i = 0; i < 6; ++i) {
      if (std::isnan(x)) {
        EXPECT_TRUE(std::isnan(values[i])) << i;
        continue;
      }
      EXPECT_EQ(values[i], x > 0 ? x : 0) << i;
      if (x != 0) {
        EXPECT_EQ(slopes[i], x > 0 ? 1 : 0) << i << " at " << x;
      }
    }
    if (x == 0) {
      EXPECT_EQ(slopes[0] + slopes[1] + slopes[4] + slopes[5], 0);
    }
  }
}

TEST(Functions, TheNaturalReluIsRight) {
  for_each_instruction_set([](auto isa) {
    expect_natural_relu<vec<double, decltype(isa)>>();
    expect_natural_relu<vec<float, decltype(isa)>>();
  });
  expect_natural_relu<detail::twice<vec<double, baseline>>>();
  EXPECT_TRUE(std::isnan(nngp::max(std::nan(""), 0.0)) && std::isnan(nngp::max(0.0, std::nan(""))));
  EXPECT_TRUE(std::isnan(nngp::min(std::nan(""), 0.0)) && std::isnan(nngp::min(0.0, std::nan(""))));
}

}  // namespace
}  // namespace nngp::test
