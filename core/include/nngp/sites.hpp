#pragma once

// The positions of an example. An example is a grid of sites, each of which has its own vector of
// channels: a row of features is one site, a signal has one site a sample, an image one a pixel.

#include <cstddef>
#include <string>
#include <vector>

#include "nngp/api.hpp"

NNGP_API_BEGIN

namespace nngp {

/// The extents of a grid of sites, outermost first: {} for a row of features, {32, 32} for an image.
struct Sites {
  static constexpr std::size_t max_dimensions = 3;

  std::vector<std::size_t> extents = {};

  std::size_t dimensions() const { return extents.size(); }
  std::size_t count() const;
  /// "32 x 32"
  std::string text() const;
  bool operator==(const Sites&) const = default;
};

}  // namespace nngp

NNGP_API_END
