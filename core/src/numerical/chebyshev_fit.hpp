#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace nngp::numerical {

/// Where [left, right] is mapped to [-1, 1], with all digits beside 0 of an interval around it.
double argument(double x, double left, double right);

/// A polynomial that agrees with a function at the Chebyshev nodes of an interval.
struct ChebyshevFit {
  double left, right;
  std::vector<double> c;  ///< Chebyshev coefficients, negligible ones dropped
  double scale;           ///< the largest value it was fitted to, or the one given
  double tail;            ///< the size of the last coefficients, relative to scale

  bool resolved() const { return tail <= 4e-15; }
  /// The least and the largest distance from 0 on the interval.
  double inner() const;
  double outer() const;
  /// About by how much it varies.
  double variation() const;
  /// What rounding of x does to the values that were fitted: no more than a small part of them, or it
  /// is a jump.
  double rounding_of_x() const;
  double operator()(double x) const;
  ChebyshevFit derivative() const;
};

/// Uses as many nodes as a Gauss rule has (see composite_gauss). `scale` is what an error is small
/// against where the values are smaller.
ChebyshevFit fit(const std::function<double(double)>& fn, double left, double right, double scale);

}  // namespace nngp::numerical
