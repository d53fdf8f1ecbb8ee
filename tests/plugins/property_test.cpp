// What holds for every activation, checked for all libraries in the plugin folder through the C ABI.

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>

#include "golden.hpp"
#include "one_entry.hpp"

namespace nngp::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// An activation and values for its parameters.
struct Case {
  std::string name;
  Values values;
  std::string label;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.label; }

/// Any allowed value.
std::vector<double> some_value(const nngp_parameter& p) {
  if (p.kind == NNGP_LIST) return {0.1, 0.5, -1.0};
  const double low = std::isfinite(p.minimum) ? p.minimum : -1;
  const double high = std::isfinite(p.maximum) ? std::min(p.maximum, low + 2) : low + 2;
  const double middle = low + 0.6 * (high - low);
  return {p.kind == NNGP_NUMBER ? middle : std::round(middle)};
}

/// Every activation with the parameters of the reference values, or else with some.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const PluginActivation& a : shipped_activations()) {
    std::set<std::string> seen;
    for (const GoldenRow& row : golden_rows()) {
      if (row.activation == a.table->name && seen.insert(row.params).second) {
        all.push_back({a.table->name, row.values(), row.activation + "(" + row.params + ")"});
      }
    }
    if (seen.empty()) {
      Values values;
      for (std::size_t i = 0; i < a.table->parameter_count; ++i) {
        const nngp_parameter& p = *a.table->parameters[i];
        if (!p.default_value) values[p.name] = some_value(p);
      }
      all.push_back({a.table->name, values, std::string(a.table->name) + "()"});
    }
  }
  return all;
}

class Properties : public testing::TestWithParam<Case> {
 protected:
  const nngp_activation& table_ = *find_activation(GetParam().name);
  const Instance f_{table_, GetParam().values};

  bool has_kernel() const { return table_.nngp_fn; }
  bool has_d_kernel() const { return table_.d_nngp_fn; }

  double size(double v1, double v2) const {
    return std::sqrt(f_.nngp_fn(v1, v1, v1)) * std::sqrt(f_.nngp_fn(v2, v2, v2));
  }
  double d_size(double v1, double v2) const {
    return std::sqrt(f_.d_nngp_fn(v1, v1, v1)) * std::sqrt(f_.d_nngp_fn(v2, v2, v2));
  }

  std::vector<nngp_breakpoint> breakpoints() const {
    std::vector<nngp_breakpoint> points(16);
    points.resize(table_.breakpoints ? table_.breakpoints(f_.get(), points.data(), points.size()) : 0);
    return points;
  }
  bool has_jumps() const {
    for (const nngp_breakpoint& b : breakpoints()) {
      if (b.order == 0) return true;
    }
    return false;
  }

  /// Variances for which the kernel is an expectation: any, but Hermite wants 1. Not so large that
  /// exp(0.05 x^2) has none.
  std::pair<double, double> variances() const {
    return GetParam().name == "Hermite" ? std::pair{1.0, 1.0} : std::pair{0.7, 1.9};
  }
};

// ---- The kernel as a function ---------------------------------------------------------------------

TEST_P(Properties, TheKernelIsSymmetric) {
  if (!has_kernel()) GTEST_SKIP() << "no nngp_fn";
  for (const double rho : {-1.0, -0.9, -0.3, 0.0, 0.5, 0.99, 1.0}) {
    for (const auto& [v1, v2] : {std::pair{0.4, 2.0}, {1e-6, 1.5}, {0.3, 0.31}, {1.0, 0.0}}) {
      const double c = rho * std::sqrt(v1 * v2);
      EXPECT_NEAR(f_.nngp_fn(c, v1, v2), f_.nngp_fn(c, v2, v1), 1e-15 * size(v1, v2)) << rho;
      if (has_d_kernel() && v2 > 0) {
        EXPECT_NEAR(f_.d_nngp_fn(c, v1, v2), f_.d_nngp_fn(c, v2, v1), 2e-15 * d_size(v1, v2)) << rho;
      }
    }
  }
}

TEST_P(Properties, TheKernelObeysCauchyAndSchwarz) {
  if (!has_kernel()) GTEST_SKIP() << "no nngp_fn";
  std::mt19937 random(1);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (int i = 0; i < 300; ++i) {
    const double v1 = std::pow(10, 2 * unit(random) - 1), v2 = std::pow(10, 2 * unit(random) - 1);
    const double rho = i % 3 ? unit(random) : std::copysign(1, unit(random));
    const double c = rho * std::sqrt(v1 * v2);
    EXPECT_LE(std::abs(f_.nngp_fn(c, v1, v2)), size(v1, v2) * (1 + 1e-14));
    if (!has_d_kernel()) continue;
    EXPECT_LE(std::abs(f_.d_nngp_fn(c, v1, v2)), d_size(v1, v2) * (1 + 1e-14));
  }
}

TEST_P(Properties, TheKernelMatrixIsPositiveSemidefinite) {
  if (!has_kernel()) GTEST_SKIP() << "no nngp_fn";
  std::mt19937 random(2);
  std::normal_distribution<double> normal(0, 0.8);
  Eigen::MatrixXd x = Eigen::MatrixXd::NullaryExpr(24, 4, [&] { return normal(random); });
  x.row(5) = x.row(4);         // a duplicate,
  x.row(6) = -x.row(4);        // an opposite,
  x.row(7) = 0.25 * x.row(4);  // a parallel
  const Eigen::MatrixXd covariance = x * x.transpose();
  Eigen::MatrixXd kernel(x.rows(), x.rows());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index j = 0; j < x.rows(); ++j) {
      kernel(i, j) = f_.nngp_fn(covariance(i, j), covariance(i, i), covariance(j, j));
    }
  }
  ASSERT_FALSE(kernel.hasNaN());
  if (!kernel.allFinite()) GTEST_SKIP() << "infinite at such variances";
  const Eigen::VectorXd eigenvalues =
      Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(kernel, Eigen::EigenvaluesOnly).eigenvalues();
  EXPECT_GE(eigenvalues.minCoeff(), -1e-13 * eigenvalues.maxCoeff());
}

TEST_P(Properties, TheDerivativeIsThatOfTheKernel) {
  if (!has_d_kernel() || has_jumps()) GTEST_SKIP() << "no d_nngp_fn that is the derivative";
  const auto [v1, v2] = variances();
  for (const double rho : {-0.8, -0.4, 0.0, 0.3, 0.85}) {
    const double unit = std::sqrt(v1 * v2), h = 2e-3 * unit, c = rho * unit;
    const auto difference = [&, v1 = v1, v2 = v2](double step) {
      return (f_.nngp_fn(c + step, v1, v2) - f_.nngp_fn(c - step, v1, v2)) / (2 * step);
    };
    const double slope = (difference(2 * h) - 4 * difference(h)) / -3;
    EXPECT_NEAR(f_.d_nngp_fn(c, v1, v2), slope, 1e-8 * (d_size(v1, v2) + size(v1, v2))) << rho;
  }
}

// ---- The kernel as an expectation -----------------------------------------------------------------

/// Nodes and weights for an integral over (low, high): Gauss and Legendre's rule with 16 nodes on
/// panels between the given points, none longer than 1.
std::vector<std::pair<double, double>> rule(double low, double high, std::vector<double> points) {
  constexpr double node[] = {0.0950125098376374402, 0.2816035507792589132, 0.4580167776572273863,
                             0.6178762444026437484, 0.7554044083550030339, 0.8656312023878317439,
                             0.9445750230732325761, 0.9894009349916499326};
  constexpr double weight[] = {0.1894506104550684963, 0.1826034150449235888, 0.1691565193950025382,
                               0.1495959888165767321, 0.1246289712555338720, 0.0951585116824927848,
                               0.0622535239386478929, 0.0271524594117540949};
  points.push_back(low);
  points.push_back(high);
  std::erase_if(points, [&](double p) { return p < low || p > high; });
  std::sort(points.begin(), points.end());
  std::vector<std::pair<double, double>> nodes;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const double length = points[i + 1] - points[i];
    const int panels = static_cast<int>(std::ceil(length / 1.5));
    for (int k = 0; k < panels; ++k) {
      const double half = 0.5 * length / panels, middle = points[i] + (2 * k + 1) * half;
      for (int n = 0; n < 8; ++n) {
        nodes.emplace_back(middle - half * node[n], half * weight[n]);
        nodes.emplace_back(middle + half * node[n], half * weight[n]);
      }
    }
  }
  return nodes;
}

template <class F>
double expectation(F f, const std::vector<nngp_breakpoint>& kinks, double rho, double v1, double v2) {
  const double s1 = std::sqrt(v1), s2 = std::sqrt(v2), s = std::sqrt(1 - rho * rho);
  const auto density = [](double u) { return 0.39894228040143267794 * std::exp(-u * u / 2); };
  const auto kinks_of = [&](double center, double scale) {
    std::vector<double> points;
    for (const nngp_breakpoint& b : kinks) points.push_back((b.x - center) / scale);
    return points;
  };
  constexpr double range = 10;
  double sum = 0;
  for (const auto& [u, wu] : rule(-range, range, kinks_of(0, s1))) {
    double inner = 0;
    for (const auto& [w, ww] : rule(-range, range, kinks_of(rho * s2 * u, s * s2))) {
      inner += ww * density(w) * f(s2 * (rho * u + s * w));
    }
    sum += wu * density(u) * f(s1 * u) * inner;
  }
  return sum;
}

TEST_P(Properties, TheKernelsAreExpectations) {
  if (!has_kernel() || !table_.fn || !table_.d_fn) GTEST_SKIP() << "no nngp_fn, fn or d_fn";
  const auto [v1, v2] = variances();
  const std::vector<nngp_breakpoint> kinks = breakpoints();
  for (const double rho : {-0.6, 0.45}) {
    const double c = rho * std::sqrt(v1 * v2);
    const double k = expectation([&](double x) { return f_.fn(x); }, kinks, rho, v1, v2);
    EXPECT_NEAR(f_.nngp_fn(c, v1, v2), k, 1e-11 * size(v1, v2)) << rho;
    if (!has_d_kernel()) continue;
    const double d = expectation([&](double x) { return f_.d_fn(x); }, kinks, rho, v1, v2);
    EXPECT_NEAR(f_.d_nngp_fn(c, v1, v2), d, 1e-11 * d_size(v1, v2)) << rho;
  }
}

// ---- fn -------------------------------------------------------------------------------------------

TEST_P(Properties, TheDerivativeOfFnIsThat) {
  if (!table_.fn || !table_.d_fn) GTEST_SKIP() << "no fn or d_fn";
  const std::vector<nngp_breakpoint> kinks = breakpoints();
  for (double x = -4.03; x < 4; x += 0.11) {
    const double h = 1e-3;
    bool near_kink = false;
    for (const nngp_breakpoint& b : kinks) near_kink = near_kink || std::abs(x - b.x) < 3 * h;
    if (near_kink) continue;
    const auto difference = [&](double step) {
      return (f_.fn(x + step) - f_.fn(x - step)) / (2 * step);
    };
    const double slope = (difference(2 * h) - 4 * difference(h)) / -3;
    EXPECT_NEAR(f_.d_fn(x), slope, 1e-8 * (1 + std::abs(slope) + std::abs(f_.fn(x)))) << x;
  }
  for (const double x : {-1e3, -40.0, 40.0, 1e3}) EXPECT_FALSE(std::isnan(f_.d_fn(x))) << x;
}

/// The derivative of a break point's order jumps there, and none below: one-sided differences of fn.
TEST_P(Properties, BreakpointsHaveTheirOrder) {
  constexpr double step = 2e-4, continuous = 0.02, jump = 0.05;
  constexpr std::uint32_t highest = 3;
  const auto difference = [&](double x, std::uint32_t order, double h) {
    double sum = 0, binomial = 1;  // from a little beside x, where fn is that of the side
    for (std::uint32_t i = 0; i <= order; ++i) {
      sum += ((order - i) % 2 == 0 ? 1 : -1) * binomial * f_.fn(x + (i + 1e-6) * h);
      binomial = binomial * (order - i) / (i + 1);
    }
    return sum / std::pow(h, order);
  };
  for (const nngp_breakpoint& b : breakpoints())
    for (std::uint32_t order = 0; order <= std::min(b.order, highest); ++order) {
      const double right = difference(b.x, order, step), left = difference(b.x, order, -step);
      SCOPED_TRACE(testing::Message() << b.x << ", derivative " << order);
      if (order < b.order) {
        EXPECT_NEAR(right, left, continuous);
      } else {
        EXPECT_GT(std::abs(right - left), jump);
      }
    }
}

TEST_P(Properties, BreakpointsIncrease) {
  const std::vector<nngp_breakpoint> kinks = breakpoints();
  for (std::size_t i = 1; i < kinks.size(); ++i) EXPECT_LT(kinks[i - 1].x, kinks[i].x);
  if (table_.breakpoints && !kinks.empty()) {  // a small buffer is not overrun
    nngp_breakpoint one[2] = {{0, 0, 0}, {nan, 7, 0}};
    EXPECT_EQ(table_.breakpoints(f_.get(), one, 1), kinks.size());
    EXPECT_EQ(one[1].order, 7u);
  }
}

// ---- Special arguments ----------------------------------------------------------------------------

TEST_P(Properties, NanGivesNan) {
  if (table_.fn && f_.fn(0.3) != f_.fn(-1.1)) {
    EXPECT_TRUE(std::isnan(f_.fn(nan)));
  }
  const auto check = [](const char* what, auto kernel) {
    const double at[] = {0.2, 0.9, 1.2}, other[] = {0.31, 0.7, 1.6};
    for (int i = 0; i < 3; ++i) {
      double x[] = {at[0], at[1], at[2]};
      x[i] = other[i];
      if (kernel(x[0], x[1], x[2]) == kernel(at[0], at[1], at[2])) continue;  // does not depend on it
      x[i] = nan;
      EXPECT_TRUE(std::isnan(kernel(x[0], x[1], x[2]))) << what << " argument " << i;
    }
  };
  if (has_kernel()) check("nngp_fn", [&](auto... x) { return f_.nngp_fn(x...); });
  if (has_d_kernel()) check("d_nngp_fn", [&](auto... x) { return f_.d_nngp_fn(x...); });
}

/// A kernel is finite where it is on both diagonals, and not larger than these allow.
template <class Kernel>
void expect_sane(const char* what, Kernel kernel, double c, double v1, double v2) {
  const double k = kernel(c, v1, v2), k1 = kernel(v1, v1, v1), k2 = kernel(v2, v2, v2);
  EXPECT_FALSE(std::isnan(k1)) << what << " at " << v1;
  if (std::isfinite(k1) && std::isfinite(k2)) {
    EXPECT_TRUE(std::isfinite(k)) << what << " at " << c << ", " << v1 << ", " << v2 << " is " << k;
    // Digits may be lost to underflow, and by some to cancellation where the deviation is far beyond
    // the kinks of fn.
    if (std::min(k1, k2) < 1e-30 || std::min(v1, v2) < 1e-37 || std::max(v1, v2) > 1e6) return;
    EXPECT_LE(std::abs(k), std::sqrt(k1) * std::sqrt(k2) * (1 + 1e-5))
        << what << " at " << c << ", " << v1 << ", " << v2;
  }
}

TEST_P(Properties, ExtremeVariancesGiveNoNan) {
  if (!has_kernel()) GTEST_SKIP() << "no nngp_fn";
  const double sizes[] = {0, 1e-310, 1e-200, 1e-100, 1e-20, 1, 1e20, 1e100, 1e200, 1e300};
  for (const double v1 : sizes) {
    for (const double v2 : sizes) {
      for (const double rho : {-1.0, -0.5, 0.0, 0.7, 1.0}) {
        const double c = v1 == v2 ? rho * v1 : rho * std::sqrt(v1) * std::sqrt(v2);
        expect_sane(
            "nngp_fn", [&](auto... x) { return f_.nngp_fn(x...); }, c, v1, v2);
        if (has_d_kernel() && v1 > 0 && v2 > 0) {
          expect_sane(
              "d_nngp_fn", [&](auto... x) { return f_.d_nngp_fn(x...); }, c, v1, v2);
        }
      }
    }
  }
}

TEST_P(Properties, CovariancesBeyondTheBoundaryCountAsOnIt) {
  if (!has_kernel()) GTEST_SKIP() << "no nngp_fn";
  for (const double v : {1e-6, 0.8, 30.0}) {
    for (const double sign : {-1.0, 1.0}) {
      const double on = f_.nngp_fn(sign * v, v, v), beyond = f_.nngp_fn(sign * v * (1 + 4e-16), v, v);
      if (!std::isfinite(on)) continue;
      // At large variances a covariance's rounding shows in a sine, as v times as much.
      EXPECT_NEAR(on, beyond, 1e-14 * (1 + v) * size(v, v));
      if (!has_d_kernel()) continue;
      const double d_on = f_.d_nngp_fn(sign * v, v, v),
                   d_beyond = f_.d_nngp_fn(sign * v * (1 + 4e-16), v, v);
      EXPECT_NEAR(d_on, d_beyond, 1e-13 * (1 + v) * d_size(v, v));
    }
  }
}

// ---- Tiles ----------------------------------------------------------------------------------------

/// A tile of covariances with everything around it, so that stray writes show.
template <class Real>
struct PaddedTile {
  static constexpr std::size_t rows = 4, cols = 45, ld = 53;
  std::vector<Real> cov12, var1, var2, nngp, d_nngp, ntk;

  PaddedTile()
      : cov12(rows * ld), var1(rows), var2(cols), nngp(rows * ld), d_nngp(rows * ld), ntk(rows * ld) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> variance(0.1, 2), rho(-1, 1);
    for (Real& v : var1) v = static_cast<Real>(variance(random));
    for (Real& v : var2) v = static_cast<Real>(variance(random));
    var1[1] = 0;
    var1[2] = sizeof(Real) == 8 ? Real(1e180) : Real(1e25);
    var2[7] = sizeof(Real) == 8 ? Real(1e-200) : Real(1e-30);
    var2[8] = sizeof(Real) == 8 ? Real(1e200) : Real(1e30);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < ld; ++j) {
        const Real v2 = var2[std::min(j, cols - 1)];
        const double r = j % 5 ? rho(random) : std::copysign(1, rho(random));
        cov12[i * ld + j] = static_cast<Real>(r) * std::sqrt(var1[i]) * std::sqrt(v2);
        nngp[i * ld + j] = d_nngp[i * ld + j] = static_cast<Real>(-77 - static_cast<int>(j));
        ntk[i * ld + j] = static_cast<Real>(rho(random));
      }
    }
  }

  /// The part that begins at (i, j).
  template <class Tile>
  Tile part(std::size_t i, std::size_t j, std::size_t part_rows, std::size_t part_cols) {
    Tile tile{};
    tile.struct_size = sizeof tile;
    tile.rows = part_rows;
    tile.cols = part_cols;
    tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = tile.ntk_ld = ld;
    tile.cov12 = cov12.data() + i * ld + j;
    tile.var1 = var1.data() + i;
    tile.var2 = var2.data() + j;
    tile.nngp = nngp.data() + i * ld + j;
    tile.d_nngp = d_nngp.data() + i * ld + j;
    tile.ntk = ntk.data() + i * ld + j;
    tile.cov_scale = Real(0.75);
    tile.cov_shift = Real(0.125);
    tile.ntk_cov = Real(0.3);
    tile.ntk_scale = Real(1.7);
    tile.ntk_shift = Real(0.01);
    return tile;
  }
};

template <class Real>
::testing::AssertionResult same_bits(const std::vector<Real>& a, const std::vector<Real>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(Real)) != 0) {
      return ::testing::AssertionFailure() << "element " << i << ": " << a[i] << ", " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

template <class Tile, class Real>
void check_tiles(void (*entry)(const void*, const Tile*), const Instance& f) {
  using Padded = PaddedTile<Real>;
  Padded whole;
  const Tile all = whole.template part<Tile>(0, 0, Padded::rows, Padded::cols);
  entry(f.get(), &all);

  // Nothing is written outside.
  const Padded fresh;
  for (std::size_t i = 0; i < Padded::rows; ++i) {
    for (std::size_t j = Padded::cols; j < Padded::ld; ++j) {
      EXPECT_EQ(whole.nngp[i * Padded::ld + j], fresh.nngp[i * Padded::ld + j]);
      EXPECT_EQ(whole.d_nngp[i * Padded::ld + j], fresh.d_nngp[i * Padded::ld + j]);
      EXPECT_EQ(whole.ntk[i * Padded::ld + j], fresh.ntk[i * Padded::ld + j]);
    }
  }
  EXPECT_TRUE(same_bits(whole.cov12, fresh.cov12));

  // The same, bit for bit, in pieces of any shape and alignment ...
  for (const std::size_t width : {1, 3, 8, 17, 40}) {
    Padded pieces;
    for (std::size_t i = 0; i < Padded::rows; ++i) {
      for (std::size_t j = 0; j < Padded::cols; j += width) {
        const Tile piece = pieces.template part<Tile>(i, j, 1, std::min(width, Padded::cols - j));
        entry(f.get(), &piece);
      }
    }
    EXPECT_TRUE(same_bits(whole.nngp, pieces.nngp)) << width;
    EXPECT_TRUE(same_bits(whole.d_nngp, pieces.d_nngp)) << width;
    EXPECT_TRUE(same_bits(whole.ntk, pieces.ntk)) << width;
  }

  // ... with nngp alone, in place of the covariances ...
  Padded alone;
  Tile tile = alone.template part<Tile>(0, 0, Padded::rows, Padded::cols);
  tile.d_nngp = tile.ntk = nullptr;
  tile.nngp = alone.cov12.data();
  entry(f.get(), &tile);
  // ... or the derivative there.
  Padded derivative;
  tile = derivative.template part<Tile>(0, 0, Padded::rows, Padded::cols);
  tile.ntk = nullptr;
  tile.d_nngp = derivative.cov12.data();
  entry(f.get(), &tile);

  for (std::size_t i = 0; i < Padded::rows; ++i) {
    for (std::size_t j = 0; j < Padded::cols; ++j) {
      const std::size_t at = i * Padded::ld + j;
      EXPECT_EQ(std::memcmp(&alone.cov12[at], &whole.nngp[at], sizeof(Real)), 0) << i << ", " << j;
      EXPECT_EQ(std::memcmp(&derivative.cov12[at], &whole.d_nngp[at], sizeof(Real)), 0)
          << i << ", " << j;
      // The recursion of the NTK.
      const double d = whole.d_nngp[at];
      const double t = 0.3 * fresh.cov12[at] + 1.7 * fresh.ntk[at] + 0.01;
      const double parts = 0.3 * std::abs(fresh.cov12[at]) + 1.7 * std::abs(fresh.ntk[at]) + 0.01;
      if (std::isfinite(static_cast<Real>(d * t))) {
        EXPECT_NEAR(whole.ntk[at], d * t,
                    4 * std::numeric_limits<Real>::epsilon() * std::abs(d) * parts);
      }
    }
  }
}

TEST_P(Properties, TilesAreSumsOfTheirEntries) {
  for (const nngp_tile_variant& variant : tile_variants(table_)) {
    SCOPED_TRACE(variant.instruction_set);
    check_tiles<nngp_tile_f64, double>(variant.tile_f64, f_);
    check_tiles<nngp_tile_f32, float>(variant.tile_f32, f_);
  }
}

/// Results written by the entry against what the Dense layer makes of the tile it fills otherwise.
template <class Tile, class Output, class Real>
void check_output(void (*entry)(const void*, const Tile*), const Instance& f, bool fma) {
  using Padded = PaddedTile<Real>;
  constexpr std::size_t cols = 32, ld = 48;
  struct Results {
    alignas(64) Real nngp[Padded::rows * ld], ntk[Padded::rows * ld];
  };
  // Of variances for which all is finite.
  const auto usual = [] {
    Padded block;
    block.var1[1] = block.var1[2] = Real(0.5);
    block.var2[7] = block.var2[8] = Real(0.9);
    for (std::size_t i = 0; i < Padded::rows; ++i)
      for (std::size_t j = 0; j < Padded::ld; ++j) block.cov12[i * Padded::ld + j] = Real(0.03);
    return block;
  };
  const auto offer = [](Results& results) {
    Output output{};
    output.struct_size = sizeof output;
    output.nngp = results.nngp;
    output.ntk = results.ntk;
    output.ld = ld;
    output.cov_scale = Real(0.6), output.cov_shift = Real(0.25);
    output.ntk_cov = Real(0.3), output.ntk_scale = Real(1.7), output.ntk_shift = Real(0.01);
    return output;
  };
  Padded apart = usual();
  const Tile plain = apart.template part<Tile>(0, 0, Padded::rows, cols);
  entry(f.get(), &plain);

  const auto fill = [&](Output output, std::size_t columns, std::size_t struct_size) {
    Padded block = usual();
    Tile tile = block.template part<Tile>(0, 0, Padded::rows, columns);
    tile.d_nngp = nullptr;
    tile.output = &output;
    tile.struct_size = struct_size;
    entry(f.get(), &tile);
    if (!output.taken) {
      EXPECT_EQ(block.nngp[0], apart.nngp[0]) << "a tile whose output is not taken is filled";
    }
    return output;
  };
  Results results, part;
  for (Results* r : {&results, &part})
    for (std::size_t at = 0; at < Padded::rows * ld; ++at) r->nngp[at] = r->ntk[at] = -77;
  Output output = fill(offer(results), cols, sizeof(Tile));
  EXPECT_EQ(output.taken, 1u);
  EXPECT_EQ(output.not_finite, 0u);
  // In pieces, of which some are not written vector by vector: the host's part.
  EXPECT_EQ(fill(offer(part), 15, sizeof(Tile)).taken, 0u);
  EXPECT_EQ(fill(offer(part), cols, offsetof(Tile, output)).taken, 0u);
  output = offer(part);
  output.ntk += 1;
  EXPECT_EQ(fill(output, cols, sizeof(Tile)).taken, 0u);
  EXPECT_EQ(part.nngp[0], Real(-77));
  output = offer(part);
  output.nngp = nullptr;
  EXPECT_EQ(fill(output, cols, sizeof(Tile)).taken, 1u);
  EXPECT_EQ(part.nngp[0], Real(-77));
  Results spoiled;
  output = offer(spoiled);
  output.nngp = nullptr;
  output.cov_shift = std::numeric_limits<Real>::infinity();
  EXPECT_EQ(fill(output, cols, sizeof(Tile)).not_finite, 1u);

  const auto dense = [&](Real a, Real b, Real c) { return fma ? std::fma(a, b, c) : a * b + c; };
  for (std::size_t i = 0; i < Padded::rows; ++i)
    for (std::size_t j = 0; j < ld; ++j) {
      const Real k = apart.nngp[i * Padded::ld + j], t = apart.ntk[i * Padded::ld + j];
      const bool inside = j < cols;
      const Real ntk = dense(Real(0.3), k, dense(Real(1.7), t, Real(0.01)));
      EXPECT_EQ(results.nngp[i * ld + j], inside ? dense(Real(0.6), k, Real(0.25)) : Real(-77));
      EXPECT_EQ(results.ntk[i * ld + j], inside ? ntk : Real(-77));
      EXPECT_EQ(part.ntk[i * ld + j], inside ? ntk : Real(-77));
    }
}

TEST_P(Properties, TilesWriteTheOutput) {
  if (!has_d_kernel()) GTEST_SKIP() << "no d_nngp_fn";
  for (const nngp_tile_variant& variant : tile_variants(table_)) {
    SCOPED_TRACE(variant.instruction_set);
    const bool fma = variant.instruction_set != std::string_view("sse2");
    check_output<nngp_tile_f64, nngp_output_f64, double>(variant.tile_f64, f_, fma);
    check_output<nngp_tile_f32, nngp_output_f32, float>(variant.tile_f32, f_, fma);
  }
}

TEST_P(Properties, TheScalarIsATileOfOne) {
  for (const nngp_tile_variant& variant : tile_variants(table_)) {
    SCOPED_TRACE(variant.instruction_set);
    using Padded = PaddedTile<double>;
    Padded block;
    nngp_tile_f64 tile = block.part<nngp_tile_f64>(0, 0, Padded::rows, Padded::cols);
    tile.cov_scale = 1;
    tile.cov_shift = 0;
    variant.tile_f64(f_.get(), &tile);
    Padded best;
    nngp_tile_f64 same = best.part<nngp_tile_f64>(0, 0, Padded::rows, Padded::cols);
    same.cov_scale = 1;
    same.cov_shift = 0;
    table_.tile_f64(f_.get(), &same);
    for (std::size_t i = 0; i < Padded::rows; ++i) {
      for (std::size_t j = 0; j < Padded::cols; ++j) {
        const std::size_t at = i * Padded::ld + j;
        const double c = block.cov12[at], v1 = block.var1[i], v2 = block.var2[j];
        EXPECT_EQ(std::bit_cast<std::uint64_t>(f_.nngp_fn(c, v1, v2)),
                  std::bit_cast<std::uint64_t>(best.nngp[at]));
        EXPECT_EQ(std::bit_cast<std::uint64_t>(f_.d_nngp_fn(c, v1, v2)),
                  std::bit_cast<std::uint64_t>(best.d_nngp[at]));
        if (const double all = size(v1, v2); std::isfinite(all) && std::max(v1, v2) < 1e6) {
          EXPECT_NEAR(block.nngp[at], best.nngp[at], 1e-13 * (all + std::abs(best.nngp[at])));
        }
      }
    }
  }
}

TEST_P(Properties, ExtremeVariancesGiveNoNanInFloat) {
  const float sizes[] = {0, 1e-39f, 1e-30f, 1e-15f, 1, 1e15f, 1e30f, 1e37f};
  for (const nngp_tile_variant& variant : tile_variants(table_)) {
    SCOPED_TRACE(variant.instruction_set);
    for (const bool derivative : {false, true}) {
      const auto kernel = [&](float c, float v1, float v2) {
        const auto [nngp, d_nngp] = one_entry<nngp_tile_f32>(
            c, v1, v2, [&](const nngp_tile_f32& tile) { variant.tile_f32(f_.get(), &tile); });
        return derivative ? d_nngp : nngp;
      };
      for (const float v1 : sizes) {
        for (const float v2 : sizes) {
          if (derivative && (v1 == 0 || v2 == 0)) continue;
          for (const float rho : {-1.0f, -0.5f, 0.0f, 0.7f, 1.0f}) {
            const float c = v1 == v2 ? rho * v1 : rho * std::sqrt(v1) * std::sqrt(v2);
            expect_sane(
                derivative ? "d_nngp_fn" : "nngp_fn",
                [&](auto... x) { return kernel(static_cast<float>(x)...); }, c, v1, v2);
          }
        }
      }
    }
  }
}

// ---- Parameters -----------------------------------------------------------------------------------

TEST_P(Properties, RefusesBadParameters) {
  for (std::size_t i = 0; i < table_.parameter_count; ++i) {
    const nngp_parameter& p = *table_.parameters[i];
    std::vector<double> bad = {nan, inf, -inf};
    if (p.kind == NNGP_INTEGER || p.kind == NNGP_BOOLEAN) bad.push_back(0.5);
    if (p.kind == NNGP_BOOLEAN) bad.push_back(2);
    if (std::isfinite(p.minimum)) bad.push_back(p.minimum - 1);
    if (std::isfinite(p.maximum)) bad.push_back(p.maximum + 1);
    if (p.flags & NNGP_MINIMUM_EXCLUDED) bad.push_back(p.minimum);
    for (const double value : bad) {
      Values values = GetParam().values;
      values[p.name] = {value};
      try {
        const Instance made(table_, values);
        ADD_FAILURE() << p.name << " = " << value << " was accepted";
      } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find(p.name), std::string::npos) << error.what();
      }
    }
  }
  if (table_.parameter_count == 0) GTEST_SKIP() << "no parameters";
  std::vector<nngp_value> too_many(table_.parameter_count + 1);
  char error[8] = "";
  EXPECT_EQ(table_.create(too_many.data(), too_many.size(), error, sizeof error), nullptr);
  EXPECT_GT(std::strlen(error), 0u);
  EXPECT_EQ(table_.create(too_many.data(), too_many.size(), nullptr, 0), nullptr);
}

TEST_P(Properties, TheTableIsFilled) {
  EXPECT_STRNE(table_.name, "");
  EXPECT_STRNE(table_.summary, "");
  EXPECT_STRNE(table_.formula, "");
  EXPECT_STRNE(table_.version, "");
  EXPECT_STRNE(table_.author, "");
  EXPECT_STRNE(table_.license, "");
  EXPECT_EQ(table_.required_features, 0u);
  if (table_.get_extension) {
    EXPECT_EQ(table_.get_extension("nngp.no_such_thing/1"), nullptr);
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, Properties, testing::ValuesIn(cases()), [](const auto& info) {
  return info.param.name + "_" + std::to_string(info.index);
});

}  // namespace
}  // namespace nngp::test
