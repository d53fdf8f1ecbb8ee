#include "numerical/pieces.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <sstream>

#include "nngp/error.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr double wanted_tail = 4e-15;         // relative to the size of fn
constexpr std::size_t max_calls = 1'000'000;  // 1 s for fn of 1 us

std::string text(double x) {
  if (std::isnan(x)) return "nan";
  std::ostringstream out;
  out.precision(10);
  out << x;
  return out.str();
}

/// The probability that sigma u lies between a and b.
double probability(double a, double b, double sigma) {
  const double middle = (a + b) / (2 * sigma), width = (b - a) / sigma;
  if (width < 0.1) return width * std::exp(-middle * middle / 2) / std::sqrt(2 * std::numbers::pi);
  if (a > 0) return probability(-b, -a, sigma);
  const auto below = [&](double x) { return 0.5 * std::erfc(-x / (sigma * std::numbers::sqrt2)); };
  return below(b) - below(a);
}

double distance_from_0(const ChebyshevFit& f) {
  return f.left < 0 && f.right > 0 ? 0 : std::min(std::abs(f.left), std::abs(f.right));
}

/// The least power of two that y is no multiple of twice; infinite for 0.
double last_digit(double y) {
  if (y == 0) return INFINITY;
  int exponent;
  const double whole = std::ldexp(std::frexp(std::abs(y), &exponent), 53);
  return std::ldexp(
      static_cast<double>(std::uint64_t{1} << std::countr_zero(static_cast<std::uint64_t>(whole))),
      exponent - 53);
}

/// Whether two values differ by a few units of a last digit such as the rounding of sums leaves near 0.
bool is_rounding(double y1, double y2) {
  constexpr double few = 64, plausible = 1e-10;
  const double digit = std::min(last_digit(y1), last_digit(y2));
  return digit < plausible && std::abs(y1 - y2) < few * digit;
}

/// Where the piece that ends at x and the one that begins there take the same value, if nearby.
double meeting_point(const std::vector<ChebyshevFit>& fits, std::size_t first, double x) {
  for (std::size_t i = first; i + 1 < fits.size(); ++i) {
    const ChebyshevFit &left = fits[i], &right = fits[i + 1];
    if (left.right != x) continue;
    const double value = right(x) - left(x), slope = right.derivative()(x) - left.derivative()(x);
    const double step = slope == 0 ? 0 : -value / slope;
    if (std::abs(step) < 1e-6 * std::min(left.right - left.left, right.right - right.left))
      return x + step;
  }
  return x;
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

Pieces::Pieces(std::function<double(double)> fn,
               const std::optional<std::vector<nngp_breakpoint>>& breakpoints, double sigma_min,
               double sigma_max)
    : fn_(std::move(fn)),
      sigma_min_(sigma_min),
      sigma_max_(sigma_max),
      reach_(reach_of(fn_, sigma_max)),
      radius_(reach_ * sigma_max) {
  // Small deviations reach farther where fn counts beyond them alone; there it is known, as far as
  // radius_.
  for (double sigma = sigma_min; sigma < sigma_max; sigma *= 2)
    reach_ = std::max(reach_, reach_of(fn_, sigma));
  take_samples(breakpoints);
  measure_sizes();
  find_jumps();
  measure_noise();
  cut(breakpoints);
  find_panels();
  differentiate();
  measure_powers();
  measure_hidden_slopes();
  measure_shared_reach();
  zero_ =
      std::all_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.size[nngp] == 0; }) &&
      zero_beyond(fn_, radius_);
}

double Pieces::call(double x) {
  ++calls_;
  return checked(fn_, x);
}

ChebyshevFit Pieces::fit_between(double a, double b) {
  return fit([this](double x) { return call(x); }, a, b, 0);
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
  octaves(nearer, nearer * 1e-10, 24);
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

/// Between samples where fn changes far more than on both sides. Others come to light where pieces are
/// halved, at thirty times as many calls. Where fn is rough in half of the octaves, its values are rounded.
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
}

void Pieces::find_jumps_between(Sample left, Sample right) {
  constexpr double part = 0.25;
  if (left.x == 0 || right.x == 0) {  // what fn is at 0 alone does not matter
    if (jumps_.empty() || jumps_.back() != 0) jumps_.push_back(0);
    return;
  }
  const double change = std::abs(right.y - left.y);
  for (double rest = change; rest > part * change;) {
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

/// By the deviation that needs most of those for which fn is not 0: the Gaussian makes up for errors
/// further out. Not for all of the largest, since fn' may be 0 but there.
double Pieces::size_at(double x) const {
  constexpr double furthest = 6;
  double least = INFINITY;
  for (const auto& [sigma, size] : sizes_) {
    const double u = std::abs(x / sigma), counts = sigma == sigma_max_ ? std::min(u, furthest) : u;
    if (size > 0) least = std::min(least, size * std::exp(counts * counts / 4));
  }
  return least < INFINITY ? least : 0;
}

/// What is left of digits where fn is a difference of values as large as fn is elsewhere.
double Pieces::rounding_of_largest() const {
  constexpr double several = 8;
  return several * epsilon * sizes_.front().of_fn;  // at the largest deviation
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
  const std::size_t typical_place = 2 * found.size() / 3;
  std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(typical_place),
                   found.end());
  // More is no noise: fn varies on a scale that rounding of x does not resolve, or has large steps.
  constexpr double least = 1e-13, most = 2e-3;
  const double typical = found[typical_place];
  if (typical > least && typical < most) noise_ = 4 * typical;
}

double Pieces::tolerance(const ChebyshevFit& f) const {
  const double size = std::max(size_at(distance_from_0(f)), noise_ > 0 ? f.scale : 0);
  return std::max(std::max(wanted_tail, 3 * noise_) * size, f.rounding_of_x());
}

bool Pieces::agrees(const ChebyshevFit& f, double tolerance, bool up_to_ends) {
  // What fn is where it jumps does not matter.
  const auto first = std::upper_bound(samples_.begin(), samples_.end(), f.left,
                                      [](double x, const Sample& s) { return x < s.x; });
  const double allowed = 20 * tolerance;
  for (auto s = first; s != samples_.end() && s->x < f.right; ++s)
    if (std::abs(f(s->x) - s->y) > allowed) return false;
  // Beyond the outer nodes a kink would go unnoticed, and what a steep step or a power is beside a cut.
  // That does not matter so far out that much is allowed.
  constexpr double much = 1e-6;
  const double inset = 1e-9 * (f.right - f.left);
  const double least = 4 * epsilon * std::max(std::abs(f.left), std::abs(f.right));
  const auto agrees_beside_ends = [&](double distance) {
    for (double x : {std::max(f.left + distance, std::nextafter(f.left, f.right)),
                     std::min(f.right - distance, std::nextafter(f.right, f.left))})
      if (std::abs(f(x) - call(x)) > allowed) return false;
    return true;
  };
  return agrees_beside_ends(inset) &&
         (!up_to_ends || tolerance >= much * f.scale || agrees_beside_ends(least));
}

/// Whether a piece is no wider than `factor` times what is halved no more.
bool Pieces::is_smallest(const ChebyshevFit& f, double factor) const {
  const double width = f.right - f.left, furthest = std::max(std::abs(f.left), std::abs(f.right));
  return width <= factor * 4 * epsilon * furthest || width < factor * 1e-36 * sigma_min_;
}

void Pieces::halve(ChebyshevFit whole, std::vector<ChebyshevFit>& out, bool up_to_ends) {
  // Rounding of the largest values is an error everywhere on a piece.
  const double allowed = tolerance(whole);
  const bool done =
      std::max(whole.tail, epsilon) * whole.scale <= allowed && agrees(whole, allowed, up_to_ends);
  const bool smallest = is_smallest(whole, 1);
  if (calls_ >= max_calls && !done && !smallest) resolved_ = false;
  if (done || smallest || calls_ >= max_calls) {
    out.push_back(std::move(whole));
    return;
  }
  const double middle = whole.left + (whole.right - whole.left) / 2;
  ChebyshevFit left = fit_between(whole.left, middle), right = fit_between(middle, whole.right);
  // Where fn is rounded worse than usual, as a difference of larger values is, halving does not help on
  // either side, nor does looking closely.
  constexpr double little = 100, rounding = 1e-11, digits = 1e-3, closely = 1e-4;
  const double error = whole.tail * whole.scale;
  if (error > allowed && whole.tail <= digits && std::min(left.tail, right.tail) > whole.tail / 4 &&
      agrees(whole, error, up_to_ends)) {
    const bool slightly = error <= little * allowed && whole.tail <= rounding + little * noise_;
    const double close = closely * std::max(std::abs(whole.left), std::abs(whole.right));
    const auto tail_nearby = [&] {
      const ChebyshevFit f = fit_between(middle, middle + close);
      return f.tail * f.scale;
    };
    if (slightly || (close < whole.right - middle && tail_nearby() > error / 4)) {
      out.push_back(std::move(whole));
      return;
    }
  }
  halve(std::move(left), out, up_to_ends);
  halve(std::move(right), out, up_to_ends);
}

/// Whether fn changes on a piece that does not fit it by most of what it changes by around it.
bool Pieces::jumps(const ChebyshevFit& f) {
  if (f.tail * f.scale <= tolerance(f)) return false;
  constexpr int around = 4;  // widths to either side
  constexpr double most = 2.0 / 3;
  const double width = f.right - f.left, before = call(f.left), after = call(f.right);
  double least = std::min(before, after), largest = std::max(before, after);
  for (int i = 1; i <= around; ++i)
    for (double x : {f.left - i * width, f.right + i * width}) {
      const double y = call(x);
      least = std::min(least, y);
      largest = std::max(largest, y);
    }
  return std::abs(after - before) > most * (largest - least);
}

/// From where on fn is nearer to what it is at b than at a.
double Pieces::locate_jump(const Sample& before, const Sample& after) {
  double a = before.x, b = after.x;
  while (b > std::nextafter(a, b)) {
    const double middle = a + (b - a) / 2, y = call(middle);
    (std::abs(y - before.y) < std::abs(y - after.y) ? a : b) = middle;
  }
  return b;
}

/// Where second differences of fn are largest, over steps from `step` down to what rounding hides: of
/// a kink or a power it is its place.
double Pieces::locate_power(double x, double step) {
  constexpr int nearby = 4;  // half steps to either side
  const double unit = epsilon / 2 * std::abs(x);
  for (; step >= unit; step /= 2) {
    std::array<double, 2 * nearby + 1> y;
    double size = 0;
    for (int i = -nearby; i <= nearby; ++i) {
      y[static_cast<std::size_t>(i + nearby)] = call(x + i * step / 2);
      size = std::max(size, std::abs(y[static_cast<std::size_t>(i + nearby)]));
    }
    const auto difference = [&](int i) {
      const auto k = static_cast<std::size_t>(i + nearby);
      return std::abs((y[k + 2] - y[k]) - (y[k] - y[k - 2]));
    };
    int best = 0;
    for (int i : {-1, 1, -2, 2})
      if (difference(i) > difference(best)) best = i;
    constexpr double clear = 32;
    if (difference(best) < clear * std::max(epsilon, noise_) * size) break;
    x += best * step / 2;
  }
  return x;
}

/// Pieces of [a, b]; cut anew where a first attempt came together at points. Returns these.
std::vector<double> Pieces::resolve(double a, double b, std::vector<ChebyshevFit>& out) {
  const std::size_t first = out.size();
  halve(fit_between(a, b), out);
  const double small = std::ldexp(b - a, -12);
  struct Point {
    double x;
    bool jump;
  };
  std::vector<Point> points;
  for (std::size_t i = first; i < out.size(); ++i) {
    const auto width = [&](std::size_t k) { return out[k].right - out[k].left; };
    if (width(i) > small) continue;
    std::size_t least = i;
    for (; i < out.size() && width(i) <= small; ++i)
      if (width(i) < width(least)) least = i;
    const ChebyshevFit& f = out[least];
    const bool jump = jumps(f);
    const double at = jump ? locate_jump({f.left, call(f.left)}, {f.right, call(f.right)})
                           : locate_power(f.left + (f.right - f.left) / 2, f.right - f.left);
    points.push_back({at, jump});
  }
  const auto in_order = [&] {
    std::erase_if(points, [&](const Point& p) { return p.x <= a || p.x >= b; });
    std::sort(points.begin(), points.end(), [](auto p, auto q) { return p.x < q.x; });
    const auto end =
        std::unique(points.begin(), points.end(), [](auto p, auto q) { return p.x == q.x; });
    points.erase(end, points.end());
  };
  std::vector<double> cuts;
  const auto cut_anew = [&](bool up_to_ends) {
    in_order();
    out.resize(first);
    cuts.clear();
    double from = a;
    for (const Point& point : points) {
      halve(fit_between(from, point.x), out, up_to_ends);
      cuts.push_back(from = point.x);
    }
    halve(fit_between(from, b), out, up_to_ends);
  };
  if (points.empty()) return cuts;
  cut_anew(false);
  // Kinks are where the pieces on both sides meet.
  for (Point& point : points)
    if (!point.jump) point.x = meeting_point(out, first, point.x);
  cut_anew(true);
  return cuts;
}

void Pieces::cut(const std::optional<std::vector<nngp_breakpoint>>& breakpoints) {
  std::vector<double> known;
  if (breakpoints)
    for (const nngp_breakpoint& b : *breakpoints)
      if (std::abs(b.x) < radius_) known.push_back(b.x);
  known.insert(known.end(), jumps_.begin(), jumps_.end());
  std::vector<double> cuts = known;
  double x = radius_;
  for (; x > sigma_min_ / 2; x /= 2) cuts.insert(cuts.end(), {x, -x});
  const double central = 2 * x;
  if (std::none_of(known.begin(), known.end(), [](double b) { return b == 0; })) {
    const ChebyshevFit f = fit_between(-central, central);
    if (f.tail * f.scale > tolerance(f) || !agrees(f, tolerance(f))) cuts.push_back(0);
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::vector<ChebyshevFit> fits;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::vector<double> points = resolve(cuts[i], cuts[i + 1], fits);
    known.insert(known.end(), points.begin(), points.end());
  }
  for (ChebyshevFit& f : fits) {
    edges_.push_back(f.left);
    pieces_.push_back({std::move(f), {}, {}, {}});
  }
  edges_.push_back(radius_);
  find_breaks(known);
}

/// Edges that are known to be breaks, and those across which no polynomial fits.
void Pieces::find_breaks(const std::vector<double>& known) {
  for (std::size_t i = 1; i + 1 < edges_.size(); ++i) {
    const double x = edges_[i];
    const double before = x - edges_[i - 1], after = edges_[i + 1] - x;
    bool broken = std::find(known.begin(), known.end(), x) != known.end();
    if (!broken && std::min(before, after) > 1e-3 * std::max(before, after) &&
        std::min(before, after) > 1e-12 * std::abs(x)) {
      const double half = std::min(before, after) / 2;
      const ChebyshevFit f = fit_between(x - half, x + half);
      broken = f.tail * f.scale > 10 * tolerance(f);
    }
    if (broken) breaks_.push_back(x);
  }
}

/// How far from 0 to one side pieces are octaves, which no feature of fn made.
double Pieces::octaves_around_0(double side) const {
  double end = 0;
  std::vector<double> edges;
  for (double x : edges_)
    if (side * x > 0) edges.push_back(side * x);
  std::sort(edges.begin(), edges.end());
  for (std::size_t i = 0; i < edges.size() && (i == 0 || edges[i] == 2 * edges[i - 1]); ++i)
    end = edges[i];
  return end;
}

/// Joins octaves around 0, or on either side of it, as far as one polynomial fits fn there.
void Pieces::find_panels() {
  const double right = octaves_around_0(1), left = octaves_around_0(-1);
  const auto fits = [&](double a, double b) {
    const ChebyshevFit f = fit_between(a, b);
    const double allowed = std::max(wanted_tail, 3 * noise_);
    return f.tail <= allowed && agrees(f, allowed * f.scale);
  };
  const auto widest = [&](double most, double side1, double side2) {
    for (double x = most; x > sigma_min_ / 2; x /= 2)
      if (fits(side1 * x, side2 * x)) return x;
    return 0.0;
  };
  double inner_left, inner_right;
  const bool broken = std::binary_search(edges_.begin(), edges_.end(), 0.0);
  if (broken) {
    inner_left = widest(left, -1, 0);
    inner_right = widest(right, 0, 1);
  } else {
    inner_left = inner_right = widest(std::min(left, right), -1, 1);
  }
  for (double x : edges_)
    if (x <= -inner_left || x >= inner_right || (broken && x == 0)) panels_.push_back(x);
}

double Pieces::Piece::variation() const {
  double sum = 0;
  for (std::size_t k = 1; k < value.c.size(); ++k) sum += std::abs(value.c[k]);
  return sum;
}

/// The last digit of fn on a piece, if it has few: it is a difference of larger values then, of which
/// that is left. 0 else.
double Pieces::digit_if_few(const ChebyshevFit& f) {
  constexpr double few = 1024, most = 1e-10;
  if (f.scale >= few * most) return 0;
  double digit = INFINITY;
  for (double part : {0.13, 0.37, 0.63, 0.89})
    digit = std::min(digit, last_digit(call(f.left + part * (f.right - f.left))));
  return digit < most && f.scale < few * digit ? digit : 0;
}

void Pieces::differentiate() {
  // Around 0 a wide interval gives fn' with smaller errors than a narrow one, unless fn vanishes.
  ChebyshevFit central;
  double central_error = INFINITY;
  const auto try_central = [&](double x) {
    for (double b : breaks_)
      if (std::abs(b) < x) return false;
    calls_ += 22;
    ChebyshevFit f = fit(fn_, -x, x, 0);
    const bool known = std::isfinite(f.scale) && std::isfinite(fn_(-x)) && std::isfinite(fn_(x));
    if (!known || !(f.tail <= std::max(wanted_tail, 3 * noise_)) || !agrees(f, tolerance(f)))
      return false;
    const double error = std::max({noise_, epsilon, f.tail}) * f.scale / x;
    const bool better = error < 0.9 * central_error;
    if (error < central_error) {
      central_error = error;
      central = std::move(f);
    }
    return better;
  };
  for (double x = radius_; x > sigma_min_ / 4; x /= 2) try_central(x);
  constexpr double much_wider = 64;
  if (central_error < INFINITY && central.right == radius_)
    for (double x = 2 * radius_; x <= much_wider * radius_ && try_central(x); x *= 2) {
    }
  const ChebyshevFit central_slope = central.derivative();
  // Of an even fn it is odd to the last bit, and its errors vanish with x: Markov's inequality.
  bool even = !central.c.empty();
  for (std::size_t k = 1; k < central.c.size(); k += 2) even = even && central.c[k] == 0;
  const auto error_within = [&](double x) {
    const double terms = static_cast<double>(central.c.size());
    return 20 * central_error * (even ? std::min(1.0, terms * x / central.right) : 1.0);
  };
  for (Piece& p : pieces_) {
    const ChebyshevFit& f = p.value;
    const double width = f.right - f.left, furthest = std::max(std::abs(f.left), std::abs(f.right));
    const double variation = p.variation(), size = (f.c.empty() ? 0 : std::abs(f.c[0])) + variation;
    const double rounding = std::max(epsilon, noise_) * size;
    p.size[nngp] = size;
    p.size[d_nngp] = 4 * variation / width;
    p.error[nngp] = rounding + f.tail * f.scale + digit_if_few(f);
    p.error[d_nngp] = 10 * p.error[nngp] / width;
    p.error[nngp] += f.rounding_of_x() / 2;
    p.slope = f.derivative();
    const bool exactly_constant = variation == 0 && f.tail == 0;
    // Maybe for rounding, as 1 + x^2 near 0.
    const bool in_varying = furthest <= central.right && central.c.size() > 1;
    if (is_smallest(f, 2) && jumps(f)) {
      // A jump, which the almost-everywhere derivative does not see.
      p.slope.c.clear();
      p.error[d_nngp] = p.size[d_nngp] = 0;
    } else if (exactly_constant && !in_varying) {
      p.error[d_nngp] = 0;
    } else if (furthest <= central.right && error_within(furthest) < p.error[d_nngp]) {
      p.slope = central_slope;
      p.error[d_nngp] = error_within(furthest);
    }
  }
}

/// By how much the slope of fn at x is not that of its piece, where fn is looked at so closely that it
/// has one: the same on both sides, and at about half of the distance. Nothing where it never does, as
/// of values with noise, or in steps.
std::optional<double> Pieces::hidden_slope(double x, double of_piece) {
  constexpr double same = 0.2, most_digits = 1e-10, whole = 0.02;
  constexpr std::array parts = {-1.0, -0.58, 0.43, 0.71};  // not in whole ratios
  const double here = call(x), digit = last_digit(here);
  // Of differences of larger values the last digits are missing.
  double unit = std::max(epsilon * std::abs(here), digit < most_digits ? digit : 0);
  for (double width = 1e-13; width < 1e-5; width *= 10) {
    double least = INFINITY, most = -INFINITY, step = INFINITY;
    std::array<double, parts.size()> change;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double there = x + parts[i] * width * std::abs(x);
      change[i] = call(there) - here;
      const double rest = change[i] / (there - x) - of_piece;
      least = std::min(least, rest);
      most = std::max(most, rest);
      if (change[i] != 0) step = std::min(step, std::abs(change[i]));
    }
    if (step == INFINITY) return std::nullopt;
    if (std::all_of(change.begin(), change.end(),
                    [&](double c) { return std::abs(c / step - std::nearbyint(c / step)) < whole; }))
      unit = std::max(unit, step);
    const double middle = least + (most - least) / 2, rounding = 4 * unit / (width * std::abs(x));
    if (most - least + rounding >= same * std::abs(middle)) continue;
    return std::abs(middle) > pieces_[at(x)].error[d_nngp] ? std::optional(middle) : std::nullopt;
  }
  return std::nullopt;
}

/// What was taken for noise may be an oscillation that is too fast to follow, which adds to E fn'^2,
/// everywhere or on a part of the line. Values rounded to a few digits have slopes without relation to
/// those of a smooth function too, but all the same: 0, or another one that lacks what the jumps
/// between the steps do.
void Pieces::measure_hidden_slopes() {
  constexpr double width = 1.25, outermost = 4, innermost = 1.0 / 32;  // of the deviations
  double largest = 0;
  bool smooth = noise_ == 0;
  for (const Piece& p : pieces_) {
    const ChebyshevFit& f = p.value;
    const double error = f.tail * f.scale;
    const double u = distance_from_0(f) / sigma_max_;
    if (is_smallest(f, 2) || u > outermost || error <= f.rounding_of_x()) continue;
    smooth = smooth && error <= tolerance(f);
    largest = std::max(largest, error * std::exp(-u * u / 4));
  }
  constexpr double rounding = 8;  // of sums such as 1 + x^2, in steps of 1 however small fn is
  if (smooth || !resolved_ || largest <= rounding * rounding_of_largest()) return;
  for (double outer = std::min(outermost * sigma_max_, radius_); outer > innermost * sigma_min_;
       outer /= width)
    for (double side : {-1.0, 1.0}) {
      const double hidden = hidden_slope_between(side * outer / width, side * outer);
      if (hidden == 0) continue;
      const double left = std::min(side * outer / width, side * outer),
                   right = left + outer - outer / width;
      for (Piece& p : pieces_)
        if (p.value.left < right && p.value.right > left)
          p.error[d_nngp] = std::max(p.error[d_nngp], hidden);
    }
}

/// The size of hidden slopes between a and b, if they are those of an oscillation.
double Pieces::hidden_slope_between(double a, double b) {
  constexpr int places = 16;
  constexpr double enough = 0.5, golden = 0.6180339887498949;
  double count = 0, energy = 0, energy_of_pieces = 0, product = 0;
  for (int i = 1; i <= places; ++i) {
    const double x = a + (b - a) * std::fmod(golden * i, 1.0);
    const double slope = (*this)(x)[d_nngp];
    const std::optional<double> hidden = hidden_slope(x, slope);
    if (!hidden) continue;
    ++count;
    energy += *hidden * *hidden;
    energy_of_pieces += slope * slope;
    product += *hidden * slope;
  }
  constexpr double deviations = 2;  // of n places alike, the product is the root of n times that
  const double chance = deviations * std::sqrt(energy * energy_of_pieces / std::max(count, 1.0));
  return count < enough * places || std::abs(product) > chance ? 0 : std::sqrt(energy / count);
}

/// With t = (1 - rho) / (1 + rho), two inputs at u have m at u sqrt(1 - t^2) on average, its deviation
/// is sqrt(t), and their density relative to exp(-u^2 / 2) is exp(-u^2 t / 2).
void Pieces::measure_shared_reach() {
  constexpr double digits = 74;  // exp(-digits / 2) is negligible
  const auto extend = [&](double u, double share) {
    const double left = share > 0 ? digits + 4 * std::log(share) - u * u : 0;
    if (left <= 0 || u + std::min(left / (2 * u), std::sqrt(left)) <= shared_reach_) return;
    for (double root = 0; root <= 1; root += 1.0 / 16) {
      const double t = root * root, rest = left - u * u * t;
      if (rest < 0) break;
      shared_reach_ = std::max(shared_reach_, u * std::sqrt(1 - t * t) + root * std::sqrt(rest));
    }
  };
  for (const auto& [sigma, of_fn] : sizes_) {
    double of_slope = 0;
    for (const Piece& p : pieces_) {
      const double u = distance_from_0(p.value) / sigma;
      of_slope = std::max(of_slope, p.size[d_nngp] * std::exp(-u * u / 4));
    }
    for (const Piece& p : pieces_)
      for (double x : {p.value.left, p.value.right}) {
        if (of_fn > 0) extend(std::abs(x) / sigma, p.size[nngp] / of_fn);
        if (of_slope > 0) extend(std::abs(x) / sigma, p.size[d_nngp] / of_slope);
      }
  }
  shared_reach_ = std::min(std::max(shared_reach_, std::sqrt(digits)), 50.0);
}

/// The power of the distance to b that fn' is like beside b, the edge that piece `from` begins at, to
/// the right (step = 1) or left. Nothing where fn is smooth, or rounding hides fn'.
std::optional<Pieces::Power> Pieces::power_of_slope(std::size_t from, int step) const {
  constexpr double far = 16;        // from what rounding and the place of b change
  constexpr double octaves = 4096;  // between two pieces
  constexpr double known = 0.1;     // relative errors of fn'
  constexpr double smooth = 1e-6;   // beside b: of a root, the tail is a thousandth
  const ChebyshevFit& nearest = pieces_[from].value;
  if (nearest.tail * nearest.scale < smooth * pieces_[from].variation()) return std::nullopt;
  const double b = edges_[step > 0 ? from : from + 1], least = edges_[from + 1] - edges_[from];
  std::optional<Power> near;
  for (auto i = static_cast<std::ptrdiff_t>(from);
       i >= 0 && i < static_cast<std::ptrdiff_t>(pieces_.size()); i += step) {
    const Piece& p = pieces_[static_cast<std::size_t>(i)];
    const double middle = p.value.left + (p.value.right - p.value.left) / 2;
    const double distance = std::abs(middle - b), slope = std::abs((*this)(middle)[d_nngp]);
    if (distance <= far * least || slope * known <= p.error[d_nngp]) continue;
    if (!near) near = {distance, slope, 0};
    if (distance < octaves * near->distance) continue;
    near->exponent = std::log(slope / near->slope) / std::log(distance / near->distance);
    return near;
  }
  return std::nullopt;
}

/// The pieces beside breaks and beside 0, with the direction away from there.
std::vector<std::pair<std::size_t, int>> Pieces::beside_breaks() const {
  std::vector<double> places = breaks_;
  if (std::binary_search(edges_.begin(), edges_.end(), 0.0)) places.push_back(0);
  std::vector<std::pair<std::size_t, int>> sides;
  for (double x : places) {
    const std::size_t right = at(x);
    sides.push_back({right, 1});
    sides.push_back({right - 1, -1});
  }
  return sides;
}

/// E fn'^2 is finite where fn' is a power above -1/2. Of a logarithm it is -1.
bool Pieces::endlessly_steep() const {
  constexpr double finite = -0.49;
  for (const auto& [piece, step] : beside_breaks()) {
    const std::optional<Power> power = power_of_slope(piece, step);
    if (power && power->exponent < finite && power->exponent > -1 + finite) return true;
  }
  return false;
}

/// Where fn' is a power, what it is nearest to the break is hidden: by rounding of x, and since a
/// polynomial is bounded. Of a power near 0 little is.
void Pieces::measure_powers() {
  constexpr double rounding = 12 * epsilon, bounded = 1.0 / 8000;  // of x, and of the piece
  for (const auto& [piece, step] : beside_breaks()) {
    const std::optional<Power> power = power_of_slope(piece, step);
    if (!power || power->exponent >= 0 || power->exponent <= -0.5) continue;
    Piece& p = pieces_[piece];
    const double width = p.value.right - p.value.left;
    const double x = step > 0 ? p.value.left : p.value.right;
    const double nearest = std::max(rounding * std::abs(x), bounded * width);
    const double order = 2 * power->exponent + 1;  // of the integral of fn'^2
    const double hidden = std::min(1.0, 8 * std::abs(power->exponent)) * std::pow(power->slope, 2) *
                          power->distance / order * std::pow(nearest / power->distance, order);
    // An error counts times fn' of the piece where that is larger.
    const double slope = std::abs((*this)(p.value.left + width / 2)[d_nngp]);
    const double alone = std::sqrt(hidden / width);
    p.error[d_nngp] = std::max(p.error[d_nngp], alone * std::min(1.0, alone / slope));
  }
}

std::array<double, 2> Pieces::operator()(double x) const {
  x = std::clamp(x, -radius_, radius_);
  const Piece& p = pieces_[at(x)];
  const auto terms = [x](const ChebyshevFit& f) {
    return ChebyshevTerms{f.c.data(), f.c.size(), argument(x, f.left, f.right)};
  };
  std::array<double, 2> g = chebyshev_sums(terms(p.value), terms(p.slope));
  if (x == 0) g[nngp] = at_zero_;
  return g;
}

std::vector<nngp_breakpoint> Pieces::breakpoints() const {
  std::vector<nngp_breakpoint> points;
  for (double x : breaks_) {
    const std::size_t right = at(x);
    ChebyshevFit before = pieces_[right - 1].value, after = pieces_[right].value;
    const double scale = std::max(before.scale, after.scale), width = sigma_max_;
    // Derivatives are taken in units of the deviation, and lose digits.
    constexpr std::uint32_t most = 3;
    double allowed = 1e-11 * scale;
    std::uint32_t order = 0;
    for (; order < most && std::abs(after(x) - before(x)) <= allowed; ++order) {
      before = before.derivative();
      after = after.derivative();
      allowed *= 1e3 / width;
    }
    points.push_back({x, order, 0});
  }
  return points;
}

double Pieces::scale_between(double a, double b) const {
  const auto next = std::upper_bound(breaks_.begin(), breaks_.end(), a);
  if (next != breaks_.end() && *next < b) return 0;
  double least = INFINITY;
  for (std::size_t i = interval_of(panels_, a); i + 1 < panels_.size() && panels_[i] < b; ++i)
    least = std::min(least, panels_[i + 1] - panels_[i]);
  return least;
}

std::array<double, 2> Pieces::on_line(double sigma1, double sigma2, std::size_t nodes) const {
  std::vector<double> edges = {-reach_, reach_};
  for (double x : panels_)
    for (double sigma : {sigma1, sigma2})
      if (sigma != 0 && std::abs(x / sigma) < reach_) edges.push_back(x / sigma);
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  const Rule rule = composite_gauss(edges, 2, nodes);
  std::array<double, 2> sum = {0, 0};
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const double u = rule.node[i], weight = rule.weight[i] * std::exp(-u * u / 2);
    const auto g1 = (*this)(sigma1 * u), g2 = sigma1 == sigma2 ? g1 : (*this)(sigma2 * u);
    for (Channel channel : {nngp, d_nngp}) sum[channel] += weight * g1[channel] * g2[channel];
  }
  for (double& s : sum) s /= std::sqrt(2 * std::numbers::pi);
  return sum;
}

std::array<double, 2> Pieces::roughness(double sigma) const {
  if (sigma == 0) {
    const auto g = (*this)(0);
    const Piece& p = pieces_[at(0)];
    // At the end of a piece fn' is less exact than on average: Markov's inequality.
    const auto n = static_cast<double>(p.slope.c.size());
    const double markov = 2 * n * n / (p.slope.right - p.slope.left);
    // fn is known where it was called.
    const std::array<double, 2> error = {epsilon * std::abs(at_zero_),
                                         std::max(p.error[d_nngp], markov * p.error[nngp])};
    const auto bound = [&](Channel c) { return error[c] * (2 * std::abs(g[c]) + error[c]); };
    return {bound(nngp), bound(d_nngp)};
  }
  // Of a piece: the probability that sigma u lies on it, and its part of E g^2. fn may vary by orders
  // of magnitude on one.
  std::vector<double> share(pieces_.size());
  std::vector<std::array<double, 2>> part(pieces_.size());
  std::array<double, 2> energy = {0, 0};
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    share[i] = probability(edges_[i], edges_[i + 1], sigma);
    if (share[i] == 0) continue;
    constexpr double furthest = 40;  // beyond, the density is 0
    const auto end = [&](double x) { return std::clamp(x / sigma, -furthest, furthest); };
    const Rule rule = composite_gauss({end(edges_[i]), end(edges_[i + 1])}, 2, 16);
    for (std::size_t k = 0; k < rule.size(); ++k) {
      const double u = rule.node[k], density = rule.weight[k] * std::exp(-u * u / 2);
      const auto g = (*this)(sigma * u);
      for (Channel channel : {nngp, d_nngp})
        part[i][channel] += density / std::sqrt(2 * std::numbers::pi) * g[channel] * g[channel];
    }
    for (Channel channel : {nngp, d_nngp}) energy[channel] += part[i][channel];
  }
  // E |error(x1) g(x2)| where x2 = x1, and where it is independent.
  std::array<double, 2> square = {0, 0}, product = {0, 0};
  for (std::size_t i = 0; i < pieces_.size(); ++i)
    for (Channel channel : {nngp, d_nngp}) {
      const double error = pieces_[i].error[channel];
      square[channel] += share[i] * error * error;
      product[channel] += error * std::max(std::sqrt(share[i] * part[i][channel]),
                                           share[i] * std::sqrt(energy[channel]));
    }
  return {2 * product[nngp] + square[nngp], 2 * product[d_nngp] + square[d_nngp]};
}

}  // namespace nngp::numerical
