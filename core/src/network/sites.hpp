#pragma once

// Which entries of a kernel a layer must provide. An example is a grid of sites, each of which has its
// own vector of channels: a row of features is one site, an image has one site a pixel. The covariance
// of two examples is one number for each pair (s, s') of their sites, and most networks need few of
// these pairs: a layer asks for those its output is made of, from the last layer back to the first.

#include <cstddef>
#include <set>
#include <vector>

namespace nngp {

/// The extents of a grid of sites, outermost first: {} for a row of features, {32, 32} for an image.
struct Sites {
  std::vector<std::size_t> extents = {};

  std::size_t dimensions() const { return extents.size(); }
  std::size_t count() const;
  bool operator==(const Sites&) const = default;
};

/// A set of pairs (s, s') of sites that translations do not change: (s, s') belongs to it if s' - s is
/// one of its offsets. Grows from layer to layer, backwards, until it may be all pairs.
class SitePairs {
 public:
  using Offset = std::vector<std::ptrdiff_t>;

  /// No pairs.
  SitePairs() = default;
  /// Each site with itself alone: what variances and the output of a network are.
  static SitePairs same(std::size_t dimensions);
  static SitePairs all();

  bool is_all() const { return all_; }
  bool empty() const { return !all_ && offsets_.empty(); }
  /// The offsets, in order; none of them if the pairs are all().
  const std::set<Offset>& offsets() const { return offsets_; }
  bool contains(const Offset& offset) const { return all_ || offsets_.contains(offset); }

  SitePairs& operator|=(const SitePairs& other);
  bool operator==(const SitePairs&) const = default;

  /// What a map reads of its input to provide these pairs, if its output at s is made of the input at
  /// stride s + k. Both sites of a pair with the same k, as in a convolution: the offsets times stride.
  SitePairs strided(const std::vector<std::size_t>& strides) const;
  /// The same with any two k and k' inside the window, as in pooling: stride offset + k' - k.
  SitePairs pooled(const std::vector<std::size_t>& strides,
                   const std::vector<std::size_t>& window) const;

  /// How many pairs of a grid belong to the set.
  std::size_t count(const Sites& sites) const;

 private:
  bool all_ = false;
  std::set<Offset> offsets_;
};

}  // namespace nngp
