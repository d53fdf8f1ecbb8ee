#include "network/taps.hpp"

#include <algorithm>
#include <utility>

namespace nngp {
namespace {

using Index = std::ptrdiff_t;

Index index(std::size_t i) { return static_cast<Index>(i); }

Index modulo(Index i, Index n) { return (i % n + n) % n; }

}  // namespace

std::size_t window_extent(std::size_t sources, std::size_t width, std::size_t stride, Padding padding) {
  if (padding != Padding::valid) return (sources + stride - 1) / stride;
  return width > sources ? 0 : (sources - width) / stride + 1;
}

AxisTaps window_taps(std::size_t sources, std::size_t width, std::size_t stride, Padding padding) {
  const std::size_t extent = window_extent(sources, width, stride, padding);
  const Index n = index(sources), w = index(width), st = index(stride);
  // The odd site of the padding is at the end.
  const Index total =
      padding == Padding::valid ? 0 : std::max<Index>((index(extent) - 1) * st + w - n, 0);
  AxisTaps taps{sources, {}};
  taps.sites.resize(extent);
  for (std::size_t s = 0; s < extent; ++s) {
    const Index begin = index(s) * st - total / 2;
    const bool wraps = padding == Padding::circular;
    const Index from = wraps ? 0 : std::max<Index>(0, -begin), to = wraps ? w : std::min(w, n - begin);
    for (Index k = from; k < to; ++k)
      taps.sites[s].push_back(
          {static_cast<std::size_t>(k), static_cast<std::size_t>(modulo(begin + k, n))});
  }
  return taps;
}

std::size_t transposed_extent(std::size_t sources, std::size_t width, std::size_t stride,
                              Padding padding) {
  const std::size_t more = padding == Padding::valid && width > stride ? width - stride : 0;
  return sources * stride + more;
}

AxisTaps transposed_taps(std::size_t sources, std::size_t width, std::size_t stride, Padding padding) {
  const Index n = index(sources), w = index(width), st = index(stride);
  const bool same = padding == Padding::same;
  const Index excess = std::max<Index>(w - st, 0);
  const Index before = same && st <= w - 1 ? (w + st - 2 + 1) / 2 : w - 1;
  const Index whole = n * st + (same ? 0 : excess);  // CIRCULAR folds what VALID gives
  AxisTaps taps{sources, {}};
  taps.sites.resize(transposed_extent(sources, width, stride, padding));
  const Index period = index(taps.sites.size());
  const Index lo = padding == Padding::circular ? excess / 2 : 0;
  for (Index v = 0; v < whole; ++v)
    for (Index j = std::max<Index>(0, (v - before + st - 1) / st); j < n; ++j) {
      const Index k = j * st - v + before;
      if (k >= w) break;
      if (k < 0) continue;
      taps.sites[static_cast<std::size_t>(modulo(v - lo, period))].push_back(
          {static_cast<std::size_t>(k), static_cast<std::size_t>(j)});
    }
  return taps;
}

AxisTaps identity_taps(std::size_t sources) {
  AxisTaps taps{sources, {}};
  for (std::size_t s = 0; s < sources; ++s) taps.sites.push_back({{0, s}});
  return taps;
}

AxisTaps gathering_taps(std::size_t sources) {
  AxisTaps taps{sources, {{}}};
  for (std::size_t s = 0; s < sources; ++s) taps.sites[0].push_back({s, s});
  return taps;
}

Sites SiteTaps::extents(std::size_t dimensions) const {
  Sites sites;
  for (std::size_t axis = 0; axis < dimensions; ++axis) sites.extents.push_back(axes[axis].extent());
  return sites;
}

SiteTaps SiteTaps::scaled(double factor) && {
  for (std::vector<Tap>& site : axes[0].sites)
    for (Tap& tap : site) tap.factor *= factor;
  return std::move(*this);
}

}  // namespace nngp
