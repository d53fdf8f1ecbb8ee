#include "numerical/pairwise.hpp"

#include <algorithm>
#include <cmath>

#include "nngp/simd.hpp"
#include "numerical/expansion.hpp"
#include "parallel.hpp"
#include "simd/dispatch.hpp"

namespace nngp::numerical {
namespace {

constexpr std::size_t max_lanes = 8;  // doubles of the widest vector
constexpr double lacking = 0.03;      // of the tolerance: what the end of a series may lack

/// sum_j a_j b_j rho^j for both channels.
struct MehlerSum {
  const double* a[2];
  const double* b[2];
  std::size_t terms;  // a multiple of max_lanes
  double rho;
  std::array<double, 2> sum;

  template <class Isa>
  void run() {
    using V = vec<double, Isa>;
    double first[max_lanes] = {1};
    for (std::size_t l = 1; l < V::size; ++l) first[l] = first[l - 1] * rho;
    V power = V::load(first), sum0(0.0), sum1(0.0);
    const V step(first[V::size - 1] * rho);
    for (std::size_t j = 0; j < terms; j += V::size) {
      sum0 = fma(V::load(a[0] + j) * V::load(b[0] + j), power, sum0);
      sum1 = fma(V::load(a[1] + j) * V::load(b[1] + j), power, sum1);
      power = power * step;
    }
    sum = {0, 0};
    for (std::size_t lane = 0; lane < V::size; ++lane) {
      sum[0] += sum0[lane];
      sum[1] += sum1[lane];
    }
  }
};

}  // namespace

Pairwise::Pairwise(std::function<double(double)> fn,
                   const std::optional<std::vector<nngp_breakpoint>>& breakpoints, double sigma_min,
                   double sigma_max, double tolerance)
    : fn_(std::move(fn), breakpoints, sigma_min, sigma_max),
      expectation_(fn_),
      sigma_min_(sigma_min),
      sigma_max_(sigma_max),
      tolerance_(tolerance) {
  // As many terms as make an end of the series at the largest deviation; if none do, those that serve
  // all but nearly parallel inputs.
  constexpr std::size_t few = 1024;
  const Expansions top = expand(fn_, sigma_max, max_terms, lacking * tolerance);
  const std::size_t needed = top.of[nngp].a.size();
  terms_ = top.tail <= lacking * tolerance ? needed : few;
}

Pairwise::Row Pairwise::make_row(double variance) const {
  Row row{variance, std::sqrt(variance), {}, {}, {}};
  row.energy = fn_.on_line(row.deviation, row.deviation);
  if (variance == 0) return row;
  Expansions expansions = expand(fn_, row.deviation, terms_, 0);
  for (Channel channel : {nngp, d_nngp}) {
    row.a[channel] = std::move(expansions.of[channel].a);
    row.a[channel].resize((row.a[channel].size() + max_lanes - 1) / max_lanes * max_lanes);
    double sum = 0;
    for (double a : row.a[channel]) sum += a * a;
    // The difference is known but for rounding.
    constexpr double rounding = 4e-15;
    row.rest[channel] = std::max(row.energy[channel] - sum, rounding * row.energy[channel]);
  }
  return row;
}

std::shared_ptr<const Pairwise::Row> Pairwise::row(double variance) const {
  constexpr double rounding = 1e-9;  // of squares of roots: the diagonal must keep its variances
  if (variance > sigma_max_ * sigma_max_ * (1 + rounding)) variance = sigma_max_ * sigma_max_;
  if (variance > 0 && variance < sigma_min_ * sigma_min_ * (1 - rounding))
    variance = sigma_min_ * sigma_min_;
  {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(variance);
    if (found != rows_.end()) return found->second;
  }
  auto made = std::make_shared<const Row>(make_row(variance));
  const std::lock_guard lock(mutex_);
  return rows_.emplace(variance, std::move(made)).first->second;
}

std::array<double, 2> Pairwise::operator()(double cov12, const Row& row1, const Row& row2) const {
  if (cov12 == row1.variance && cov12 == row2.variance) return row1.energy;
  if (row1.variance < row2.variance) return (*this)(cov12, row2, row1);
  if (row2.variance > 0) {
    const double rho = std::clamp(cov12 / row1.deviation / row2.deviation, -1.0, 1.0);
    const double tail = std::pow(std::abs(rho), static_cast<double>(terms_));
    bool ends = true;
    for (Channel channel : {nngp, d_nngp})
      ends = ends && tail * std::sqrt(row1.rest[channel]) * std::sqrt(row2.rest[channel]) <=
                         lacking * tolerance_ * std::sqrt(row1.energy[channel]) *
                             std::sqrt(row2.energy[channel]);
    if (ends) {
      // Beyond `enough` powers of rho are negligible.
      const double enough = std::abs(rho) < 1 ? std::log(1e-16) / std::log(std::abs(rho)) : INFINITY;
      std::size_t terms = std::min(row1.a[0].size(), row2.a[0].size());
      if (enough < static_cast<double>(terms))
        terms = (static_cast<std::size_t>(enough) / max_lanes + 1) * max_lanes;
      MehlerSum sum{{row1.a[0].data(), row1.a[1].data()},
                    {row2.a[0].data(), row2.a[1].data()},
                    std::min({terms, row1.a[0].size(), row2.a[0].size()}),
                    rho,
                    {}};
      dispatch(sum);
      return sum.sum;
    }
  }
  return near_line(cov12, row1, row2);
}

std::array<double, 2> Pairwise::near_line(double cov12, const Row& row1, const Row& row2) const {
  constexpr double largest_sine = 0.5;
  constexpr std::size_t few = 32;
  // Noise is not smooth in any variable, and makes very many pieces; beside many breaks what they are
  // made from takes long.
  const bool one_variance = row1.variance == row2.variance && fn_.noise() == 0 &&
                            fn_.breaks().size() <= few && sigma_max_ - sigma_min_ <= 1e-13 * sigma_max_;
  const double sine = one_variance ? sine_of(cov12, row1.variance, row2.variance) : 0;
  if (sine == 0 || sine > largest_sine) return expectation_.value(cov12, row1.variance, row2.variance);
  const bool opposite = cov12 < 0;
  // Not before it is needed: it takes as long as some hundred entries.
  std::call_once(made_[opposite], [&] {
    near_line_[opposite] = std::make_unique<NearLine>(expectation_, row1.deviation, opposite,
                                                      largest_sine, lacking * tolerance_);
  });
  return (*near_line_[opposite])(sine);
}

std::array<double, 2> Pairwise::error() const {
  struct Check {
    double at1, at2, rho;
  };
  static constexpr Check checks[] = {{1, 1, 0.999},   {1, 0.63, 0.5},    {0.63, 0.63, -0.9},
                                     {1, 0.17, 0.97}, {0, 0.63, 0.9999}, {0.17, 0.17, -0.99999},
                                     {0, 1, -0.6},    {0, 0, 0.3}};
  constexpr std::size_t count = sizeof checks / sizeof *checks;
  std::array<std::array<double, 2>, count> errors{};
  parallel_for(count, [&](std::size_t i) {
    const auto variance = [&](double at) {
      return std::pow(sigma_min_, 2 - 2 * at) * std::pow(sigma_max_, 2 * at);
    };
    const auto row1 = row(variance(checks[i].at1)), row2 = row(variance(checks[i].at2));
    const double cov12 = checks[i].rho * row1->deviation * row2->deviation;
    const auto truth = expectation_(cov12, row1->variance, row2->variance);
    const auto value = (*this)(cov12, *row1, *row2);
    for (Channel channel : {nngp, d_nngp}) {
      errors[i][channel] = truth.error[channel];
      if (truth.norm[channel] > 0)
        errors[i][channel] += std::abs(value[channel] - truth.value[channel]) / truth.norm[channel];
    }
  });
  std::array<double, 2> worst = {0, 0};
  for (const auto& e : errors)
    for (Channel channel : {nngp, d_nngp}) worst[channel] = worse(worst[channel], e[channel]);
  for (double& e : worst) e += lacking * tolerance_;
  return worst;
}

}  // namespace nngp::numerical
