// fn alone: finite, its derivative, its break points, and NaN in every function.

#include <algorithm>
#include <cmath>
#include <limits>

#include "check/checks.hpp"
#include "check/measure.hpp"
#include "check/smoothness.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double searched = 8;  // break points are looked for within +- this

std::function<double(double)> fn_of(const Instance& f) {
  return [&f](double x) { return f.fn(x); };
}

std::vector<double> places_of(const std::vector<nngp_breakpoint>& points) {
  std::vector<double> places;
  for (const nngp_breakpoint& point : points) places.push_back(point.x);
  return places;
}

/// The distance from x to the nearest of `places` other than x.
double room_at(double x, const std::vector<double>& places) {
  double room = infinity;
  for (const double place : places)
    if (place != x) room = std::min(room, std::abs(x - place));
  return room;
}

Result check_fn(const Specimen& specimen) {
  if (!specimen.table->fn) return skipped("fn is not offered");
  return worst_of_settings(specimen, [&](const Instance& f) {
    const bool is_first = f.setting() == specimen.settings.front();
    int points = 0;
    double largest = 0;
    for (const double size : {0.0, 1e-300, 1e-20, 1e-3, 0.5, 1.0, 3.0, 10.0, 1e2, 1e4, 1e100})
      for (const double x : {-size, size}) {
        const double y = f.fn(x);
        // At the end of its range a parameter may make fn overflow.
        const bool overflows =
            !is_first && (std::isnan(y) ? largest > 1e20 : std::isinf(y) && size > 3 && size <= 10);
        if (overflows) return skipped("fn overflows");
        if (std::isnan(y)) return failed("fn(" + format_number(x) + ") is NaN");
        if (size <= 10 && std::isinf(y)) return failed("fn(" + format_number(x) + ") is infinite");
        largest = std::max(largest, std::abs(y));
        ++points;
      }
    return passed("no NaN at " + std::to_string(points) + " points");
  });
}

Result check_d_fn(const Specimen& specimen) {
  if (!specimen.table->fn || !specimen.table->d_fn) return skipped("d_fn is not offered");
  return worst_of_settings(specimen, [](const Instance& f) {
    Measure measure(1e-9, 1e-6);
    const std::vector<double> places = places_of(f.breakpoints());
    // Inputs of zeros are common, and so are break points there: any number between the slopes will do.
    std::vector<double> exact = places;
    exact.insert(exact.end(), {0.0, -0.0});
    for (const double x : exact)
      if (std::isfinite(f.fn(x)) && !std::isfinite(f.d_fn(x)))
        return failed("d_fn(" + format_number(x) + ") is " + short_number(f.d_fn(x)));
    for (double x = -4.03; x < 4; x += 0.31) {
      const double room = std::min(0.5, 0.9 * room_at(x, places));
      if (room < 0.01) continue;
      // Around x, on ever shorter intervals, until a polynomial follows fn.
      for (double h = room; h > 1e-3; h /= 2) {
        const Interpolant near(fn_of(f), x - h, x + h, 18);
        if (!near.is_resolved(1e-13)) continue;
        const double slope = near.derivative(x, 1);
        constexpr double least = 1e-280;  // below, subnormal numbers lose digits
        measure.compare(f.d_fn(x), slope, std::max(std::abs(slope) + near.largest(), least),
                        [&] { return "at x=" + format_number(x); });
        break;
      }
    }
    return measure.result();
  });
}

// ---- breakpoints

/// What is wrong with the list itself, or nothing.
std::string list_fault(const Instance& f) {
  const nngp_activation& table = f.table();
  const std::vector<nngp_breakpoint> points = f.breakpoints();
  if (table.breakpoints(f.get(), nullptr, 0) > 1'000'000) return "more than a million are declared";
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!std::isfinite(points[i].x)) return "one that is not finite is declared";
    if (i && !(points[i - 1].x < points[i].x)) return "they do not increase";
    if (points[i].reserved != 0) return "a reserved member is not 0";
  }
  if (points.empty()) return "";
  nngp_breakpoint two[2] = {{0, 0, 0}, {nan, 7, 0}};
  if (table.breakpoints(f.get(), two, 1) != points.size() || two[1].order != 7)
    return "the room for them is not minded";
  return "";
}

Result declared_against_observed(const Instance& f) {
  const auto fn = fn_of(f);
  const std::vector<nngp_breakpoint> points = f.breakpoints();
  const std::vector<double> places = places_of(points);
  const double reach =
      places.empty() ? searched : std::max({searched, 1 - places.front(), 1 + places.back()});
  const std::vector<double> found = find_kinks(fn, -reach, reach, places);
  if (!found.empty()) {
    const auto order = order_of_kink(fn, found.front(), room_at(found.front(), places));
    return failed("fn is not smooth near x=" + short_number(found.front()) +
                  (order == 0 ? ", where it jumps" : "") + ", which is not declared");
  }
  Result result = passed(std::to_string(points.size()) + " declared, the same observed");
  for (const nngp_breakpoint& point : points) {
    const auto order = order_of_kink(fn, point.x, room_at(point.x, places));
    const int declared = static_cast<int>(std::min(point.order, 5u));
    const std::string where = "at x=" + format_number(point.x) + ", order " + std::to_string(declared);
    if (order && *order != declared)
      return failed(where + " is declared, but the derivative of order " + std::to_string(*order) +
                    " jumps");
    if (!order && declared <= 2)
      result = {Status::warning, where + " is declared, but fn is smooth there"};
  }
  return result;
}

/// Whoever differentiates nngp_fn must know of jumps of fn.
Result look_for_jumps(const Specimen& specimen) {
  const nngp_activation& table = *specimen.table;
  const Result none = skipped("none declared: nngp looks for them itself");
  if (!table.nngp_fn || table.d_nngp_fn) return none;
  return worst_of_settings(specimen, [&](const Instance& f) {
    for (const double x : find_kinks(fn_of(f), -searched, searched, {})) {
      if (order_of_kink(fn_of(f), x, infinity) != 0) continue;
      return Result{Status::warning,
                    "fn jumps near x=" + short_number(x) +
                        ", which is not declared: without d_nngp_fn its networks have no NTK"};
    }
    return none;
  });
}

Result check_breakpoints(const Specimen& specimen) {
  if (!specimen.table->fn) return skipped("fn is not offered");
  if (!specimen.table->breakpoints) return look_for_jumps(specimen);
  return worst_of_settings(specimen, [](const Instance& f) {
    if (const auto fault = list_fault(f); !fault.empty()) return failed(fault);
    return declared_against_observed(f);
  });
}

// ---- nan

Result check_nan(const Specimen& specimen) {
  return worst_of_settings(specimen, [](const Instance& f) {
    const nngp_activation& table = f.table();
    if (table.fn && f.fn(0.3) != f.fn(-1.1) && !std::isnan(f.fn(nan)))
      return failed("fn(NaN) is " + short_number(f.fn(nan)));
    // Of an argument that does not matter nothing is asked.
    const auto fault = [&](const char* name, double (*kernel)(const void*, double, double, double)) {
      const double usual[] = {0.2, 0.9, 1.2}, other[] = {0.31, 0.7, 1.6};
      const char* const argument[] = {"cov12", "var1", "var2"};
      for (int i = 0; kernel && i < 3; ++i) {
        double x[] = {usual[0], usual[1], usual[2]};
        x[i] = other[i];
        if (kernel(f.get(), x[0], x[1], x[2]) == kernel(f.get(), usual[0], usual[1], usual[2]))
          continue;
        x[i] = nan;
        if (const double y = kernel(f.get(), x[0], x[1], x[2]); !std::isnan(y))
          return std::string(name) + " with " + argument[i] + "=NaN is " + short_number(y);
      }
      return std::string();
    };
    for (const auto& found : {fault("nngp_fn", table.nngp_fn), fault("d_nngp_fn", table.d_nngp_fn)})
      if (!found.empty()) return failed(found);
    return passed("NaN gives NaN");
  });
}

}  // namespace

std::vector<Check> function_checks() {
  return {{"fn", "fn is not NaN, and finite near 0", check_fn},
          {"d_fn", "d_fn is the derivative of fn", check_d_fn},
          {"breakpoints", "the declared kinks and jumps of fn are those it has", check_breakpoints},
          {"nan", "NaN in any argument gives NaN", check_nan}};
}

}  // namespace nngp::host
