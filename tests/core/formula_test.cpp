// Activations written as formulas: the language, what is derived from it, and its accuracy against
// golden values and plugins.

#include "nngp/formula.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <regex>
#include <span>
#include <stdexcept>

#include "expect_error.hpp"
#include "golden.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/function.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model_template.hpp"
#include "nngp/text.hpp"
#include "shipped_registry.hpp"

namespace {

using nngp::Activation;
using nngp::Formulas;

constexpr double pi = 3.14159265358979323846;

double value(const std::string& fn, double x = 0) { return nngp::formula_activation({.fn = fn}).fn(x); }

TEST(FormulaLanguage, ArithmeticIsThatOfPython) {
  const std::pair<const char*, double> cases[] = {
      {"1 + 2 * 3", 7},
      {"(1 + 2) * 3", 9},
      {"-2 ** 2", -4},
      {"2 ** -1", 0.5},
      {"2 ** 3 ** 2", 512},
      {"2 ** -3 ** 2", std::pow(2, -9)},
      {"7 / 2 / 7", 0.5},
      {"1 - 2 - 3", -4},
      {"- - 3", 3},
      {"+3 - -3", 6},
      {"1e-3 * 1E3", 1},
      {".5 + 5.", 5.5},
      {"1 < 2 < 3", 1},
      {"1 < 2 > 3", 0},
      {"1 <= 1 == 1 != 2", 1},
      {"not 1 < 2", 0},
      {"not 0 and 1", 1},
      {"0 or 2 and 3", 1},
      {"1 if 2 > 3 else 4 if 0 else 5", 5},
      {"(1 if 1 else 2) + 1", 2},
      {"True + True", 2},
      {"pi", pi},
      {"e", std::exp(1)},
      {"minimum(3, 2) + maximum(3, 2) * 10", 32},
      {"clip(5, 0, 2) + clip(-5, 0, 2) + clip(1, 0, 2)", 3},
      {"heaviside(0, 0.5) + heaviside(2, 0.5) + heaviside(-1, 0.5)", 1.5},
      {"where(1 > 2, 3, 4)", 4},
      {"floor(-1.5) * 100 + ceil(-1.5) * 10 + round(2.5)", -208},
      {"sign(-3) + abs(-3)", 2},
      {"np.exp(0) + jnp.cos(0) + math.sqrt(4) + jax.numpy.log1p(0) + scipy.special.erf(0)", 4},
      {"numpy.pi - np.pi", 0},
      {"arctan2(1, -1)", 3 * pi / 4},
      {"arctan2(-1, -1)", -3 * pi / 4},
  };
  for (const auto& [text, expected] : cases) EXPECT_NEAR(value(text), expected, 1e-14) << text;
}

TEST(FormulaLanguage, FunctionsAreThoseOfTheStandardLibrary) {
  const std::pair<const char*, std::function<double(double)>> cases[] = {
      {"sqrt(x)", [](double x) { return std::sqrt(x); }},
      {"cbrt(x)", [](double x) { return std::cbrt(x); }},
      {"exp(x)", [](double x) { return std::exp(x); }},
      {"expm1(x)", [](double x) { return std::expm1(x); }},
      {"log(x)", [](double x) { return std::log(x); }},
      {"log1p(x)", [](double x) { return std::log1p(x); }},
      {"log2(x)", [](double x) { return std::log2(x); }},
      {"log10(x)", [](double x) { return std::log10(x); }},
      {"sin(x)", [](double x) { return std::sin(x); }},
      {"cos(x)", [](double x) { return std::cos(x); }},
      {"tan(x)", [](double x) { return std::tan(x); }},
      {"arcsin(x)", [](double x) { return std::asin(x); }},
      {"acos(x)", [](double x) { return std::acos(x); }},
      {"arctan(x)", [](double x) { return std::atan(x); }},
      {"arctan2(x, 0.3)", [](double x) { return std::atan2(x, 0.3); }},
      {"arctan2(0.3, x)", [](double x) { return std::atan2(0.3, x); }},
      {"sinh(x)", [](double x) { return std::sinh(x); }},
      {"cosh(x)", [](double x) { return std::cosh(x); }},
      {"tanh(x)", [](double x) { return std::tanh(x); }},
      {"arcsinh(x)", [](double x) { return std::asinh(x); }},
      {"arccosh(x)", [](double x) { return std::acosh(x); }},
      {"arctanh(x)", [](double x) { return std::atanh(x); }},
      {"erf(x)", [](double x) { return std::erf(x); }},
      {"erfc(x)", [](double x) { return std::erfc(x); }},
      {"ndtr(x)", [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }},
      {"sigmoid(x)", [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"softplus(x)",
       [](double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }},
      {"relu(x)", [](double x) { return std::max(x, 0.0); }},
      {"gelu(x)", [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }},
      {"jax.nn.gelu(x)",
       [](double x) {
         const double y = std::sqrt(2 / pi) * (x + 0.044715 * x * x * x);
         return x / (1 + std::exp(-2 * y));
       }},
      {"x ** 2.5", [](double x) { return std::pow(x, 2.5); }},
      {"x ** 7", [](double x) { return std::pow(x, 7); }},
      {"x ** -3", [](double x) { return std::pow(x, -3); }},
      {"abs(x) ** 0.5", [](double x) { return std::sqrt(std::abs(x)); }},
  };
  for (const auto& [text, expected] : cases) {
    const Activation activation = nngp::formula_activation({.fn = text});
    for (const double x : {-700.0, -30.0, -3.7, -1.0, -0.999, -0.3, -1e-9, 1e-300, 1e-9, 0.3, 0.999,
                           1.0, 1.0001, 3.7, 30.0, 300.0}) {
      const double truth = expected(x), got = activation.fn(x);
      if (std::isnan(truth))
        EXPECT_TRUE(std::isnan(got)) << text << " at " << x << " is " << got;
      else if (std::isinf(truth))
        EXPECT_EQ(got, truth) << text << " at " << x;
      else
        EXPECT_NEAR(got, truth, 4e-15 * std::max(std::abs(truth), 1e-300)) << text << " at " << x;
    }
  }
}

TEST(FormulaLanguage, ErrorsShowThePlaceAndTheNearestName) {
  const auto expect = [](const Formulas& formulas, const std::string& part) {
    expect_error<nngp::FormulaError>([&] { nngp::formula_activation(formulas); }, part);
  };
  expect({.fn = "tahn(x)"}, "no function is called 'tahn'; did you mean 'tan' or 'tanh'?");
  expect({.fn = "tanh(x"}, "the '(' of tanh is never closed; add ')'");
  expect({.fn = "(x"}, "this '(' is never closed");
  expect({.fn = "x ^ 2"}, "powers are written **");
  expect({.fn = "x $ 2"}, "expected the end of the formula, got '$'");
  expect({.fn = "x +"}, "the formula ends here");
  expect({.fn = "2x"}, "expected '*' between a number and a name");
  expect({.fn = "x // 2"}, "floor(a / b)");
  expect({.fn = "y"}, "nothing is called 'y'");
  expect({.fn = "tanh"}, "tanh is a function: tanh(...)");
  expect({.fn = "cov12"}, "cov12 belongs in nngp_fn");
  expect({.nngp_fn = "x"}, "x belongs in fn");
  expect({.fn = "tanh(x, 2)"}, "tanh takes 1 argument");
  expect({.fn = "where(x > 0, x)"}, "where takes 3 arguments");
  expect({.fn = "clip(x, a_mim=0, a_max=1)"},
         "clip has no argument called 'a_mim'; did you mean 'a_min'");
  expect({.fn = "foo.tanh(x)"}, "no module is called 'foo'");
  expect({.fn = "x = 2"}, "equality is written ==");
  expect({.fn = "1e999"}, "too large or too small");
  expect({.fn = std::string(20000, '1')}, "more than 16384");
  expect({.fn = std::string(300, '(') + "x" + std::string(300, ')')}, "nested more than");
  expect({.fn = std::string(3000, '-') + "x"}, "nested more than");
  std::string sum = "x";
  for (int term = 0; term < 3000; ++term) sum += "+x";
  expect({.fn = sum}, "the formula is too large");
  nngp::formula_activation({.fn = std::string(95, '(') + "x" + std::string(95, ')')});
  expect({.fn = "np.x"}, "'x' has no module in front");
  expect({.fn = "np.np.exp(x)"}, "no module is called 'np.np'");
  expect({.fn = "lambda x: x"}, "without 'lambda'");
  expect({.fn = "x\xFF"}, "expected the end of the formula, got '?'");
  expect({.fn = "arctan(cov)"}, "nothing is called 'cov'; did you mean 'cos'?");
  expect({.fn = "a * x"}, "numbers of your own are keywords");
  expect({.fn = "x", .parameters = {{"a", 2}}}, "no formula uses a");
  expect({.fn = "x * x1", .parameters = {{"x1", INFINITY}}}, "x1 must be finite");
  expect({.fn = "x * pi", .parameters = {{"pi", 3}}}, "'pi' means something else");
  expect({.fn = "x", .d_nngp_fn = "1"}, "of no use without nngp_fn");
  expect({}, "Elementwise needs fn='...'");
  // The caret stands under the place.
  expect({.fn = "1 + tahn(x)"}, "\n  1 + tahn(x)\n      ^");
}

TEST(FormulaLanguage, RandomTextIsReadOrRefused) {
  const std::vector<std::string> tokens = {"x",  "1",   "2.5", "+",    "-",     "*",  "/",    "**",
                                           "(",  ")",   ",",   "tanh", "where", "if", "else", "and",
                                           "or", "not", "<",   ">=",   "==",    "pi", "np.",  "sqrt",
                                           " ",  "erf", "abs", "min",  "\xC3",  "=",  "clip("};
  std::mt19937 random(1);
  for (int n = 0; n < 20000; ++n) {
    std::string text;
    for (std::size_t k = random() % 14 + 1; k > 0; --k) text += tokens[random() % tokens.size()];
    try {
      nngp::formula_activation({.fn = text}).fn(0.3);
    } catch (const nngp::FormulaError&) {
    }
  }
}

/// The derivative by differences of values on a small circle would need complex numbers: Richardson.
double difference(const Activation& activation, double x) {
  const auto central = [&](double h) {
    return (activation.fn(x + h) - activation.fn(x - h)) / (2 * h);
  };
  const double h = 1e-3, d1 = central(h), d2 = central(h / 2), d4 = central(h / 4);
  const double e1 = (4 * d2 - d1) / 3, e2 = (4 * d4 - d2) / 3;
  return (16 * e2 - e1) / 15;
}

TEST(FormulaDerivative, OfEveryFunctionIsThatOfItsValues) {
  const char* const cases[] = {
      "x / (2 + x)",
      "x ** 3",
      "x ** -2",
      "abs(x) ** 2.3",
      "2 ** x",
      "(1 + x ** 2) ** x",
      "sqrt(x)",
      "cbrt(x)",
      "exp(x)",
      "expm1(x)",
      "log(x)",
      "log1p(x)",
      "log2(x)",
      "log10(x)",
      "sin(x)",
      "cos(x)",
      "tan(x)",
      "arcsin(x / 3)",
      "arccos(x / 3)",
      "arctan(x)",
      "arctan2(x, 2)",
      "arctan2(1, x)",
      "sinh(x)",
      "cosh(x)",
      "tanh(x)",
      "arcsinh(x)",
      "arccosh(1 + x)",
      "arctanh(x / 3)",
      "erf(x)",
      "erfc(x)",
      "erfcx(x)",
      "ndtr(x)",
      "sigmoid(x)",
      "softplus(x)",
      "relu(x)",
      "gelu(x)",
      "x if x > 1 else x ** 2",
      "minimum(x, 1) * maximum(x, 0.2)",
      "clip(x, 0.1, 1)",
      "abs(x - 0.9)",
      "elu(x)",
      "selu(x - 2)",
      "celu(x - 2, 1.5)",
      "mish(x)",
      "silu(x)",
      "soft_sign(x)",
      "log_sigmoid(x)",
  };
  for (const char* text : cases) {
    const Activation activation = nngp::formula_activation({.fn = text});
    for (const double x : {0.37, 0.61, 1.43})
      EXPECT_NEAR(activation.d_fn(x), difference(activation, x),
                  1e-9 * std::max(1.0, std::abs(activation.d_fn(x))))
          << text << " at " << x;
  }
}

TEST(FormulaDerivative, OfShortFormulasThatStandForLongOnesIsMadeAtOnce) {
  // Multiplied out, the product rule doubles the derivative with each level.
  std::string nested = "x";
  for (int level = 0; level < 60; ++level) nested = "silu(" + nested + ")";
  const Activation silu = nngp::formula_activation({.fn = nested});
  EXPECT_NEAR(silu.d_fn(0.7), difference(silu, 0.7), 1e-9 * std::abs(silu.d_fn(0.7)));
  // Exponents multiply.
  const std::string tower = "((((((1 + x)**64)**64)**64)**64)**64)**64";
  EXPECT_EQ(nngp::formula_activation({.fn = tower}).fn(0), 1);
  EXPECT_NEAR(nngp::formula_activation({.fn = tower}).d_fn(0), std::pow(64.0, 6), 1);
}

TEST(FormulaDerivative, OfTanhKeepsItsDigitsWhereTanhIsOne) {
  const Activation tanh = nngp::formula_activation({.fn = "tanh(x)"});
  for (const double x : {-30.0, -5.0, 5.0, 30.0, 300.0})
    EXPECT_NEAR(tanh.d_fn(x) / (1 / std::cosh(x) / std::cosh(x)), 1, 1e-13) << x;
}

TEST(FormulaBreakpoints, AreFoundFromTheFormula) {
  using Points = std::vector<std::pair<double, unsigned>>;
  const std::pair<const char*, Points> cases[] = {
      {"tanh(x)", {}},
      {"softplus(x)", {}},
      {"where(x > 0, x, 0) + log1p(exp(-abs(x)))", {}},
      {"maximum(x, 0)", {{0, 1}}},
      {"x if x > 0.3 else 0.3", {{0.3, 1}}},
      {"where(x > 0.25, 1, 0)", {{0.25, 0}}},
      {"sign(x - 2)", {{2, 0}}},
      {"heaviside(x, 0.5)", {{0, 0}}},
      {"clip(x, -1, 2)", {{-1, 1}, {2, 1}}},
      {"abs(x)", {{0, 1}}},
      {"x * abs(x)", {{0, 2}}},
      {"abs(x) ** 3", {{0, 3}}},
      {"abs(x) ** 1.5", {{0, 2}}},
      {"elu(x)", {{0, 2}}},
      {"elu(x, 2)", {{0, 1}}},
      {"maximum(1e6 * x - 1, 0)", {{1e-6, 1}}},
      {"maximum(1 - abs(x), 0)", {{-1, 1}, {0, 1}, {1, 1}}},
      {"where(x > 0 and x < 3, x, 0)", {{0, 1}, {3, 0}}},
      {"maximum(x ** 2 - 2, 0)", {{-std::sqrt(2.0), 1}, {std::sqrt(2.0), 1}}},
      {"relu(x + 1e-9)", {{-1e-9, 1}}},
      {"min(max(x, 0), 6)", {{0, 1}, {6, 1}}},
      {"where(abs(x - 0.375) < 2**-20, 1000, 1)", {{0.375 - 0x1p-20, 0}, {0.375 + 0x1p-20, 0}}},
      {"where(abs(x - 0.375) < 2**-46, 1000, 1)", {{0.375 - 0x1p-46, 0}, {0.375 + 0x1p-46, 0}}},
      {"abs(x - 0.3) + abs(3 * x - 0.9)", {{0.3, 1}}},
      {"sign(x - 0.3) + sign(3 * x - 0.9)", {{0.3, 0}}},
  };
  for (const auto& [text, expected] : cases) {
    const auto found = nngp::formula_activation({.fn = text}).breakpoints();
    ASSERT_TRUE(found) << text;
    ASSERT_EQ(found->size(), expected.size()) << text;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR((*found)[i].x, expected[i].first, 1e-15 * std::abs(expected[i].first)) << text;
      EXPECT_EQ((*found)[i].order, expected[i].second) << text;
    }
  }
  EXPECT_FALSE(nngp::formula_activation({.fn = "floor(x)"}).breakpoints());
  EXPECT_FALSE(nngp::formula_activation({.fn = "abs(sin(9 * x))"}).breakpoints());
}

// Closed forms as a user writes them, from papers, with the accuracy that each reaches against the
// golden table: relative to the value, or to sqrt(nngp(v1, v1) nngp(v2, v2)) where that is larger.
struct ClosedForm {
  const char* activation;
  Formulas formulas;  // parameters: those of the row
  double nngp, d_nngp;
  const char* params = "";  // of the rows that it holds for, if not all

  bool uses(const std::string& name) const {
    return std::regex_search(formulas.nngp_fn, std::regex("\\b" + name + "\\b"));
  }
  bool holds_for(const nngp::test::GoldenRow& row) const {
    return row.activation == activation && (*params == 0 || row.params == params);
  }
};

const std::vector<ClosedForm>& closed_forms() {
  static const char* const root = "sqrt(var1 * var2 - cov12**2)";
  static const std::string relu =
      std::string("(") + root + " + (pi - arccos(cov12 / sqrt(var1 * var2))) * cov12) / (2 * pi)";
  static const char* const spread = "((1 + 2*var1) * (1 + 2*var2) - 4*cov12**2)";
  static const std::string sine =
      "a**2 / 2 * (exp(-b**2 * (var1 + var2 - 2*cov12) / 2) - exp(-b**2 * (var1 + var2 + 2*cov12) / 2) "
      "* "
      "cos(2*c))";
  static const std::string cosine =
      "a**2 / 2 * (exp(-b**2 * (var1 + var2 - 2*cov12) / 2) + exp(-b**2 * (var1 + var2 + 2*cov12) / 2) "
      "* "
      "cos(2*c))";
  static const std::vector<ClosedForm> all = {
      {"Relu", {.nngp_fn = relu}, 5e-15, 5e-15},
      {"Abs",
       {.nngp_fn = std::string("2 / pi * (") + root + " + cov12 * arcsin(cov12 / sqrt(var1 * var2)))"},
       5e-15,
       5e-15},
      {"Sign", {.nngp_fn = "2 / pi * arcsin(cov12 / sqrt(var1 * var2))", .d_nngp_fn = "0"}, 5e-15, 0},
      {"Heaviside",
       {.nngp_fn = "(pi - arccos(cov12 / sqrt(var1 * var2))) / (2 * pi)", .d_nngp_fn = "0"},
       5e-15,
       0},
      {"Erf",
       {.nngp_fn =
            "a**2 * 2 / pi * arcsin(2*b**2*cov12 / sqrt((1 + 2*b**2*var1) * (1 + 2*b**2*var2))) + "
            "c**2"},
       5e-15,
       5e-15},
      {"Gelu",
       {.nngp_fn =
            "(cov12 * (arcsin(cov12 / sqrt((1 + var1) * (1 + var2))) + pi / 2) + (cov12**2 / sqrt((1 + "
            "var1) * (1 + var2) - cov12**2) + var1 * var2 * sqrt((1 + var1) * (1 + var2) - cov12**2)) "
            "/ ((1 + var1) * (1 + var2))) / (2 * pi)"},
       5e-15,
       5e-15},
      {"Gaussian",
       {.nngp_fn = "a**2 / sqrt((1 - 2*b*var1) * (1 - 2*b*var2) - 4 * b**2 * cov12**2)"},
       5e-15,
       5e-15},
      {"Exp", {.nngp_fn = "a**2 * exp(b**2 * (var1 / 2 + cov12 + var2 / 2))"}, 5e-15, 5e-15},
      {"Sin", {.nngp_fn = sine}, 2e-11, 5e-15},
      {"Cos", {.nngp_fn = cosine}, 5e-15, 4e-11},
      {"LeakyRelu",
       {.nngp_fn = std::string("((1 - alpha)**2 * (") + root +
                   " + (pi - arccos(cov12 / sqrt(var1 * var2))) * cov12)) / (2 * pi) + alpha * cov12"},
       5e-15,
       5e-15},
      {"Sigmoid_like",
       {.nngp_fn =
            "0.25 + arcsin(cov12 / sqrt((2.4020563531719796**2/2 + var1) * (2.4020563531719796**2/2 + "
            "var2))) / (2 * pi)"},
       5e-15,
       5e-15},
      {"ExpNormalized",
       {.nngp_fn = "sqrt(var1 * var2) * exp(gamma * (cov12 / sqrt(var1 * var2) + shift))"},
       5e-15,
       5e-15},
      {"Rbf", {.nngp_fn = "exp(-gamma * (var1 + var2 - 2*cov12))"}, 5e-15, 5e-15},
      {"Identity", {.nngp_fn = "cov12"}, 0, 0},
      {"ABRelu",
       {.nngp_fn = std::string("(b - a)**2 * (") + root +
                   " + (pi - arccos(cov12 / sqrt(var1 * var2))) * cov12) / (2 * pi) + a * b * cov12"},
       5e-15,
       5e-15},
      {"Gabor",
       {.nngp_fn = std::string("exp(-(var1 + var2 + 4*(var1 * var2 - cov12**2)) / (2 * ") + spread +
                   ")) * sinh(cov12 / " + spread + ") / sqrt(" + spread + ")"},
       5e-15,
       5e-15},
      {"Snake",
       {.nngp_fn = "cov12 + (1 - exp(-2*a**2*var1) - exp(-2*a**2*var2) + exp(-2*a**2*(var1 + var2)) * "
                   "cosh(4*a**2*cov12)) / (4*a**2)"},
       2e-12,
       5e-15},
      {"Hermite", {.nngp_fn = "cov12**degree"}, 5e-15, 5e-15},
      {"Monomial", {.nngp_fn = "var1*var2 + 2*cov12**2"}, 5e-15, 5e-15, "degree=2"},
      {"Monomial", {.nngp_fn = "9*var1*var2*cov12 + 6*cov12**3"}, 5e-15, 5e-15, "degree=3"},
      {"RectifiedMonomial",
       {.nngp_fn =
            std::string("(3 * cov12 * ") + root +
            " + (pi - arccos(cov12 / sqrt(var1 * var2))) * (var1 * var2 + 2*cov12**2)) / (2*pi)"},
       5e-15,
       4e-13,
       "degree=2"},
  };
  return all;
}

TEST(FormulaKernels, OfTheCatalogueMeetTheGoldenTable) {
  for (const ClosedForm& form : closed_forms()) {
    double worst = 0, d_worst = 0;
    std::size_t rows = 0;
    for (const nngp::test::GoldenRow& row : nngp::test::golden_rows()) {
      if (!form.holds_for(row)) continue;
      Formulas formulas = form.formulas;
      for (const auto& [name, values] : row.values())
        if (form.uses(name)) formulas.parameters.emplace_back(name, values[0]);
      const Activation activation = nngp::formula_activation(formulas);
      ++rows;
      const auto norm = [&](auto f) { return std::sqrt(std::abs(f(row.var1) * f(row.var2))); };
      const double nngp = activation.nngp_fn(row.cov12, row.var1, row.var2);
      const double size = norm([&](double v) { return activation.nngp_fn(v, v, v); });
      worst = std::max(worst, std::abs(nngp - row.nngp) / std::max(size, std::abs(row.nngp)));
      if (std::isnan(row.d_nngp)) continue;
      const double d_nngp = activation.d_nngp_fn(row.cov12, row.var1, row.var2);
      const double d_size = norm([&](double v) { return activation.d_nngp_fn(v, v, v); });
      const double d_error = std::abs(d_nngp - row.d_nngp);
      if (d_error > 0) d_worst = std::max(d_worst, d_error / std::max(d_size, std::abs(row.d_nngp)));
    }
    EXPECT_GT(rows, 0u) << form.activation;
    EXPECT_LE(worst, form.nngp) << form.activation;
    EXPECT_LE(d_worst, form.d_nngp) << form.activation;
  }
}

TEST(FormulaKernels, DerivativesThatGrowWithoutBoundAreNotOffered) {
  for (const char* step : {"2 / pi * arcsin(cov12 / sqrt(var1 * var2))",
                           "0.25 + arctan(cov12 / sqrt(var1 * var2 - cov12**2)) / (2 * pi)"}) {
    const Activation activation = nngp::formula_activation({.nngp_fn = step});
    EXPECT_EQ(activation.derivative(), nngp::Derivative::absent) << step;
    expect_error<nngp::NotImplemented>([&] { activation.d_nngp_fn(0.5, 1, 1); }, "fn jumps");
    EXPECT_NEAR(activation.nngp_fn(1, 1, 1), activation.nngp_fn(2, 2, 2), 1e-15);
  }
  // Of a kink, and where a variance is added.
  for (const ClosedForm& form : closed_forms()) {
    if (form.activation != std::string("Relu") && form.activation != std::string("Gelu")) continue;
    EXPECT_EQ(nngp::formula_activation(form.formulas).derivative(), nngp::Derivative::automatic);
  }
  EXPECT_EQ(nngp::formula_activation({.nngp_fn = "arcsin(cov12 / sqrt((1e-4 + var1) * (1e-4 + var2)))"})
                .derivative(),
            nngp::Derivative::automatic);
}

TEST(FormulaKernels, DerivativeOfReluHasNoTermsThatCancel) {
  const auto parts =
      nngp::formula_parts(nngp::formula_activation({.nngp_fn = closed_forms()[0].formulas.nngp_fn}));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[1].name, "d_nngp_fn");
  EXPECT_TRUE(parts[1].derived);
  EXPECT_EQ(parts[1].text, "0.5 + acos2(cov12, root_det(cov12, var1, var2)) * -0.15915494309189535");
}

const char* const erf_kernel = "2/pi * arcsin(2*cov12 / sqrt((1 + 2*var1) * (1 + 2*var2)))";

TEST(FormulaModels, RoundTripThroughTheirText) {
  for (const std::string& text : {std::string("Elementwise(fn='erf(x)', nngp_fn='") + erf_kernel + "')",
                                  std::string("Elementwise(fn='a * tanh(x / a)', a=1.5)"),
                                  std::string("Elementwise(nngp_fn='cov12', d_nngp_fn='1')")}) {
    EXPECT_EQ(nngp::test::shipped_model(text).text(), text);
    EXPECT_EQ(nngp::test::shipped_model(nngp::test::shipped_model(text).text()).text(), text);
  }
  EXPECT_EQ(nngp::test::shipped_model("Elementwise('x * sigmoid(x)')").text(),
            "Elementwise(fn='x * sigmoid(x)')");
  EXPECT_EQ(nngp::Elementwise({.fn = "x"}).text(), "Elementwise(fn='x')");
  // A model is one line.
  EXPECT_EQ(nngp::Elementwise({.fn = "x\n\t+ 1\r\n"}).text(), "Elementwise(fn='x  + 1  ')");
}

TEST(FormulaModels, ErrorsShowThePlaceInTheModel) {
  expect_error<nngp::ModelError>(
      [] { nngp::test::shipped_model("serial(Dense(2), Elementwise(fn='1 + tahn(x)'))"); },
      "column 38: no function is called 'tahn'; did you mean 'tan' or 'tanh'?");
  expect_error<nngp::ModelError>([] { nngp::test::shipped_model("Elementwise(fn='x', a='b')"); },
                                 "a must be a number, not a string");
  expect_error<nngp::ModelError>([] { nngp::test::shipped_model("Elementwise('x', 'cov')"); },
                                 "column 19: nothing is called 'cov'");
  expect_error<nngp::ModelError>([] { nngp::test::shipped_model("Elementwise(fn=3)"); },
                                 "fn must be a formula in quotes");
  expect_error<nngp::ModelError>([] { nngp::test::shipped_model("Elementwise(fn='x', b=3)"); },
                                 "no formula uses b");
}

TEST(FormulaModels, KernelsAreThoseOfThePlugin) {
  const auto model = [](const std::string& activation) {
    return nngp::KernelFn(nngp::test::shipped_model("serial(Dense(512, 1.5, 0.05), " + activation +
                                                    ", Dense(512, 1.2, 0.1), " + activation +
                                                    ", Dense(1))"));
  };
  nngp::Matrix<double> x(70, 5);
  std::mt19937 random(3);
  std::normal_distribution<double> normal;
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = normal(random);
  x.row(7) = x.row(3);
  const nngp::MatrixView<double> view(x);
  const auto plugin = model("Erf()")(view);
  const auto formula =
      model(std::string("Elementwise(fn='erf(x)', nngp_fn='") + erf_kernel + "')")(view);
  // Relative to the entry; those that cancel, of nearly opposite inputs, to rounding in the norm.
  const auto expect_close = [](const auto& kernel, const auto& truth, double relative) {
    for (Eigen::Index i = 0; i < truth.rows(); ++i)
      for (Eigen::Index j = 0; j < truth.cols(); ++j)
        EXPECT_NEAR(
            kernel(i, j), truth(i, j),
            std::max(relative * std::abs(truth(i, j)), 1e-15 * std::sqrt(truth(i, i) * truth(j, j))));
  };
  expect_close(formula.nngp, plugin.nngp, 1e-13);
  expect_close(formula.ntk, plugin.ntk, 1e-12);
  const auto numerical = model("Elementwise(fn='erf(x)')")(view);
  for (Eigen::Index i = 0; i < plugin.nngp.size(); ++i)
    EXPECT_NEAR(numerical.ntk.data()[i], plugin.ntk.data()[i], 1e-9 * plugin.ntk(0, 0));
}

double largest_error(const nngp::OwnedMatrix<double>& kernel, const nngp::MatrixView<double>& exact) {
  const Eigen::VectorXd var = exact.diagonal();
  return nngp::test::largest_error(kernel, exact, var, var);
}

// Inputs from tiny to huge, some of them parallel or opposite.
TEST(FormulaModels, ErfIsExactOnTheGoldenInputs) {
  const std::string folder = NNGP_TEST_DATA "/golden/networks/";
  const auto x = nngp::read_data<double>(folder + "x1.npy");
  const auto kernels = [&](const std::string& activation) {
    return nngp::KernelFn(
        nngp::test::shipped_model("serial(repeat(serial(Dense(512, W_std=1.5, b_std=0.05), " +
                                  activation + "), 4), Dense(1, W_std=1.5, b_std=0.05))"))(x.view());
  };
  const auto formula = kernels(std::string("Elementwise(fn='erf(x)', nngp_fn='") + erf_kernel + "')"),
             plugin = kernels("Erf()");
  EXPECT_LE(largest_error(formula.nngp, nngp::read_data<double>(folder + "erf/nngp_self.npy").view()),
            1e-13);
  EXPECT_LE(largest_error(formula.ntk, nngp::read_data<double>(folder + "erf/ntk_self.npy").view()),
            1e-12);
  EXPECT_LE(largest_error(formula.nngp, plugin.nngp.view()), 1e-13);
  EXPECT_LE(largest_error(formula.ntk, plugin.ntk.view()), 1e-12);
}

TEST(FormulaModels, FunctionsOfTheProgramAreActivationsToo) {
  const auto kernels = [](const nngp::Layer& activation, unsigned threads = 0) {
    nngp::Matrix<double> x(70, 5);
    std::mt19937 random(3);
    std::normal_distribution<double> normal;
    for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = normal(random);
    const nngp::Layer dense = nngp::Dense(512, {.W_std = 1.5, .b_std = 0.05});
    return nngp::KernelFn(nngp::serial(dense, activation, dense, activation, nngp::Dense(1)))(
        nngp::MatrixView<double>(x), std::nullopt, nngp::Get::both, {.threads = threads});
  };
  const auto expect_close = [](const auto& a, const auto& b, double nngp, double ntk) {
    for (Eigen::Index i = 0; i < a.nngp.size(); ++i) {
      EXPECT_NEAR(a.nngp.data()[i], b.nngp.data()[i], nngp);
      EXPECT_NEAR(a.ntk.data()[i], b.ntk.data()[i], ntk);
    }
  };
  const auto fn = [](double x) { return std::erf(x); };
  const auto nngp_fn = [](double cov12, double var1, double var2) {
    return 2 / pi * std::asin(2 * cov12 / std::sqrt((1 + 2 * var1) * (1 + 2 * var2)));
  };
  const auto d_nngp_fn = [](double cov12, double var1, double var2) {
    return 4 / pi / std::sqrt((1 + 2 * var1) * (1 + 2 * var2) - 4 * cov12 * cov12);
  };
  const auto erf = kernels(nngp::Elementwise(nngp::test::shipped_registry().activation("Erf")));
  expect_close(kernels(nngp::Elementwise(fn, nngp_fn, d_nngp_fn)), erf, 1e-13, 1e-12);
  expect_close(kernels(nngp::Elementwise(fn, nngp_fn)), erf, 1e-13, 1e-9);
  expect_close(kernels(nngp::Elementwise(fn)), erf, 1e-9, 1e-9);
  expect_close(kernels(nngp::Elementwise(fn, nngp_fn, d_nngp_fn), 1),
               kernels(nngp::Elementwise(fn, nngp_fn, d_nngp_fn), 2), 0, 0);
  EXPECT_EQ(nngp::Elementwise(fn, nngp_fn).text(),
            "Elementwise(fn=<C++ function>, nngp_fn=<C++ function>)");
  expect_error<nngp::ModelError>([] { nngp::function_activation(nullptr); }, "Elementwise needs fn");
  expect_error<nngp::ModelError>([&] { nngp::function_activation(fn, nullptr, d_nngp_fn); },
                                 "of no use without nngp_fn");
  // Functions of arrays are called with all entries of a tile.
  std::atomic<std::size_t> most = 0;
  const auto each = [&most](auto function) {
    return [&most, function](std::span<const double> cov12, std::span<const double> var1,
                             std::span<const double> var2, std::span<double> results) {
      for (std::size_t k = 0; k < results.size(); ++k)
        results[k] = function(cov12[k], var1[k], var2[k]);
      if (most < results.size()) most = results.size();
    };
  };
  const auto of_arrays = [&](nngp::ArrayFunctions functions) {
    return nngp::Elementwise(nngp::function_activation(std::move(functions)));
  };
  expect_close(
      kernels(of_arrays({.fn = fn, .nngp_fn = each(nngp_fn), .d_nngp_fn = each(d_nngp_fn)}), 1),
      kernels(nngp::Elementwise(fn, nngp_fn, d_nngp_fn)), 1e-15, 1e-14);
  EXPECT_GT(most, 1000u);
  expect_close(kernels(of_arrays({.fn = fn, .nngp_fn = each(nngp_fn), .d_nngp_fn = nullptr})),
               kernels(nngp::Elementwise(fn, nngp_fn)), 1e-15, 1e-14);
  expect_close(kernels(of_arrays({.fn = fn, .nngp_fn = nullptr, .d_nngp_fn = nullptr})), erf, 1e-9,
               1e-9);
  const auto step = [](double x) { return x < 0 ? 0.0 : 1.0; };
  EXPECT_THROW(
      kernels(of_arrays({.fn = step, .nngp_fn = each(nngp_fn), .d_nngp_fn = nullptr})).nngp.rows(),
      nngp::NotImplemented);  // the derivative of nngp_fn is not that of a function that jumps
  EXPECT_EQ(nngp::function_activation(fn, nngp_fn, nullptr, "Mine").text(), "Mine");
  // What a function throws reaches the caller.
  const auto throwing = [](double, double, double) -> double { throw std::out_of_range("mine"); };
  EXPECT_THROW(kernels(nngp::Elementwise(fn, throwing, throwing)), std::out_of_range);
}

TEST(FormulaModels, ResultsDoNotDependOnThreads) {
  nngp::Matrix<double> x(150, 4);
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = normal(random);
  const nngp::MatrixView<double> view(x);
  for (const char* activation :
       {"Elementwise(fn='x * sigmoid(x)')",
        "Elementwise(nngp_fn='(sqrt(var1*var2 - cov12**2) + (pi - arccos(cov12 / sqrt(var1*var2))) * "
        "cov12) / (2*pi)')"}) {
    const nngp::KernelFn kernel_fn(nngp::test::shipped_model(
        std::string("serial(Dense(9, 1.5, 0.05), ") + activation + ", Dense(1))"));
    const auto one = kernel_fn(view, std::nullopt, nngp::Get::both, {.threads = 1});
    const auto two = kernel_fn(view, std::nullopt, nngp::Get::both, {.threads = 2});
    for (Eigen::Index i = 0; i < one.ntk.size(); ++i) {
      EXPECT_EQ(one.nngp.data()[i], two.nngp.data()[i]);
      EXPECT_EQ(one.ntk.data()[i], two.ntk.data()[i]);
    }
  }
}

TEST(FormulaModels, BracesChooseInFormulas) {
  const auto models = nngp::expand_model(
      "serial(Dense(8, {1, 2}), Elementwise(fn={'x * sigmoid({1, 2} * x)', 'arctan2(x, 1)'}), "
      "Dense(1))");
  ASSERT_EQ(models.size(), 6u);
  EXPECT_EQ(models[1].text, "serial(Dense(8, 1), Elementwise(fn='x * sigmoid(2 * x)'), Dense(1))");
  EXPECT_EQ(models[5].text, "serial(Dense(8, 2), Elementwise(fn='arctan2(x, 1)'), Dense(1))");
  for (const nngp::ModelChoice& model : models) nngp::test::shipped_model(model.text);
  EXPECT_EQ(nngp::expand_model("Elementwise(fn='tanh({0.5:2:3} * x)')").size(), 3u);
}

TEST(FormulaModels, KernelsThatAreNotThoseOfFnAreFound) {
  const auto mismatch = [](const Formulas& formulas) {
    return nngp::formula_mismatch(nngp::formula_activation(formulas));
  };
  EXPECT_FALSE(mismatch({.fn = "erf(x)", .nngp_fn = erf_kernel}));
  EXPECT_FALSE(mismatch({.fn = "maximum(x, 0)", .nngp_fn = closed_forms()[0].formulas.nngp_fn}));
  const auto wrong = mismatch({.fn = "erf(x / 2)", .nngp_fn = erf_kernel});
  ASSERT_TRUE(wrong);
  EXPECT_NE(wrong->find("nngp_fn is not the expectation of fn: at cov12="), std::string::npos);
  const auto derivative = mismatch({.fn = "erf(x)", .nngp_fn = erf_kernel, .d_nngp_fn = "0.5"});
  ASSERT_TRUE(derivative);
  EXPECT_NE(derivative->find("d_nngp_fn"), std::string::npos);
}

// Relu's kernel in ways that people write it. All have the derivative (pi - theta) / (2 pi), up to the
// ends.
TEST(FormulaKernels, DerivativesHoldUpToTheEndsHoweverAKernelIsWritten) {
  const char* const ways[] = {
      "sqrt(var1 * var2) / (2*pi) * (sqrt(1 - (cov12 / sqrt(var1 * var2))**2) + cov12 / sqrt(var1 * "
      "var2) * (pi - "
      "arccos(cov12 / sqrt(var1 * var2))))",
      "(sqrt(var1 * var2 - cov12 * cov12) + cov12 * (pi - arctan2(sqrt(var1 * var2 - cov12**2), "
      "cov12))) / (2*pi)",
      "1 / (2*pi) * (sqrt(maximum(var1 * var2 - cov12**2, 0)) + cov12 * (pi / 2 + arcsin(clip(cov12 / "
      "(sqrt(var1) * "
      "sqrt(var2)), -1, 1))))",
      "(sqrt((sqrt(var1 * var2) - cov12) * (sqrt(var1 * var2) + cov12)) + (pi - arccos(cov12 / "
      "sqrt(var1) / "
      "sqrt(var2))) * cov12) / (2 * pi)",
      // Forms that are not simplified: differentiated numerically near the ends.
      "(var1**0.5 * var2**0.5 * sin(arccos(cov12 * var1**-0.5 * var2**-0.5)) + (pi - arccos(cov12 * "
      "var1**-0.5 * "
      "var2**-0.5)) * cov12) / (2 * pi)",
  };
  for (const char* way : ways) {
    const Activation relu = nngp::formula_activation({.nngp_fn = way});
    for (const auto& [var1, var2] : {std::pair{1.0, 1.0}, {0.3, 0.3}, {0.2, 1.7}, {30.0, 0.01}})
      for (const double distance : {0.5, 0.1, 1e-3, 1e-6, 1e-9, 1e-12, 0.0})
        for (const double sign : {-1.0, 1.0}) {
          const double rho = sign * (1 - distance), cov12 = rho * std::sqrt(var1 * var2);
          const double theta = 2 * std::atan2(std::sqrt(1 - rho), std::sqrt(1 + rho));
          // Rounding of cov12 moves the angle by 1e-8 where inputs are parallel.
          EXPECT_NEAR(relu.d_nngp_fn(cov12, var1, var2), (pi - theta) / (2 * pi),
                      distance < 1e-4 ? 2e-8 : 1e-10)
              << way << " at " << rho << ", " << var1 << ", " << var2;
        }
  }
}

}  // namespace
