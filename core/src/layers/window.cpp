#include "layers/window.hpp"

#include <fmt/format.h>

#include "network/parameter.hpp"

namespace nngp {
namespace {

constexpr std::size_t max_width = 1 << 14;  ///< of a window along an axis

/// "(3, 3)", "(3,)"
std::string tuple_text(const std::vector<std::size_t>& values) {
  std::string text = "(";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + (values.size() == 1 ? ",)" : ")");
}

}  // namespace

std::size_t SlidingWindow::size() const {
  std::size_t product = 1;
  for (const std::size_t width : shape) product *= width;
  return product;
}

std::string SlidingWindow::shape_text() const {
  std::string text;
  for (const std::size_t width : shape) text += (text.empty() ? "" : "x") + std::to_string(width);
  return text;
}

std::string SlidingWindow::text() const {
  constexpr std::string_view names[] = {"VALID", "SAME", "CIRCULAR"};
  return tuple_text(shape) + ", strides=" + (strides.empty() ? "None" : tuple_text(strides)) +
         ", padding='" + std::string(names[static_cast<std::size_t>(padding)]) + "'";
}

SlidingWindow checked(std::string_view layer, std::string_view shape, SlidingWindow window) {
  const auto fail = [&](std::string_view parameter, const std::string& reason) {
    throw ParameterError(layer, parameter, reason);
  };
  const std::size_t axes = window.shape.size();
  if (axes == 0 || axes > Sites::max_dimensions)
    fail(shape, fmt::format("must have 1 to {} sizes, one for each axis of positions, got {}",
                            Sites::max_dimensions, axes));
  if (!window.strides.empty() && window.strides.size() != axes)
    fail("strides",
         fmt::format("must be {} numbers, as {} has, got {}", axes, shape, window.strides.size()));
  for (const std::size_t width : window.shape)
    if (width == 0 || width > max_width)
      fail(shape, fmt::format("must be of integers from 1 to {}, got {}", max_width, width));
  for (const std::size_t stride : window.strides)
    if (stride == 0 || stride > max_width)
      fail("strides", fmt::format("must be integers from 1 to {}, got {}", max_width, stride));
  return window;
}

SlidingWindow sliding_window(const LayerCall& call, std::string_view shape) {
  constexpr Padding paddings[] = {Padding::valid, Padding::same, Padding::circular};
  return {call.integers(shape), call.integers("strides"),
          paddings[call.choice("padding", {"valid", "same", "circular"})]};
}

std::string window_fault(const SlidingWindow& window, const Sites& sites, std::string_view noun) {
  if (window.shape.size() != sites.dimensions())
    return fmt::format(
        "a {} {} needs {} {} of positions, its input has {} ({}); the last axis of arrays, "
        "and the last number of a shape, are channels",
        window.shape_text(), noun, window.shape.size(), window.shape.size() == 1 ? "axis" : "axes",
        sites.dimensions(), sites.text());
  for (std::size_t axis = 0; axis < window.shape.size(); ++axis)
    if (window_extent(sites.extents[axis], window.shape[axis], window.stride(axis), window.padding) ==
        0)
      return fmt::format("a {} {} does not fit {} positions with VALID", window.shape_text(), noun,
                         sites.text());
  return "";
}

SiteTaps taps_of(const SlidingWindow& window, const Sites& sites) {
  SiteTaps taps;
  for (std::size_t axis = 0; axis < sites.dimensions(); ++axis)
    taps.axes[axis] =
        window_taps(sites.extents[axis], window.shape[axis], window.stride(axis), window.padding);
  return taps;
}

SiteTaps gathering(const Sites& sites) {
  SiteTaps taps;
  for (std::size_t axis = 0; axis < sites.dimensions(); ++axis)
    taps.axes[axis] = gathering_taps(sites.extents[axis]);
  return taps;
}

}  // namespace nngp
