// What the SDK makes of an author's struct.

#include "nngp/activation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "golden.hpp"

namespace nngp::test {
namespace {

// Kernels without a derivative, in both ways of writing them, and as neural-tangents does: with an arc
// cosine and a square root that meet at infinity where the inputs are parallel.
struct AutomaticRelu {
  static constexpr nngp::info info{.name = "AutomaticRelu", .summary = "s", .formula = "max(x, 0)"};
  auto fn(auto x) const { return max(x, 0.0 * x); }
  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto s = root_det(cov12, var1, var2);
    return (s + cov12 * acos2(-cov12, s)) * (0.5 / pi);
  }
};
struct TextbookErf {
  static constexpr nngp::info info{.name = "TextbookErf", .summary = "s", .formula = "erf(x)"};
  template <class T>
  T nngp_fn(const T& cov12, const T& var1, const T& var2) const {
    const T r = 2.0 * cov12 / sqrt((1.0 + 2.0 * var1) * (1.0 + 2.0 * var2));
    return asin2(r, sqrt((1.0 - r) * (1.0 + r))) * (2 / pi);
  }
};
struct AutomaticRbf {
  static constexpr nngp::info info{
      .name = "AutomaticRbf", .summary = "s", .formula = "sqrt(2) sin(x + pi/4)"};
  auto nngp_fn(auto cov12, auto var1, auto var2) const {
    return exp(-0.5 * ((var1 - cov12) + (var2 - cov12)));
  }
};

// Parameters of every kind, and a check of its own.
struct Everything {
  double number = 0.5;
  int integer = 3;
  bool flag = true;
  std::vector<double> list = {1, 2.5};
  double needed = 0;
  double made = 0;

  static constexpr nngp::info info{.name = "Everything", .summary = "s", .formula = "f"};
  static constexpr auto parameters = std::tuple{
      parameter("number", &Everything::number, "a number").above(0).below(1),
      parameter("integer", &Everything::integer, "an integer").at_least(-1).at_most(9),
      parameter("flag", &Everything::flag, "a flag"), parameter("list", &Everything::list, "a list"),
      parameter("needed", &Everything::needed, "needed").required()};
  void prepare() {
    if (integer == 7) throw std::runtime_error("no sevens");
    if (integer == 8) throw 8;
    made = number + integer + flag + list.back();
  }
  auto fn(auto x) const { return made * x; }
  auto breakpoints() const { return std::array{breakpoint(-1, 2), breakpoint(0, 1), breakpoint(2, 0)}; }
};

// A case of another activation, with a parameter and a derivative of fn of its own choice.
struct Scaled {
  double scale = 0, doubled = 0;
  void prepare() {
    if (scale == 13) throw std::runtime_error("unlucky");
    doubled = 2 * scale;
  }
  auto fn(auto x) const {
    return map(x * doubled, [](double y) { return std::cbrt(y); });
  }
  auto d_fn(auto x) const { return x + 100; }
  auto nngp_fn(auto cov12, auto, auto) const { return doubled * cov12; }
  auto breakpoints() const { return std::array{breakpoint(0, 1)}; }
};
struct Special {
  double third = 3;
  static constexpr nngp::info info{.name = "Special", .summary = "s", .formula = "f"};
  static constexpr auto parameters = std::tuple{parameter("third", &Special::third, "p")};
  Scaled general() const { return {third / 3}; }
};

}  // namespace
}  // namespace nngp::test

constexpr nngp::library test_library{
    .name = "test_library", .version = "1.2.3", .author = "An author", .license = "MIT"};
using nngp::test::AutomaticRbf;
using nngp::test::AutomaticRelu;
using nngp::test::Everything;
using nngp::test::Special;
using nngp::test::TextbookErf;
NNGP_PLUGIN(test_library, AutomaticRelu, TextbookErf, AutomaticRbf, Everything, Special);

namespace nngp::test {
namespace {

const nngp_activation& table(int i) { return *nngp_plugin_entry.activations[i]; }

TEST(Plugin, DescribesTheLibrary) {
  EXPECT_EQ(nngp_plugin_entry.magic, NNGP_MAGIC);
  EXPECT_EQ(nngp_plugin_entry.struct_size, sizeof(nngp_plugin));
  EXPECT_EQ(nngp_plugin_entry.abi_major, NNGP_ABI_MAJOR);
  EXPECT_STREQ(nngp_plugin_entry.name, "test_library");
  EXPECT_EQ(nngp_plugin_entry.activation_count, 5u);
  EXPECT_STREQ(table(0).name, "AutomaticRelu");
  EXPECT_STREQ(table(0).version, "1.2.3");
  EXPECT_STREQ(table(0).license, "MIT");
}

TEST(Plugin, OffersWhatTheAuthorWrote) {
  EXPECT_TRUE(table(0).fn && table(0).d_fn && table(0).nngp_fn && table(0).d_nngp_fn);
  EXPECT_TRUE(table(0).tile_f64 && table(0).tile_f32);
  EXPECT_FALSE(table(0).breakpoints);
  EXPECT_EQ(table(0).derivative, std::uint32_t{NNGP_DERIVATIVE_AUTOMATIC});
  EXPECT_FALSE(table(1).fn || table(1).d_fn);
  EXPECT_TRUE(table(3).fn && table(3).breakpoints);
  EXPECT_FALSE(table(3).nngp_fn || table(3).d_nngp_fn || table(3).tile_f64 || table(3).tile_f32);
  EXPECT_EQ(table(3).get_extension(NNGP_EXT_TILE_VARIANTS), nullptr);
  EXPECT_EQ(table(3).derivative, std::uint32_t{NNGP_DERIVATIVE_ABSENT});
}

TEST(Plugin, DescribesTheParameters) {
  const nngp_activation& t = table(3);
  ASSERT_EQ(t.parameter_count, 5u);
  const auto& p = t.parameters;
  EXPECT_STREQ(p[0]->name, "number");
  EXPECT_EQ(p[0]->kind, std::uint32_t{NNGP_NUMBER});
  EXPECT_EQ(*p[0]->default_value, 0.5);
  EXPECT_EQ(p[0]->minimum, 0);
  EXPECT_EQ(p[0]->maximum, 1);
  EXPECT_EQ(p[0]->flags, std::uint32_t{NNGP_MINIMUM_EXCLUDED | NNGP_MAXIMUM_EXCLUDED});
  EXPECT_EQ(p[1]->kind, std::uint32_t{NNGP_INTEGER});
  EXPECT_EQ(*p[1]->default_value, 3);
  EXPECT_EQ(p[1]->minimum, -1);
  EXPECT_EQ(p[1]->flags, 0u);
  EXPECT_EQ(p[2]->kind, std::uint32_t{NNGP_BOOLEAN});
  EXPECT_EQ(*p[2]->default_value, 1);
  EXPECT_EQ(p[3]->kind, std::uint32_t{NNGP_LIST});
  ASSERT_EQ(p[3]->default_count, 2u);
  EXPECT_EQ(p[3]->default_value[1], 2.5);
  EXPECT_EQ(p[4]->default_value, nullptr);
  EXPECT_EQ(p[4]->default_count, 0u);
}

TEST(Plugin, SetsTheParameters) {
  const Instance f(table(3), {{"needed", {1}}, {"list", {4, 5, 6}}, {"flag", {0}}, {"integer", {-1}}});
  EXPECT_EQ(f.fn(2), 2 * (0.5 - 1 + 0 + 6));
  EXPECT_EQ(f.d_fn(2), 0.5 - 1 + 0 + 6);
}

TEST(Plugin, ReportsErrorsOfCreation) {
  const auto error = [](Values values) -> std::string {
    values["needed"] = {1};
    try {
      const Instance made(table(3), values);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "none";
  };
  EXPECT_EQ(error({{"integer", {7}}}), "no sevens");
  EXPECT_EQ(error({{"integer", {8}}}), "unknown error");
  EXPECT_EQ(error({{"number", {1}}}), "Everything: parameter number does not take the value 1");
  EXPECT_EQ(error({{"integer", {1.5}}}), "Everything: parameter integer does not take the value 1.5");
  EXPECT_EQ(error({{"number", {0.1, 0.2}}}), "Everything: parameter number must be one value");
  EXPECT_EQ(error({{"list", {}}}), "Everything: parameter list must have at least one value");
  char small[5];
  EXPECT_EQ(table(3).create(nullptr, 0, small, sizeof small), nullptr);
  EXPECT_STREQ(small, "Ever");
}

TEST(Plugin, MakesACaseOfAnotherActivation) {
  const nngp_activation& t = table(4);
  EXPECT_STREQ(t.name, "Special");
  EXPECT_EQ(t.derivative, std::uint32_t{NNGP_DERIVATIVE_AUTOMATIC});
  EXPECT_EQ(t.parameter_count, 1u);
  EXPECT_TRUE(t.breakpoints);
  const Instance f(t, {{"third", {6}}});
  EXPECT_EQ(f.fn(2), 2);  // the cube root of 8
  EXPECT_EQ(f.d_fn(2), 102);
  EXPECT_EQ(f.nngp_fn(0.5, 1, 1), 2);
  EXPECT_EQ(f.d_nngp_fn(0.5, 1, 1), 4);
  EXPECT_THROW(Instance(t, {{"third", {39}}}), std::invalid_argument);
}

TEST(Plugin, ListsBreakpoints) {
  const Instance f(table(3), {{"needed", {1}}});
  nngp_breakpoint points[4] = {};
  EXPECT_EQ(f.table().breakpoints(f.get(), points, 2), 3u);
  EXPECT_EQ(points[1].order, 1u);
  EXPECT_EQ(points[2].x, 0);
}

// The derivative that the SDK derives, against reference values, in every way of calling it.
void check_derivative(const nngp_activation& t, const std::string& activation,
                      const std::string& params, double tolerance) {
  const Instance f(t, {});
  for (const GoldenRow& row : golden_rows()) {
    if (row.activation != activation || row.params != params || std::isnan(row.d_nngp)) continue;
    const double rho = row.var1 * row.var2 > 0 ? row.cov12 / std::sqrt(row.var1 * row.var2) : 0;
    // The rounding of nngp_fn is differentiated too, and grows as the inputs become parallel.
    const double loss = 1 / std::max(std::sqrt(std::max(1 - rho * rho, 0.0)), 1e-4);
    const double d = std::sqrt(f.d_nngp_fn(row.var1, row.var1, row.var1) *
                               f.d_nngp_fn(row.var2, row.var2, row.var2));
    EXPECT_NEAR(f.d_nngp_fn(row.cov12, row.var1, row.var2), row.d_nngp, tolerance * loss * d)
        << activation << " at " << row.cov12 << ", " << row.var1 << ", " << row.var2;
    for (const nngp_tile_variant& variant : tile_variants(t)) {
      double nngp = 0, d_nngp = 0;
      nngp_tile_f64 tile{};
      tile.struct_size = sizeof tile;
      tile.rows = tile.cols = 1;
      tile.cov12 = &row.cov12;
      tile.var1 = &row.var1;
      tile.var2 = &row.var2;
      tile.nngp = &nngp;
      tile.d_nngp = &d_nngp;
      tile.cov_scale = 1;
      variant.tile_f64(f.get(), &tile);
      EXPECT_NEAR(d_nngp, row.d_nngp, tolerance * loss * d) << variant.instruction_set;
      EXPECT_EQ(nngp, [&] {
        double alone = 0;
        tile.nngp = &alone;
        tile.d_nngp = nullptr;
        variant.tile_f64(f.get(), &tile);
        return alone;
      }()) << "the value does not depend on whether the derivative is asked for";
    }
  }
}

TEST(AutomaticDifferentiation, OfRelu) { check_derivative(table(0), "Relu", "", 1e-14); }
TEST(AutomaticDifferentiation, OfErf) { check_derivative(table(1), "Erf", "a=1.0;b=1.0;c=0.0", 1e-11); }
TEST(AutomaticDifferentiation, OfRbf) { check_derivative(table(2), "Rbf", "gamma=0.5", 1e-14); }

// Every function of a dual number against differences of that function.
using V = vec<double, baseline>;

template <class F>
void check_dual(const char* name, F f, double low, double high) {
  for (double x = low + 0.013; x < high; x += 0.037 * (high - low)) {
    const double h = 1e-3;
    const auto difference = [&](double step) {
      return (f(V(x + step))[0] - f(V(x - step))[0]) / (2 * step);
    };
    const double slope = (difference(2 * h) - 4 * difference(h)) / -3;
    const dual_number<V> y = f(dual_number<V>(V(x), V(1.0)));
    EXPECT_NEAR(y.slope[0], slope, 1e-8 * (1 + std::abs(slope))) << name << " at " << x;
    EXPECT_EQ(y.value[0], f(V(x))[0]) << name << " at " << x;
  }
}

TEST(DualNumber, DerivativesAgreeWithDifferences) {
#define NNGP_CHECK(expression, low, high) \
  check_dual(                             \
      #expression, [](const auto& x) { return expression; }, low, high)
  NNGP_CHECK(exp(x), -3, 3);
  NNGP_CHECK(expm1(x), -3, 3);
  NNGP_CHECK(log(x), 0.1, 5);
  NNGP_CHECK(log1p(x), -0.8, 5);
  NNGP_CHECK(sin(x), -4, 4);
  NNGP_CHECK(cos(x), -4, 4);
  NNGP_CHECK(sinh(x), -3, 3);
  NNGP_CHECK(cosh(x), -3, 3);
  NNGP_CHECK(tanh(x), -3, 3);
  NNGP_CHECK(erf(x), -3, 3);
  NNGP_CHECK(erfc(x), -3, 3);
  NNGP_CHECK(erfcx(x), -1, 3);
  NNGP_CHECK(sqrt(x), 0.1, 4);
  NNGP_CHECK(power(x, 5), -2, 2);
  NNGP_CHECK(x / (x * x + 1.0) - 2.0 / (3.0 + x) + x / 4.0, -2, 2);
  NNGP_CHECK(select(x < 0.5, x * x, 2.0 - x), -2, 0.4);
  NNGP_CHECK(abs(x) * x + max(x, 2.0 * x) - min(x, 1.0 - x), 0.6, 2);
  NNGP_CHECK(fma(x, x, 3.0 * x), -2, 2);
  NNGP_CHECK(asin2(x, sqrt(1.0 - x * x)), -0.9, 0.9);
  NNGP_CHECK(acos2(x, sqrt(1.0 - x * x)), -0.9, 0.9);
  NNGP_CHECK(root_det(x, 1.5 + 0.0 * x, 2.0 + 0.0 * x), -1.5, 1.5);
  NNGP_CHECK(root_det(0.5 + 0.0 * x, x, 2.0 + x * x, 0.7), 0.5, 2);
}

}  // namespace
}  // namespace nngp::test
