// The numerical layer against the reference values of tests/golden/scalar.csv: every activation that
// has an fn, with all its rows in one matrix.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "nngp/error.hpp"
#include "nngp/numerical.hpp"
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
    Real nngp, d_nngp;
    Tile tile{};
    tile.struct_size = sizeof tile;
    tile.rows = tile.cols = 1;
    tile.cov12 = &c;
    tile.var1 = &v1;
    tile.var2 = &v2;
    tile.nngp = &nngp;
    tile.d_nngp = &d_nngp;
    tile.cov_scale = 1;
    dual.tile(tile);
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

/// Break points away from the origin need references in closed form.
bool shifted(const Function& f) {
  return std::any_of(f.breakpoints.begin(), f.breakpoints.end(),
                     [](const auto& b) { return b.x != 0; });
}

/// The estimates bound the true errors but for this factor.
constexpr double kEstimateFactor = 3;

TEST(NumericalDual, ReferenceValuesUpToVariance10) {
  for (const auto& [name, rows] : groups(10)) {
    SCOPED_TRACE(name);
    const Function f = *function_of(rows[0]);
    if (shifted(f)) continue;
    const NumericalDual dual(f.fn, f.breakpoints, range_of(rows));
    const Errors e = errors<double, nngp_tile_f64>(dual, f, rows);
    EXPECT_LT(e.nngp, 1e-10);
    EXPECT_LT(e.d_nngp, 1e-10);
    EXPECT_LT(e.nngp, kEstimateFactor * dual.error_estimate_nngp());
    EXPECT_LT(e.d_nngp, kEstimateFactor * dual.error_estimate_d_nngp());
    EXPECT_LT(dual.error_estimate_nngp(), 1e-10);
    EXPECT_LT(dual.error_estimate_d_nngp(), 1e-10);
  }
}

TEST(NumericalDual, ReferenceValuesUpToVariance100) {
  const std::vector<std::string> names{"Tanh",     "Sigmoid", "Softplus", "Swish", "Mish",
                                       "Softsign", "Exp",     "Relu",     "Gelu",  "Sign"};
  for (const auto& [name, rows] : groups(101)) {
    SCOPED_TRACE(name);
    if (std::find(names.begin(), names.end(), rows[0].activation) == names.end()) continue;
    const Function f = *function_of(rows[0]);
    const NumericalDual dual(f.fn, f.breakpoints, range_of(rows));
    const Errors e = errors<double, nngp_tile_f64>(dual, f, rows);
    EXPECT_LT(e.nngp, 1e-10);
    EXPECT_LT(e.d_nngp, 1e-10);
    EXPECT_LT(e.nngp, kEstimateFactor * dual.error_estimate_nngp());
    EXPECT_LT(e.d_nngp, kEstimateFactor * dual.error_estimate_d_nngp());
  }
}

TEST(NumericalDual, ReferenceValuesInFloat32) {
  const std::vector<std::string> names{"Tanh", "Sigmoid",  "Softplus", "Swish",
                                       "Mish", "Softsign", "Gelu"};
  for (auto& [name, rows] : groups(10)) {
    SCOPED_TRACE(name);
    if (std::find(names.begin(), names.end(), rows[0].activation) == names.end()) continue;
    const Function f = *function_of(rows[0]);
    const NumericalDual dual(f.fn, f.breakpoints, range_of(rows), {.tolerance = 1e-6, .single = true});
    const Errors e = errors<float, nngp_tile_f32>(dual, f, rows);
    EXPECT_LT(e.nngp, 3e-6);
    // Rounding the inputs moves the angle of nearly parallel ones, which a kink feels.
    if (f.breakpoints.empty()) {
      EXPECT_LT(e.d_nngp, 3e-6);
    }
  }
}

}  // namespace
}  // namespace nngp::test
