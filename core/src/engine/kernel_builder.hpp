#pragma once

// From a network to a program of kernel steps.

#include <memory>
#include <utility>
#include <vector>

#include "engine/kernel_step.hpp"
#include "network/branches.hpp"

namespace nngp {

/// A compiled network. Slot 0 is the input: nngp = x1 x2^T (a sum, not yet a mean), ntk = 0.
struct Program {
  std::vector<std::unique_ptr<KernelStep>> steps;
  std::size_t slots = 1;  ///< how many exist
  Operand output;
  /// The pairs of sites that are wanted of slot 0, the input, for the output at each site with itself.
  SitePairs wanted_of_input;
};

/// A branch on its way: the slot it lives in, and what neural-tangents tracks as the kernel's
/// requirements.
struct KernelBranch {
  Operand operand = {};
  double width = 0;          ///< number of channels
  bool is_gaussian = false;  ///< an affine map with random weights came last
  bool is_input = true;      ///< no such map so far
  Sites sites = {};          ///< a row of features has one
};

/// What a layer adds itself to (LayerType::infinite).
class KernelBuilder final : public BranchBuilder<KernelBranch> {
 public:
  explicit KernelBuilder(std::size_t features);

  /// The only branch, which must be Gaussian: "REQUIREMENT; insert Dense(...) before it".
  KernelBranch& gaussian_branch(std::string_view requirement);

  /// Appends a step.
  template <class Step, class... Arguments>
  void step(Arguments&&... arguments) {
    program_.steps.push_back(std::make_unique<Step>(std::forward<Arguments>(arguments)...));
  }

  /// A slot that no open branch uses.
  std::size_t new_slot();
  /// Closes all branches into one, which lives in the slot of the first: it is as many channels wide,
  /// and an input if all are.
  void close_branches();
  /// The operands of the open branches, in order.
  std::vector<Operand> operands() const;

  /// Compiles a network. Throws ModelError if layers do not fit together.
  Program finish(const Layer& network) &&;

 private:
  void dispatch(const LayerType& layer) override { layer.infinite(*this); }

  Program program_;
  std::vector<std::size_t> free_slots_;
};

/// Compiles `network` for inputs with `features` columns. Throws ModelError when the layers do not fit
/// together and NotImplemented when a kernel is asked of an activation that has none.
Program compile_kernel(const Layer& network, std::size_t features);

}  // namespace nngp
