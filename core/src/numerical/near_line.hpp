#pragma once

#include <array>
#include <vector>

#include "numerical/expectation.hpp"

namespace nngp::numerical {

/// nngp and d_nngp of inputs of one deviation that are nearly parallel, or nearly opposite. In the
/// logarithm of the distance from there expectations are smooth for any fn, on the scale of every
/// feature: few polynomials do.
class NearLine {
 public:
  /// From where rho^2 = 1 - sine^2 on.
  NearLine(const PairExpectation& truth, double sigma, bool opposite, double largest_sine,
           double tolerance);

  /// By Channel. 0 < sine <= largest_sine.
  std::array<double, 2> operator()(double sine) const;

 private:
  using Fits = std::array<ChebyshevFit, 2>;
  std::vector<Fits> fits_;  // over log(sine), increasing
};

}  // namespace nngp::numerical
