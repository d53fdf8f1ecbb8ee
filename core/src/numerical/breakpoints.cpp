#include "numerical/breakpoints.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "numerical/chebyshev_fit.hpp"

namespace nngp::numerical {
namespace {

/// On the longest of some intervals next to x, on the side given, on which fn is smooth.
ChebyshevFit one_sided(const std::function<double(double)>& fn, double x, double side) {
  ChebyshevFit best{};
  for (double length = 1; length > 1e-5; length /= 2) {
    const double end = x + side * length;
    ChebyshevFit f = fit(fn, std::min(x, end), std::max(x, end), 0);
    // A kink before the first node would go unnoticed.
    const bool reaches_x = std::abs(f(x) - fn(x)) <= 1e-13 * f.scale;
    if (f.resolved() && reaches_x) return f;
    if (!reaches_x) f.tail = std::max(f.tail, std::abs(f(x) - fn(x)) / f.scale);
    if (length == 1 || f.tail < 0.25 * best.tail) best = std::move(f);
  }
  return best;
}

/// Halves an interval across a jump of fn between `left` and `right`.
double locate_jump(const std::function<double(double)>& fn, double a, double b,
                   const ChebyshevFit& left, const ChebyshevFit& right) {
  while (b > std::nextafter(a, b)) {
    const double middle = a + (b - a) / 2, y = fn(middle);
    (std::abs(y - left(middle)) < std::abs(y - right(middle)) ? a : b) = middle;
  }
  return b;
}

/// The largest |fn| no further from 0 than x.
double largest_within(const std::function<double(double)>& fn, double x) {
  double largest = 0;
  for (int i = -32; i <= 32; ++i) largest = std::max(largest, std::abs(fn(x * (i + 0.37) / 33)));
  return largest;
}

/// fn from both sides of an interval.
struct TwoSides {
  std::array<ChebyshevFit, kink_orders> left, right;  // derivatives
  double length;                                      // of the shorter fit
  double rounding;                                    // of fn

  TwoSides(const std::function<double(double)>& fn, double a, double b, double noise)
      : left{one_sided(fn, a, -1)}, right{one_sided(fn, b, 1)} {
    for (std::size_t m = 1; m < kink_orders; ++m) {
      left[m] = left[m - 1].derivative();
      right[m] = right[m - 1].derivative();
    }
    length = std::min(left[0].right - left[0].left, right[0].right - right[0].left);
    rounding = std::max({1e-12, 250 * left[0].tail, 250 * right[0].tail, 250 * noise}) *
               std::max({left[0].scale, right[0].scale, largest_within(fn, a)});
  }
  double jump(std::size_t m, double x) const { return right[m](x) - left[m](x); }
  /// A derivative at the end of an interval loses about two digits an order to rounding.
  bool significant(std::size_t m, double x) const {
    return std::abs(jump(m, x)) * std::pow(length, m) / std::tgamma(m + 1) >
           rounding * std::pow(100, m);
  }
  bool continuous_below(std::size_t order, double x) const {
    for (std::size_t m = 0; m < order; ++m)
      if (significant(m, x)) return false;
    return true;
  }
};

/// Where between a and b the break point lies: where the derivatives below the one that jumps agree.
double locate(const std::function<double(double)>& fn, const TwoSides& sides, double a, double b) {
  for (std::size_t order = kink_orders - 1; order > 0; --order) {
    double x = a + (b - a) / 2;
    for (int step = 0; step < 4; ++step)
      x = std::clamp(x - sides.jump(order - 1, x) / sides.jump(order, x), a, b);
    if (sides.significant(order, x) && sides.continuous_below(order, x)) return x;
  }
  return locate_jump(fn, a, b, sides.left[0], sides.right[0]);
}

}  // namespace

Jumps jumps_at(const std::function<double(double)>& fn, double x, double noise) {
  const double gap = 1e-9 * std::max(1.0, std::abs(x));  // x is not that exact
  const TwoSides sides(fn, x - gap, x + gap, noise);
  Jumps jumps{{}, kink_orders};
  for (std::size_t m = 0; m < kink_orders; ++m) {
    // What a slightly wrong place feigns.
    const double feigned = m + 1 < kink_orders ? 2 * gap * std::abs(sides.jump(m + 1, x)) : 0;
    if (!sides.significant(m, x) || std::abs(sides.jump(m, x)) <= feigned) continue;
    jumps.order = std::min(jumps.order, m);
    jumps.of_derivatives[m] = sides.jump(m, x);
  }
  return jumps;
}

namespace {

/// How much fn changes by between two neighbouring doubles where it changes most between a and b.
double steepest_step(const std::function<double(double)>& fn, double a, double b) {
  double left = fn(a), right = fn(b);
  while (b > std::nextafter(a, b)) {
    const double middle = a + (b - a) / 2, y = fn(middle);
    const bool on_left = std::abs(y - left) >= std::abs(right - y);
    (on_left ? b : a) = middle;
    (on_left ? right : left) = y;
  }
  return std::abs(right - left);
}

/// By how much the slope of fn differs on both sides of 0, over steps of `step`.
double bend_at_0(const std::function<double(double)>& fn, double step) {
  return std::abs((fn(step) - fn(0)) - (fn(0) - fn(-step))) / step;
}

}  // namespace

bool is_break(const std::function<double(double)>& fn, const nngp_breakpoint& point) {
  const double gap = 1e-9 * std::max(1.0, std::abs(point.x));
  constexpr double most = 0.5;
  if (point.order == 0)
    return steepest_step(fn, point.x - gap, point.x + gap) >=
           most * std::abs(fn(point.x + gap) - fn(point.x - gap));
  if (point.order > 1 || point.x != 0) return true;
  constexpr double closer = 1e-4, several = 8;
  const double rounding = several * std::numeric_limits<double>::epsilon() * std::abs(fn(0));
  return bend_at_0(fn, closer * gap) + rounding / (closer * gap) >= most * bend_at_0(fn, gap);
}

std::vector<nngp_breakpoint> find_breakpoints(const std::function<double(double)>& fn,
                                              const std::vector<double>& edges, double noise) {
  constexpr double tiny = 1e-2, close_to_0 = 1e-2;
  std::vector<nngp_breakpoint> found;
  const auto look = [&](double a, double b) {
    double x = a;
    if (a < b) {
      const TwoSides sides(fn, a, b, noise);
      if (sides.continuous_below(kink_orders, a)) return;
      x = locate(fn, sides, a, b);
    }
    if (std::abs(x) < 1e-9) x = 0;
    const Jumps jumps = jumps_at(fn, x, noise);  // at a steep but smooth place there are none
    if (jumps.order < kink_orders) found.push_back({x, static_cast<std::uint32_t>(jumps.order), 0});
  };
  const auto is_tiny = [&](std::size_t i) {
    return edges[i + 1] - edges[i] < tiny * std::max(std::abs(edges[i]), std::abs(edges[i + 1]));
  };
  look(0, 0);
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    if (is_tiny(i)) {
      std::size_t end = i, least = i;
      for (; end + 1 < edges.size() && is_tiny(end); ++end)
        if (edges[end + 1] - edges[end] < edges[least + 1] - edges[least]) least = end;
      // The point may be at either end of the smallest piece.
      const double width = edges[least + 1] - edges[least];
      look(edges[least] - width, edges[least + 1] + width);
      i = end - 1;
    } else if (i > 0 && !is_tiny(i - 1) && std::abs(edges[i]) > close_to_0) {
      look(edges[i], edges[i]);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& p, const auto& q) { return p.x < q.x; });
  const auto same = [](const auto& p, const auto& q) {
    return q.x - p.x < 1e-9 * std::max(1.0, std::abs(p.x));
  };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  return found;
}

}  // namespace nngp::numerical
