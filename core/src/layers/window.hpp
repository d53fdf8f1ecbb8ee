#pragma once

// Windows over the positions of an image: filters of convolutions, poolings.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/site_map.hpp"
#include "network/branches.hpp"
#include "network/layer_entry.hpp"
#include "nngp/stax.hpp"

namespace nngp {

/// A window and the distance of its places, axis by axis.
struct SlidingWindow {
  std::vector<std::size_t> shape;
  std::vector<std::size_t> strides;  ///< empty: 1
  Padding padding = Padding::valid;

  std::size_t stride(std::size_t axis) const { return strides.empty() ? 1 : strides[axis]; }
  std::size_t size() const;
  /// "3x3"
  std::string shape_text() const;
  /// "(3, 3), strides=(2, 2), padding='SAME'"
  std::string text() const;
};

/// Most positions that a layer may have.
inline constexpr std::size_t max_positions = std::size_t{1} << 24;

/// `window` if its numbers are in range. `shape` is what the layer calls it.
SlidingWindow checked(std::string_view layer, std::string_view shape, SlidingWindow window);

/// Reads strides and padding, and the parameter called `shape`.
SlidingWindow sliding_window(const LayerCall& call, std::string_view shape);

/// What is wrong with the window for a grid, or nothing.
std::string window_fault(const SlidingWindow& window, const Sites& sites, std::string_view noun);

/// The taps of the window on a grid.
SiteTaps taps_of(const SlidingWindow& window, const Sites& sites);

/// One position that reads all of a grid.
SiteTaps gathering(const Sites& sites);

}  // namespace nngp
