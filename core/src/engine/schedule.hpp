#pragma once

// In which order the planes of a network are computed, and where they are kept. A plane is passed on as
// soon as it is done: to the layers behind, which change it while it is in cache, up to a step that
// makes a plane of several (a pooling, a sum of branches), where it is added and its memory is free
// again. So few planes exist at a time, however many pairs of sites there are. What no output is made
// of is not computed.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/kernel_builder.hpp"

namespace nngp {

/// Where a plane is kept while it is needed, and which pairs of sites it holds.
struct PlaneAt {
  std::uint32_t buffer = 0, box = 0;
};

struct PlaneOp {
  enum class Kind : std::uint8_t {
    multiply,  ///< out = inner products of the inputs
    zero,      ///< out = 0
    copy,      ///< out = in
    keep,      ///< the step keeps what it needs of in
    run        ///< the step adds what it makes of in to out
  };
  Kind kind;
  bool first = false;     ///< nothing was written to out yet
  bool complete = false;  ///< out is done
  std::uint32_t step = 0, operand = 0;
  PlaneAt in = {}, out = {};
};

struct Schedule {
  std::vector<PlaneOp> ops;
  std::vector<PairBox> boxes;
  std::vector<std::size_t> buffers;  ///< tiles that each must hold
  PlaneAt output;

  std::size_t tiles() const;  ///< that all buffers hold together
};

/// For tiles of examples with examples, and for examples with themselves: every step comes to know the
/// variances in front of it before it runs. Both add contributions in the same order, so that variances
/// are the same to the last bit wherever they are computed.
struct Schedules {
  Schedule pairs, own;
  std::vector<SitePairs> wanted;  ///< of each value, for tiles
};

Schedules schedule(const Program& program);

}  // namespace nngp
