// The errors of pieces, and what they do to expectations.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "numerical/digits.hpp"
#include "numerical/pieces.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

/// The probability that sigma u lies between a and b.
double probability(double a, double b, double sigma) {
  const double middle = (a + b) / (2 * sigma), width = (b - a) / sigma;
  if (width < 0.1) return width * std::exp(-middle * middle / 2) / std::sqrt(2 * std::numbers::pi);
  if (a > 0) return probability(-b, -a, sigma);
  const auto below = [&](double x) { return 0.5 * std::erfc(-x / (sigma * std::numbers::sqrt2)); };
  return below(b) - below(a);
}

}  // namespace

/// The last digit of fn on a piece, if it has few: it is a difference of larger values then, of which
/// that is left. 0 else.
double Pieces::digit_if_few(const ChebyshevFit& f) {
  constexpr double few = 1024;
  if (f.scale >= few * largest_digit) return 0;
  double digit = INFINITY;
  for (double part : {0.13, 0.37, 0.63, 0.89})
    digit = std::min(digit, last_digit(call(f.left + part * (f.right - f.left))));
  return digit < largest_digit && f.scale < few * digit ? digit : 0;
}

/// By how much the slope of fn at x is not that of its piece, where fn is looked at so closely that it
/// has one: the same on both sides, and at about half of the distance. Nothing where it never does, as
/// of values with noise, or in steps.
std::optional<double> Pieces::hidden_slope(double x, double of_piece) {
  constexpr double same = 0.2, whole = 0.02;
  constexpr std::array parts = {-1.0, -0.58, 0.43, 0.71};  // not in whole ratios
  const double here = call(x), digit = last_digit(here);
  // Of differences of larger values the last digits are missing.
  double unit = std::max(epsilon * std::abs(here), digit < largest_digit ? digit : 0);
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
    const double u = f.inner() / sigma_max_;
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

/// The power of the distance to b that fn' is like beside b, the edge that piece `from` begins at, to
/// the right (step = 1) or left. Nothing where fn is smooth, or rounding hides fn'.
std::optional<Pieces::Power> Pieces::power_of_slope(std::size_t from, int step) const {
  constexpr double far = 16;        // from what rounding and the place of b change
  constexpr double octaves = 4096;  // between two pieces, of which the first is no farther
  constexpr double known = 0.1;     // relative errors of fn'
  constexpr double smooth = 1e-6;   // beside b: of a root, the tail is a thousandth
  const ChebyshevFit& nearest = pieces_[from].value;
  if (nearest.tail * nearest.scale < smooth * nearest.variation()) return std::nullopt;
  const double b = edges_[step > 0 ? from : from + 1], least = edges_[from + 1] - edges_[from];
  std::optional<Power> near;
  for (auto i = static_cast<std::ptrdiff_t>(from);
       i >= 0 && i < static_cast<std::ptrdiff_t>(pieces_.size()); i += step) {
    const Piece& p = pieces_[static_cast<std::size_t>(i)];
    const double middle = p.value.left + (p.value.right - p.value.left) / 2;
    const double distance = std::abs(middle - b), slope = std::abs((*this)(middle)[d_nngp]);
    if (distance <= far * least || slope * known <= p.error[d_nngp]) continue;
    if (!near && distance > octaves * least) return std::nullopt;
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
