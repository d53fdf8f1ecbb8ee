#include "numerical/expectation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nngp/gram.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr double hidden = 1.5e-8;  // the root of what rounding is relative to one

/// x = a m + b z.
struct Side {
  double a, b;
};

struct Sides {
  Side first, second;
  Sides(double cov12, double var1, double var2) {
    const double sigma1 = std::sqrt(var1), sigma2 = std::sqrt(var2);
    const bool line = var1 == 0 || var2 == 0;
    set(sigma1, sigma2, line ? 0 : std::clamp(cov12 / sigma1 / sigma2, -1.0, 1.0),
        line ? 1 : sine_of(cov12, var1, var2));
  }
  Sides(double sine, bool opposite, double sigma) {
    const double cosine = std::sqrt((1 - sine) * (1 + sine));
    set(sigma, sigma, opposite ? -cosine : cosine, sine);
  }

 private:
  void set(double sigma1, double sigma2, double rho, double sine) {
    const double common = std::sqrt(std::abs(rho)), own = sine / std::sqrt(1 + std::abs(rho));
    first = {sigma1 * common, sigma1 * own};
    second = {std::copysign(sigma2 * common, rho), sigma2 * own};
  }
};

/// Panels of m on which both P_b fn(a m) are smooth.
class Panels {
 public:
  Panels(const HeatFlow& flow, const Sides& sides) : flow_(flow), sides_(sides) {
    const double reach = flow.fn().shared_reach();
    std::vector<double> cuts = {-reach, 0, reach};
    for (const Side& side : {sides.first, sides.second})
      for (double x : flow.fn().breaks())
        if (std::abs(x) < reach * std::abs(side.a)) cuts.push_back(x / side.a);
    std::sort(cuts.begin(), cuts.end());
    edges.push_back(cuts.front());
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
      if (cuts[i] < cuts[i + 1]) halve(cuts[i], cuts[i + 1]);
  }
  std::vector<double> edges;

 private:
  bool smooth(const Side& side, double p, double q) const {
    const double width = std::abs(side.a) * (q - p);
    if (width <= flow_.fineness().width * side.b) return true;
    constexpr double near = 8.5;
    const double low = std::min(side.a * p, side.a * q) - near * side.b;
    const double high = std::max(side.a * p, side.a * q) + near * side.b;
    return flow_.fn().scale_between(low, high) >= 0.999 * width;
  }
  void halve(double p, double q) {
    const double middle = p + (q - p) / 2;
    const bool smallest = q - p <= 1e-15 * std::max(std::abs(p), std::abs(q));
    const bool fits =
        q - p <= flow_.fineness().width && smooth(sides_.first, p, q) && smooth(sides_.second, p, q);
    if (fits || smallest || q - p < 1e-36) {
      edges.push_back(q);
      return;
    }
    halve(p, middle);
    halve(middle, q);
  }

  const HeatFlow& flow_;
  const Sides& sides_;
};

std::array<double, 2> integrate(const HeatFlow& flow, const Sides& sides) {
  const Panels panels(flow, sides);
  const bool same = sides.first.a == sides.second.a && sides.first.b == sides.second.b;
  std::array<double, 2> sum = {0, 0};
  for (std::size_t e = 0; e + 1 < panels.edges.size(); ++e) {
    const Rule rule =
        composite_gauss({panels.edges[e], panels.edges[e + 1]}, INFINITY, flow.fineness().nodes);
    const auto values = [&](const Side& side) {
      std::vector<double> y;
      for (double m : rule.node) y.push_back(side.a * m);
      if (side.a >= 0) return flow(y, side.b);
      std::reverse(y.begin(), y.end());
      HeatFlow::Values g = flow(y, side.b);
      for (auto& channel : g) std::reverse(channel.begin(), channel.end());
      return g;
    };
    const HeatFlow::Values g1 = values(sides.first), g2 = same ? g1 : values(sides.second);
    std::array<double, 2> part = {0, 0};  // for rounding of a sum of very many terms
    for (std::size_t i = 0; i < rule.size(); ++i) {
      const double weight = rule.weight[i] * std::exp(-rule.node[i] * rule.node[i] / 2);
      for (Channel channel : {nngp, d_nngp}) part[channel] += weight * g1[channel][i] * g2[channel][i];
    }
    for (Channel channel : {nngp, d_nngp}) sum[channel] += part[channel];
  }
  for (double& s : sum) s /= std::sqrt(2 * std::numbers::pi);
  return sum;
}

}  // namespace

double sine_of(double cov12, double var1, double var2) {
  using V = vec<double, baseline>;
  return std::min(1.0, root_det(V(cov12), V(var1), V(var2))[0] / std::sqrt(var1) / std::sqrt(var2));
}

PairExpectation::PairExpectation(const Pieces& fn)
    : fn_(fn), fine_(fn, {20, 2.5}), coarse_(fn, {16, 2.0}) {}

std::array<double, 2> PairExpectation::value(double cov12, double var1, double var2) const {
  return integrate(fine_, Sides(cov12, var1, var2));
}

std::array<double, 2> PairExpectation::value_near_line(double sine, bool opposite, double sigma) const {
  return integrate(fine_, Sides(sine, opposite, sigma));
}

double PairExpectation::norm(Channel channel, double sigma, const std::array<double, 2>& energy) const {
  const double root = std::sqrt(energy[channel]);
  if (channel == nngp) return root;
  // fn' at 0 may be 0 but for rounding, beside what it is around.
  if (sigma == 0)
    return std::max(root, std::sqrt(fn_.on_line(fn_.sigma_min(), fn_.sigma_min())[d_nngp]));
  // Where fn is constant but for rounding, nothing is known of fn': what d_nngp is then, is rounding
  // beside nngp.
  return std::max(root, hidden * std::sqrt(energy[nngp]) / sigma);
}

PairExpectation::Result PairExpectation::operator()(double cov12, double var1, double var2) const {
  const Sides sides(cov12, var1, var2);
  Result result{integrate(fine_, sides), {}, {}};
  if (fn_.zero() && var1 > 0 && var2 > 0) result.error[nngp] = INFINITY;
  const std::array<double, 2> other = integrate(coarse_, sides);
  const double sigma1 = std::sqrt(var1), sigma2 = std::sqrt(var2);
  const auto energy1 = fn_.on_line(sigma1, sigma1), energy2 = fn_.on_line(sigma2, sigma2);
  const auto rough1 = fn_.roughness(sigma1), rough2 = fn_.roughness(sigma2);
  for (Channel channel : {nngp, d_nngp}) {
    const double norm1 = norm(channel, sigma1, energy1), norm2 = norm(channel, sigma2, energy2);
    result.norm[channel] = norm1 * norm2;
    if (norm1 == 0 || norm2 == 0) continue;
    constexpr double rounding = 1e-15, exact = 1e-10, unsaid = exact / 2;
    const double difference = std::abs(result.value[channel] - other[channel]);
    const auto relative_to = [&](double n1, double n2) {
      return difference / n1 / n2 + rough1[channel] / n1 / n1 + rough2[channel] / n2 / n2;
    };
    const double root1 = std::sqrt(energy1[channel]), root2 = std::sqrt(energy2[channel]);
    double error = relative_to(norm1, norm2);
    // Up to where one is warned, what it is relative to fn' alone.
    if (root1 * root2 < norm1 * norm2)
      error = std::max(error, std::min(relative_to(root1, root2), unsaid));
    result.error[channel] = rounding + error;
    if (std::isnan(result.error[channel])) result.error[channel] = INFINITY;  // the norm overflows
    if (channel == d_nngp && result.error[channel] > exact && fn_.resolved() && fn_.endlessly_steep())
      result.error[channel] = INFINITY;  // as E fn'^2 is
    if (!fn_.resolved()) result.error[channel] = std::max(1.0, result.error[channel]);
  }
  return result;
}

}  // namespace nngp::numerical
