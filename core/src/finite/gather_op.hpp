#pragma once

// What all layers that are linear in positions are at finite width: poolings, resizing, and the
// patches that convolutions multiply by weights.

#include <cstddef>
#include <utility>
#include <vector>

#include "finite/op.hpp"
#include "network/taps.hpp"

namespace nngp {

/// Of what the positions of an output are made. With `filter`, the extents of a filter, each of its
/// taps has channels of its own: a position holds a patch of its input, as rows of weights are
/// numbered, the last axis fastest and channels within. Without, a position is the sum over its taps.
struct Patches {
  std::vector<std::size_t> in;  ///< slots, which are summed over
  std::vector<SiteTaps> taps;   ///< of each of these
  std::vector<std::size_t> filter = {};
};

/// out(position, tap, channel) = sum of factor in(source, channel).
class GatherOp final : public FiniteOpOf<GatherOp> {
 public:
  GatherOp(std::size_t out, Patches patches);

  template <class Real>
  void go_forward(Pass<Real>& pass) const;
  template <class Real>
  void go_backward(Pass<Real>& pass) const;

 private:
  Patches patches_;
};

}  // namespace nngp
