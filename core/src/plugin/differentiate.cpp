#include "plugin/differentiate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

namespace nngp {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Both fits below go through values at the same n points. More points gain nothing in double
// precision: their weights, and so the rounding errors, grow faster than the truncation error falls.
constexpr std::size_t n = 12;
using Values = std::array<double, n>;

// A derivative and about how far off it is.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  double truncation = std::numeric_limits<double>::infinity();
  double rounding = 0;

  double error() const { return truncation + rounding; }
  double tolerance() const { return 1e-13 * std::abs(value); }
  // A narrower window would only add rounding error.
  bool converged() const { return truncation <= std::max(rounding, tolerance()); }
};

Estimate better(const Estimate& a, const Estimate& b) { return b.error() < a.error() ? b : a; }

// An interval and its n Chebyshev nodes.
struct Window {
  double lower, upper;

  double half() const { return 0.5 * (upper - lower); }
  double node(std::size_t k) const { return lower + half() * (1 + table().node[k]); }

  struct Table {
    Values node;                          // for [-1, 1]
    std::array<Values, n> coefficient;    // [k][j]: of the value at node k in Chebyshev coefficient j
    Values root;                          // sqrt((1 - node) / 2), see root_fit
    std::array<Values, n> root_distance;  // [j][k]: 1 / (root[k] - root[k - j]) in the order of `order`
    Table();
  };
  static const Table& table() {
    static const Table constants;
    return constants;
  }
  // Visits each node far from those before it, which keeps divided differences accurate.
  static constexpr std::array<std::size_t, n> order = {11, 0, 4, 2, 7, 1, 9, 5, 3, 8, 6, 10};
};

Window::Table::Table() {
  for (std::size_t k = 0; k < n; ++k) {
    const double angle = (static_cast<double>(k) + 0.5) * std::numbers::pi / n;
    node[k] = std::cos(angle);
    root[k] = std::sin(0.5 * angle);
    for (std::size_t j = 0; j < n; ++j) {
      coefficient[k][j] = (j == 0 ? 1.0 : 2.0) / n * std::cos(static_cast<double>(j) * angle);
    }
  }
  for (std::size_t j = 1; j < n; ++j) {
    for (std::size_t k = j; k < n; ++k) root_distance[j][k] = 1 / (root[order[k]] - root[order[k - j]]);
  }
}

// The derivative at x of the polynomial through the values at the window's nodes. `at_x` is the
// function's value at x: a feature that is narrower than the nodes' distances shows there.
Estimate polynomial_fit(const Window& window, const Values& values, double x, double at_x) {
  Values coefficient = {};
  double largest = 0;
  for (std::size_t k = 0; k < n; ++k) {
    const Values& share = Window::table().coefficient[k];
    for (std::size_t j = 0; j < n; ++j) coefficient[j] += share[j] * values[k];
    largest = std::max(largest, std::abs(values[k]));
  }

  const double scale = 1 / window.half(), u = (x - window.lower) * scale - 1;
  // T_{j-1}(u) and U_{j-1}(u), the Chebyshev polynomials of both kinds; T_j' = j U_{j-1}.
  double first = 1, second = 1, second_before = 0, fitted = coefficient[0];
  Estimate result{0, 0, 0};
  for (std::size_t j = 1; j < n; ++j) {
    const double slope = scale * static_cast<double>(j) * second;
    result.value += coefficient[j] * slope;
    result.rounding += 0.5 * epsilon * largest * std::abs(slope);
    // What the two highest terms contribute tells how much is left out.
    if (j + 2 >= n) result.truncation += std::abs(coefficient[j] * slope);
    first = u * first + (u * u - 1) * second_before;
    const double second_next = 2 * u * second - second_before;
    second_before = second;
    second = second_next;
    fitted += coefficient[j] * first;
  }
  result.truncation += std::abs(fitted - at_x) * 3 * scale;
  return result;
}

// The same for g(rho) = g(1) - (1 - rho) S(t), t = sqrt(2 (1 - rho)), S a polynomial, which is the form
// near rho = 1 of the kernel of an fn with kinks. For a window that ends at 1. The nodes are, in t, the
// positive half of the Chebyshev nodes of [-w, w], w^2 = 2 width: few near t = 0, where S drowns in
// rounding. Newton's form; t in units of w.
Estimate root_fit(const Window& window, const Values& values, double at_one, double rho) {
  const auto& [node, coefficient, root, root_distance] = Window::table();
  const double width = window.upper - window.lower;
  Values t, difference;
  for (std::size_t k = 0; k < n; ++k) {
    t[k] = root[Window::order[k]];
    difference[k] = (at_one - values[Window::order[k]]) / (width * t[k] * t[k]);
  }
  for (std::size_t j = 1; j < n; ++j) {
    for (std::size_t k = n - 1; k >= j; --k) {
      difference[k] = (difference[k] - difference[k - 1]) * root_distance[j][k];
    }
  }

  const double t0 = std::sqrt((1 - rho) / width);
  double product = 1, slope = 0, sum = 0;
  Values term;
  Estimate result;
  result.rounding = epsilon * std::abs(at_one) / (width * root[0] * root[0]);
  for (std::size_t k = 0; k < n; ++k) {
    term[k] = difference[k] * (product + 0.5 * t0 * slope);  // g' = S + t S' / 2
    sum += term[k];
    slope = slope * (t0 - t[k]) + product;
    product *= t0 - t[k];
    if (k < 2) continue;
    // Terms fall until rounding makes them grow: the sum ends where three in turn are least.
    const double left_out = std::abs(term[k]) + std::abs(term[k - 1]) + std::abs(term[k - 2]);
    if (left_out < result.truncation) {
      result.value = sum;
      result.truncation = left_out;
    }
  }
  return result;
}

// g'(rho) for rho in [0, 1], from a window about rho.
template <class Kernel>
Estimate differentiate_in_window(const Kernel& g, double rho, double at_rho, double width) {
  const double upper = std::min(1.0, rho + 0.5 * width);
  const Window window{upper - width, upper};
  Values values;
  for (std::size_t k = 0; k < n; ++k) values[k] = g(window.node(k));
  const Estimate estimate = polynomial_fit(window, values, rho, at_rho);
  if (upper < 1 || estimate.converged()) return estimate;
  return better(estimate, root_fit(window, values, g(1.0), rho));
}

// g'(rho) for rho in [0, 1]. The best window is as wide as the function is smooth: narrower ones lose
// to rounding. The search starts where most functions are content.
template <class Kernel>
double differentiate_in_rho(const Kernel& g, double rho) {
  constexpr double start = 0.125, step = 4;
  const double at_rho = g(rho);
  Estimate best = differentiate_in_window(g, rho, at_rho, start), last = best;
  for (double width = start / step; !best.converged() && last.rounding < best.error(); width /= step) {
    last = differentiate_in_window(g, rho, at_rho, width);
    best = better(best, last);
  }
  for (double width = start * step; best.rounding > best.tolerance() && width <= 2; width *= step) {
    const Estimate wider = differentiate_in_window(g, rho, at_rho, width);
    if (!(wider.error() < best.error())) break;
    best = wider;
  }
  return best.value;
}

// sqrt(var1 var2), not above its true value: a kernel may take a square root of var1 var2 - cov12^2.
double largest_covariance(double var1, double var2) {
  const double product = var1 * var2;
  if (!(product > std::numeric_limits<double>::min() && std::isfinite(product))) {
    return std::sqrt(var1) * std::sqrt(var2);
  }
  const double root = std::sqrt(product);
  return root * root > product ? std::nextafter(root, 0.0) : root;
}

}  // namespace

double differentiate_kernel(double (*nngp_fn)(const void*, double, double, double),
                            const void* instance, double cov12, double var1, double var2) {
  if (var1 == 0 || var2 == 0) {
    // nngp_fn is constant in cov12 there. The limit, by the values at three small standard deviations:
    // those of an fn with a jump of curvature at 0 depend on it linearly.
    const double unit = 1e-7 * std::min(1.0, var1 + var2 > 0 ? var1 + var2 : 1.0);
    const auto near = [&](double deviation) {
      const double variance = unit * deviation * deviation;
      return differentiate_kernel(nngp_fn, instance, 0, var1 == 0 ? variance : var1,
                                  var2 == 0 ? variance : var2);
    };
    const double d1 = near(1), d2 = near(2), d4 = near(4);
    return (4 * (2 * d1 - d2) - (2 * d2 - d4)) / 3;
  }
  const double bound = largest_covariance(var1, var2);
  const double rho = std::clamp(cov12 / bound, -1.0, 1.0);
  const double sign = rho < 0 ? -1 : 1;  // by symmetry, rho >= 0 is enough
  const auto kernel = [&](double r) { return nngp_fn(instance, sign * r * bound, var1, var2); };
  return sign * differentiate_in_rho(kernel, sign * rho) / bound;
}

double differentiate(double (*f)(const void*, double), const void* instance, double x, double lower,
                     double upper) {
  Estimate best;
  const double at_x = f(instance, x);
  const double scale = std::max(1.0, std::abs(x));
  for (double half = 0.25 * scale; half > 1e-7 * scale && !best.converged(); half /= 4) {
    const Window window{std::max(lower, x - half), std::min(upper, x + half)};
    Values values;
    for (std::size_t k = 0; k < n; ++k) values[k] = f(instance, window.node(k));
    best = better(best, polynomial_fit(window, values, x, at_x));
  }
  return best.value;
}

}  // namespace nngp
