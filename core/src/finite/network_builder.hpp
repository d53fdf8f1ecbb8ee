#pragma once

// From a network to the ops of a network of finite width.

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "finite/op.hpp"
#include "network/branches.hpp"
#include "nngp/finite.hpp"

namespace nngp {

/// What one branch carries between two layers.
struct UnitSlot {
  std::size_t width;  ///< number of units: the channels of one position after the other
  bool trained;       ///< depends on weights
};

struct FiniteProgram {
  std::vector<std::unique_ptr<const FiniteOp>> ops;
  std::vector<UnitSlot> slots;  ///< slot 0 is the input
  std::vector<const FiniteOp*> with_weights;
  std::size_t output = 0;

  std::size_t features() const { return slots[0].width; }
  std::size_t out_dim() const { return slots[output].width; }
};

/// A branch of a finite network: the slot that holds its values.
struct NetworkBranch {
  std::size_t slot = 0;
  std::size_t width = 0;  ///< number of channels
  bool trained = false;
  Sites sites = {};  ///< a row of features has one
};

/// What a layer adds itself to (LayerType::finite).
class NetworkBuilder final : public BranchBuilder<NetworkBranch> {
 public:
  static constexpr std::size_t max_units = std::size_t{1} << 31;
  static constexpr std::size_t max_weights = std::size_t{1} << 40;  ///< of one layer

  NetworkBuilder(const Sites& sites, std::size_t channels);

  /// Replaces all branches by one of `width` channels at the positions of the first, whose values an Op
  /// computes; the Op is made from the number of the slot that it writes and the arguments. Units
  /// depend on weights if those of a branch do, or if the Op has some.
  template <class Op, class... Arguments>
  void op(std::size_t width, Arguments&&... arguments) {
    add(std::make_unique<Op>(program_.slots.size(), std::forward<Arguments>(arguments)...), width);
  }

  /// The slots of the open branches, in order.
  std::vector<std::size_t> slots() const;

  /// The index of a layer's weights, and that of a layer's masks, for the random numbers.
  std::size_t new_weights() { return weights_++; }
  std::size_t new_mask() { return masks_++; }

  /// Compiles a network. Throws ModelError if layers do not fit together.
  FiniteProgram finish(const Layer& network) &&;
  /// The positions that a network's outputs have.
  Sites output_sites(const Layer& network) &&;

 private:
  void dispatch(const LayerType& layer) override { layer.finite(*this); }
  void add(std::unique_ptr<FiniteOp> op, std::size_t width);

  FiniteProgram program_;
  std::size_t weights_ = 0, masks_ = 0;
};

/// Throws as the constructor of FiniteNetwork does.
FiniteProgram compile_finite(const Layer& network, std::size_t features, const Sites& sites = {});

}  // namespace nngp
