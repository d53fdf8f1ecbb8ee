#include "check/expectation.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>

namespace nngp::host {
namespace {

constexpr double furthest = 38;       // exp(-x^2 / 2) is the least normal number there
constexpr double panel_length = 5;    // one panel of this length integrates exp(-x^2 / 2) to rounding
constexpr double wide = 3;            // deviation from which panels are graded towards 0
constexpr double negligible = 1e-27;  // a part of E f^2 whose square root is beyond the precision
// Estimated, as what the rule of 10 nodes is off by: that of 21 is off by rounding where f is smooth.
constexpr double precision = 1e-11;
constexpr double line_precision = 1e-12;  // of integrals along a line, which are quick
constexpr double rounding = 1e-14;        // of a sum of 21 terms, with a margin
constexpr int deepest = 40;
constexpr int max_panels = 10'000;  // some ten times what activations need at usual variances

/// Whether cov12^2 < var1 var2, without rounding.
bool is_inside(double cov12, double var1, double var2) {
  const double product = var1 * var2;
  return std::fma(cov12, cov12, -product) < std::fma(var1, var2, -product);
}

/// nullopt for NaN, as when the budget of panels is used up.
std::optional<double> finite(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

double density(double x) { return 0.39894228040143267794 * std::exp(-0.5 * x * x); }

/// One panel; halved as often as its estimated error asks for, unless that is rounding. NaN when the
/// `budget` of panels is used up.
template <class F>
double integrate(const F& f, double a, double b, double tolerance, int& budget, int depth = 0) {
  if (--budget < 0) return NAN;
  double error = 0, size = 0;
  const double whole =
      boost::math::quadrature::gauss_kronrod<double, 21>::integrate(f, a, b, 0, 0.0, &error, &size);
  if (error <= std::max(tolerance, rounding * size) || depth == deepest) return whole;
  const double middle = 0.5 * (a + b);
  return integrate(f, a, middle, tolerance, budget, depth + 1) +
         integrate(f, middle, b, tolerance, budget, depth + 1);
}

template <class F>
double integrate(const F& f, const std::vector<double>& panels, double tolerance, int& budget) {
  double sum = 0;
  for (std::size_t i = 1; i < panels.size(); ++i)
    sum += integrate(f, panels[i - 1], panels[i], tolerance, budget);
  return sum;
}

}  // namespace

Expectation::Expectation(std::function<double(double)> f, std::vector<double> breaks)
    : f_(std::move(f)), breaks_(std::move(breaks)) {
  std::sort(breaks_.begin(), breaks_.end());
}

/// The ends of panels over a range of u where f(center + scale u) is smooth inside each.
std::vector<double> Expectation::panels(const Range& range, double center, double scale) const {
  std::vector<double> points = {range.low};
  const auto add = [&](double end) {
    const double begin = points.back();
    const int count = std::max(1, static_cast<int>(std::ceil((end - begin) / panel_length)));
    for (int i = 1; i < count; ++i) points.push_back(begin + (end - begin) * i / count);
    points.push_back(end);
  };
  if (scale > 0) {
    std::vector<double> ends = breaks_;
    // fn changes most near 0, on a length that is short in many deviations.
    if (scale > wide)
      for (double x = 0.5; x < 2 * scale * furthest; x *= 4) ends.insert(ends.end(), {-x, x});
    std::sort(ends.begin(), ends.end());
    for (const double end : ends)
      if (const double u = (end - center) / scale; u > points.back() && u < range.high) add(u);
  }
  add(range.high);
  return points;
}

std::optional<Expectation::Range> Expectation::range(double var) const {
  constexpr double step = 0.25;
  const double deviation = std::sqrt(var);
  std::vector<double> sizes;
  double largest = 0;
  for (double u = -furthest; u <= furthest; u += step) {
    const double y = f_(deviation * u);
    const double size = density(u) * y * y;
    if (!std::isfinite(size)) return std::nullopt;
    sizes.push_back(size);
    largest = std::max(largest, size);
  }
  if (largest == 0) return Range{-10, 10};
  const auto counts = [&](double size) { return size > negligible * largest; };
  const auto first = std::find_if(sizes.begin(), sizes.end(), counts) - sizes.begin();
  const auto last = std::find_if(sizes.rbegin(), sizes.rend(), counts).base() - sizes.begin() - 1;
  if (first == 0 || last + 1 == static_cast<std::ptrdiff_t>(sizes.size())) return std::nullopt;
  // Narrow features between the points of the grid lie well within these.
  return Range{std::min(-10.0, -furthest + step * static_cast<double>(first - 1)),
               std::max(10.0, -furthest + step * static_cast<double>(last + 1))};
}

/// E f(scale1 u) f(scale2 u).
double Expectation::on_line(double scale1, double scale2, const Range& range, double tolerance) const {
  std::vector<double> points = panels(range, 0, std::abs(scale1));
  // Of the two functions one may be narrow where the other is wide.
  points.push_back(std::clamp(0.0, range.low, range.high));
  for (const double scale : {std::abs(scale1), std::abs(scale2)})
    for (double x = 0.05; scale > 0 && x < scale * panel_length; x *= 4)
      for (const double u : {-x / scale, x / scale})
        if (u > range.low && u < range.high) points.push_back(u);
  for (const double scale : {-scale1, scale2})
    for (const double b : breaks_)
      if (const double u = b / scale; scale != 0 && u > range.low && u < range.high)
        points.push_back(u);
  std::sort(points.begin(), points.end());
  int budget = max_panels;
  return integrate([&](double u) { return density(u) * f_(scale1 * u) * f_(scale2 * u); }, points,
                   tolerance, budget);
}

std::optional<double> Expectation::square(double var) const {
  if (const auto known = squares_.find(var); known != squares_.end()) return known->second;
  return squares_[var] = compute_square(var);
}

std::optional<double> Expectation::compute_square(double var) const {
  const auto where = range(var);
  if (!where) return std::nullopt;
  const double deviation = std::sqrt(var);
  // The tolerance is relative to the result, of which a first, coarse one gives the size.
  const double size = on_line(deviation, deviation, *where, INFINITY);
  return finite(on_line(deviation, deviation, *where, line_precision * size));
}

std::optional<double> Expectation::product(double cov12, double var1, double var2) const {
  if (is_inside(cov12, var1, var2))
    return on_plane(cov12, var1, var2, [](double, double) { return 1.0; });
  const auto k1 = square(var1), k2 = square(var2);
  if (!k1 || !k2) return std::nullopt;
  const auto range1 = range(var1), range2 = range(var2);
  if (cov12 > 0 && var1 == var2) return k1;
  const double furthest2 = std::max(-range2->low, range2->high);
  const Range both{std::min(range1->low, -furthest2), std::max(range1->high, furthest2)};
  return finite(on_line(std::sqrt(var1), std::copysign(std::sqrt(var2), cov12), both,
                        line_precision * std::sqrt(*k1) * std::sqrt(*k2)));
}

std::optional<double> Expectation::slope(double cov12, double var1, double var2) const {
  const double unit = std::sqrt(var1) * std::sqrt(var2), rho = cov12 / unit;
  const double s = std::sqrt((1 - rho) * (1 + rho));
  // The density's derivative in cov12, relative to it (its mixed second derivative), in the
  // independent variables u and w.
  const auto sum = on_plane(cov12, var1, var2, [&](double u, double w) {
    return u * w / s + rho * (1 - w) * (1 + w) / (s * s);
  });
  if (!sum) return std::nullopt;
  return *sum / unit;
}

/// E weight(u, w) f(x1) f(x2), x1 = sqrt(var1) u, x2 = sqrt(var2) (rho u + sqrt(1 - rho^2) w).
template <class Weight>
std::optional<double> Expectation::on_plane(double cov12, double var1, double var2,
                                            Weight weight) const {
  const auto range1 = range(var1), range2 = range(var2);
  const auto k1 = square(var1), k2 = square(var2);
  if (!k1 || !k2) return std::nullopt;
  const double s1 = std::sqrt(var1), s2 = std::sqrt(var2), rho = cov12 / (s1 * s2);
  const double s = std::sqrt((1 - rho) * (1 + rho));
  const double furthest2 = std::max(-range2->low, range2->high);
  const double tolerance = precision * std::sqrt(*k1) * std::sqrt(*k2);
  int budget = max_panels;
  const auto outer = [&](double u) {
    const double center = rho * u;
    const Range inside{std::max(-furthest2, (range2->low - center) / s),
                       std::min(furthest2, (range2->high - center) / s)};
    const double factor = density(u) * f_(s1 * u);
    if (factor == 0 || inside.low >= inside.high) return 0.0;
    const auto inner = [&](double w) { return density(w) * weight(u, w) * f_(s2 * (center + s * w)); };
    return factor *
           integrate(inner, panels(inside, s2 * center, s2 * s), tolerance / std::abs(factor), budget);
  };
  // Where x2 passes a break point, the inner integral changes on a length of s.
  std::vector<double> ends = panels(*range1, 0, s1);
  for (const double b : breaks_)
    for (double length = s; length < panel_length; length *= 4)
      for (const double u : {b / (s2 * rho) - length, b / (s2 * rho) + length})
        if (u > range1->low && u < range1->high) ends.push_back(u);
  std::sort(ends.begin(), ends.end());
  return finite(integrate(outer, ends, tolerance, budget));
}

}  // namespace nngp::host
