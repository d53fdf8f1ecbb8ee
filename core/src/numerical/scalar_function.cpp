#include "numerical/scalar_function.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "nngp/error.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr std::size_t kNodes = 20;  // of a piece; as many as a Gauss rule has, see composite_gauss
constexpr double kRounding = 4e-15;
constexpr int kMaxDepth = 30;

std::string text(double x) {
  std::ostringstream out;
  out.precision(10);
  out << x;
  return out.str();
}

double checked(const std::function<double(double)>& fn, double x) {
  const double y = fn(x);
  if (!std::isfinite(y))
    throw NumericalError(
        "fn(" + text(x) + ") = " + text(y) +
        ": the numerical layer needs fn finite wherever inputs fall; give nngp_fn, or fix fn");
  return y;
}

/// Coefficients of the derivative in t.
std::vector<double> differentiate(const std::vector<double>& c) {
  const std::size_t n = c.size();
  if (n < 2) return {};
  std::vector<double> d(n - 1);
  for (std::size_t k = n - 1; k >= 1; --k)
    d[k - 1] = 2.0 * static_cast<double>(k) * c[k] + (k + 1 < n - 1 ? d[k + 1] : 0.0);
  d[0] /= 2;
  return d;
}

/// fn at the Chebyshev nodes of an interval.
std::vector<double> sample(const std::function<double(double)>& fn, double left, double right) {
  std::vector<double> values = chebyshev_nodes(kNodes);
  for (double& t : values) t = checked(fn, (left + right) / 2 + (right - left) / 2 * t);
  return values;
}

double largest(const std::vector<double>& values) {
  double m = 0;
  for (double v : values) m = std::max(m, std::abs(v));
  return m;
}

}  // namespace

double ScalarFunction::find_reach(const std::function<double(double)>& fn, double sigma_max) {
  // exp(-u^2/4) is what the Hermite functions leave of the Gaussian; E fn^2 exists if fn times that
  // is square integrable, and where the product has decayed fn no longer counts.
  constexpr double step = 0.125, least = 12.5, most = 50, negligible = 1e-17;
  double peak = 0, peak_at = 0;
  double last_large = 0;
  for (double u = step / 2; u < most; u += step) {
    double value = 0;
    for (double x : {sigma_max * u, -sigma_max * u}) {
      const double y = fn(x);
      if (std::isinf(y) && u > 2 && peak_at > u - 2 * step && peak > 0) {
        last_large = most;
        break;
      }
      value = std::max(value, std::abs(checked(fn, x)) * std::exp(-u * u / 4));
    }
    if (last_large == most) break;
    if (value > peak) {
      peak = value;
      peak_at = u;
    }
    if (value > negligible * peak) last_large = u;
    if (u > least && u > last_large + 1) return std::max(least, last_large + step);
  }
  throw NumericalError(
      "fn grows too fast: E[fn(x)^2] does not exist, or overflows, for x of variance " +
      text(sigma_max * sigma_max) + " (fn(" + text(sigma_max * peak_at) +
      ") = " + text(fn(sigma_max * peak_at)) + "); use smaller weights or inputs");
}

ScalarFunction::ScalarFunction(std::function<double(double)> fn,
                               std::optional<std::vector<nngp_breakpoint>> breakpoints,
                               double sigma_max)
    : fn_(std::move(fn)),
      breakpoints_(breakpoints.value_or(std::vector<nngp_breakpoint>{})),
      reach_(find_reach(fn_, sigma_max)) {
  const double radius = std::max(reach_ * sigma_max * 1.0001, 1.0);
  std::vector<double> cuts = {radius, -radius};
  for (double x = 1; x < radius; x *= 2) cuts.insert(cuts.end(), {x, -x});
  // Where fn vanishes at 0, finer and finer towards it, for accuracy of fn' relative to fn' there.
  constexpr double finest = 1e-9;
  double near_zero = 0, around = 0;
  for (double side : {-1.0, 1.0}) {
    near_zero = std::max(near_zero, std::abs(checked(fn_, side * finest)));
    around = std::max(around, std::abs(checked(fn_, side * std::min(1.0, sigma_max))));
  }
  std::vector<double> fine;
  if (near_zero < 1e-6 * around)
    for (double x = 0.5; x > finest; x /= 2) fine.insert(fine.end(), {x, -x});
  cuts.insert(cuts.end(), fine.begin(), fine.end());
  for (const nngp_breakpoint& b : breakpoints_)
    if (std::abs(b.x) < radius) cuts.push_back(b.x);
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  edges_.push_back(cuts.front());
  // Errors weigh less the further out they are: they may be as large as fn is further in.
  std::vector<double> largest_in(cuts.size());
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    largest_in[i] = largest(sample(fn_, cuts[i], cuts[i + 1]));
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const double inner =
        cuts[i] < 0 && cuts[i + 1] > 0 ? 0 : std::min(std::abs(cuts[i]), std::abs(cuts[i + 1]));
    double scale = 0;
    for (std::size_t k = 0; k + 1 < cuts.size(); ++k)
      if (std::max(std::abs(cuts[k]), std::abs(cuts[k + 1])) <= inner)
        scale = std::max(scale, largest_in[k]);
    resolve(fit(cuts[i], cuts[i + 1], scale), scale, 0);
  }
  std::sort(fine.begin(), fine.end());
  for (double x : edges_)
    if (!std::binary_search(fine.begin(), fine.end(), x)) panels_.push_back(x);
}

ScalarFunction::Fit ScalarFunction::fit(double left, double right, double scale) const {
  const std::vector<double> values = sample(fn_, left, right);
  std::vector<double> c = chebyshev_coefficients(values);
  scale = std::max(scale, largest(values));
  double tail = 0;
  for (std::size_t k = kNodes - 3; k < kNodes; ++k) tail = std::max(tail, std::abs(c[k]));
  while (!c.empty() && std::abs(c.back()) <= 0.1 * kRounding * scale) c.pop_back();
  return {left, right, std::move(c), scale == 0 ? 0 : tail / scale};
}

void ScalarFunction::resolve(Fit whole, double scale, int depth) {
  if (whole.tail > kRounding && depth < kMaxDepth) {
    const double middle = (whole.left + whole.right) / 2;
    Fit left = fit(whole.left, middle, scale), right = fit(middle, whole.right, scale);
    // Where fn is but rounded badly, cutting does not help on either side.
    const bool noise = depth >= 6 && std::min(left.tail, right.tail) > 0.25 * whole.tail;
    if (!noise) {
      resolve(std::move(left), scale, depth + 1);
      resolve(std::move(right), scale, depth + 1);
      return;
    }
  }
  roughness_ = std::max(roughness_, whole.tail);
  std::vector<double> d = differentiate(whole.c);
  for (double& x : d) x *= 2 / (whole.right - whole.left);
  pieces_.push_back({std::move(whole.c), std::move(d)});
  edges_.push_back(whole.right);
}

double ScalarFunction::operator()(double x) const { return checked(fn_, x); }

std::size_t ScalarFunction::piece_of(double x) const {
  const auto after = std::upper_bound(edges_.begin() + 1, edges_.end() - 1, x);
  return static_cast<std::size_t>(after - edges_.begin()) - 1;
}

double ScalarFunction::derivative(double x) const {
  const std::size_t p = piece_of(x);
  const double t = (2 * x - edges_[p] - edges_[p + 1]) / (edges_[p + 1] - edges_[p]);
  return chebyshev_sum(pieces_[p].derivative.data(), pieces_[p].derivative.size(), t);
}

}  // namespace nngp::numerical
