#include "numerical/scalar_function.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "numerical/digits.hpp"
#include "numerical/pieces.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr int max_depth = 30;
constexpr std::size_t max_calls_for_tables = 30'000;  // where features are more, tables do not do

}  // namespace

ScalarFunction::ScalarFunction(std::function<double(double)> fn,
                               std::optional<std::vector<nngp_breakpoint>> breakpoints,
                               double sigma_max, double noise)
    : known_noise_(noise),
      reach_(reach_of(fn, sigma_max)),
      radius_(std::max(reach_ * sigma_max * 1.0001, 1.0)),
      fn_([fn = std::move(fn)](double x) { return checked(fn, x); }) {
  take_samples(sigma_max);
  if (breakpoints) {
    for (const nngp_breakpoint& b : *breakpoints)
      if (std::abs(b.x) < radius_) breakpoints_.push_back(b);
    cut(sigma_max);
  } else {
    cut(sigma_max);
    if (!resolved_) return;
    breakpoints_ = find_breakpoints(fn_, edges_, noise_);
    resolved_ = std::all_of(breakpoints_.begin(), breakpoints_.end(),
                            [&](const nngp_breakpoint& b) { return is_break(fn_, b); });
    if (resolved_ && !breakpoints_.empty()) cut(sigma_max);
  }
  resolved_ = resolved_ && !missed_;
}

/// Places that pieces must agree with fn at, on every scale towards 0, most of them where inputs fall:
/// nodes see no feature that is far smaller than the interval they are on.
void ScalarFunction::take_samples(double sigma_max) {
  const double golden = (std::sqrt(5) - 1) / 2, fine = 1e-9 * radius_, finest = 1e-30 * radius_;
  for (double x = radius_; x > finest; x /= 2) {
    const bool inputs_fall = x / 2 < 4 * sigma_max && x > sigma_max / 4;
    const int each = inputs_fall ? 256 : x > fine ? 24 : 4;
    for (int i = 0; i < each; ++i) {
      const double at = -x * std::exp2(-(i + std::fmod(golden * (i + 1), 1.0)) / each);
      samples_.push_back({at, fn_(at)});
    }
  }
  for (std::size_t i = samples_.size(); i-- > 0;)
    samples_.push_back({-samples_[i].x, fn_(-samples_[i].x)});
}

std::vector<ScalarFunction::Sample>::const_iterator ScalarFunction::first_sample_after(double x) const {
  return std::upper_bound(samples_.begin(), samples_.end(), x,
                          [](double at, const Sample& s) { return at < s.x; });
}

bool ScalarFunction::agrees(const ChebyshevFit& f, double scale) const {
  constexpr double close = 1e-9;  // further from what a fit with negligible tails can be
  const double allowed = std::max(close, 60 * known_noise_) * std::max(f.scale, scale);
  for (auto s = first_sample_after(f.left); s != samples_.end() && s->x < f.right; ++s)
    if (std::abs(f(s->x) - s->y) > allowed) return false;
  return true;
}

void ScalarFunction::cut(double sigma_max) {
  pieces_.clear();
  panels_.clear();
  noise_ = known_noise_;
  calls_ = 0;
  missed_ = false;
  std::vector<double> cuts = {radius_, -radius_};
  for (double x = 0.5; x < radius_; x *= 2) cuts.insert(cuts.end(), {x, -x});
  // Where fn vanishes at 0, finer and finer towards it, for accuracy of fn' relative to fn' there.
  constexpr double finest = 1e-9;
  double near_zero = 0, around = 0;
  for (double side : {-1.0, 1.0}) {
    near_zero = std::max(near_zero, std::abs(fn_(side * finest)));
    around = std::max(around, std::abs(fn_(side * std::min(1.0, sigma_max))));
  }
  std::vector<double> fine;
  if (near_zero < 1e-6 * around)
    for (double x = 0.25; x > finest; x /= 2) fine.insert(fine.end(), {x, -x});
  cuts.insert(cuts.end(), fine.begin(), fine.end());
  for (const nngp_breakpoint& b : breakpoints_) cuts.push_back(b.x);
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  edges_ = {cuts.front()};
  // Errors weigh less the further out they are: they may be as large as fn is further in.
  std::vector<double> largest_in(cuts.size());
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    for (auto s = first_sample_after(cuts[i]); s != samples_.end() && s->x < cuts[i + 1]; ++s)
      largest_in[i] = std::max(largest_in[i], std::abs(s->y));
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const double inner =
        cuts[i] < 0 && cuts[i + 1] > 0 ? 0 : std::min(std::abs(cuts[i]), std::abs(cuts[i + 1]));
    double scale = 0;
    for (std::size_t k = 0; k + 1 < cuts.size(); ++k)
      if (std::max(std::abs(cuts[k]), std::abs(cuts[k + 1])) <= inner)
        scale = std::max(scale, largest_in[k]);
    resolve(fit(fn_, cuts[i], cuts[i + 1], scale), scale, 0);
  }
  std::sort(fine.begin(), fine.end());
  for (double x : edges_)
    if (!std::binary_search(fine.begin(), fine.end(), x)) panels_.push_back(x);
}

void ScalarFunction::resolve(ChebyshevFit whole, double scale, int depth) {
  const bool small_tail = whole.resolved() || whole.tail <= 3 * known_noise_;
  const bool missed = small_tail && !agrees(whole, scale);
  calls_ += 20;
  if ((missed || !small_tail) && depth < max_depth && calls_ > max_calls_for_tables)
    resolved_ = false;
  else if ((missed || !small_tail) && depth < max_depth) {
    const double middle = (whole.left + whole.right) / 2;
    ChebyshevFit left = fit(fn_, whole.left, middle, scale),
                 right = fit(fn_, middle, whole.right, scale);
    // Where fn is but rounded badly, cutting does not help on either side.
    const bool noise = !missed && depth >= 6 && std::min(left.tail, right.tail) > 0.25 * whole.tail;
    if (!noise) {
      resolve(std::move(left), scale, depth + 1);
      resolve(std::move(right), scale, depth + 1);
      return;
    }
    noise_ = std::max(noise_, whole.tail);
  } else {
    missed_ = missed_ || missed;
  }
  edges_.push_back(whole.right);
  const ChebyshevFit slope = whole.derivative();
  const double error = whole.tail * whole.scale;
  const bool constant = whole.c.size() <= 1 && error == 0;
  const double size = whole.c.empty() ? 0 : std::abs(whole.c[0]);
  const double rounding = constant ? 0 : epsilon * size;
  Piece piece{
      whole.left, whole.right, {}, {error, 10 * (error + rounding) / (whole.right - whole.left)}};
  for (std::size_t k = 0; k < whole.c.size(); ++k)
    piece.c.push_back({whole.c[k], k < slope.c.size() ? slope.c[k] : 0});
  pieces_.push_back(std::move(piece));
}

/// By Clenshaw's recurrence.
std::array<double, 2> ScalarFunction::Piece::operator()(double x) const {
  if (c.empty()) return {0, 0};
  const double t = argument(x, left, right);
  std::array<double, 2> b1 = {0, 0}, b2 = {0, 0};
  for (std::size_t k = c.size(); k-- > 1;)
    for (Channel channel : {nngp, d_nngp}) {
      const double b = c[k][channel] + 2 * t * b1[channel] - b2[channel];
      b2[channel] = b1[channel];
      b1[channel] = b;
    }
  return {c[0][nngp] + t * b1[nngp] - b2[nngp], c[0][d_nngp] + t * b1[d_nngp] - b2[d_nngp]};
}

std::array<double, 2> ScalarFunction::operator()(double x) const {
  return pieces_[interval_of(edges_, x)](std::clamp(x, edges_.front(), edges_.back()));
}

bool ScalarFunction::zero() const {
  return std::all_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.c.empty(); });
}

double ScalarFunction::expectation_on_line(Channel channel, double sigma1, double sigma2) const {
  std::vector<double> edges = {-reach_, reach_};
  for (double x : panels_)
    for (double u : {x / sigma1, x / sigma2})
      if (std::abs(u) < reach_) edges.push_back(u);
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  const Rule rule = composite_gauss(edges, 1);
  const auto g = [&](double x) { return (*this)(x)[channel]; };
  double sum = 0;
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const double u = rule.node[i];
    const double g1 = g(sigma1 * u), g2 = sigma1 == sigma2 ? g1 : g(sigma2 * u);
    sum += rule.weight[i] * std::exp(-u * u / 2) * g1 * g2;
  }
  return sum / std::sqrt(2 * std::numbers::pi);
}

double ScalarFunction::roughness(Channel channel, double sigma) const {
  double energy = 0;
  const auto above = [sigma](double x) { return 0.5 * std::erfc(x / (sigma * std::sqrt(2.0))); };
  for (const Piece& p : pieces_)
    energy += std::pow(p.error[channel], 2) * (above(p.left) - above(p.right));
  return std::sqrt(energy);
}

std::array<double, kink_orders> ScalarFunction::jumps(const nngp_breakpoint& b) const {
  return jumps_at(fn_, b.x, noise_).of_derivatives;
}

}  // namespace nngp::numerical
