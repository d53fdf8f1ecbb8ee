// The numerical layer against the reference values of tests/golden/scalar.csv: every activation that
// has an fn, with all its rows in one matrix.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <map>
#include <numbers>
#include <thread>

#include "expect_error.hpp"
#include "golden_functions.hpp"
#include "nngp/error.hpp"
#include "nngp/numerical.hpp"
#include "one_entry.hpp"
#include "random_functions.hpp"
#include "scalar_functions.hpp"

namespace nngp::test {
namespace {

using Rows = std::vector<GoldenRow>;

/// sqrt(E fn(x)^2) and sqrt(E fn'(x)^2) for x of variance v; a few digits do.
struct Norms {
  double fn, derivative;
};
Norms norms(const Function& f, double v) {
  constexpr int count = 8000;
  constexpr double step = 26.0 / count;
  double fn = 0, derivative = 0;
  for (int i = 0; i < count; ++i) {
    const double u = -13 + (i + 0.5) * step, x = std::sqrt(v) * u;
    const double weight = std::exp(-u * u / 2) * step / std::sqrt(2 * std::numbers::pi);
    const double h = 1e-6 * std::max(std::abs(x), 1e-3 * std::sqrt(v));
    const double slope = h == 0 ? 0 : (f.fn(x + h) - f.fn(x - h)) / (2 * h);
    fn += weight * f.fn(x) * f.fn(x);
    derivative += weight * slope * slope;
  }
  return {std::sqrt(fn), std::sqrt(derivative)};
}

/// The rows with variances up to `largest`, by activation and parameters.
std::map<std::string, Rows> groups(double largest) {
  std::map<std::string, Rows> result;
  for (const GoldenRow& row : golden_rows())
    if (std::max(row.var1, row.var2) <= largest && function_of(row))
      result[row.activation + "(" + row.params + ")"].push_back(row);
  return result;
}

VarianceRange range_of(const Rows& rows) {
  VarianceRange range{INFINITY, 0};
  for (const GoldenRow& row : rows) {
    range.min = std::min({range.min, row.var1, row.var2});
    range.max = std::max({range.max, row.var1, row.var2});
  }
  return range;
}

struct Errors {
  double nngp = 0, d_nngp = 0;
};

template <class Real, class Tile>
Errors errors(const NumericalDual& dual, const Function& f, const Rows& rows) {
  Errors worst;
  for (const GoldenRow& row : rows) {
    const Real c = static_cast<Real>(row.cov12), v1 = static_cast<Real>(row.var1),
               v2 = static_cast<Real>(row.var2);
    const auto [nngp, d_nngp] = one_entry<Tile>(c, v1, v2, [&](const Tile& tile) { dual.tile(tile); });
    EXPECT_TRUE(std::isfinite(nngp) && std::isfinite(d_nngp));
    const Norms n1 = norms(f, row.var1), n2 = norms(f, row.var2);
    const auto relative = [](double value, double truth, double size) {
      if (std::isnan(truth)) return 0.0;  // not prescribed
      const double error = std::abs(value - truth);
      return error == 0 ? 0 : error / size;
    };
    worst.nngp = std::max(worst.nngp, relative(nngp, row.nngp, n1.fn * n2.fn));
    if (row.var1 > 0)  // the norm of fn' needs a difference of fn
      worst.d_nngp =
          std::max(worst.d_nngp, relative(d_nngp, row.d_nngp, n1.derivative * n2.derivative));
  }
  return worst;
}

TEST(NumericalDual, ReferenceValuesUpToVariance10) {
  for (const auto& [name, rows] : groups(10)) {
    SCOPED_TRACE(name);
    const Function f = *function_of(rows[0]);
    const NumericalDual dual(f.fn, f.breakpoints, range_of(rows));
    const Errors e = errors<double, nngp_tile_f64>(dual, f, rows);
    EXPECT_LT(e.nngp, 1e-10);
    EXPECT_LT(e.d_nngp, 1e-10);
    EXPECT_LT(e.nngp, dual.error_estimate_nngp());
    EXPECT_LE(e.d_nngp, dual.error_estimate_d_nngp());  // 0 where fn is constant
    EXPECT_LT(dual.error_estimate_nngp(), 1e-10);
    EXPECT_LT(dual.error_estimate_d_nngp(), 1e-10);
  }
}

TEST(NumericalDual, ReferenceValuesUpToVariance100) {
  const std::vector<std::string> names{"Tanh", "Sigmoid", "Softplus", "Swish", "Mish",    "Softsign",
                                       "Exp",  "Relu",    "Gelu",     "Sign",  "HardTanh"};
  for (const auto& [name, rows] : groups(101)) {
    SCOPED_TRACE(name);
    if (std::find(names.begin(), names.end(), rows[0].activation) == names.end()) continue;
    const Function f = *function_of(rows[0]);
    const NumericalDual dual(f.fn, f.breakpoints, range_of(rows));
    const Errors e = errors<double, nngp_tile_f64>(dual, f, rows);
    EXPECT_LT(e.nngp, 1e-10);
    EXPECT_LT(e.d_nngp, 1e-10);
    EXPECT_LT(e.nngp, dual.error_estimate_nngp());
    EXPECT_LE(e.d_nngp, dual.error_estimate_d_nngp());  // 0 where fn is constant
  }
}

TEST(NumericalDual, ReferenceValuesInFloat32) {
  const std::vector<std::string> names{"Tanh", "Sigmoid",  "Softplus", "Swish",
                                       "Mish", "Softsign", "Gelu"};
  for (auto& [name, rows] : groups(10)) {
    SCOPED_TRACE(name);
    if (std::find(names.begin(), names.end(), rows[0].activation) == names.end()) continue;
    const Function f = *function_of(rows[0]);
    const NumericalDual dual(f.fn, f.breakpoints, range_of(rows), {.tolerance = 1e-6, .float32 = true});
    const Errors e = errors<float, nngp_tile_f32>(dual, f, rows);
    EXPECT_LT(e.nngp, 3e-6);
    // Rounding the inputs moves the angle of nearly parallel ones, which a kink feels.
    if (f.breakpoints.empty()) {
      EXPECT_LT(e.d_nngp, 3e-6);
    }
  }
}

/// The break points found where none are declared.
std::vector<nngp_breakpoint> found(const std::function<double(double)>& fn, double variance) {
  return NumericalDual(fn, std::nullopt, {variance, variance}).breakpoints();
}

TEST(NumericalDual, FindsBreakPoints) {
  for (const auto& [name, rows] : groups(10)) {
    const Function f = *function_of(rows[0]);
    std::vector<nngp_breakpoint> expected;
    for (const nngp_breakpoint& b : f.breakpoints)
      if (b.order < 4) expected.push_back(b);
    for (double variance : {0.5, 3.0}) {
      SCOPED_TRACE(name + " at variance " + std::to_string(variance));
      const std::vector<nngp_breakpoint> actual = found(f.fn, variance);
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(actual[i].x, expected[i].x, 1e-9);
        EXPECT_EQ(actual[i].order, expected[i].order);
      }
    }
  }
}

TEST(NumericalDual, FindsBreakPointsAnywhere) {
  const double pi = std::numbers::pi;
  const auto expect_one = [](const std::function<double(double)>& fn, double x, unsigned order) {
    const std::vector<nngp_breakpoint> actual = found(fn, 2);
    ASSERT_EQ(actual.size(), 1U);
    EXPECT_NEAR(actual[0].x, x, 1e-9);
    EXPECT_EQ(actual[0].order, order);
  };
  const auto ramp = [](double x, int order) { return x > 0 ? std::pow(x, order) : 0.0; };
  expect_one([&](double x) { return std::sin(x) + ramp(x - std::sqrt(2), 0); }, std::sqrt(2), 0);
  expect_one([&](double x) { return std::tanh(x) + 0.1 * std::abs(x - 0.3); }, 0.3, 1);
  expect_one([&](double x) { return std::tanh(x) + ramp(x - pi, 2); }, pi, 2);
  expect_one([&](double x) { return std::tanh(x) + ramp(x - 0.3, 3); }, 0.3, 3);
  expect_one([&](double x) { return 1 + std::abs(x); }, 0, 1);
  // Steep, badly rounded, or nearly 0, but smooth.
  EXPECT_TRUE(found([](double x) { return std::tanh(1e5 * (x - 0.3)); }, 2).empty());
  EXPECT_TRUE(found([](double x) { return std::tanh(static_cast<float>(x)); }, 2).empty());
  EXPECT_TRUE(found([](double x) { return x - std::sin(x); }, 2).empty());
}

TEST(NumericalDual, SaysWhatIsWrongWithFn) {
  const auto with = [](const std::function<double(double)>& fn, double variance) {
    return [=] { NumericalDual(fn, std::nullopt, {variance, variance}); };
  };
  expect_error<NumericalError>(with([](double x) { return std::exp(x * x); }, 1), "grows too fast");
  expect_error<NumericalError>(with([](double x) { return std::exp(0.2 * x * x); }, 2),
                               "grows too fast");
  EXPECT_NO_THROW(with([](double x) { return std::exp(0.1 * x * x); }, 2)());
  expect_error<NumericalError>(with([](double x) { return 1e154 * (1 + x); }, 1), "overflows");
  expect_error<NumericalError>(with([](double x) { return 1e200 * std::tanh(x); }, 1), "overflows");
  expect_error<NumericalError>(
      [] { numerical_point([](double x) { return x; }, std::nullopt, 0, 1e308, 1e308); }, "overflows");
  expect_error<NumericalError>(with([](double x) { return std::sinh(x * x * x); }, 1),
                               "grows too fast");
  expect_error<NumericalError>(with([](double x) { return std::log(x); }, 1), "= nan");
  expect_error<NumericalError>(with([](double x) { return 1 / std::max(0.0, 3 - x); }, 1), "= inf");
}

TEST(NumericalDual, EntriesDoNotDependOnTheirPlace) {
  const NumericalDual dual([](double x) { return x / (1 + std::exp(-x)); }, std::nullopt, {0.5, 4});
  constexpr std::size_t rows = 7, cols = 19;
  std::vector<double> var1, var2, cov12;
  for (std::size_t i = 0; i < rows; ++i) var1.push_back(0.5 + 0.5 * static_cast<double>(i));
  for (std::size_t j = 0; j < cols; ++j) var2.push_back(4 - 0.18 * static_cast<double>(j));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      cov12.push_back(std::sqrt(var1[i] * var2[j]) * std::cos(static_cast<double>(3 * i + j)));
  const auto fill = [&](std::size_t i, std::size_t j, std::size_t r, std::size_t c,
                        std::vector<double>& nngp, std::vector<double>& d_nngp,
                        std::vector<double>& ntk, ColumnCache<double>& memory) {
    nngp_tile_f64 tile{};
    tile.struct_size = sizeof tile;
    tile.rows = r;
    tile.cols = c;
    tile.cov12 = &cov12[i * cols + j];
    tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = tile.ntk_ld = cols;
    tile.var1 = &var1[i];
    tile.var2 = &var2[j];
    tile.nngp = &nngp[i * cols + j];
    tile.d_nngp = &d_nngp[i * cols + j];
    tile.ntk = &ntk[i * cols + j];
    tile.cov_scale = 0.9;
    tile.cov_shift = 0.05;
    tile.ntk_cov = 1.5;
    tile.ntk_scale = 2;
    tile.ntk_shift = 0.25;
    dual.tile(tile, memory);
  };
  std::vector<double> nngp(rows * cols), d_nngp = nngp, ntk(rows * cols, 3.0);
  std::vector<double> nngp1 = nngp, d_nngp1 = nngp, ntk1 = ntk;
  ColumnCache<double> memory;
  fill(0, 0, rows, cols, nngp, d_nngp, ntk, memory);
  for (std::size_t j = 0; j < cols; ++j)  // down the columns, so that the memory serves
    for (std::size_t i = 0; i < rows; ++i) fill(i, j, 1, 1, nngp1, d_nngp1, ntk1, memory);
  EXPECT_EQ(nngp, nngp1);
  EXPECT_EQ(d_nngp, d_nngp1);
  EXPECT_EQ(ntk, ntk1);
  for (std::size_t e = 0; e < rows * cols; ++e)
    EXPECT_NEAR(ntk[e], d_nngp[e] * (1.5 * cov12[e] + 2 * 3.0 + 0.25), 1e-13);
}

TEST(NumericalDual, TilesOfSeveralThreads) {
  // over a wide range of variances, where tables, series and pieces all have a part
  const NumericalDual dual([](double x) { return std::abs(x - 0.5) + std::tanh(3 * x); }, std::nullopt,
                           {1e-3, 1e2});
  constexpr std::size_t rows = 12, cols = 40;
  std::vector<double> var1(rows), var2(cols), cov12;
  for (std::size_t i = 0; i < rows; ++i)
    var1[i] = 1e-3 * std::pow(1e5, static_cast<double>(i) / (rows - 1));
  for (std::size_t j = 0; j < cols; ++j)
    var2[j] = 1e2 * std::pow(1e-5, static_cast<double>(j) / (cols - 1));
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j)
      cov12.push_back(std::sqrt(var1[i] * var2[j]) * std::cos(static_cast<double>(3 * i + j)));
  struct Kernels {
    std::vector<double> nngp, d_nngp;
  };
  const auto fill = [&](Kernels& kernels) {
    kernels.nngp.resize(rows * cols);
    kernels.d_nngp.resize(rows * cols);
    nngp_tile_f64 tile{};
    tile.struct_size = sizeof tile;
    tile.rows = rows;
    tile.cols = cols;
    tile.cov12 = cov12.data();
    tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = cols;
    tile.var1 = var1.data();
    tile.var2 = var2.data();
    tile.nngp = kernels.nngp.data();
    tile.d_nngp = kernels.d_nngp.data();
    tile.cov_scale = 1;
    dual.tile(tile);
  };
  std::array<Kernels, 4> side_by_side;
  std::vector<std::jthread> threads;
  for (Kernels& kernels : side_by_side) threads.emplace_back([&] { fill(kernels); });
  threads.clear();
  Kernels alone;
  fill(alone);
  for (const Kernels& kernels : side_by_side) {
    EXPECT_EQ(kernels.nngp, alone.nngp);
    EXPECT_EQ(kernels.d_nngp, alone.d_nngp);
  }
}

template <class Real, class Tile>
void expect_diagonal_of_tiles(const std::function<double(double)>& fn) {
  const NumericalDual dual(fn, std::nullopt, {0.4, 3}, {.float32 = std::is_same_v<Real, float>});
  std::vector<Real> var(21), diagonal(var.size());
  for (std::size_t i = 0; i < var.size(); ++i)
    var[i] = static_cast<Real>(0.5 + 0.11 * static_cast<double>(i));
  dual.diagonal(var.data(), var.size(), Real(0.9), Real(0.05), diagonal.data());
  for (std::size_t i = 0; i < var.size(); ++i) {
    Real nngp;
    Tile tile{};
    tile.struct_size = sizeof tile;
    tile.rows = tile.cols = 1;
    tile.cov12 = tile.var1 = tile.var2 = &var[i];
    tile.nngp = &nngp;
    tile.cov_scale = Real(0.9);
    tile.cov_shift = Real(0.05);
    dual.tile(tile);
    EXPECT_EQ(diagonal[i], nngp);
  }
}

TEST(NumericalDual, DiagonalIsThatOfTiles) {
  for (const auto& fn :
       {std::function<double(double)>([](double x) { return std::tanh(x); }),
        std::function<double(double)>([](double x) { return x > 0 ? x : std::expm1(x); }),
        std::function<double(double)>([](double x) { return std::abs(x - 0.5); })}) {
    expect_diagonal_of_tiles<double, nngp_tile_f64>(fn);
    expect_diagonal_of_tiles<float, nngp_tile_f32>(fn);
  }
}

TEST(NumericalPoint, VariancesOf0AreWithinTheirBounds) {
  // E[fn(0) fn(x)] for x ~ N(0, var2), of functions whose derivative has the mean fn'(0) by symmetry
  const std::vector<std::pair<std::function<double(double)>, double>> functions = {
      {[](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, 0.5},
      {[](double x) { return x + std::cos(x); }, 1}};
  for (const auto& [fn, slope] : functions)
    for (double var2 : {1e-6, 0.25, 4.0, 1e4}) {
      const PointValue value = numerical_point(fn, std::nullopt, 0, 0, var2);
      // The norm of fn' is between its mean and 2.
      EXPECT_LE(std::abs(value.d_nngp - slope * slope), value.error.d_nngp * slope * 2) << var2;
      EXPECT_LT(value.error.nngp, 1e-10) << var2;
      EXPECT_LT(value.error.d_nngp, 1e-10) << var2;
    }
}

TEST(NumericalPoint, DerivativesOf0AtVariance0) {
  const auto power = [](double x) { return std::pow(std::abs(x), 1.5); };
  const auto flat = [](double x) { return std::tanh(x) + std::abs(x - 1); };
  for (const auto& [fn, var2] :
       {std::pair<std::function<double(double)>, double>(power, 0), {flat, 1}}) {
    const PointValue value = numerical_point(fn, std::nullopt, 0, 0, var2);
    EXPECT_NEAR(value.d_nngp, 0, 1e-12);
    EXPECT_LT(value.error.d_nngp, 1e-9);
  }
}

TEST(NumericalPoint, ReferenceValues) {
  for (const auto& [name, rows] : groups(101)) {
    const Function f = *function_of(rows[0]);
    for (const GoldenRow& row : rows) {
      SCOPED_TRACE(name + " at cov12=" + std::to_string(row.cov12) +
                   " var1=" + std::to_string(row.var1) + " var2=" + std::to_string(row.var2));
      const PointValue value = numerical_point(f.fn, f.breakpoints, row.cov12, row.var1, row.var2);
      const Norms n1 = norms(f, row.var1), n2 = norms(f, row.var2);
      if (!std::isnan(row.nngp)) {
        EXPECT_LE(std::abs(value.nngp - row.nngp), 1e-12 * n1.fn * n2.fn);
      }
      if (!std::isnan(row.d_nngp) && row.var1 > 0) {
        EXPECT_LE(std::abs(value.d_nngp - row.d_nngp), 1e-12 * n1.derivative * n2.derivative);
      }
    }
  }
}

/// E[g(x1) g(x2)] for |rho| well below 1: midpoint sums over pieces between the break points of g, in
/// x1 and, for each x1, in x2.
double expectation(const std::function<double(double)>& g, const std::vector<double>& breaks,
                   double cov12, double var1, double var2) {
  // 8-point Gauss-Legendre on many pieces.
  static constexpr double node[] = {0.18343464249564980, 0.52553240991632899, 0.79666647741362674,
                                    0.96028985649753623};
  static constexpr double weight[] = {0.36268378337836198, 0.31370664587788729, 0.22238103445337447,
                                      0.10122853629037626};
  const auto integrate = [&](const auto& h, double mean, double deviation) {
    std::vector<double> edges;
    for (int i = -36; i <= 36; ++i) edges.push_back(mean + deviation * i / 4);
    for (double x : breaks)
      if (std::abs(x - mean) < 9 * deviation) edges.push_back(x);
    std::sort(edges.begin(), edges.end());
    double sum = 0;
    for (std::size_t e = 0; e + 1 < edges.size(); ++e) {
      const double middle = (edges[e] + edges[e + 1]) / 2, half = (edges[e + 1] - edges[e]) / 2;
      for (int k = 0; k < 4; ++k)
        for (double side : {-1.0, 1.0}) {
          const double x = middle + side * half * node[k], u = (x - mean) / deviation;
          sum += half * weight[k] * h(x) * std::exp(-u * u / 2) /
                 (deviation * std::sqrt(2 * std::numbers::pi));
        }
    }
    return sum;
  };
  const double rest = std::sqrt(var2 - cov12 * cov12 / var1);
  return integrate([&](double x1) { return g(x1) * integrate(g, cov12 / var1 * x1, rest); }, 0.0,
                   std::sqrt(var1));
}

TEST(NumericalDual, KinksAnywhere) {
  struct Example {
    const char* name;
    std::function<double(double)> fn, derivative;
    std::vector<double> breaks;
  };
  const std::vector<Example> examples{
      {"tanh(x) + |x - 0.3| / 4",
       [](double x) { return std::tanh(x) + 0.25 * std::abs(x - 0.3); },
       [](double x) { return 1 / std::pow(std::cosh(x), 2) + (x > 0.3 ? 0.25 : -0.25); },
       {0.3}},
      {"elu(x + 1) - [x > 2]",
       [](double x) { return (x > -1 ? x + 1 : std::expm1(x + 1)) - (x > 2 ? 1 : 0); },
       [](double x) { return x > -1 ? 1 : std::exp(x + 1); },
       {-1, 2}},
      {"sin(x) between kinks at -2, 0 and 1",
       [](double x) {
         return x < -2 ? std::sin(-2) : x < 0 ? std::sin(x) : x < 1 ? 2 * std::sin(x) : 2 * std::sin(1);
       },
       [](double x) { return x < -2 || x > 1 ? 0
                             : x < 0         ? std::cos(x)
                                             : 2 * std::cos(x); },
       {-2, 0, 1}},
  };
  for (const Example& example : examples) {
    SCOPED_TRACE(example.name);
    const NumericalDual dual(example.fn, std::nullopt, {0.5, 6});
    EXPECT_EQ(dual.breakpoints().size(), example.breaks.size());
    for (double rho : {-0.8, -0.1, 0.6})
      for (double var1 : {0.5, 2.2})
        for (double var2 : {1.3, 6.0}) {
          const double cov12 = rho * std::sqrt(var1 * var2);
          const auto [nngp, d_nngp] =
              one_entry(cov12, var1, var2, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
          const double truth = expectation(example.fn, example.breaks, cov12, var1, var2);
          const double d_truth = expectation(example.derivative, example.breaks, cov12, var1, var2);
          EXPECT_NEAR(nngp, truth, 1e-10);
          EXPECT_NEAR(d_nngp, d_truth, 1e-8);
          EXPECT_NEAR(nngp, truth, dual.error_estimate_nngp());
          EXPECT_NEAR(d_nngp, d_truth, dual.error_estimate_d_nngp());
        }
  }
}

/// The rows with a value.
std::vector<FunctionRow> prescribed(const std::vector<FunctionRow>& rows) {
  std::vector<FunctionRow> result;
  for (const FunctionRow& row : rows)
    if (!std::isnan(row.nngp) && !std::isnan(row.d_nngp)) result.push_back(row);
  return result;
}

TEST(NumericalDual, AnyFunctionOnMixedScales) {
  for (const auto& [name, all] : function_rows()) {
    SCOPED_TRACE(name);
    const std::vector<FunctionRow> rows = prescribed(all);
    VarianceRange range{INFINITY, 0};
    for (const FunctionRow& row : rows)
      range = {std::min({range.min, row.var1, row.var2}), std::max({range.max, row.var1, row.var2})};
    const NumericalDual dual(golden_functions().at(name), std::nullopt, range);
    EXPECT_LT(dual.error_estimate_nngp(), 1e-10);
    EXPECT_LT(dual.error_estimate_d_nngp(), 1e-9);
    for (const FunctionRow& row : rows) {
      const auto [nngp, d_nngp] =
          one_entry(row.cov12, row.var1, row.var2, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
      EXPECT_LE(std::abs(nngp - row.nngp), 1e-9 * row.norm);
      EXPECT_LE(std::abs(d_nngp - row.d_nngp), 1e-8 * row.d_norm);
    }
  }
}

TEST(NumericalDual, SeesFeaturesFarSmallerThanTheDeviation) {
  struct Example {
    const char* name;
    double (*fn)(double);
    double square;  // int fn(x)^2 dx
  };
  static const Example examples[] = {
      {"x^3 exp(-x^2)", [](double x) { return x * x * x * std::exp(-x * x); },
       15 * std::sqrt(std::numbers::pi) / std::pow(2, 6.5)},
      {"a narrow bump off the centre", [](double x) { return std::exp(-200 * (x - 1.7) * (x - 1.7)); },
       std::sqrt(std::numbers::pi / 400)},
  };
  for (const Example& example : examples) {
    SCOPED_TRACE(example.name);
    const double sigma = 1e4, variance = sigma * sigma;
    // The density is constant where fn is not 0.
    const double truth = example.square / sigma / std::sqrt(2 * std::numbers::pi);
    const NumericalDual dual(example.fn, std::nullopt, {variance, variance});
    const auto [nngp, d_nngp] =
        one_entry(variance, variance, variance, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
    EXPECT_NEAR(nngp, truth, 1e-7 * truth);
    EXPECT_NEAR(numerical_point(example.fn, std::nullopt, variance, variance, variance).nngp, truth,
                1e-7 * truth);
  }
}

TEST(NumericalPoint, StepsHaveNoDerivative) {
  const PointValue value =
      numerical_point([](double x) { return std::floor(3 * x); }, std::nullopt, 0.5, 1, 1);
  EXPECT_LT(std::abs(value.d_nngp), 1e-15);
  EXPECT_LT(value.error.nngp, 1e-10);
  EXPECT_LT(value.error.d_nngp, 1e-10);
}

TEST(NumericalPoint, DoesNotDependOnTheUnit) {
  for (const auto& [name, rows] : function_rows())
    for (double unit : {1e-9, 3e5}) {
      SCOPED_TRACE(name + " in units of " + std::to_string(unit));
      const auto fn = golden_functions().at(name);
      const FunctionRow row = prescribed(rows).at(5);
      const PointValue value =
          numerical_point([&](double x) { return fn(x / unit); }, std::nullopt, unit * unit * row.cov12,
                          unit * unit * row.var1, unit * unit * row.var2);
      EXPECT_LE(std::abs(value.nngp - row.nngp), 1e-11 * row.norm);
      EXPECT_LE(std::abs(unit * unit * value.d_nngp - row.d_nngp), 1e-9 * row.d_norm);
    }
}

/// Of inputs as small as 1e-9, in matrices that go down to variance 0.
TEST(NumericalDual, TinyInputs) {
  for (double unit : {1e-6, 1e-9})
    for (double v : {1.0, 1e-4}) {
      SCOPED_TRACE(std::to_string(v) + " in units of " + std::to_string(unit * 1e9) + "e-9");
      const double square = unit * unit;
      // tanh(x) is x - x^3 / 3 there: nngp = c (1 - v1 - v2), d_nngp = 1 - v1 - v2.
      const NumericalDual dual([](double x) { return std::tanh(x); }, std::nullopt, {0, square});
      EXPECT_LT(dual.error_estimate_nngp(), 1e-10);
      EXPECT_LT(dual.error_estimate_d_nngp(), 1e-9);
      const double cov12 = 0.3 * v * square, var = v * square;
      const auto [nngp, d_nngp] =
          one_entry(cov12, var, var, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
      EXPECT_NEAR(nngp / cov12, 1 - 2 * var, 1e-10);
      EXPECT_NEAR(d_nngp, 1 - 2 * var, 1e-9);
    }
}

TEST(NumericalDual, TinyVariancesBesideNone) {
  // Tables do not do for it.
  const auto wave = [](double x) { return std::sin(30 * x) + x; };
  const NumericalDual dual(wave, std::nullopt, {0, 25});
  for (double var : {1e-2, 1e-5, 1e-8, 1e-14}) {
    const double cov12 = 0.5 * var;
    const PointValue truth = numerical_point(wave, std::nullopt, cov12, var, var);
    const auto [nngp, d_nngp] =
        one_entry(cov12, var, var, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
    EXPECT_NEAR(nngp / truth.nngp, 1, 1e-9) << var;
    EXPECT_NEAR(d_nngp / truth.d_nngp, 1, 1e-9) << var;
  }
}

/// Steps and bells at 0 that are far narrower than the distances of nodes, as those of tanh are for
/// inputs of 1e9. E fn'(u)^2 of tanh(k x) is 4 k / (3 sqrt(2 pi)), of a bell k / 2.
TEST(NumericalDual, NarrowFeaturesAt0) {
  const auto d_nngp = [](const std::function<double(double)>& fn) {
    const NumericalDual dual(fn, std::nullopt, {1, 2});
    return one_entry(1.0, 1.0, 1.0, [&](const nngp_tile_f64& tile) { dual.tile(tile); }).d_nngp;
  };
  for (double k : {1e8, 1e9, 1e10, 1e12, 1e16, 1e25}) {
    SCOPED_TRACE(k);
    const double step = 4 * k / 3 / std::sqrt(2 * std::numbers::pi);
    const auto tanh = [k](double x) { return std::tanh(k * x); };
    const auto bell = [k](double x) { return std::exp(-std::pow(k * x, 2)); };
    EXPECT_NEAR(d_nngp(tanh) / step, 1, 1e-10);
    EXPECT_NEAR(d_nngp([&](double x) { return tanh(x) + x; }) / step, 1, 1e-7);  // 2 / k beside 1
    EXPECT_NEAR(d_nngp([&](double x) { return bell(x) + x; }) / (k / 2), 1, 1e-7);
    EXPECT_NEAR(numerical_point(tanh, std::nullopt, 1, 1, 1).d_nngp / step, 1, 1e-10);
  }
  // A slight bend beside a value that is rounded.
  const NumericalDual slight([](double x) { return 1 + 5e-4 * std::abs(x); }, std::nullopt, {1, 2});
  EXPECT_EQ(slight.breakpoints().size(), 1u);
  EXPECT_LT(slight.calls(), 30'000u);
  const NumericalDual sign([](double x) { return x > 0   ? 1.0
                                                 : x < 0 ? -1.0
                                                         : 0.0; }, std::nullopt,
                           {1, 2});
  EXPECT_EQ(sign.breakpoints().size(), 1u);
  EXPECT_LT(sign.error_estimate_nngp(), 1e-10);
}

TEST(NumericalDual, RefusesWhatItCannotCompute) {
  const auto tanh = [](double x) { return std::tanh(x); };
  const auto fails = [](auto call, const std::string& message) {
    expect_error<InvalidArgument>(call, message);
  };
  fails([&] { NumericalDual(nullptr, std::nullopt, {1, 2}); }, "there is no fn to integrate");
  fails(
      [&] {
        NumericalDual(tanh, std::vector<nngp_breakpoint>{{1, 0, 0}, {1, 0, 0}}, {1, 2});
      },
      "break points are finite and increasing: number 1 (counted from 0) is 1");
  for (const VarianceRange& range : {VarianceRange{-1, 1}, {NAN, 1}, {2, 1}, {0, INFINITY}, {0, 1, 2}})
    fails([&] { NumericalDual(tanh, std::nullopt, range); }, "are no range");
  fails([&] { NumericalDual(tanh, std::nullopt, {1, 2}, {.tolerance = NAN}); }, "the tolerance is nan");
  for (const auto& p : {std::array{0.0, -1.0, 1.0}, {NAN, 1.0, 1.0}, {0.0, 1.0, INFINITY}})
    fails([&] { numerical_point(tanh, std::nullopt, p[0], p[1], p[2]); }, "are no covariances");
  expect_error<NumericalError>(
      [&] {
        NumericalDual(tanh, std::nullopt, {1e-200, 1e200});
      },
      "variances of inputs go from 1e-200 to 1e+200");
  expect_error<NumericalError>(
      [&] {
        NumericalDual(tanh, std::nullopt, {0, 1e200, 1e-200});
      },
      "leave out the examples");
}

/// A call of fn may take a millisecond: the numbers of calls are part of what core/numerical.md states.
TEST(NumericalDual, CountsTheCallsOfFn) {
  std::atomic<std::size_t> calls = 0;
  const auto tanh = [&](double x) {
    ++calls;
    return std::tanh(x);
  };
  const NumericalDual dual(tanh, std::nullopt, {0.5, 10});
  EXPECT_EQ(dual.calls(), calls);
  EXPECT_LT(calls, 15'000u);
  calls = 0;
  const PointValue value = numerical_point(tanh, std::nullopt, 0.3, 1, 2);
  EXPECT_LE(value.calls, calls);
  EXPECT_LT(calls, 10'000u);
  calls = 0;
  const NumericalDual narrow(
      [&](double x) {
        ++calls;
        return std::exp(-200 * (x - 1.7) * (x - 1.7));
      },
      std::nullopt, {0.25, 9});
  EXPECT_LT(calls, 150'000u);
}

/// fn with values of few bits, as from a table in that precision.
double rounded(double y, int bits) {
  int exponent;
  const double mantissa = std::frexp(y, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, bits)), exponent - bits);
}

TEST(NumericalDual, NoiseIsToldFromOscillation) {
  for (const int bits : {8, 11, 24}) {
    SCOPED_TRACE(bits);
    const auto fn = [bits](double x) { return rounded(std::tanh(x), bits); };
    const double unit = std::ldexp(1.0, -bits);
    const PointValue exact =
        numerical_point([](double x) { return std::tanh(x); }, std::nullopt, 1, 2, 3);
    const PointValue value = numerical_point(fn, std::nullopt, 1, 2, 3);
    EXPECT_GT(value.error.noise, unit / 20);
    EXPECT_LT(value.error.noise, 5 * unit);
    EXPECT_LT(std::abs(value.nngp - exact.nngp), value.error.nngp);
    EXPECT_LT(value.calls, 30'000u);
    const NumericalDual dual(fn, std::nullopt, {1, 4});
    const auto [nngp, d_nngp] =
        one_entry(1.0, 2.0, 3.0, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
    EXPECT_GT(dual.error().noise, unit / 20);
    EXPECT_LT(std::abs(nngp - exact.nngp), dual.error().nngp);
    EXPECT_LT(std::abs(d_nngp - exact.d_nngp), dual.error().d_nngp);
    EXPECT_LT(dual.calls(), 150'000u);
  }
  for (const double frequency : {3e4, 1e5, 1e6}) {
    SCOPED_TRACE(frequency);
    const auto value =
        numerical_point([&](double x) { return std::sin(frequency * x); }, std::nullopt, 0.5, 1, 1);
    EXPECT_EQ(value.error.noise, 0);
    EXPECT_GT(value.error.nngp, 1e-3);
  }
}

TEST(NumericalPoint, SaysWhereNoErrorOfTheDerivativeIsKnown) {
  for (const double power : {0.3, 0.5}) {
    const PointValue value = numerical_point([&](double x) { return std::pow(std::abs(x), power); },
                                             std::nullopt, 0.5, 1, 1);
    EXPECT_LT(value.error.nngp, 1e-12);
    EXPECT_EQ(value.error.d_nngp, INFINITY);
    EXPECT_NE(inexact_text("fn", value.error).find("E fn'(x)^2 is infinite"), std::string::npos);
  }
  // Finite: steep powers, jumps, kinks.
  for (const auto& fn : std::vector<std::function<double(double)>>{
           [](double x) { return std::pow(std::abs(x), 0.7); },
           [](double x) { return x > 0.3 ? 1.0 : 0.0; }, [](double x) { return std::abs(x - 0.3); }})
    EXPECT_LT(numerical_point(fn, std::nullopt, 0.5, 1, 1).error.d_nngp, 1e-7);
}

/// Of x + size sin(frequency x), where values alone look like those of x with noise.
TEST(NumericalDual, OscillationsTooFastToFollowCountForTheDerivative) {
  struct Wave {
    double size, frequency;
  };
  for (const Wave& wave : {Wave{1e-6, 1e7}, {1e-9, 1e9}, {1e-12, 1e11}, {1e-13, 1e12}}) {
    SCOPED_TRACE(wave.frequency);
    const auto fn = [&](double x) { return x + wave.size * std::sin(wave.frequency * x); };
    const double missed = std::pow(wave.size * wave.frequency, 2) / 2;  // at rho = 1
    const PointValue value = numerical_point(fn, std::nullopt, 1, 1, 1);
    EXPECT_LT(std::abs(value.nngp - 1), 2 * value.error.nngp);
    EXPECT_LT(value.error.nngp, 1e-4);
    EXPECT_GT(value.error.d_nngp, missed / (1 + missed));
    EXPECT_LT(value.error.d_nngp, 1000 * missed);
    for (const bool float32 : {false, true}) {
      const NumericalDual dual(fn, std::nullopt, {0.5, 2}, {.float32 = float32});
      EXPECT_GT(dual.error().d_nngp, missed / (1 + missed)) << float32;
      EXPECT_LT(dual.error().nngp, 1e-4) << float32;
    }
  }

  // In a part of the line.
  const auto window = [](double x) { return x + (std::abs(x) < 1 ? 1e-8 * std::sin(1e8 * x) : 0); };
  const double missed = std::erf(1 / std::numbers::sqrt2) / 2;
  EXPECT_GT(numerical_point(window, std::nullopt, 1, 1, 1).error.d_nngp, missed / (1 + missed));
}

/// fn is a table of tanh between whose rows it is linear: of that function the values are sums over its
/// intervals.
TEST(NumericalPoint, TablesWhoseRowsAreDeclared) {
  constexpr int rows = 257;
  constexpr double furthest = 8, step = 2 * furthest / (rows - 1);
  const auto place = [](int i) { return -furthest + i * step; };
  const auto fn = [&](double x) {
    const int i = std::clamp(static_cast<int>((x + furthest) / step), 0, rows - 2);
    const double left = std::tanh(place(i)), right = std::tanh(place(i + 1));
    return left + std::clamp((x - place(i)) / step, 0.0, 1.0) * (right - left);
  };
  std::vector<nngp_breakpoint> declared;
  for (int i = 0; i < rows; ++i) declared.push_back({place(i), 1, 0});
  double energy_of_slope = 0;
  for (int i = 0; i + 1 < rows; ++i) {
    const double slope = (std::tanh(place(i + 1)) - std::tanh(place(i))) / step;
    energy_of_slope +=
        slope * slope * (std::erf(place(i + 1) / std::sqrt(2)) - std::erf(place(i) / std::sqrt(2))) / 2;
  }
  const PointValue value = numerical_point(fn, declared, 1, 1, 1);
  EXPECT_NEAR(value.d_nngp, energy_of_slope, 1e-9);
  EXPECT_LT(value.error.nngp, 1e-10);
  EXPECT_LT(value.error.d_nngp, 1e-8);
  const NumericalDual dual(fn, declared, {0.5, 2});
  EXPECT_LT(dual.error().nngp, 1e-10);
  EXPECT_LT(dual.error().d_nngp, 1e-10);
}

/// Near 0 values of these have few digits; of even functions d_nngp is 0 at rho = 0.
TEST(NumericalPoint, CancellationIsNoOscillation) {
  const std::vector<std::function<double(double)>> functions = {
      [](double x) { return std::log(1 + x * x); }, [](double x) { return std::sqrt(1 + x * x) - 1; },
      [](double x) { return std::log(std::cosh(x)); }, [](double x) { return 1 - std::cos(x); }};
  for (const auto& fn : functions)
    for (const auto& [var1, var2] :
         {std::pair(1e-6, 1.0), {1e-4, 1e2}, {1e-3, 10.0}, {1e-2, 1.0}, {1e-6, 1e-6}, {1e-3, 1e-3}}) {
      const PointValue value = numerical_point(fn, std::nullopt, 0, var1, var2);
      EXPECT_NEAR(value.d_nngp, 0, 1e-15);
      EXPECT_LT(value.error.nngp, 1e-8) << var1;
      EXPECT_LT(value.error.d_nngp, 1e-7) << var1;
    }
}

TEST(NumericalPoint, StepsThatDoublesResolveAreNoJumps) {
  for (const double sharpness : {1e9, 3e10, 1e11}) {
    SCOPED_TRACE(sharpness);
    const PointValue value = numerical_point([&](double x) { return std::tanh(sharpness * (x - 1)); },
                                             std::nullopt, 1, 1, 1);
    const double density = std::exp(-0.5) / std::sqrt(2 * std::numbers::pi);
    // E tanh'^2 = 4/3 sharpness density, E (1 - tanh^2) = 2 density / sharpness, to the second order
    EXPECT_NEAR(value.d_nngp / (4 * sharpness * density / 3), 1, value.error.d_nngp);
    EXPECT_NEAR(value.nngp, 1 - 2 * density / sharpness, 1e-14);
    EXPECT_LT(value.error.d_nngp, 1e-3);
  }
}

/// E fn'(x)^2 of max(x - place, 0)^power, x of deviation sigma, for power > 1/2: the double exponential
/// rule in the distance to the place, relative to sigma.
double energy_of_power(double power, double place, double sigma) {
  constexpr double step = 1.0 / 64, end = 6, furthest = 60, half_pi = std::numbers::pi / 2;
  double sum = 0;
  for (double w = -end; w <= end; w += step) {
    const double t = std::exp(half_pi * std::sinh(w)), u = place / sigma + t;
    if (t > furthest) break;
    sum += std::pow(t, 2 * power - 1) * half_pi * std::cosh(w) * step * std::exp(-u * u / 2);
  }
  return power * power * std::pow(sigma, 2 * power - 2) * sum / std::sqrt(2 * std::numbers::pi);
}

TEST(NumericalPoint, PowersAnywhereAreWithinTheirBounds) {
  std::mt19937_64 random(1);
  const auto uniform = [&](double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  };
  for (int i = 0; i < 200; ++i) {
    const double power = uniform(0.55, 1), sigma = std::pow(10, uniform(-2, 2));
    const double off_0 = sigma * (i % 3 ? uniform(-2, 2) : std::pow(10, uniform(-3, 0.5)));
    const double place = i % 8 ? off_0 : 0;
    const bool one_side = i % 2 != 0;
    SCOPED_TRACE(std::to_string(power) + " at " + std::to_string(place) + " of " +
                 std::to_string(sigma));
    const PointValue value = numerical_point(
        [&](double x) { return one_side && x < place ? 0 : std::pow(std::abs(x - place), power); },
        std::nullopt, sigma * sigma, sigma * sigma, sigma * sigma);
    const double truth =
        energy_of_power(power, place, sigma) + (one_side ? 0 : energy_of_power(power, -place, sigma));
    constexpr double of_reference = 2e-14;
    const double error = std::abs(value.d_nngp / truth - 1);
    EXPECT_LE(error, value.error.d_nngp + of_reference);
    EXPECT_LE(value.error.d_nngp, std::max(1e-10, 1000 * error));
  }
}

TEST(NumericalPoint, SmallJumpsHaveNoDerivative) {
  for (const double height : {1e-2, 1e-4, 1e-6, 1e-8, 1e-10}) {
    SCOPED_TRACE(height);
    const PointValue value = numerical_point([&](double x) { return x * x + (x > 0.73 ? height : 0); },
                                             std::nullopt, 0.5, 1, 1);
    EXPECT_NEAR(value.d_nngp, 2, 1e-13);  // E[2 x1 2 x2]
    EXPECT_LT(value.error.d_nngp, 1e-12);
  }
}

double normal_density(double u) { return std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_above(double u) { return 0.5 * std::erfc(u / std::sqrt(2.0)); }

/// E max(x, t)^2 and its derivative's, for x of any deviation.
TEST(NumericalPoint, HingesOfAnyPlaceAreExact) {
  for (const double place : {-3.0, -0.745, 0.0, 0.3, 2.5, 6.0})
    for (double sigma = 0.05; sigma < 50; sigma *= 1.1) {
      const double u = place / sigma;
      if (std::abs(u) > 9) continue;
      SCOPED_TRACE(std::to_string(place) + " of " + std::to_string(sigma));
      const double var = sigma * sigma;
      const PointValue value =
          numerical_point([&](double x) { return std::max(x, place); }, std::nullopt, var, var, var);
      const double truth =
          place * place * normal_above(-u) + var * (normal_above(u) + u * normal_density(u));
      EXPECT_NEAR(value.nngp, truth, 1e-13 * truth);
      EXPECT_NEAR(value.d_nngp, normal_above(u), 1e-12 * normal_above(u));
      EXPECT_LT(value.error.nngp, 1e-13);
      EXPECT_LT(value.error.d_nngp, 1e-11);
      // Where fn is 0 but beyond the hinge, nothing else sets a scale.
      const PointValue ramp = numerical_point([&](double x) { return std::max(x - place, 0.0); },
                                              std::nullopt, var, var, var);
      EXPECT_NEAR(ramp.d_nngp, normal_above(u), 1e-12 * normal_above(u));
      EXPECT_LT(ramp.error.nngp, 1e-10);
      EXPECT_LT(ramp.error.d_nngp, 1e-10);
    }
}

/// sum over k of P(x >= k), and the same below 0, with a step at every whole number.
TEST(NumericalPoint, StepsOfWideInputsAreExact) {
  for (const double offset : {0.0, 100.0})
    for (const double var : {0.25, 9.0, 100.0, 625.0}) {
      SCOPED_TRACE(std::to_string(offset) + " at " + std::to_string(var));
      const PointValue value =
          numerical_point([&](double x) { return offset + std::floor(x); }, std::nullopt, 0, var, var);
      const double mean = offset - 0.5;  // by symmetry, and the other factor is independent
      EXPECT_NEAR(value.nngp, mean * mean, 1e-13 * (offset * offset + var));
      EXPECT_NEAR(value.d_nngp, 0, 1e-15);
      EXPECT_LT(value.error.nngp, 1e-12);
      EXPECT_LT(value.error.d_nngp, 1e-6);
    }
}

TEST(NumericalPoint, StepsWithAValueInTheMiddle) {
  for (const double place : {0.5, 1.0, 3.0, 0.7, -2.0}) {
    SCOPED_TRACE(place);
    const auto sign = [&](double x) { return (x > place) - (x < place); };
    const PointValue step = numerical_point([&](double x) { return sign(x); }, std::nullopt, 1, 1, 1);
    EXPECT_NEAR(step.nngp, 1, 1e-14);
    EXPECT_EQ(step.d_nngp, 0);
    const PointValue line =
        numerical_point([&](double x) { return x + 1e-7 * sign(x); }, std::nullopt, 1, 1, 1);
    EXPECT_NEAR(line.d_nngp, 1, 1e-13);
    EXPECT_LT(line.error.d_nngp, 1e-12);
  }
}

/// A box between two steps, beside something smooth.
TEST(NumericalPoint, NarrowBoxesAreNotSteep) {
  for (const double width : {1e-2, 1e-3, 1e-4, 1e-6}) {
    SCOPED_TRACE(width);
    const std::vector<nngp_breakpoint> steps = {{0.3, 0, 0}, {0.3 + width, 0, 0}};
    const PointValue value =
        numerical_point([&](double x) { return x + (x > 0.3) - (x > 0.3 + width); }, steps, 1.5, 3, 3);
    EXPECT_NEAR(value.d_nngp, 1, 1e-13);
    EXPECT_LT(value.error.d_nngp, 1e-12);
  }
}

TEST(NumericalPoint, IsNotAskedFarFromTheInputs) {
  const auto fn = [](double x) {
    if (std::abs(x) > 1e5) return std::nan("");
    return std::min(2 + x * x, 1.0);
  };
  const PointValue value = numerical_point(fn, std::nullopt, 0.5, 1, 1);
  EXPECT_NEAR(value.nngp, 1, 1e-14);
  EXPECT_EQ(value.d_nngp, 0);
}

TEST(NumericalPoint, ValuesAt0AreExactHoweverSmall) {
  const auto fn = [](double x) { return std::exp(-std::pow((x - 1) / 0.07, 2)); };
  const double at_0 = fn(0);
  const PointValue value = numerical_point(fn, std::nullopt, 0, 0, 0);
  EXPECT_NEAR(value.nngp / (at_0 * at_0), 1, 1e-14);
  EXPECT_LT(value.error.nngp, 1e-14);
}

/// A row of zeros beside others: fn is seen near 0 only as far as other inputs are.
TEST(NumericalDual, RowsOfZerosCostNoAccuracy) {
  const auto fn = [](double x) { return std::exp(x) - 1; };
  const NumericalDual dual(fn, std::nullopt, {0, 2, 0.5});
  EXPECT_LT(dual.error_estimate_nngp(), 1e-11);
  EXPECT_LT(dual.error_estimate_d_nngp(), 1e-11);
  for (const auto& [cov12, var1, var2] : {std::array{0.0, 0.0, 1.0}, {0.4, 0.5, 2.0}}) {
    const auto [nngp, d_nngp] =
        one_entry(cov12, var1, var2, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
    const double e = std::exp((var1 + var2) / 2 + cov12);
    EXPECT_NEAR(nngp, e - std::exp(var1 / 2) - std::exp(var2 / 2) + 1, 1e-10);
    EXPECT_NEAR(d_nngp, e, 1e-10);
  }
}

/// exp(-x^2) - 1 has few digits near 0.
TEST(NumericalPoint, DifferencesOfLargerValuesBesideLargerInputs) {
  const auto fn = [](double x) { return std::exp(-x * x) - 1; };
  using Long = long double;
  const auto pair = [](Long cov12, Long var1, Long var2) {
    const auto single = [](Long var) { return 1 / std::sqrt(1 + 2 * var); };
    const Long both = 1 / std::sqrt((1 + 2 * var1) * (1 + 2 * var2) - 4 * cov12 * cov12);
    return both - single(var1) - single(var2) + 1;
  };
  for (const double small : {1e-6, 1e-5, 1e-4, 1e-2})
    for (const double rho : {0.0, 0.5, 0.99}) {
      SCOPED_TRACE(std::to_string(small) + " rho=" + std::to_string(rho));
      const double large = 100, cov12 = rho * std::sqrt(small * large);
      const PointValue value = numerical_point(fn, std::nullopt, cov12, small, large);
      const double norm =
          static_cast<double>(std::sqrt(pair(small, small, small) * pair(large, large, large)));
      const double error = std::abs(value.nngp - static_cast<double>(pair(cov12, small, large))) / norm;
      EXPECT_LE(error, value.error.nngp);
      EXPECT_LE(value.error.nngp, 1e-9);
      EXPECT_LE(value.error.d_nngp, 1e-6);
    }
}

TEST(NumericalPoint, EvenFunctionsOfTinyInputsAreWithinTheirBounds) {
  for (const double small : {1e-14, 1e-12, 1e-10, 1e-8, 1e-4}) {
    SCOPED_TRACE(small);
    const double cov12 = std::sqrt(small) / 2;
    const PointValue value =
        numerical_point([](double x) { return std::cos(x); }, std::nullopt, cov12, small, 1);
    const auto energy = [](double var) { return -std::expm1(-2 * var) / 2; };  // E sin^2
    const double truth = std::exp(-(small + 1) / 2) * std::sinh(cov12);
    const double error =
        std::abs(value.d_nngp - truth) / std::sqrt(energy(small)) / std::sqrt(energy(1));
    EXPECT_LE(error, value.error.d_nngp);
    EXPECT_LE(value.error.d_nngp, 1e-10);
  }
}

TEST(NumericalPoint, LogarithmsAndRootsThatAreNoPoles) {
  // E fn'^2 by substitution: 1-D quadrature in asinh((x - 1) / tiny)
  const double tiny = 1e-6;
  const auto fn = [&](double x) { return std::log(std::abs(x - 1) + tiny); };
  const auto slope = [&](double x) { return std::copysign(1 / (std::abs(x - 1) + tiny), x - 1); };
  double energy = 0;
  constexpr double step = 1e-4;
  for (double t = -20 + step / 2; t < 20; t += step) {
    const double x = 1 + tiny * std::sinh(t);
    energy += step * tiny * std::cosh(t) * slope(x) * slope(x) * std::exp(-x * x / 2);
  }
  energy /= std::sqrt(2 * std::numbers::pi);
  const PointValue value = numerical_point(fn, std::nullopt, 1, 1, 1);
  EXPECT_NEAR(value.d_nngp / energy, 1, 1e-7);
  EXPECT_LT(std::abs(value.d_nngp / energy - 1), value.error.d_nngp);
  EXPECT_LT(value.error.d_nngp, 1e-7);
}

/// fn is 1 between two steps: nngp is the probability of a rectangle.
TEST(NumericalPoint, StepsAreWhereTheyAre) {
  for (const double step : {0.123, 2.5, 7.3}) {
    SCOPED_TRACE(step);
    const PointValue value =
        numerical_point([&](double x) { return x > step ? 1.0 : 0.0; }, std::nullopt, 1, 1, 1);
    const double truth = 0.5 * std::erfc(step / std::numbers::sqrt2);
    EXPECT_NEAR(value.nngp / truth, 1, 1e-13);
  }
  // Two steps that are close.
  const auto window = [](double x) { return x > 0.5 && x < 0.501 ? 1.0 : 0.0; };
  const PointValue value = numerical_point(window, std::nullopt, 1, 1, 1);
  const double truth =
      0.5 * (std::erfc(0.5 / std::numbers::sqrt2) - std::erfc(0.501 / std::numbers::sqrt2));
  EXPECT_NEAR(value.nngp / truth, 1, 1e-12);
  EXPECT_LT(std::abs(value.d_nngp), 1e-15);
}

/// E fn(x1) fn(x2) of exp(-200 (x - 1.7)^2) for inputs of equal deviations that are parallel: of 1e-280
/// to 1 in one preparation.
TEST(NumericalDual, InputsThatHardlyReachTheFeature) {
  const auto bump = [](double x) { return std::exp(-200 * (x - 1.7) * (x - 1.7)); };
  const NumericalDual dual(bump, std::nullopt, {0.01, 1e4});
  EXPECT_LT(dual.error_estimate_nngp(), 1e-10);
  for (const double sigma : {0.1, 0.3, 2.0, 50.0, 100.0}) {
    SCOPED_TRACE(sigma);
    const double v = sigma * sigma;
    const double truth = std::exp(-400 * 1.7 * 1.7 / (1 + 800 * v)) / std::sqrt(1 + 800 * v);
    const auto [nngp, d_nngp] = one_entry(v, v, v, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
    EXPECT_NEAR(nngp / truth, 1, 1e-10);
  }
}

/// E g(x1) g(x2) of g(x) = exp(-((x - place) / width)^2), x1 and x2 of one variance, and of g'.
PointValue bump_kernel(double place, double width, double cov12, double var) {
  const double a = width * width / 2 + var, determinant = (a - cov12) * (a + cov12);
  const double nngp =
      width * width / 2 / std::sqrt(determinant) * std::exp(-place * place / (a + cov12));
  return {nngp, nngp * (cov12 / determinant + std::pow(place / (a + cov12), 2)), {}, 0};
}

/// Where fn is 0 but far from where inputs fall, what counts lies there.
TEST(NumericalPoint, FeaturesFarOut) {
  for (const double place : {-4.0, 7.0, -9.0, 11.79, 12.49, 18.5, -25.0})
    for (const double width : {0.06, 0.12, 1.1})
      for (const double rho : {-0.9, 0.0, 0.3, 0.607, 0.9, 0.999999, 1.0}) {
        SCOPED_TRACE("at " + std::to_string(place) + ", " + std::to_string(width) +
                     " wide, rho=" + std::to_string(rho));
        const double var = 3;
        const double x = place * std::sqrt(var), w = width * std::sqrt(var);
        const auto bump = [&](double at) { return std::exp(-std::pow((at - x) / w, 2)); };
        const PointValue truth = bump_kernel(x, w, rho * var, var), norm = bump_kernel(x, w, var, var);
        const PointValue value = numerical_point(bump, std::nullopt, rho * var, var, var);
        EXPECT_LT(value.error.nngp, 1e-9);
        EXPECT_LE(std::abs(value.nngp - truth.nngp), (value.error.nngp + 2e-13) * norm.nngp);
        EXPECT_LE(std::abs(value.d_nngp - truth.d_nngp), (value.error.d_nngp + 2e-13) * norm.d_nngp);
      }
  const auto step = [](double x) { return x < -13.5 ? 1.0 : 0.0; };
  const double truth = std::erfc(13.5 / std::numbers::sqrt2) / 2;
  EXPECT_NEAR(numerical_point(step, std::nullopt, 1, 1, 1).nngp, truth, 1e-11 * truth);
}

/// Kinks are placed relative to their distance from 0, however near they are.
TEST(NumericalPoint, KinksCloseTo0) {
  const auto below = [](double x) { return std::erf(x / std::numbers::sqrt2); };
  for (const double width : {1e-3, 6.6e-6, 1.1e-6, 3e-8}) {
    SCOPED_TRACE(width);
    const auto clip = [&](double x) { return std::clamp(x, -width, width); };
    const double var1 = 0.5, var2 = 7, cov12 = -std::sqrt(var1 * var2);
    const PointValue value = numerical_point(clip, std::nullopt, cov12, var1, var2);
    const double p1 = below(width / std::sqrt(var1)), p2 = below(width / std::sqrt(var2));
    EXPECT_LE(std::abs(value.d_nngp - p2), (value.error.d_nngp + 1e-15) * std::sqrt(p1 * p2));
    EXPECT_LT(value.error.d_nngp, 1e-12);
  }
}

/// Where one input is far smaller than the other, fn is far smaller there too. By Isserlis' theorem.
TEST(NumericalPoint, PowersOfUnlikeInputs) {
  constexpr int power = 7;
  const auto fn = [](double x) { return std::pow(x, power); };
  for (const double sigma1 : {1e-3, 0.01, 0.3})
    for (const double rho : {-0.83, 0.1, 0.99999, 1.0}) {
      SCOPED_TRACE(std::to_string(sigma1) + ", rho=" + std::to_string(rho));
      const double sigma2 = 9.4, cov12 = rho * sigma1 * sigma2;
      double truth = 0, norm = 0;
      for (int k = 1; k <= power; k += 2) {
        const int pairs = (power - k) / 2;  // within one of the inputs
        const double factorials = std::tgamma(power + 1) / std::tgamma(pairs + 1) / std::exp2(pairs);
        const double term = factorials * factorials / std::tgamma(k + 1);
        truth += term * std::pow(rho, k);
        norm += term;
      }
      const PointValue value =
          numerical_point(fn, std::nullopt, cov12, sigma1 * sigma1, sigma2 * sigma2);
      EXPECT_LT(value.error.nngp, 1e-10);
      EXPECT_LT(value.error.d_nngp, 1e-10);
      EXPECT_NEAR(value.nngp / std::pow(sigma1 * sigma2, power), truth, 1e-13 * norm);
    }
}

/// Of a spike that no call met nothing is known: 0 is not given out for it.
TEST(NumericalDual, WhatIsZeroWhereverItIsCalledIsNotKnown) {
  constexpr double place = 3.217, width = 1e-7;
  const auto spike = [](double x) { return std::exp(-std::pow((x - place) / width, 2)); };
  EXPECT_TRUE(std::isinf(numerical_point(spike, std::nullopt, 0.5, 1, 1).error.nngp));
  for (const bool float32 : {false, true}) {
    const NumericalDual dual(spike, std::nullopt, {0.5, 1}, {.float32 = float32});
    EXPECT_TRUE(std::isinf(dual.error_estimate_nngp()));
  }
  // Declared places are called around.
  const std::vector<nngp_breakpoint> declared = {{place, 3, 0}};
  const PointValue value = numerical_point(spike, declared, 0.5, 1, 1);
  const PointValue truth = bump_kernel(place, width, 0.5, 1), norm = bump_kernel(place, width, 1, 1);
  EXPECT_LT(value.error.nngp, 1e-6);
  EXPECT_LE(std::abs(value.nngp - truth.nngp), (value.error.nngp + 1e-15) * norm.nngp);
  // A hinge that is far from all inputs is seen, and 0 for them.
  const auto hinge = [](double x) { return std::max(x - 2, 0.0); };
  EXPECT_EQ(numerical_point(hinge, std::nullopt, 5e-5, 1e-4, 1e-4).nngp, 0);
  EXPECT_EQ(numerical_point(hinge, std::nullopt, 5e-5, 1e-4, 1e-4).error.nngp, 0);
  EXPECT_EQ(NumericalDual(hinge, std::nullopt, {1e-4, 1e-4}).error_estimate_nngp(), 0);
  // Of inputs that are 0 all is known.
  EXPECT_EQ(numerical_point(spike, std::nullopt, 0, 0, 0).error.nngp, 0);
  EXPECT_EQ(numerical_point(spike, std::nullopt, 0, 0, 1).error.nngp, 0);
  EXPECT_EQ(NumericalDual(spike, std::nullopt, {0, 0}).error_estimate_nngp(), 0);
}

/// As narrow as core/numerical.md states, anywhere inputs fall.
TEST(NumericalDual, SeesNarrowSpikes) {
  constexpr double width = 3e-3;
  for (const double place : {-2.93, -1.71, -0.38, 0.83, 2.41, 3.11}) {
    SCOPED_TRACE(place);
    const RandomFunction f{{{"tanh", 1, 0, 1, 0}, {"bump", 1, place, width, 0}}};
    const NestedQuadrature::Values truth = NestedQuadrature(f)(0.9, 1, 1);
    const NumericalDual dual(f, std::nullopt, {1, 1});
    const auto [nngp, d_nngp] =
        one_entry(0.9, 1.0, 1.0, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
    EXPECT_NEAR(nngp, truth.nngp, 1e-10 * truth.norm);
    EXPECT_NEAR(numerical_point(f, std::nullopt, 0.9, 1, 1).nngp, truth.nngp, 1e-12 * truth.norm);
  }
}

}  // namespace
}  // namespace nngp::test
