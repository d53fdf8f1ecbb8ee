#pragma once

// How a layer makes its sites of those of its input, along one axis. Convolutions, poolings, resizing
// and slices are products of such maps over the axes, and so is what they do to covariances.

#include <array>
#include <cstddef>
#include <vector>

#include "network/sites.hpp"
#include "nngp/stax.hpp"

namespace nngp {

/// An output site reads `source`, by the weights of `tap`.
struct Tap {
  std::size_t tap;
  std::size_t source;
  double factor = 1;
};

/// For each site of the output along one axis, what it reads.
struct AxisTaps {
  std::size_t sources = 1;  ///< extent of the input
  std::vector<std::vector<Tap>> sites = {};

  std::size_t extent() const { return sites.size(); }
};

/// Output extents of windows of `width` at a distance of `stride`; 0 if VALID leaves nothing.
std::size_t window_extent(std::size_t sources, std::size_t width, std::size_t stride, Padding padding);

/// A window of `width` taps at stride s - lo: convolution and pooling. SAME: sites outside are left
/// out; CIRCULAR: the axis is a circle.
AxisTaps window_taps(std::size_t sources, std::size_t width, std::size_t stride, Padding padding);

/// The extent of a transposed convolution.
std::size_t transposed_extent(std::size_t sources, std::size_t width, std::size_t stride,
                              Padding padding);
/// The transpose of a convolution, as jax.lax.conv_transpose places it.
AxisTaps transposed_taps(std::size_t sources, std::size_t width, std::size_t stride, Padding padding);

/// Each site of its own.
AxisTaps identity_taps(std::size_t sources);
/// One site that reads all, each by a tap of its own.
AxisTaps gathering_taps(std::size_t sources);

/// The taps of each axis of a grid: a site reads what its coordinates read, all combinations of them.
struct SiteTaps {
  std::array<AxisTaps, Sites::max_dimensions> axes = {identity_taps(1), identity_taps(1),
                                                      identity_taps(1)};

  Sites extents(std::size_t dimensions) const;
  /// Multiplies what every site reads by `factor`.
  SiteTaps scaled(double factor) &&;
};

}  // namespace nngp
