#include "formula/breakpoints.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "formula/derivative.hpp"
#include "formula/evaluate.hpp"
#include "formula/program.hpp"

namespace nngp::formula {
namespace {

constexpr std::size_t max_points = 64;
constexpr std::uint32_t orders = 4;  ///< of fn itself and its first three derivatives

/// A function whose roots are places where a formula may not be smooth.
struct Switch {
  Id function;
  bool singular;  ///< a root or power ends there: derivatives grow without bound
};

/// The switches of the nodes that `fn` needs; nothing if one has roots without end.
std::optional<std::vector<Switch>> switches(Graph& graph, Id fn, Id x) {
  std::vector<bool> depends(graph.size(), false);
  std::vector<Switch> found;
  depends[x] = true;
  for (const Id id : graph.needed_by(std::vector<Id>{fn, x})) {
    const Node node = graph[id];
    for (std::size_t k = 0; k < arity(node.op); ++k) depends[id] = depends[id] || depends[node.arg[k]];
    if (!depends[id]) continue;
    const Term a{&graph, node.arg[0]}, b{&graph, node.arg[1]};
    switch (node.op) {
      case Op::abs:
      case Op::sign:
        found.push_back({a.id, false});
        break;
      case Op::less:
      case Op::less_equal:
      case Op::equal:
      case Op::minimum:
      case Op::maximum:
        found.push_back({(a - b).id, false});
        break;
      case Op::sqrt:
      case Op::cbrt:
      case Op::log:
      case Op::power:
        found.push_back({a.id, true});
        break;
      case Op::log1p:
        found.push_back({(a + 1.0).id, true});
        break;
      case Op::asin:
      case Op::acos:
      case Op::atanh:
        found.push_back({(1.0 - a.to(2)).id, true});
        break;
      case Op::acosh:
        found.push_back({(a - 1.0).id, true});
        break;
      case Op::floor:
      case Op::ceil:
      case Op::round:
        return std::nullopt;
      default:
        break;
    }
  }
  return found;
}

/// Where roots are looked for: every 1/64 near 0, and 64 points a decade far away and close to 0.
const std::vector<double>& grid() {
  static const std::vector<double> points = [] {
    std::vector<double> half;
    for (int k = -12 * 64; k <= 12 * 64; ++k) half.push_back(std::pow(10, k / 64.0));
    for (int k = 1; k <= 32 * 64; ++k) half.push_back(k / 64.0);
    std::sort(half.begin(), half.end());
    half.erase(std::unique(half.begin(), half.end()), half.end());
    std::vector<double> all(half.rbegin(), half.rend());
    for (double& x : all) x = -x;
    all.push_back(0);
    all.insert(all.end(), half.begin(), half.end());
    return all;
  }();
  return points;
}

int sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

/// The point between two of different signs where a function changes its sign.
double bisect(const ScalarProgram& function, double low, double high) {
  const int sign = sign_of(function(low));
  for (int step = 0; step < 200; ++step) {
    const double middle = low + (high - low) / 2;
    if (!(low < middle && middle < high)) break;
    const double value = function(middle);
    if (value == 0) return middle;
    (sign_of(value) == sign ? low : high) = middle;
  }
  return std::abs(function(low)) < std::abs(function(high)) ? low : high;
}

/// The roots of a function that show in its signs at `places`, which ascend.
std::vector<double> roots_of(const Graph& graph, Id x, Id of, const std::vector<double>& places) {
  std::vector<double> roots;
  const ScalarProgram function(graph, x, of);
  const std::vector<double> at = function(places);
  for (std::size_t i = 0; i < at.size() && roots.size() <= 4 * max_points; ++i) {
    if (at[i] == 0) {
      const bool alone = (i == 0 || at[i - 1] != 0) && (i + 1 == at.size() || at[i + 1] != 0);
      // Zero on an interval: its ends are no more than places.
      if (alone) roots.push_back(places[i]);
    } else if (i > 0 && sign_of(at[i - 1]) * sign_of(at[i]) < 0) {
      roots.push_back(bisect(function, places[i - 1], places[i]));
    }
  }
  return roots;
}

void merge_into(std::vector<double>& sorted, const std::vector<double>& more) {
  sorted.insert(sorted.end(), more.begin(), more.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
}

/// A formula at x with all that switches there decided as it is at another point.
class Decided {
 public:
  Decided(const Graph& graph, Id x) : graph_(graph), x_(x) {}

  std::vector<double> at(double x, double decided_at) const {
    const std::vector<double> decision = evaluate_all(decided_at, nullptr);
    return evaluate_all(x, &decision);
  }

 private:
  std::vector<double> evaluate_all(double x, const std::vector<double>* decision) const {
    std::vector<double> value(graph_.size());
    for (Id id = 0; id < graph_.size(); ++id) {
      const Node& node = graph_[id];
      const auto argument = [&](std::size_t k) { return value[node.arg[k]]; };
      if (node.op == Op::constant)
        value[id] = node.value;
      else if (id == x_)
        value[id] = x;
      else if (decision && decides(node.op))
        value[id] = decided(node, id, value, *decision);
      else
        value[id] = evaluate(node.op, argument(0), argument(1), argument(2), node.value);
    }
    return value;
  }

  static bool decides(Op op) {
    return op == Op::less || op == Op::less_equal || op == Op::equal || op == Op::sign ||
           op == Op::abs || op == Op::minimum || op == Op::maximum || op == Op::select;
  }

  double decided(const Node& node, Id id, const std::vector<double>& value,
                 const std::vector<double>& decision) const {
    const auto before = [&](std::size_t k) { return decision[node.arg[k]]; };
    const auto now = [&](std::size_t k) { return value[node.arg[k]]; };
    switch (node.op) {
      case Op::abs:
        return before(0) < 0 ? -now(0) : now(0);
      case Op::minimum:
        return before(0) <= before(1) ? now(0) : now(1);
      case Op::maximum:
        return before(0) >= before(1) ? now(0) : now(1);
      case Op::select:
        return before(0) != 0 ? now(1) : now(2);
      default:
        return decision[id];
    }
  }

  const Graph& graph_;
  Id x_;
};

}  // namespace

std::optional<std::vector<Id>> switch_functions(Graph& graph, Id fn, Id x) {
  const auto found = switches(graph, fn, x);
  if (!found) return std::nullopt;
  std::vector<Id> functions;
  for (const Switch& s : *found) functions.push_back(s.function);
  return functions;
}

std::optional<std::vector<nngp_breakpoint>> find_breakpoints(Graph& graph, Id fn, Id x) {
  const auto found = switches(graph, fn, x);
  if (!found) return std::nullopt;
  std::vector<double> all, singular, places = grid();
  for (const Switch& s : *found) {
    const std::vector<double> roots = roots_of(graph, x, s.function, places);
    merge_into(all, roots);
    merge_into(places, roots);  // between two roots of what surrounds it, as in |x - a| < w
    if (s.singular) merge_into(singular, roots);
  }
  // Roots that only rounding tells apart are one: of abs(x - 0.3) + abs(3 * x - 0.9).
  constexpr double epsilon = std::numeric_limits<double>::epsilon();
  const auto same = [](double a, double b) { return b - a <= 16 * epsilon * std::abs(b); };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
  if (all.size() > max_points) return std::nullopt;
  if (all.empty()) return std::vector<nngp_breakpoint>{};

  std::vector<Id> derivatives{fn};
  try {
    while (derivatives.size() < orders)
      derivatives.push_back(differentiate(graph, derivatives.back(), x));
  } catch (const TooLarge&) {  // as many as there are
  }

  const Decided formula(graph, x);
  std::vector<nngp_breakpoint> points;
  for (std::size_t i = 0; i < all.size(); ++i) {
    double distance = all[i] == 0 ? 1 : std::abs(all[i]);
    if (i > 0) distance = std::min(distance, all[i] - all[i - 1]);
    if (i + 1 < all.size()) distance = std::min(distance, all[i + 1] - all[i]);
    const double h = std::max(1e-6 * distance, 8 * epsilon * std::abs(all[i]));
    const bool ends = std::any_of(singular.begin(), singular.end(), [&](double x) {
      return same(std::min(x, all[i]), std::max(x, all[i]));
    });
    const auto left = formula.at(all[i], all[i] - h), right = formula.at(all[i], all[i] + h);
    const auto left_far = formula.at(all[i] - h, all[i] - h),
               right_far = formula.at(all[i] + h, all[i] + h);
    const auto left_near = formula.at(all[i] - h / 16, all[i] - h / 16),
               right_near = formula.at(all[i] + h / 16, all[i] + h / 16);
    double size = 0;
    for (const Id d : derivatives)
      for (const double value : {left[d], right[d]})
        if (std::isfinite(value)) size = std::max(size, std::abs(value));
    for (std::uint32_t order = 0; order < derivatives.size(); ++order) {
      const Id d = derivatives[order];
      const double jump = std::abs(right[d] - left[d]);
      const double least = 1e-9 * std::max(std::abs(left[d]), std::abs(right[d])) + 1e-13 * size;
      const auto grows = [&](const std::vector<double>& near, const std::vector<double>& far) {
        return !std::isfinite(near[d]) || std::abs(near[d]) > 1.5 * std::abs(far[d]) + 1e-13 * size;
      };
      const bool breaks =
          !(jump <= least) || (ends && (grows(left_near, left_far) || grows(right_near, right_far)));
      if (!breaks) continue;
      points.push_back({all[i], order, 0});
      break;
    }
  }
  return points;
}

}  // namespace nngp::formula
