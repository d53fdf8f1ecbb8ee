#include "numerical/near_line.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "parallel.hpp"

namespace nngp::numerical {
namespace {

constexpr double nearest_sine = 1e-16;  // what is nearer is on the line to rounding
constexpr int max_halvings = 6;

}  // namespace

NearLine::NearLine(const PairExpectation& truth, double sigma, bool opposite, double largest_sine,
                   double tolerance) {
  const std::array<double, 2> scale = truth.value_near_line(0, false, sigma);
  const auto fit_between = [&](double left, double right) {
    std::map<double, std::array<double, 2>> values;
    fit([&](double t) { return values[t] = {}, 0.0; }, left, right, 1);  // the nodes
    std::vector<double> nodes;
    for (const auto& [t, value] : values) nodes.push_back(t);
    parallel_for(nodes.size(), [&](std::size_t i) {
      values.at(nodes[i]) = truth.value_near_line(std::exp(nodes[i]), opposite, sigma);
    });
    Fits fits;
    for (Channel channel : {nngp, d_nngp})
      fits[channel] = fit([&](double t) { return values.at(t)[channel]; }, left, right, scale[channel]);
    return fits;
  };
  const auto halve = [&](const auto& self, double left, double right, int depth) -> void {
    Fits fits = fit_between(left, right);
    const bool fitted = std::max(fits[nngp].tail, fits[d_nngp].tail) <= tolerance;
    if (fitted || depth == max_halvings) {
      fits_.push_back(std::move(fits));
      return;
    }
    const double middle = (left + right) / 2;
    self(self, left, middle, depth + 1);
    self(self, middle, right, depth + 1);
  };
  halve(halve, std::log(nearest_sine), std::log(largest_sine), 0);
}

std::array<double, 2> NearLine::operator()(double sine) const {
  const double t = std::clamp(std::log(sine), fits_.front()[nngp].left, fits_.back()[nngp].right);
  const auto after = std::upper_bound(fits_.begin(), fits_.end() - 1, t,
                                      [](double x, const Fits& f) { return x < f[nngp].right; });
  return {(*after)[nngp](t), (*after)[d_nngp](t)};
}

}  // namespace nngp::numerical
