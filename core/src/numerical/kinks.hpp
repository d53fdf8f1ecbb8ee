#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "numerical/breakpoints.hpp"
#include "numerical/dual_values.hpp"

namespace nngp::numerical {

/// What fn does at one point: the jumps of it and of its derivatives, as a function around the point.
/// With J_m the jump of the m-th derivative at t that is
///   sum_m J_m (x - t)_+^m / m! for t >= 0,  sum_m J_m (-1)^(m+1) (t - x)_+^m / m! for t < 0,
/// which is 0 around the origin. Its derivative is taken almost everywhere.
struct Kink {
  double x;
  std::array<double, kink_orders> jump;

  /// One more than the order of the highest jump.
  std::size_t orders() const {
    std::size_t n = kink_orders;
    while (n > 0 && jump[n - 1] == 0) --n;
    return n;
  }
  /// Of |x - t|^power / power! in the derivative of degree order - power.
  double coefficient(std::size_t order, std::size_t power) const {
    return x < 0 && power % 2 == 0 ? -jump[order] : jump[order];
  }
};

/// The sum of the functions of several kinks, or of their derivatives, at x.
double value(const std::vector<Kink>& kinks, Channel channel, double x);

}  // namespace nngp::numerical
