// The kernels against the expectations that they are said to be.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "check/checks.hpp"
#include "check/expectation.hpp"
#include "check/measure.hpp"
#include "check/smoothness.hpp"

namespace nngp::host {
namespace {

// Relative to sqrt(k(var1) k(var2)), k(var) = E f(x)^2.
struct Tolerance {
  double passed, usable;
};
constexpr Tolerance usual = {1e-10, 1e-6};
// Near the boundary d_nngp_fn may depend on the square root of the rounding of cov12.
constexpr Tolerance coarse = {1e-7, 1e-4};

using Kernel = double (*)(const void*, double, double, double);

struct Point {
  double cov12, var1, var2;

  bool operator==(const Point&) const = default;
};

constexpr std::pair<double, double> variances[] = {{1, 1}, {0.3, 2}, {6, 0.8}};

/// Inside the boundary.
std::vector<Point> plane_points() {
  std::vector<Point> points;
  for (const auto& [var1, var2] : variances)
    for (const double rho : {-0.95, -0.4, 0.0, 0.5, 0.9})
      points.push_back({rho * std::sqrt(var1 * var2), var1, var2});
  return points;
}

/// The points inside and at variances that data and deep networks have, and near the boundary, where
/// deep networks end: all for the first setting, for the others those of two neighbours together, since
/// two-dimensional integrals are slow. Without the `rough` ones.
std::vector<Point> points_of(const Specimen& specimen, const Instance& f,
                             const std::vector<Point>& rough) {
  constexpr struct {
    double rho, var1, var2;
  } extreme[] = {{0.7, 77, 208},   {-0.4, 1e4, 1e4},   {0.7, 1e-6, 1e-6},    {-0.4, 3e3, 1},
                 {0.7, 1e-6, 0.5}, {-0.6, 2e3, 900},   {0.8, 0.02, 4e-3},    {0.99, 1, 1},
                 {-0.999, 0.3, 2}, {1 - 1e-4, 6, 0.8}, {1 - 1e-6, 0.7, 0.7}, {1 - 1e-9, 1, 1},
                 {0.3, 30, 20},    {-0.5, 1e-4, 300}};
  constexpr std::size_t half = std::size(extreme) / 2;
  const auto found = std::find(specimen.settings.begin(), specimen.settings.end(), f.setting());
  const auto setting = static_cast<std::size_t>(found - specimen.settings.begin());
  const std::vector<Point> plane = plane_points();
  std::vector<Point> points;
  for (std::size_t i = 0; i < plane.size(); ++i)
    if (setting == 0 || setting % 2 == i % 2) points.push_back(plane[i]);
  for (std::size_t i = 0; i < std::size(extreme); ++i) {
    const auto& [rho, var1, var2] = extreme[i];
    if (setting == 0 || setting % half == i % half)
      points.push_back({rho * std::sqrt(var1 * var2), var1, var2});
  }
  std::erase_if(points, [&](const Point& point) {
    return std::find(rough.begin(), rough.end(), point) != rough.end();
  });
  return points;
}

/// Two in each decade.
std::vector<Point> diagonal_points() {
  std::vector<Point> points;
  for (int k = -12; k <= 8; ++k) {
    const double var = k % 2 ? 3 * std::pow(10, (k - 1) / 2) : std::pow(10, k / 2);
    points.push_back({var, var, var});
  }
  return points;
}

/// On the boundary, where x1 and x2 are the same but for a factor: a power of two, by which cov12 is
/// there exactly.
std::vector<Point> boundary_points() {
  std::vector<Point> points;
  for (const auto& [var, factor] : {std::pair{1.0, 1.0},
                                    {0.3, 2.0},
                                    {1e-4, 256.0},
                                    {0.7, 1.0},
                                    {39.0, 16.0},
                                    {1e-6, 2.0},
                                    {200.0, 1.0}})
    for (const double sign : {-1.0, 1.0})
      if (sign < 0 || factor != 1) points.push_back({sign * factor * var, var, factor * factor * var});
  return points;
}

const std::vector<Point> zero_variance_points = {{0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {0, 0, 4}};

/// Where a function of an activation is, or looks, not smooth.
std::vector<double> breaks_of(const Instance& f, const std::function<double(double)>& function) {
  std::vector<double> breaks;
  for (const nngp_breakpoint& point : f.breakpoints()) breaks.push_back(point.x);
  const std::vector<double> found = find_kinks(function, -8, 8, breaks);
  breaks.insert(breaks.end(), found.begin(), found.end());
  return breaks;
}

/// The expectations of fn or d_fn, split at its breaks.
Expectation expectation_of(const Instance& f, bool derivative) {
  std::function<double(double)> function = [&f](double x) { return f.fn(x); };
  if (derivative) function = [&f](double x) { return f.d_fn(x); };
  std::vector<double> breaks = breaks_of(f, function);
  return {std::move(function), std::move(breaks)};
}

/// The derivative of fn at x, by a polynomial between its breaks; 0 at a break, as one point does not
/// count, NaN where no polynomial follows fn.
double difference_quotient(const Instance& f, double x, const std::vector<double>& breaks) {
  double room = 0.5;
  for (const double b : breaks) room = std::min(room, 0.9 * std::abs(x - b));
  if (room < 1e-4) return 0;
  for (; room > 1e-5; room /= 2) {
    const Interpolant near([&f](double at) { return f.fn(at); }, x - room, x + room, 18);
    if (near.is_resolved(1e-12)) return near.derivative(x, 1);
  }
  return NAN;
}

/// The expectations of the derivative of fn: of d_fn where it is offered.
Expectation expectation_of_derivative(const Instance& f) {
  if (f.table().d_fn) return expectation_of(f, true);
  const std::vector<double> breaks = breaks_of(f, [&f](double x) { return f.fn(x); });
  return {[&f, breaks](double x) { return difference_quotient(f, x, breaks); }, breaks};
}

/// Whether the derivative of fn has no limit at 0: there inputs of variance 0 are.
bool is_rough_at_zero(const Instance& f) {
  const auto points = f.breakpoints();
  if (std::any_of(points.begin(), points.end(), [](const auto& p) { return p.x == 0 && p.order < 2; }))
    return true;
  const auto found = find_kinks([&f](double x) { return f.fn(x); }, -1, 1, {});
  return std::any_of(found.begin(), found.end(), [](double x) { return std::abs(x) < 1e-6; });
}

bool has_jumps(const Instance& f) {
  const auto fn = [&](double x) { return f.fn(x); };
  if (f.table().breakpoints) {
    const auto points = f.breakpoints();
    return std::any_of(points.begin(), points.end(), [](const auto& p) { return p.order == 0; });
  }
  // Where they are not declared they are known roughly.
  const auto found = find_kinks(fn, -8, 8, {});
  return std::any_of(found.begin(), found.end(), [&](double x) {
    const double below = fn(x - 0.01), above = fn(x + 0.01);
    return std::abs(above - below) > 0.1 * (std::abs(below) + std::abs(above));
  });
}

/// A kernel and its truth at a point, with the scale of errors there; all null where there is none.
class Truth {
 public:
  static Truth of_nngp(const Instance& f) {
    return {f.table().nngp_fn, expectation_of(f, false), false};
  }
  /// By quadrature of d_fn, or of fn where d_fn is not offered.
  static Truth of_d_nngp(const Instance& f) {
    const bool derivative = f.table().d_fn;
    return {f.table().d_nngp_fn, expectation_of(f, derivative), !derivative};
  }

  /// For inputs of variance 0, where E f'^2 may vanish: errors count beside what it is at variance 1.
  static Truth of_d_nngp_at_zero(const Instance& f) {
    Truth truth = {f.table().d_nngp_fn, expectation_of_derivative(f), false};
    truth.least_scale_ = truth.expectation_.square(1).value_or(0);
    return truth;
  }

  /// False if there should be a truth, but fn is too rough to integrate in reasonable time.
  bool compare(Measure& measure, const Instance& f, const Point& p) const {
    const auto scale1 = scale(f, p.var1), scale2 = scale(f, p.var2);
    if (!scale1 || !scale2) return true;
    const auto wanted = by_slope_ ? expectation_.slope(p.cov12, p.var1, p.var2)
                                  : expectation_.product(p.cov12, p.var1, p.var2);
    if (!wanted) return false;
    measure.compare(kernel_(f.get(), p.cov12, p.var1, p.var2), *wanted,
                    std::max(std::sqrt(*scale1) * std::sqrt(*scale2), least_scale_),
                    [&] { return at(p.cov12, p.var1, p.var2); });
    return true;
  }

  Kernel kernel() const { return kernel_; }

 private:
  Truth(Kernel kernel, Expectation expectation, bool by_slope)
      : kernel_(kernel), expectation_(std::move(expectation)), by_slope_(by_slope) {}

  std::optional<double> scale(const Instance& f, double var) const {
    const auto square = expectation_.square(var);
    if (!square || !by_slope_) return square;
    return std::abs(kernel_(f.get(), var, var, var)) + *square / var;
  }

  Kernel kernel_;
  Expectation expectation_;
  bool by_slope_;
  double least_scale_ = 0;
};

/// Whether an instance's kernels are, to the last bit, those of the first setting.
bool has_first_kernel(const Specimen& specimen, const Instance& f, Kernel kernel) {
  const Instance first(*specimen.table, specimen.settings.front());
  const std::vector<Point> points = plane_points();
  return first.text() != f.text() && std::all_of(points.begin(), points.end(), [&](const Point& p) {
           return kernel(first.get(), p.cov12, p.var1, p.var2) ==
                  kernel(f.get(), p.cov12, p.var1, p.var2);
         });
}

/// Whether a table says of its kernels that they are those of normalised inputs, and they do not ask
/// for the variances at all. What is merely wrong at other variances than 1 says neither.
bool is_for_unit_variance(const nngp_activation& table, const Instance& f, Kernel kernel) {
  if (!table.summary || !std::strstr(table.summary, "unit variance")) return false;
  return kernel(f.get(), 0.3, 1, 1) == kernel(f.get(), 0.3, 0.7, 3) &&
         kernel(f.get(), -0.2, 1, 1) == kernel(f.get(), -0.2, 50, 0.4);
}

/// Compares at all points. Two failures are warnings, because their kernels have a meaning and a use:
/// those that are said to be for inputs of variance 1 alone, and those that are exact for an fn which
/// this one approximates. Adds points at which there is no truth to `rough`, if it is given.
Result compare_all(const Specimen& specimen, const Instance& f, const std::vector<Truth>& truths,
                   const std::vector<Point>& points, const Tolerance& tolerance = usual,
                   std::vector<Point>* rough = nullptr) {
  Measure all(tolerance.passed, tolerance.usable);
  for (const Truth& truth : truths)
    for (const Point& p : points)
      if (!truth.compare(all, f, p) && rough) rough->push_back(p);
  Result result = all.result();
  if (result.status != Status::failure) return result;
  const bool for_unit_variance = std::all_of(truths.begin(), truths.end(), [&](const Truth& truth) {
    Measure normalised(tolerance.passed, tolerance.usable);
    for (const double rho : {-1.0, -0.4, 0.5, 1.0}) truth.compare(normalised, f, {rho, 1, 1});
    return normalised.result().status == Status::pass &&
           is_for_unit_variance(*specimen.table, f, truth.kernel());
  });
  if (for_unit_variance) {
    result.status = Status::warning;
    result.message = "for inputs of variance 1 alone, as its summary says; elsewhere " + result.message;
  } else if (result.error < 1e-3 && has_first_kernel(specimen, f, truths.front().kernel())) {
    result.status = Status::warning;
    result.message = "the kernel is that of " +
                     Instance(*specimen.table, specimen.settings.front()).text() +
                     ", of which fn is an approximation; " + result.message;
  }
  return result;
}

Result check_nngp_fn(const Specimen& specimen) {
  if (!specimen.table->nngp_fn) return skipped("nngp_fn is not offered");
  if (!specimen.table->fn) return skipped("no fn to integrate");
  std::vector<Point> rough;  // for the settings so far, so that others are not tried
  return worst_of_settings(specimen, [&](const Instance& f) {
    return compare_all(specimen, f, {Truth::of_nngp(f)}, points_of(specimen, f, rough), usual, &rough);
  });
}

Result check_d_nngp_fn(const Specimen& specimen) {
  const nngp_activation& table = *specimen.table;
  if (!table.d_nngp_fn) return skipped("d_nngp_fn is not offered");
  if (!table.fn) return skipped("no fn to integrate");
  std::vector<Point> rough;
  return worst_of_settings(specimen, [&](const Instance& f) {
    if (!table.d_fn && has_jumps(f)) return skipped("fn jumps, and d_fn is not offered");
    return compare_all(specimen, f, {Truth::of_d_nngp(f)}, points_of(specimen, f, rough), usual,
                       &rough);
  });
}

/// A polynomial that follows a kernel around cov12: half way to the boundary, up to which the kernel is
/// analytic, or less where it grows by orders of magnitude.
Interpolant followed(const std::function<double(double)>& kernel, double cov12, double room) {
  for (const double least = room / 16;; room /= 2) {
    Interpolant found(kernel, cov12 - room, cov12 + room, 24);
    if (room <= least || found.is_resolved(1e-13)) return found;
  }
}

Result check_slope(const Specimen& specimen) {
  const nngp_activation& table = *specimen.table;
  if (!table.nngp_fn || !table.d_nngp_fn) return skipped("nngp_fn and d_nngp_fn are not both offered");
  return worst_of_settings(specimen, [&](const Instance& f) {
    if (table.fn && has_jumps(f)) return skipped("fn jumps, so d_nngp_fn is something else");
    Measure measure(1e-9, usual.usable);
    for (const auto& [var1, var2] : variances) {
      const double unit = std::sqrt(var1 * var2);
      const auto size = [&](double var) {
        return std::abs(f.d_nngp_fn(var, var, var)) + std::abs(f.nngp_fn(var, var, var)) / var;
      };
      const double scale = std::sqrt(size(var1)) * std::sqrt(size(var2));
      if (!std::isfinite(scale)) continue;
      for (const double rho : {-0.85, -0.4, 0.0, 0.3, 0.8}) {
        const double c = rho * unit;
        const Interpolant nngp =
            followed([&, v1 = var1, v2 = var2](double x) { return f.nngp_fn(x, v1, v2); }, c,
                     0.5 * (1 - std::abs(rho)) * unit);
        measure.compare(f.d_nngp_fn(c, var1, var2), nngp.derivative(c, 1), scale,
                        [&, v1 = var1, v2 = var2] { return at(c, v1, v2); });
      }
    }
    return measure.result();
  });
}

Result check_diagonal(const Specimen& specimen) {
  if (!specimen.table->nngp_fn) return skipped("nngp_fn is not offered");
  if (!specimen.table->fn) return skipped("no fn to integrate");
  return worst_of_settings(specimen, [&](const Instance& f) {
    std::vector<Truth> truths = {Truth::of_nngp(f)};
    if (f.table().d_nngp_fn && f.table().d_fn) truths.push_back(Truth::of_d_nngp(f));
    return compare_all(specimen, f, truths, diagonal_points());
  });
}

/// A covariance may exceed the boundary by rounding; it then counts as on it.
Result compare_beyond(const Instance& f, Kernel kernel, const Tolerance& tolerance) {
  Measure measure(tolerance.passed, tolerance.usable);
  for (const Point& p : boundary_points()) {
    const double scale = std::sqrt(kernel(f.get(), p.var1, p.var1, p.var1)) *
                         std::sqrt(kernel(f.get(), p.var2, p.var2, p.var2));
    if (!std::isfinite(scale)) continue;
    const double beyond = p.cov12 * (1 + 8e-16);
    const double wanted = kernel(f.get(), p.cov12, p.var1, p.var2);
    if (scale == 0 && wanted != 0) continue;  // it underflows
    measure.compare(kernel(f.get(), beyond, p.var1, p.var2), wanted, scale,
                    [&] { return at(beyond, p.var1, p.var2) + ", beyond the boundary by rounding"; });
  }
  return measure.result();
}

Result check_boundary(const Specimen& specimen) {
  const nngp_activation& table = *specimen.table;
  if (!table.nngp_fn) return skipped("nngp_fn is not offered");
  return worst_of_settings(specimen, [&](const Instance& f) {
    Result worst = compare_beyond(f, table.nngp_fn, usual);
    const auto add = [&](const Result& result) {
      if (result.status > worst.status && result.status != Status::skipped) worst = result;
    };
    if (table.fn) add(compare_all(specimen, f, {Truth::of_nngp(f)}, boundary_points()));
    if (!table.d_nngp_fn) return worst;
    add(compare_beyond(f, table.d_nngp_fn, coarse));
    if (table.d_fn) add(compare_all(specimen, f, {Truth::of_d_nngp(f)}, boundary_points(), coarse));
    return worst;
  });
}

/// d_nngp_fn for inputs of variance 0 is f'(0) E f'(x).
Result derivative_at_zero(const Specimen& specimen, const Instance& f) {
  if (!f.table().d_nngp_fn) return skipped("d_nngp_fn is not offered");
  if (is_rough_at_zero(f)) return skipped("fn has a kink or a jump at 0");
  if (!f.table().d_fn && has_jumps(f)) return skipped("fn jumps, and d_fn is not offered");
  Result result = compare_all(specimen, f, {Truth::of_d_nngp_at_zero(f)}, zero_variance_points, coarse);
  if (result.status >= Status::warning) result.message = "d_nngp_fn: " + result.message;
  return result;
}

Result check_zero_variance(const Specimen& specimen) {
  if (!specimen.table->nngp_fn) return skipped("nngp_fn is not offered");
  return worst_of_settings(specimen, [&](const Instance& f) {
    const auto value = [&](const Point& p) { return f.nngp_fn(p.cov12, p.var1, p.var2); };
    const auto is_finite = [&](double var) { return std::isfinite(value({var, var, var})); };
    if (!is_finite(0)) return failed("nngp_fn(0, 0, 0) is not finite");
    for (const Point& p : zero_variance_points)
      if (is_finite(p.var1) && is_finite(p.var2) && !std::isfinite(value(p)))
        return failed("nngp_fn is " + short_number(value(p)) + " " + at(p.cov12, p.var1, p.var2));
    if (!f.table().fn) return passed("finite");
    const Result nngp = compare_all(specimen, f, {Truth::of_nngp(f)}, zero_variance_points);
    const Result d_nngp = derivative_at_zero(specimen, f);
    return d_nngp.status >= Status::warning && d_nngp.status > nngp.status ? d_nngp : nngp;
  });
}

}  // namespace

std::vector<Check> expectation_checks() {
  return {{"nngp_fn", "nngp_fn is E[fn(x1) fn(x2)], by quadrature", check_nngp_fn},
          {"d_nngp_fn", "d_nngp_fn is E[fn'(x1) fn'(x2)], by quadrature", check_d_nngp_fn},
          {"slope", "d_nngp_fn is the derivative of nngp_fn in cov12", check_slope},
          {"diagonal", "the kernels at cov12 = var1 = var2, by quadrature", check_diagonal},
          {"boundary", "the kernels at correlation 1 and -1, and beyond by rounding", check_boundary},
          {"zero_variance", "the kernels for inputs of variance 0", check_zero_variance}};
}

}  // namespace nngp::host
