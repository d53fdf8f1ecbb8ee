#include "numerical/pieces.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "numerical/digits.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr double wanted_tail = 4e-15;         // relative to the size of fn
constexpr std::size_t max_calls = 1'000'000;  // 1 s for fn of 1 us

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

/// The Gaussian does not make up for all errors far out, since fn' may be 0 but there.
double Pieces::tolerance(const ChebyshevFit& f) const {
  constexpr double furthest = 6, beyond = 12;
  const double far = sizes_.front().of_fn * std::exp(furthest * furthest / 4);
  double size = size_at(f.inner());
  if (f.inner() < beyond * sigma_max_) size = std::min(size, std::max(far, f.scale));
  const double noisy = noise_ > 0 ? f.scale : 0;
  return std::max(std::max(wanted_tail, 3 * noise_) * std::max(size, noisy), f.rounding_of_x());
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
  const double least = 4 * epsilon * f.outer();
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
  const double width = f.right - f.left;
  return width <= factor * 4 * epsilon * f.outer() || width < factor * 1e-36 * sigma_min_;
}

/// Whether fn is rounded worse than usual on a piece that halving does not help: as a difference of
/// larger values is, whose tails stay the same however closely one looks.
bool Pieces::is_rounded(const ChebyshevFit& f, double allowed, bool up_to_ends) {
  constexpr double little = 100, rounding = 1e-11, digits = 1e-3, closely = 1e-4, none = 1e4;
  const double error = f.tail * f.scale;
  const bool tiny = f.scale <= none * allowed;  // beside values that count
  if (error <= allowed || (f.tail > digits && !tiny) || !agrees(f, error, up_to_ends)) return false;
  if (error <= little * allowed && (tiny || f.tail <= rounding + little * noise_)) return true;
  const double middle = f.left + (f.right - f.left) / 2;
  const double close = closely * f.outer();
  if (close >= f.right - middle) return false;
  const ChebyshevFit nearby = fit_between(middle, middle + close);
  return nearby.tail * nearby.scale > error / 4;
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
  if (std::min(left.tail, right.tail) > whole.tail / 4 && is_rounded(whole, allowed, up_to_ends)) {
    out.push_back(std::move(whole));
    return;
  }
  halve(std::move(left), out, up_to_ends);
  halve(std::move(right), out, up_to_ends);
}

/// Whether fn changes on a piece that does not fit it by most of what it changes by around it.
bool Pieces::jumps(const ChebyshevFit& f) {
  constexpr double fits = 0.01;  // far out much is tolerated, the height of a jump too
  if (f.tail * f.scale <= std::min(tolerance(f), fits * f.variation())) return false;
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

/// The polynomial that fits fn around 0 on an interval so wide that its derivative has the smallest
/// error, unless fn vanishes there.
Pieces::Central Pieces::find_central() {
  Central central;
  const auto try_up_to = [&](double x) {
    for (double b : breaks_)
      if (std::abs(b) < x) return false;
    calls_ += 22;
    const ChebyshevFit f = fit(fn_, -x, x, 0);
    const bool known = std::isfinite(f.scale) && std::isfinite(fn_(-x)) && std::isfinite(fn_(x));
    if (!known || !(f.tail <= std::max(wanted_tail, 3 * noise_)) || !agrees(f, tolerance(f)))
      return false;
    const double error = std::max({noise_, epsilon, f.tail}) * f.scale / x;
    const bool better = error < 0.9 * central.error;
    if (error < central.error) central = {x, error, f};
    return better;
  };
  for (double x = radius_; x > sigma_min_ / 4; x /= 2) try_up_to(x);
  constexpr double much_wider = 64;
  if (central.radius == radius_)
    for (double x = 2 * radius_; x <= much_wider * radius_ && try_up_to(x); x *= 2) {
    }
  central.slope = central.value.derivative();
  for (std::size_t k = 1; k < central.value.c.size(); k += 2)
    central.even = central.even && central.value.c[k] == 0;
  return central;
}

/// Of an even fn the derivative is odd to the last bit, and its errors vanish with x: Markov's
/// inequality.
double Pieces::Central::error_within(double x) const {
  if (x > radius) return INFINITY;
  const auto terms = static_cast<double>(value.c.size());
  return 20 * error * (even ? std::min(1.0, terms * x / radius) : 1.0);
}

void Pieces::differentiate() {
  const Central central = find_central();
  for (Piece& p : pieces_) {
    const ChebyshevFit& f = p.value;
    const double width = f.right - f.left, furthest = f.outer();
    const double variation = f.variation(), size = (f.c.empty() ? 0 : std::abs(f.c[0])) + variation;
    const double rounding = std::max(epsilon, noise_) * size;
    p.size[nngp] = size;
    p.size[d_nngp] = 4 * variation / width;
    // Of noise, the last coefficients are a third.
    const double misfit = f.tail * f.scale, whole = misfit > tolerance(f) ? 3 : 1;
    p.error[nngp] = rounding + whole * misfit + digit_if_few(f);
    p.error[d_nngp] = 10 * p.error[nngp] / width;
    p.error[nngp] += f.rounding_of_x() / 2;
    p.slope = f.derivative();
    const bool constant = variation == 0 && f.tail == 0;
    // Maybe for rounding, as 1 + x^2 near 0.
    const bool in_varying = furthest <= central.radius && central.value.c.size() > 1;
    const bool nothing_between = width <= 2 * epsilon * furthest;  // doubles
    if (nothing_between || (is_smallest(f, 2) && jumps(f))) {
      // A jump, which the almost-everywhere derivative does not see.
      p.slope.c.clear();
      p.error[d_nngp] = p.size[d_nngp] = 0;
    } else if (constant && !in_varying) {
      p.error[d_nngp] = 0;
    } else if (const double error = central.error_within(furthest); error < p.error[d_nngp]) {
      p.slope = central.slope;
      p.error[d_nngp] = error;
    }
  }
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
      const double u = p.value.inner() / sigma;
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

}  // namespace nngp::numerical
