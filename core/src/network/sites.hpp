#pragma once

// Which entries of a kernel a layer must provide. The covariance of two examples is one number for each
// pair (s, s') of their sites, and most networks need few of these pairs: a layer asks for those its
// output is made of, from the last layer back to the first.

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "nngp/sites.hpp"

namespace nngp {

/// How many channels a row of `columns` numbers has at each site. Throws ModelError for too many axes,
/// DataError if they are not the same number at all sites.
std::size_t channels_of(const Sites& sites, std::size_t columns);

/// s' - s, axis by axis; 0 on axes that a grid does not have.
using Offset = std::array<std::ptrdiff_t, Sites::max_dimensions>;

/// A set of pairs (s, s') of sites that translations do not change: (s, s') belongs to it if s' - s is
/// one of its offsets.
using SitePairs = std::set<Offset>;

/// Throws ModelError for more offsets than a layer can read: a pair of examples would take minutes, as
/// those of 274 x 274 sites do of which all pairs are needed, and planning alone seconds.
void check_offsets(std::size_t count, const std::string& layer);

/// Each site with itself alone: what variances and the output of a network are.
SitePairs same_sites();
/// All pairs of a grid.
SitePairs all_pairs(const Sites& sites);
/// How many pairs of a grid belong to the set.
std::size_t count_pairs(const SitePairs& pairs, const Sites& sites);

/// The sites s of a grid for which s + offset belongs to the grid too: a box. The pairs of one offset
/// are kept in the order of the first site, the last axis fastest.
struct PairBox {
  Offset offset = {};
  std::array<std::size_t, Sites::max_dimensions> first = {}, extent = {1, 1, 1}, grid = {1, 1, 1};

  PairBox() = default;
  PairBox(const Sites& sites, const Offset& offset);

  std::size_t count() const { return extent[0] * extent[1] * extent[2]; }

  /// Calls body(place in the box, s, s') for each pair, sites numbered as the grid has them in memory.
  template <class Body>
  void for_each(Body body) const {
    std::size_t place = 0;
    for (std::size_t i = 0; i < extent[0]; ++i)
      for (std::size_t j = 0; j < extent[1]; ++j) {
        const std::size_t s = site(first[0] + i, first[1] + j, first[2]);
        const std::size_t partner =
            site(shifted(first[0] + i, 0), shifted(first[1] + j, 1), shifted(first[2], 2));
        for (std::size_t k = 0; k < extent[2]; ++k) body(place++, s + k, partner + k);
      }
  }

 private:
  std::size_t site(std::size_t i, std::size_t j, std::size_t k) const {
    return (i * grid[1] + j) * grid[2] + k;
  }
  std::size_t shifted(std::size_t s, std::size_t axis) const {
    return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(s) + offset[axis]);
  }
};

}  // namespace nngp
