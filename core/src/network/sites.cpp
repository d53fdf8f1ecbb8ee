#include "network/sites.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nngp/error.hpp"

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

std::size_t channels_of(const Sites& sites, std::size_t columns) {
  if (sites.dimensions() > Sites::max_dimensions)
    throw ModelError(fmt::format("inputs of {} axes of positions: at most {}", sites.dimensions(),
                                 Sites::max_dimensions));
  const std::size_t count = sites.count();
  if (count == 0 || columns % count != 0)
    throw DataError(fmt::format("examples of {} numbers are no {} positions with equally many channels",
                                columns, sites.text()));
  return columns / count;
}

void check_offsets(std::size_t count, const std::string& layer) {
  constexpr std::size_t most = 300'000;
  if (count > most)
    throw ModelError(
        fmt::format("{}: it is made of pairs of positions at {} offsets from each other, at most {}; "
                    "make the images smaller, by strides or pooling before it",
                    layer, count, most));
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
