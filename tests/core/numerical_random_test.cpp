// The numerical layer on random functions, sums of features of any place and size: its error bounds
// hold, and are not far above the errors.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "nngp/numerical.hpp"
#include "one_entry.hpp"
#include "random_functions.hpp"

namespace nngp::test {
namespace {

/// What a seed stands for.
class Draw {
 public:
  explicit Draw(int seed) : random_(static_cast<std::uint64_t>(seed)) {}

  double uniform(double a, double b) { return std::uniform_real_distribution<double>(a, b)(random_); }
  double power_of_10(double a, double b) { return std::pow(10, uniform(a, b)); }
  /// Every other one within 1e-6 to 0.1 of 1 or -1.
  double correlation(int kind) {
    const double near_1 = 1 - power_of_10(-6, -1);
    return kind % 2 == 0 ? uniform(-1, 1) : kind % 4 == 1 ? near_1 : -near_1;
  }
  RandomFunction function(const std::vector<double>& deviations) {
    return random_function(random_, deviations);
  }

 private:
  std::mt19937_64 random_;
};

struct Point {
  double cov12, var1, var2;
};

Point point(double rho, double sigma1, double sigma2) {
  return {rho * sigma1 * sigma2, sigma1 * sigma1, sigma2 * sigma2};
}

struct Errors {
  double nngp, d_nngp;
  double known;  ///< of the reference
};

/// Relative to the norms, as the bounds are.
Errors errors_of(double nngp, double d_nngp, const NestedQuadrature::Values& truth) {
  return {std::abs(nngp - truth.nngp) / truth.norm,
          truth.d_norm > 0 ? std::abs(d_nngp - truth.d_nngp) / truth.d_norm : 0, truth.error + 2e-13};
}

/// Where a bound is above matters, it is at most factor times the error.
constexpr double matters = 1e-10, factor = 1000;

/// The relative error of d_nngp that rounding of fn's values makes where fn' is small beside fn.
double hidden_by_rounding(const NestedQuadrature::Values& truth, const Point& at) {
  if (truth.d_norm == 0) return 0;
  return 100 * std::numeric_limits<double>::epsilon() * truth.norm / std::sqrt(at.var1 * at.var2) /
         truth.d_norm;
}

/// Whether the reference says anything: inputs fall where fn is not 0, and its two rules agree.
bool is_known(const NestedQuadrature::Values& truth) {
  constexpr double practically_0 = 1e-20;
  return truth.norm > practically_0 && truth.error < 1e-11;
}

TEST(NumericalRandom, PointsAreWithinTheirBounds) {
  constexpr int count = 400;
  int known = 0;
  for (int seed = 0; seed < count; ++seed) {
    Draw draw(seed);
    const double sigma1 = draw.power_of_10(-3, 3);
    const RandomFunction f = draw.function({sigma1});
    const double sigma2 = std::clamp(sigma1 * draw.power_of_10(-1, 1), 1e-3, 1e3);
    const double rho = draw.correlation(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + f.text() + " at rho=" + std::to_string(rho) +
                 " sigma=" + std::to_string(sigma1) + ", " + std::to_string(sigma2));
    const auto [cov12, var1, var2] = point(rho, sigma1, sigma2);
    const NestedQuadrature::Values truth = NestedQuadrature(f)(cov12, var1, var2);
    if (!is_known(truth)) continue;
    ++known;
    const PointValue value = numerical_point(f, std::nullopt, cov12, var1, var2);
    const Errors errors = errors_of(value.nngp, value.d_nngp, truth);
    EXPECT_LE(errors.nngp, value.error.nngp + errors.known);
    EXPECT_LE(errors.d_nngp, value.error.d_nngp + errors.known);

    if (value.error.nngp > matters) {
      EXPECT_LE(value.error.nngp, factor * (errors.nngp + errors.known));
    }
    if (value.error.d_nngp > matters) {
      const double hidden = hidden_by_rounding(truth, {cov12, var1, var2});
      EXPECT_LE(value.error.d_nngp, factor * (errors.d_nngp + errors.known + hidden));
    }
  }
  EXPECT_GT(known, count * 9 / 10);
}

TEST(NumericalRandom, MatricesAreWithinTheirBounds) {
  constexpr int count = 100;
  for (int seed = 0; seed < count; ++seed) {
    Draw draw(1000 + seed);
    // Within a factor of 3 or 100, or anywhere.
    const double scale = draw.power_of_10(-3, 3), which = draw.uniform(0, 1);
    std::vector<double> sigma;
    for (int i = 0; i < 3; ++i) {
      if (which < 0.5)
        sigma.push_back(draw.power_of_10(-3, 3));
      else
        sigma.push_back(which < 0.75 ? scale * draw.power_of_10(-0.25, 0.25)
                                     : scale * draw.power_of_10(-1, 1));
    }
    const RandomFunction f = draw.function(sigma);
    const auto [least, largest] = std::minmax_element(sigma.begin(), sigma.end());
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + f.text());
    const NumericalDual dual(f, std::nullopt, {*least * *least, *largest * *largest});
    Errors worst{};
    const auto compare = [&](std::size_t i, std::size_t j, double rho) {
      const Point at = point(rho, sigma[i], sigma[j]);
      SCOPED_TRACE("rho=" + std::to_string(rho) + " sigma=" + std::to_string(sigma[i]) + ", " +
                   std::to_string(sigma[j]));
      const NestedQuadrature::Values truth = NestedQuadrature(f)(at.cov12, at.var1, at.var2);
      if (!is_known(truth)) return;
      const auto [nngp, d_nngp] =
          one_entry(at.cov12, at.var1, at.var2, [&](const nngp_tile_f64& tile) { dual.tile(tile); });
      const Errors errors = errors_of(nngp, d_nngp, truth);
      EXPECT_LE(errors.nngp, dual.error_estimate_nngp() + errors.known);
      const double hidden = hidden_by_rounding(truth, at);
      EXPECT_LE(errors.d_nngp, dual.error_estimate_d_nngp() + errors.known + hidden);
      worst = {std::max(worst.nngp, errors.nngp + errors.known),
               std::max(worst.d_nngp, errors.d_nngp + errors.known + hidden), 0};
    };
    const auto is_far_above = [&] {
      return dual.error_estimate_nngp() > std::max(matters, factor * worst.nngp) ||
             dual.error_estimate_d_nngp() > std::max(matters, factor * worst.d_nngp);
    };
    for (std::size_t i = 0; i < sigma.size(); ++i)
      for (std::size_t j = i; j < sigma.size(); ++j)
        compare(i, j, draw.correlation(static_cast<int>(i + j) + seed));
    // The estimate is that of the worst entry, which may lie at other correlations.
    for (std::size_t i = 0; i < sigma.size() && is_far_above(); ++i)
      for (std::size_t j = i; j < sigma.size(); ++j)
        for (const double rho : {-0.99999, -0.9, -0.6, 0.0, 0.3, 0.97, 0.9999}) compare(i, j, rho);
    // One estimate holds for all pairs: it is compared with the largest of the errors.
    if (dual.error_estimate_nngp() > matters) {
      EXPECT_LE(dual.error_estimate_nngp(), factor * worst.nngp);
    }
    if (dual.error_estimate_d_nngp() > matters) {
      EXPECT_LE(dual.error_estimate_d_nngp(), factor * worst.d_nngp);
    }
    EXPECT_LT(dual.error_estimate_nngp(), 1e-9);
  }
}

}  // namespace
}  // namespace nngp::test
