#pragma once

// From a network to a program of kernel steps.

#include <memory>
#include <utility>
#include <vector>

#include "engine/kernel_step.hpp"
#include "network/branches.hpp"

namespace nngp {

/// A compiled network. Value 0 is the input: nngp = x1 x2^T (a sum over channels, not yet a mean),
/// ntk = 0. Step k makes value k + 1.
struct Program {
  std::vector<std::unique_ptr<KernelStep>> steps;
  std::vector<Sites> sites = {{}};  ///< of each value
  Operand output;                   ///< of one site
};

/// A branch on its way: the value it carries, and what neural-tangents tracks as the kernel's
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
  KernelBuilder(const Sites& sites, std::size_t channels);

  /// The only branch, which must be Gaussian: "REQUIREMENT; insert Dense(...) before it".
  KernelBranch& gaussian_branch(std::string_view requirement);

  /// Appends a step, made of the branch's operand and the arguments. The branch carries what it makes.
  template <class Step, class... Arguments>
  void step(KernelBranch& branch, Arguments&&... arguments) {
    append_step(branch, std::make_unique<Step>(branch.operand, std::forward<Arguments>(arguments)...));
  }

  /// The same for a step that is linear, whose result is multiplied by `factor`: it may come before the
  /// Dense layers that are pending, unless these add a number.
  template <class Step, class... Arguments>
  void linear_step(KernelBranch& branch, double factor, Arguments&&... arguments) {
    Affine behind{};
    if (Affine& in = branch.operand.pending; in.cov_shift == 0 && in.ntk_shift == 0)
      behind = std::exchange(in, {});
    step<Step>(branch, std::forward<Arguments>(arguments)...);
    behind.cov_scale *= factor;
    behind.ntk_cov *= factor;
    behind.ntk_scale *= factor;
    branch.operand.pending = behind;
  }

  /// Appends a step made of all open branches, and closes them into one: it is as many channels wide as
  /// the first, and an input if all are.
  template <class Step, class... Arguments>
  void join(Arguments&&... arguments) {
    KernelBranch& joined = close_branches();
    append_step(joined, std::make_unique<Step>(std::forward<Arguments>(arguments)...));
  }

  /// The operands of the open branches, in order.
  std::vector<Operand> operands() const;

  /// Takes the sites of the input for channels: example for example a row of features. Whether that
  /// could be: nothing was done to the input yet.
  bool flatten_input();

  /// Compiles a network. Throws ModelError if layers do not fit together.
  Program finish(const Layer& network) &&;

 private:
  void dispatch(const LayerType& layer) override { layer.infinite(*this); }
  void append_step(KernelBranch& branch, std::unique_ptr<KernelStep> step);
  KernelBranch& close_branches();

  Program program_;
};

/// Compiles `network` for examples with these sites and channels. Throws ModelError when the layers do
/// not fit together and NotImplemented when a kernel is asked of an activation that has none.
Program compile_kernel(const Layer& network, const Sites& sites, std::size_t channels);
/// The same for rows of features.
inline Program compile_kernel(const Layer& network, std::size_t features) {
  return compile_kernel(network, {}, features);
}

}  // namespace nngp
