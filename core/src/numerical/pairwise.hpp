#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "nngp/activation.h"
#include "numerical/expectation.hpp"
#include "numerical/near_line.hpp"
#include "numerical/pieces.hpp"

namespace nngp::numerical {

/// nngp and d_nngp entry by entry, right for any fn where tables would need too many terms: Mehler's
/// series of the two rows as far as |rho| lets it end, and beyond, near rho = 1 and -1, the integral
/// over panels that PairExpectation makes, or what was interpolated of it if all variances are one.
class Pairwise {
 public:
  Pairwise(std::function<double(double)> fn,
           const std::optional<std::vector<nngp_breakpoint>>& breakpoints, double sigma_min,
           double sigma_max, double tolerance);

  /// What an activation is at one variance.
  struct Row {
    double variance, deviation;
    std::array<double, 2> energy;          ///< E g^2
    std::array<double, 2> rest;            ///< the part of it beyond the last term
    std::array<std::vector<double>, 2> a;  ///< Hermite coefficients, padded with zeros
  };
  /// Made once a variance; any number of threads may ask.
  std::shared_ptr<const Row> row(double variance) const;

  /// By Channel.
  std::array<double, 2> operator()(double cov12, const Row& row1, const Row& row2) const;

  const Pieces& fn() const { return fn_; }

  /// Bounds of the errors relative to sqrt(E g(x1)^2 E g(x2)^2): those of single points, and the
  /// difference from these at places that were not fitted to.
  std::array<double, 2> error() const;

 private:
  Row make_row(double variance) const;
  std::array<double, 2> near_line(double cov12, const Row& row1, const Row& row2) const;

  Pieces fn_;
  PairExpectation expectation_;
  double sigma_min_, sigma_max_, tolerance_;
  std::size_t terms_;
  mutable std::array<std::once_flag, 2> made_;
  mutable std::array<std::unique_ptr<const NearLine>, 2> near_line_;  // parallel, opposite
  mutable std::mutex mutex_;
  mutable std::unordered_map<double, std::shared_ptr<const Row>> rows_;
};

}  // namespace nngp::numerical
