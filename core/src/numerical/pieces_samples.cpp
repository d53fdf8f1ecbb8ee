// What samples tell of fn before it is cut: how far it counts, its sizes, jumps and noise.
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "nngp/error.hpp"
#include "numerical/digits.hpp"
#include "numerical/pieces.hpp"

namespace nngp::numerical {
namespace {

std::string text(double x) {
  if (std::isnan(x)) return "nan";
  std::ostringstream out;
  out.precision(10);
  out << x;
  return out.str();
}

}  // namespace

double checked(const std::function<double(double)>& fn, double x) {
  const double y = fn(x);
  if (!std::isfinite(y))
    throw NumericalError(
        "fn(" + text(x) + ") = " + text(y) +
        ": the numerical layer needs fn finite wherever inputs fall; give nngp_fn, or fix fn");
  return y;
}

double reach_of(const std::function<double(double)>& fn, double sigma) {
  // exp(-u^2/4) is what the Hermite functions leave of the Gaussian; E fn^2 exists if fn times that
  // is square integrable, and where the product has decayed fn no longer counts.
  constexpr double step = 0.125, least = 12.5, most = 50, beyond_doubles = 37, negligible = 1e-17;
  constexpr double largest_peak = 1.6e153;  // E fn^2 is up to 10 times its square
  double peak = 0, peak_at = 0, last_large = 0, largest = 0;
  bool overflows = false;
  for (double u = step / 2; u < most && !overflows; u += step) {
    double value = 0;
    for (double x : {sigma * u, -sigma * u}) {
      constexpr double huge = 1e100;  // from where fn is on its way to infinity, not at a pole
      if (largest > huge && std::isinf(fn(x))) {
        overflows = true;
        break;
      }
      const double y = std::abs(checked(fn, x));
      largest = std::max(largest, y);
      value = std::max(value, y * std::exp(-u * u / 4));
    }
    if (value > peak) {
      peak = value;
      peak_at = u;
    }
    if (value > negligible * peak) last_large = u;
    // What is not 0 may lie farther out.
    const double enough = peak > 0 ? least : beyond_doubles;
    if (u > enough && u > last_large + 1 && peak < largest_peak)
      return std::max(least, last_large + step);
  }
  throw NumericalError(
      "fn grows too fast: E[fn(x)^2] does not exist, or overflows, for x of variance " +
      text(sigma * sigma) + " (fn(" + text(sigma * peak_at) + ") = " + text(fn(sigma * peak_at)) +
      "); use smaller weights or inputs");
}

bool zero_beyond(const std::function<double(double)>& fn, double radius) {
  constexpr double step = 1.25, furthest = 1e12;
  for (double x = radius; x < furthest * radius; x *= step)
    if (fn(x) != 0 || fn(-x) != 0) return false;
  return true;
}

/// Places that pieces must agree with fn at: denser than their nodes where inputs fall, and at every
/// scale towards 0 and what is declared.
void Pieces::take_samples(const std::optional<std::vector<nngp_breakpoint>>& breakpoints) {
  const double golden = (std::sqrt(5) - 1) / 2;
  const auto octaves = [&](double from, double to, int each) {
    for (double x = from; x > to; x /= 2)
      for (int i = 0; i < each; ++i)
        for (double side : {-1.0, 1.0}) {
          const double phase = std::fmod(golden * static_cast<double>(samples_.size() + 1), 1.0);
          const double at = side * x * std::exp2(-(i + phase) / each);
          samples_.push_back({at, call(at)});
        }
  };
  const double inner = sigma_min_ / 4, nearer = inner / 256;
  octaves(radius_, inner, 256);
  octaves(inner, nearer, 96);
  octaves(nearer, nearer * 1e-10, 20);
  octaves(nearer * 1e-10, nearer * 1e-40, 1);
  octaves(4 * sigma_max_, sigma_min_, 256);
  at_zero_ = call(0);
  samples_.push_back({0, at_zero_});
  if (breakpoints)
    for (const nngp_breakpoint& b : *breakpoints)
      for (double distance = sigma_max_; distance > 1e-9 * sigma_max_; distance /= 2)
        for (double at : {b.x - distance, b.x + distance})
          if (std::abs(at) < radius_) samples_.push_back({at, call(at)});
  std::sort(samples_.begin(), samples_.end(), [](auto p, auto q) { return p.x < q.x; });
}

/// What errors are small against: the largest values that fn takes where a deviation puts inputs.
void Pieces::measure_sizes() {
  std::vector<double> deviations = {sigma_max_};
  for (double sigma = sigma_min_; sigma < sigma_max_; sigma *= 2) deviations.push_back(sigma);
  for (double sigma : deviations) {
    double largest = 0;
    for (const Sample& s : samples_) {
      const double u = s.x / sigma;
      largest = std::max(largest, std::abs(s.y) * std::exp(-u * u / 4));
    }
    sizes_.push_back({sigma, largest});
  }
}

/// By the deviation that needs most of those for which fn is not 0: the Gaussian makes up for errors
/// further out.
double Pieces::size_at(double x) const {
  double least = INFINITY;
  for (const auto& [sigma, size] : sizes_) {
    const double u = x / sigma;
    if (size > 0) least = std::min(least, size * std::exp(u * u / 4));
  }
  return least < INFINITY ? least : 0;
}

/// What is left of digits where fn is a difference of values as large as fn is elsewhere.
double Pieces::rounding_of_largest() const {
  constexpr double several = 8;
  return several * epsilon * sizes_.front().of_fn;  // at the largest deviation
}

/// Between samples where fn changes far more than on both sides. Others come to light where pieces are
/// halved, at thirty times as many calls. Where fn is rough in half of the octaves, its values are
/// rounded.
void Pieces::find_jumps() {
  constexpr double more = 8, uneven = 0.2, very_many = 64;
  struct Octave {
    double gaps = 0, rough = 0, jumps = 0;
  };
  const int first = std::ilogb(sigma_min_ / 4), last = std::ilogb(4 * sigma_max_);
  std::vector<Octave> octaves(static_cast<std::size_t>(last - first + 1));
  const auto slope = [&](std::size_t i) {
    return (samples_[i + 1].y - samples_[i].y) / (samples_[i + 1].x - samples_[i].x);
  };
  std::vector<std::size_t> found;
  for (std::size_t i = 1; i + 2 < samples_.size(); ++i) {
    const double here = slope(i), before = slope(i - 1), after = slope(i + 1);
    const double around = std::max(std::abs(before), std::abs(after));
    const bool jump = std::abs(here) > more * around && !is_rounding(samples_[i].y, samples_[i + 1].y);
    if (jump) found.push_back(i);
    const int octave = std::ilogb(samples_[i].x);
    if (octave < first || octave > last) continue;
    Octave& o = octaves[static_cast<std::size_t>(octave - first)];
    ++o.gaps;
    o.jumps += jump;
    o.rough += std::abs(here - before) > uneven * std::max(std::abs(here), std::abs(before));
  }
  const auto rough = std::count_if(octaves.begin(), octaves.end(), [](const Octave& o) {
    return o.rough > o.gaps / 4 || o.jumps > very_many;
  });
  if (2 * rough >= static_cast<std::ptrdiff_t>(octaves.size())) return;
  for (std::size_t i : found) find_jumps_between(samples_[i], samples_[i + 1]);
  std::sort(jumps_.begin(), jumps_.end());
}

void Pieces::find_jumps_between(Sample left, Sample right) {
  constexpr double part = 0.25;
  constexpr int most = 64;
  const double change = std::abs(right.y - left.y);
  if (left.x == 0 || right.x == 0) {  // what fn is at 0 alone does not matter
    constexpr double least = 1e-140;  // in any unit of x not 0
    const bool jump = std::abs(call(left.x == 0 ? least : -least) - at_zero_) >= part * change;
    if (jump && (jumps_.empty() || jumps_.back() != 0)) jumps_.push_back(0);
    return;
  }
  double rest = change;
  for (int i = 0; i < most && rest > part * change; ++i) {
    const double x = locate_jump(left, right);
    const Sample before{std::nextafter(x, left.x), call(std::nextafter(x, left.x))}, after{x, call(x)};
    if (std::abs(after.y - before.y) < part * rest || is_rounding(before.y, after.y))
      return;  // steep, but no jump
    jumps_.push_back(x);
    const bool on_right = std::abs(right.y - after.y) > std::abs(before.y - left.y);
    (on_right ? left : right) = on_right ? after : before;
    rest = std::abs(right.y - left.y);
  }
}

/// From where on fn is nearer to what it is after a jump than to what it is before.
double Pieces::locate_jump(const Sample& before, const Sample& after) {
  double a = before.x, b = after.x;
  while (b > std::nextafter(a, b)) {
    const double middle = a + (b - a) / 2, y = call(middle);
    (std::abs(y - before.y) < std::abs(y - after.y) ? a : b) = middle;
  }
  return b;
}

/// How far values of fn around x are from those of a smooth function: the size of the last coefficients
/// of fits that do not get smaller on shorter intervals. Those of an oscillation do, in the end. Values
/// that come in steps are constant in the end. Nothing where fn is constant.
std::optional<double> Pieces::noise_around(double x) {
  constexpr double smooth = 1e-14;
  constexpr double decay = 8;         // of a kink it is 10
  constexpr double variation = 2e-3;  // beside the values around, what is more is no noise
  std::optional<double> last;
  double wider = 0;
  const auto same_on_both = [&] { return wider < decay * *last ? std::min(wider, *last) : 0; };
  for (double width : {1e-1, 1e-2, 1e-3, 1e-4, 1e-5}) {
    const auto [left, right] = std::minmax({x * (1 - width), x * (1 + width)});
    const auto jump = std::lower_bound(jumps_.begin(), jumps_.end(), left);
    if (jump != jumps_.end() && *jump <= right) continue;
    const ChebyshevFit f = fit_between(left, right);
    const bool constant = f.c.size() <= 1;
    if (constant) return last ? std::optional(same_on_both()) : std::nullopt;
    const double size = size_at(x);
    wider = last.value_or(0);
    last = size == 0 ? 0 : f.tail * f.scale / size;
    if (*last < smooth || f.tail > variation || f.tail * f.scale <= rounding_of_largest()) return 0;
  }
  return same_on_both();
}

/// At most places where fn varies: at others it may jump, or be small.
void Pieces::measure_noise() {
  constexpr double step = 0.61803, furthest = 2, nearest = -4.8;  // octaves
  std::vector<double> found;
  double places = 0;
  for (double octave = furthest; octave > nearest - std::log2(sigma_max_ / sigma_min_);
       octave -= step) {
    const double x = sigma_max_ * std::exp2(octave);
    const std::optional<double> noise = noise_around(std::fmod(++places, 2) == 0 ? -x : x);
    if (noise) found.push_back(*noise);
  }
  constexpr double enough = 0.2;
  if (static_cast<double>(found.size()) < enough * places) return;
  std::sort(found.begin(), found.end());
  const double low = found[found.size() / 3], typical = found[2 * found.size() / 3];
  // More is no noise: fn varies on a scale that rounding of x does not resolve, or has large steps. Nor
  // is what only some places have, as beside kinks.
  constexpr double least = 1e-13, most = 2e-3;
  if (low > least && typical < most) noise_ = 4 * typical;
}

}  // namespace nngp::numerical
