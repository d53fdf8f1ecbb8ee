#pragma once

#include <algorithm>
#include <cmath>

namespace nngp::numerical {

/// nngp is the dual of fn, d_nngp that of fn'.
enum Channel { nngp, d_nngp };

/// The larger of two errors; what is not a number is an infinite one.
inline double worse(double error, double other) {
  return std::isnan(other) ? INFINITY : std::max(error, other);
}

}  // namespace nngp::numerical
