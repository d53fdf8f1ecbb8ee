#include "network/sites.hpp"

#include <cstdlib>

namespace nngp {

std::size_t Sites::count() const {
  std::size_t product = 1;
  for (const std::size_t extent : extents) product *= extent;
  return product;
}

SitePairs SitePairs::same(std::size_t dimensions) {
  SitePairs pairs;
  pairs.offsets_.insert(Offset(dimensions, 0));
  return pairs;
}

SitePairs SitePairs::all() {
  SitePairs pairs;
  pairs.all_ = true;
  return pairs;
}

SitePairs& SitePairs::operator|=(const SitePairs& other) {
  all_ = all_ || other.all_;
  if (all_)
    offsets_.clear();
  else
    offsets_.insert(other.offsets_.begin(), other.offsets_.end());
  return *this;
}

SitePairs SitePairs::strided(const std::vector<std::size_t>& strides) const {
  return pooled(strides, std::vector<std::size_t>(strides.size(), 1));
}

SitePairs SitePairs::pooled(const std::vector<std::size_t>& strides,
                            const std::vector<std::size_t>& window) const {
  if (all_) return *this;
  SitePairs read;
  for (const Offset& offset : offsets_) {
    std::vector<Offset> spread = {{}};
    for (std::size_t axis = 0; axis < offset.size(); ++axis) {
      const auto centre = static_cast<std::ptrdiff_t>(strides[axis]) * offset[axis];
      const auto reach = static_cast<std::ptrdiff_t>(window[axis]) - 1;
      std::vector<Offset> longer;
      for (const Offset& begun : spread)
        for (std::ptrdiff_t d = -reach; d <= reach; ++d) {
          longer.push_back(begun);
          longer.back().push_back(centre + d);
        }
      spread = std::move(longer);
    }
    read.offsets_.insert(spread.begin(), spread.end());
  }
  return read;
}

std::size_t SitePairs::count(const Sites& sites) const {
  if (all_) return sites.count() * sites.count();
  std::size_t total = 0;
  for (const Offset& offset : offsets_) {
    std::size_t pairs = 1;
    for (std::size_t axis = 0; axis < offset.size(); ++axis) {
      const auto length = static_cast<std::size_t>(std::abs(offset[axis]));
      pairs *= length < sites.extents[axis] ? sites.extents[axis] - length : 0;
    }
    total += pairs;
  }
  return total;
}

}  // namespace nngp
