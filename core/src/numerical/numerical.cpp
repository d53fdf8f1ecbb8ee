#include "nngp/numerical.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "numerical/arguments.hpp"
#include "numerical/evaluate.hpp"
#include "numerical/pairwise.hpp"
#include "numerical/scalar_function.hpp"
#include "numerical/table.hpp"
#include "parallel.hpp"
#include "simd/dispatch.hpp"

namespace nngp {

struct NumericalDual::Tables {
  struct Deviations {
    double low, high;
    double least;  ///< above 0

    explicit Deviations(const VarianceRange& variances)
        : low(std::sqrt(variances.min)), high(std::sqrt(variances.max)), least(low) {
      constexpr double smallest = 1e-12;  // of the largest, where the least is not known
      if (low == 0) least = variances.positive > 0 ? std::sqrt(variances.positive) : smallest * high;
    }
  };

  numerical::Table<double> f64;
  numerical::Table<float> f32;
  std::unique_ptr<numerical::Pairwise> pairwise;  ///< instead, if there is one
  numerical::TableError error;
  double noise = 0;
  std::vector<nngp_breakpoint> breakpoints;
  std::size_t calls = 0;
  double unit = 1;  ///< of x in all of the above

  static std::shared_ptr<Tables> make(const std::function<double(double)>& fn,
                                      const std::optional<std::vector<nngp_breakpoint>>& breakpoints,
                                      VarianceRange variances, const Options& options);
  /// Null if they would take too many terms, or too many calls of fn.
  static std::shared_ptr<Tables> make_tables(
      const numerical::ScalarFunction& function, const std::function<double(double)>& fn,
      const std::optional<std::vector<nngp_breakpoint>>& breakpoints, const Deviations& deviations,
      const Options& options, double tolerance);
  static std::shared_ptr<Tables> make_pairwise(
      const std::function<double(double)>& fn,
      const std::optional<std::vector<nngp_breakpoint>>& breakpoints, const Deviations& deviations,
      const Options& options);

  const numerical::Table<double>& table(double) const { return f64; }
  const numerical::Table<float>& table(float) const { return f32; }
  /// In the unit of the tables.
  template <class Real>
  void fill(const numerical::Tile<Real>& tile, ColumnCache<Real>& memory) const;
};

namespace {

/// The largest errors.
template <class Check>
numerical::TableError worst_of(const std::vector<Check>& checks) {
  double worst[2] = {0, 0};
  for (const Check& check : checks)
    for (numerical::Channel channel : {numerical::nngp, numerical::d_nngp})
      worst[channel] = numerical::worse(worst[channel], check.error[channel]);
  return {worst[numerical::nngp], worst[numerical::d_nngp]};
}

/// What the tables miss by where inputs are parallel, the worst place: there expectations are integrals
/// over a line, and done by quadrature. Deviations are the ends of the range and two off the nodes.
template <class Real, class Evaluate>
numerical::TableError error_on_lines(const Evaluate& evaluate, const numerical::ScalarFunction& fn,
                                     double sigma_min, double sigma_max) {
  const auto variance_at = [&](double at) {
    return static_cast<Real>(std::pow(sigma_min + at * (sigma_max - sigma_min), 2));
  };
  struct Point {
    Real variance;
    double sigma;
    double norm[2];
  };
  std::vector<Point> points;
  for (double at : {1.0, 0.63, 0.17, 0.0}) {
    if (variance_at(at) <= 0 || (at < 1 && sigma_min == sigma_max)) continue;
    Point p{variance_at(at), std::sqrt(static_cast<double>(variance_at(at))), {}};
    for (numerical::Channel channel : {numerical::nngp, numerical::d_nngp})
      p.norm[channel] = std::sqrt(fn.expectation_on_line(channel, p.sigma, p.sigma));
    points.push_back(p);
  }
  struct Check {
    const Point *p, *q;
    double sign;
    double error[2] = {0, 0};
  };
  std::vector<Check> checks;
  for (std::size_t i = 0; i < points.size(); ++i)
    for (double sign : {1.0, -1.0}) {
      checks.push_back({&points[i], &points[i], sign});
      if (i > 0) checks.push_back({&points[i - 1], &points[i], sign});
    }
  parallel_for(checks.size(), [&](std::size_t i) {
    Check& check = checks[i];
    const Point &p = *check.p, &q = *check.q;
    Real value[2];
    evaluate(static_cast<Real>(check.sign * p.sigma * q.sigma), p.variance, q.variance, value);
    for (numerical::Channel channel : {numerical::nngp, numerical::d_nngp}) {
      if (p.norm[channel] == 0 || q.norm[channel] == 0) continue;
      const double truth = &p == &q && check.sign > 0
                               ? p.norm[channel] * p.norm[channel]
                               : fn.expectation_on_line(channel, p.sigma, check.sign * q.sigma);
      check.error[channel] =
          std::abs(static_cast<double>(value[channel]) - truth) / (p.norm[channel] * q.norm[channel]);
    }
  });
  const numerical::TableError error = worst_of(checks);
  double rough[2] = {0, 0};
  for (const Point& p : points)
    for (numerical::Channel channel : {numerical::nngp, numerical::d_nngp})
      if (p.norm[channel] > 0)
        rough[channel] = std::max(rough[channel], fn.roughness(channel, p.sigma) / p.norm[channel]);
  return {error.nngp + rough[numerical::nngp], error.d_nngp + rough[numerical::d_nngp]};
}

/// The same at correlations between.
template <class Real, class Evaluate>
numerical::TableError error_between_lines(const Evaluate& evaluate, const numerical::Pieces& fn,
                                          double sigma_min, double sigma_max) {
  const numerical::PairExpectation truth(fn);
  struct Check {
    double at1, at2, rho;
    double error[2] = {0, 0};
  };
  std::vector<Check> checks = {{1, 1, 0.98},  {1, 1, -0.4},    {1, 0.17, 0.7},     {0.63, 1, -0.95},
                               {0, 0, 0.995}, {0.17, 0, -0.3}, {0.17, 0.17, 0.95}, {0, 1, 0.2}};
  parallel_for(checks.size(), [&](std::size_t i) {
    Check& check = checks[i];
    const auto sigma = [&](double at) { return sigma_min + at * (sigma_max - sigma_min); };
    const double sigma1 = sigma(check.at1), sigma2 = sigma(check.at2);
    const Real var1 = static_cast<Real>(sigma1 * sigma1), var2 = static_cast<Real>(sigma2 * sigma2);
    const Real cov12 = static_cast<Real>(check.rho * sigma1 * sigma2);
    if (var1 <= 0 || var2 <= 0) return;
    Real value[2];
    evaluate(cov12, var1, var2, value);
    const auto expected =
        truth(static_cast<double>(cov12), static_cast<double>(var1), static_cast<double>(var2));
    for (numerical::Channel channel : {numerical::nngp, numerical::d_nngp})
      if (expected.norm[channel] > 0)
        check.error[channel] = std::abs(static_cast<double>(value[channel]) - expected.value[channel]) /
                               expected.norm[channel];
  });
  return worst_of(checks);
}

}  // namespace

/// What serves any fn, entry by entry.
std::shared_ptr<NumericalDual::Tables> NumericalDual::Tables::make_pairwise(
    const std::function<double(double)>& fn,
    const std::optional<std::vector<nngp_breakpoint>>& breakpoints, const Deviations& deviations,
    const Options& options) {
  // Checked at some points only.
  constexpr double safety = 3;
  auto made = std::make_shared<Tables>();
  made->pairwise = std::make_unique<numerical::Pairwise>(
      fn, breakpoints, deviations.least, deviations.high, std::max(options.tolerance, 1e-13));
  made->breakpoints = breakpoints.value_or(made->pairwise->fn().breakpoints());
  made->noise = made->pairwise->fn().noise();
  const std::array<double, 2> error = made->pairwise->error();
  made->error = {safety * error[numerical::nngp], safety * error[numerical::d_nngp]};
  return made;
}

namespace {

/// A power of two, so that nothing is rounded. Methods suit features of fn and deviations that are
/// within some orders of magnitude of 1: others are brought there.
double unit_for(double deviation) {
  constexpr double far = 100;
  if (deviation == 0 || (deviation > 1 / far && deviation < far)) return 1;
  return std::exp2(std::floor(std::log2(deviation)) - 1);
}

}  // namespace

NumericalDual::NumericalDual(std::function<double(double)> fn,
                             std::optional<std::vector<nngp_breakpoint>> breakpoints,
                             VarianceRange variances, Options options) {
  numerical::check_function(fn, breakpoints);
  numerical::check_range(variances);
  numerical::check_tolerance(options.tolerance);
  const double unit = unit_for(std::sqrt(variances.max));
  std::atomic<std::size_t> calls = 0;
  const auto counted = [&](double x) {
    ++calls;
    return fn(unit * x);
  };
  if (breakpoints)
    for (nngp_breakpoint& b : *breakpoints) b.x /= unit;
  const double square = unit * unit;
  for (double* variance : {&variances.min, &variances.max, &variances.positive}) *variance /= square;
  const std::shared_ptr<Tables> made = Tables::make(counted, breakpoints, variances, options);
  for (nngp_breakpoint& b : made->breakpoints) b.x *= unit;
  made->calls = calls;
  made->unit = unit;
  tables_ = made;
}

std::shared_ptr<NumericalDual::Tables> NumericalDual::Tables::make(
    const std::function<double(double)>& fn,
    const std::optional<std::vector<nngp_breakpoint>>& breakpoints, VarianceRange variances,
    const Options& options) {
  const Deviations deviations(variances);
  const double high = deviations.high;
  // Tables over more orders of magnitude take longer to make than most matrices.
  constexpr double widest = 1001;
  if (deviations.low > 0 && high > widest * deviations.low)
    return make_pairwise(fn, breakpoints, deviations, options);
  const auto worst = [](const Tables& t) { return std::max(t.error.nngp, t.error.d_nngp); };
  const double tolerance = options.float32 ? std::max(options.tolerance, 8e-7) : options.tolerance;
  const double wanted = std::max(10 * options.tolerance, options.float32 ? 3e-6 : 1e-11);
  const numerical::ScalarFunction function(fn, breakpoints, high);
  std::shared_ptr<Tables> tables =
      make_tables(function, fn, breakpoints, deviations, options, tolerance);
  if (tables && high > 0 && function.zero() && numerical::zero_beyond(fn, function.reach() * high))
    tables->error.nngp = INFINITY;
  // What looks like noise may be an oscillation, which tables do not see.
  constexpr double rounding = 3e-14;
  const bool noisy = function.noise() > rounding;
  if (tables && (high == 0 || (worst(*tables) <= wanted && !noisy))) return tables;

  const std::shared_ptr<Tables> pairwise = make_pairwise(fn, breakpoints, deviations, options);
  if (function.resolved()) pairwise->breakpoints = function.breakpoints();
  if (pairwise->noise > 0) {
    // No method knows fn better than its noise lets it: tables need not either.
    const numerical::ScalarFunction as_noisy(fn, breakpoints, high, pairwise->noise);
    tables = make_tables(as_noisy, fn, breakpoints, deviations, options,
                         std::max(tolerance, pairwise->noise));
  }
  if (tables && (pairwise->noise > 0 || noisy)) {
    tables->error.nngp += pairwise->error.nngp;
    tables->error.d_nngp += pairwise->error.d_nngp;
  }
  if (!tables || std::isinf(pairwise->error.d_nngp)) return pairwise;
  tables->noise = pairwise->noise;
  const double margin = pairwise->noise > 0 ? 10 : 1;
  return worst(*tables) <= margin * worst(*pairwise) ? tables : pairwise;
}

std::shared_ptr<NumericalDual::Tables> NumericalDual::Tables::make_tables(
    const numerical::ScalarFunction& function, const std::function<double(double)>& fn,
    const std::optional<std::vector<nngp_breakpoint>>& breakpoints, const Deviations& deviations,
    const Options& options, double tolerance) {
  if (!function.resolved() || function.noise() > tolerance) return nullptr;
  const numerical::Series series(function, deviations.low, deviations.high, tolerance / 10);
  if (!series.resolved()) return nullptr;
  auto tables = std::make_shared<Tables>();
  numerical::TableError& error = tables->error;
  if (options.float32)
    tables->f32 = series.compress<float>(tolerance, error);
  else
    tables->f64 = series.compress<double>(tolerance, error);
  tables->breakpoints = function.breakpoints();

  // A safety factor for what lies between the points that are checked.
  constexpr double safety = 3, rounding = 1e-15;
  const auto check = [&]<class Real>(Real) {
    const auto evaluate = [&](Real c, Real v1, Real v2, Real* value) {
      numerical::Tile<Real> tile{};
      tile.struct_size = sizeof tile;
      tile.rows = tile.cols = 1;
      tile.cov12 = &c;
      tile.var1 = &v1;
      tile.var2 = &v2;
      tile.nngp = value;
      tile.d_nngp = value + 1;
      tile.cov_scale = 1;
      ColumnCache<Real> memory;
      tables->fill(tile, memory);
    };
    numerical::TableError worst =
        error_on_lines<Real>(evaluate, function, deviations.low, deviations.high);
    // Kinks set apart cancel where they hardly count.
    const std::vector<nngp_breakpoint> points = function.breakpoints();
    if (std::any_of(points.begin(), points.end(), [](const nngp_breakpoint& b) { return b.x != 0; })) {
      const numerical::Pieces pieces(fn, breakpoints, deviations.least, deviations.high);
      const numerical::TableError between =
          error_between_lines<Real>(evaluate, pieces, deviations.low, deviations.high);
      worst = {std::max(worst.nngp, between.nngp), std::max(worst.d_nngp, between.d_nngp)};
    }
    return worst;
  };
  const numerical::TableError found = options.float32 ? check(float()) : check(double());
  const auto bound = [&](double error) { return error > 0 ? safety * (error + rounding) : 0; };
  error.nngp += bound(found.nngp);
  error.d_nngp += bound(found.d_nngp);
  return tables;
}

namespace {

/// Entry by entry.
template <class Real>
void fill_pairwise(const numerical::Pairwise& pairwise, const numerical::Tile<Real>& tile) {
  using numerical::nngp, numerical::d_nngp;
  const auto dense = [&](Real x) {
    return static_cast<double>(std::fma(tile.cov_scale, x, tile.cov_shift));
  };
  std::vector<std::shared_ptr<const numerical::Pairwise::Row>> columns;
  for (std::size_t j = 0; j < tile.cols; ++j) columns.push_back(pairwise.row(dense(tile.var2[j])));
  for (std::size_t i = 0; i < tile.rows; ++i) {
    const auto row = pairwise.row(dense(tile.var1[i]));
    for (std::size_t j = 0; j < tile.cols; ++j) {
      const Real k = tile.cov12[i * tile.cov12_ld + j];
      const std::array<double, 2> value = pairwise(dense(k), *row, *columns[j]);
      tile.nngp[i * tile.nngp_ld + j] = static_cast<Real>(value[nngp]);
      const Real d = static_cast<Real>(value[d_nngp]);
      if (tile.d_nngp) tile.d_nngp[i * tile.d_nngp_ld + j] = d;
      if (!tile.ntk) continue;
      Real& ntk = tile.ntk[i * tile.ntk_ld + j];
      ntk = d * std::fma(tile.ntk_cov, k, std::fma(tile.ntk_scale, ntk, tile.ntk_shift));
    }
  }
}

}  // namespace

template <class Real>
void NumericalDual::Tables::fill(const numerical::Tile<Real>& tile, ColumnCache<Real>& memory) const {
  if (pairwise) return fill_pairwise<Real>(*pairwise, tile);
  numerical::TileEvaluation<Real> evaluation(table(Real()), tile, memory);
  dispatch(evaluation);
}

namespace {

/// A tile of inputs in units of `unit`: its variances are smaller by the square, its fn' larger.
template <class Tile>
Tile in_units(Tile tile, double unit) {
  using Real = decltype(tile.cov_scale);
  const auto square = static_cast<Real>(unit * unit);
  for (Real* factor :
       {&tile.cov_scale, &tile.cov_shift, &tile.ntk_cov, &tile.ntk_scale, &tile.ntk_shift})
    *factor /= square;
  return tile;
}

template <class Fill, class Tile, class Memory>
void fill_in_units(double unit, const Fill& fill, const Tile& tile, Memory& memory) {
  if (unit == 1) return fill(tile, memory);
  fill(in_units(tile, unit), memory);
  if (!tile.d_nngp) return;
  const auto square = static_cast<decltype(tile.cov_scale)>(unit * unit);
  for (std::size_t i = 0; i < tile.rows; ++i)
    for (std::size_t j = 0; j < tile.cols; ++j) tile.d_nngp[i * tile.d_nngp_ld + j] /= square;
}

}  // namespace

void NumericalDual::tile(const nngp_tile_f64& tile, ColumnCache<double>& memory) const {
  const auto fill = [this](const auto& t, auto& m) { tables_->fill<double>(t, m); };
  fill_in_units(tables_->unit, fill, tile, memory);
}

void NumericalDual::tile(const nngp_tile_f32& tile, ColumnCache<float>& memory) const {
  const auto fill = [this](const auto& t, auto& m) { tables_->fill<float>(t, m); };
  fill_in_units(tables_->unit, fill, tile, memory);
}

namespace {

template <class Real>
void fill_diagonal(const numerical::Table<Real>& table, const Real* var, std::size_t count,
                   Real cov_scale, Real cov_shift, Real* nngp) {
  numerical::Tile<Real> tile{};
  tile.struct_size = sizeof tile;
  tile.cols = count;
  tile.var2 = var;
  tile.nngp = nngp;
  tile.cov_scale = cov_scale;
  tile.cov_shift = cov_shift;
  ColumnCache<Real> memory;
  numerical::DiagonalEvaluation<Real> evaluation(table, tile, memory);
  dispatch(evaluation);
}

template <class Real>
void fill_diagonal(const numerical::Pairwise& pairwise, const Real* var, std::size_t count,
                   Real cov_scale, Real cov_shift, Real* nngp) {
  for (std::size_t i = 0; i < count; ++i) {
    const Real variance = std::fma(cov_scale, var[i], cov_shift);
    nngp[i] = static_cast<Real>(pairwise.row(variance)->energy[numerical::nngp]);
  }
}

}  // namespace

void NumericalDual::diagonal(const double* var, std::size_t count, double cov_scale, double cov_shift,
                             double* nngp) const {
  const double square = tables_->unit * tables_->unit;
  if (tables_->pairwise)
    return fill_diagonal(*tables_->pairwise, var, count, cov_scale / square, cov_shift / square, nngp);
  fill_diagonal(tables_->f64, var, count, cov_scale / square, cov_shift / square, nngp);
}

void NumericalDual::diagonal(const float* var, std::size_t count, float cov_scale, float cov_shift,
                             float* nngp) const {
  const auto square = static_cast<float>(tables_->unit * tables_->unit);
  if (tables_->pairwise)
    return fill_diagonal(*tables_->pairwise, var, count, cov_scale / square, cov_shift / square, nngp);
  fill_diagonal(tables_->f32, var, count, cov_scale / square, cov_shift / square, nngp);
}

double NumericalDual::error_estimate_nngp() const { return tables_->error.nngp; }
double NumericalDual::error_estimate_d_nngp() const { return tables_->error.d_nngp; }
Inexactness NumericalDual::error() const {
  return {tables_->error.nngp, tables_->error.d_nngp, tables_->noise};
}
std::vector<nngp_breakpoint> NumericalDual::breakpoints() const { return tables_->breakpoints; }
std::size_t NumericalDual::calls() const { return tables_->calls; }

}  // namespace nngp
