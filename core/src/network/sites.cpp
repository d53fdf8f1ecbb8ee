#include "network/sites.hpp"

#include <algorithm>

namespace nngp {

std::size_t Sites::count() const {
  std::size_t product = 1;
  for (const std::size_t extent : extents) product *= extent;
  return product;
}

std::string Sites::text() const {
  std::string text;
  for (const std::size_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

SitePairs same_sites() { return {Offset{}}; }

SitePairs all_pairs(const Sites& sites) {
  std::array<std::ptrdiff_t, Sites::max_dimensions> reach = {};
  for (std::size_t axis = 0; axis < sites.dimensions(); ++axis)
    reach[axis] = static_cast<std::ptrdiff_t>(sites.extents[axis]) - 1;
  SitePairs pairs;
  for (std::ptrdiff_t i = -reach[0]; i <= reach[0]; ++i)
    for (std::ptrdiff_t j = -reach[1]; j <= reach[1]; ++j)
      for (std::ptrdiff_t k = -reach[2]; k <= reach[2]; ++k) pairs.insert(pairs.end(), {i, j, k});
  return pairs;
}

std::size_t count_pairs(const SitePairs& pairs, const Sites& sites) {
  std::size_t total = 0;
  for (const Offset& offset : pairs) total += PairBox(sites, offset).count();
  return total;
}

PairBox::PairBox(const Sites& sites, const Offset& offset_) : offset(offset_) {
  for (std::size_t axis = 0; axis < sites.dimensions(); ++axis) {
    const auto n = static_cast<std::ptrdiff_t>(sites.extents[axis]);
    grid[axis] = sites.extents[axis];
    first[axis] = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, -offset[axis]));
    extent[axis] = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, n - std::abs(offset[axis])));
  }
}

}  // namespace nngp
