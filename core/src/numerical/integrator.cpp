#include "numerical/integrator.hpp"

#include <algorithm>
#include <cmath>

#include "numerical/expansion.hpp"
#include "numerical/polar.hpp"
#include "parallel.hpp"

namespace nngp::numerical {

Integrator::Integrator(const ScalarFunction& fn, double sigma_min, double sigma_max, double tolerance)
    : fn_(fn) {
  const std::vector<nngp_breakpoint>& breakpoints = fn.breakpoints();
  polar_ = !breakpoints.empty() && std::all_of(breakpoints.begin(), breakpoints.end(),
                                               [](const nngp_breakpoint& b) { return b.x == 0; });
  const double small = std::clamp(1e-3, sigma_min, sigma_max);
  const Expansions near_zero = expand(fn, {}, small, 1, 0), nearer = expand(fn, {}, small / 2, 1, 0);
  for (Channel channel : {nngp, d_nngp})
    if (nearer.of[channel].norm > 0) {
      const double slope = std::log2(near_zero.of[channel].norm / nearer.of[channel].norm);
      power_[channel] = std::clamp(static_cast<int>(std::lround(slope)), 0, 12);
    }
  if (polar_) return;

  find_kinks(sigma_max);
  Expansions top;  // the largest deviation needs most terms
  for (std::size_t most : {std::size_t{1024}, std::size_t{2048}, max_terms}) {
    top = expand(fn, kinks_, sigma_max, most, tolerance);
    if (top.tail <= tolerance) break;
  }
  terms_ = top.of[nngp].a.size();
  if (top.tail > tolerance && kinks_.empty())
    polar_ = true;
  else
    tail_ = top.tail;
}

void Integrator::find_kinks(double sigma_max) {
  // A function of kinks much larger than fn would cost accuracy.
  constexpr double much_larger = 1e3;
  constexpr std::size_t most = 12;  // all pairs are evaluated for every entry
  const double norm = expand(fn_, {}, sigma_max, 1, 0).of[nngp].norm;
  for (const nngp_breakpoint& b : fn_.breakpoints()) {
    Kink kink{b.x, fn_.jumps(b)};
    double power = 1;  // sigma^m / m!
    for (std::size_t m = 0; m < kink_orders; ++m) {
      if (m >= 2 && std::abs(kink.jump[m]) * power > much_larger * norm) kink.jump[m] = 0;
      power *= sigma_max / static_cast<double>(m + 1);
    }
    kinks_.push_back(kink);
  }
  std::stable_sort(kinks_.begin(), kinks_.end(),
                   [](const auto& p, const auto& q) { return std::abs(p.x) < std::abs(q.x); });
  if (kinks_.size() > most) kinks_.resize(most);
}

std::array<std::unique_ptr<DualValues>, 2> Integrator::at(const std::vector<double>& sigma) const {
  if (polar_)
    return {std::make_unique<PolarDual>(fn_, nngp, power_[nngp], sigma),
            std::make_unique<PolarDual>(fn_, d_nngp, power_[d_nngp], sigma)};
  std::vector<Expansions> expansions(sigma.size());
  parallel_for(sigma.size(), [&](std::size_t node) {
    constexpr double negligible = 1e-30;  // also in products with terms of larger deviations
    expansions[node] = expand(fn_, kinks_, sigma[node], terms_, negligible);
  });
  return {std::make_unique<MehlerDual>(expansions, nngp),
          std::make_unique<MehlerDual>(expansions, d_nngp)};
}

}  // namespace nngp::numerical
