#include "engine/program.hpp"

#include <fmt/format.h>

#include <numeric>

#include "network/branches.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

/// A branch while its network is compiled: the signal it lives in, the Dense layers that wait, and what
/// neural-tangents tracks as the kernel's requirements.
struct Branch {
  Operand operand;
  double width = 0;          ///< number of channels
  bool is_gaussian = false;  ///< an affine map with random weights came last
  bool is_input = true;      ///< no Dense layer so far
};

class Compiler : BranchCompiler<Compiler, Branch> {
 public:
  explicit Compiler(std::size_t features)
      : BranchCompiler(Branch{.operand = {0, {.cov_scale = 1 / static_cast<double>(features)}},
                              .width = static_cast<double>(features)}) {}

  Program finish(const Layer& network) {
    program_.output = compile_network(network).operand;
    return std::move(program_);
  }

 private:
  friend BranchCompiler;
  using BranchCompiler::apply;

  // ---- layers of one branch -------------------------------------------------------------------

  void apply(const Dense& dense) {
    ++position_;
    Branch& branch = single("Dense");
    const Dense::Options& o = dense.options;
    const double w2 = o.W_std * o.W_std;
    const double b2 = o.b_std ? *o.b_std * *o.b_std : 0.0;
    Affine& in = branch.operand.in;
    Affine out{.cov_scale = w2 * in.cov_scale, .cov_shift = w2 * in.cov_shift + b2};
    if (o.parameterization == Parameterization::ntk) {
      out.ntk_cov = out.cov_scale + w2 * in.ntk_cov;
      out.ntk_shift = out.cov_shift + w2 * in.ntk_shift;
    } else {
      const double n = branch.width / o.s[0];
      out.ntk_cov = n * in.cov_scale + w2 * in.ntk_cov;
      out.ntk_shift = n * in.cov_shift + w2 * in.ntk_shift + (o.b_std ? 1.0 : 0.0);
    }
    out.ntk_scale = w2 * in.ntk_scale;
    in = out;
    branch.width = static_cast<double>(dense.out_dim);
    if (o.parameterization == Parameterization::standard) branch.width *= o.s[1];
    branch.is_gaussian = true;
    branch.is_input = false;
  }

  void apply(const Elementwise& layer) {
    ++position_;
    const std::string name = layer.activation.text();
    Branch& branch = single(name);
    if (!branch.is_gaussian)
      throw ModelError(fmt::format(
          "layer {}, {}: the input of a non-linearity must be Gaussian; insert Dense(...) before it",
          position_, name));
    if (!layer.activation.has_fn() && (layer.numerical || !layer.activation.has_nngp_fn()))
      throw NotImplemented(fmt::format(
          "layer {}, {}: the kernel is not implemented: its plugin has no {}", position_, name,
          layer.numerical ? "fn to integrate; use the activation itself"
                          : "nngp_fn, and no fn to integrate; add one of them to the plugin, or use "
                            "another activation"));
    program_.activations.push_back(layer);
    program_.steps.push_back(Activate{branch.operand, program_.activations.size() - 1});
    branch.operand.in = {};
    branch.is_gaussian = false;
  }

  void apply(const LayerNorm&) {
    ++position_;
    Branch& branch = single("LayerNorm");
    if (!branch.is_gaussian)
      throw ModelError(fmt::format(
          "layer {}, LayerNorm: only implemented for Gaussian inputs; insert Dense(...) before it",
          position_));
    program_.steps.push_back(Normalize{branch.operand});
    branch.operand.in = {};
  }

  void apply(const Dropout& dropout) {
    ++position_;
    Branch& branch = single("Dropout");
    if (branch.is_input)
      throw ModelError(fmt::format(
          "layer {}, Dropout: cannot be applied to the input; insert Dense(...) before it", position_));
    program_.steps.push_back(ScaleDiagonal{branch.operand, 1 / dropout.rate});
    branch.operand.in = {};
    branch.is_gaussian = false;
  }

  // ---- branches -------------------------------------------------------------------------------

  void apply(const FanOut& fan_out) {
    ++position_;
    const Branch branch = single("FanOut");
    state_.assign(fan_out.num, branch);
    for (std::size_t b = 1; b < fan_out.num; ++b) {
      state_[b].operand.signal = program_.signals++;
      program_.steps.push_back(
          Copy{.operand = {branch.operand.signal, {}}, .to = state_[b].operand.signal});
    }
  }

  void apply(const FanInSum&) {
    ++position_;
    check_widths("FanInSum");
    for (std::size_t b = 0; b < state_.size() && state_.size() > 1; ++b)
      if (!state_[b].is_gaussian)
        throw ModelError(
            fmt::format("layer {}, FanInSum: only implemented for Gaussian branches, and "
                        "branch {} is not; end it with Dense(...)",
                        position_, b + 1));
    fan_in(WeightedSum{operands(), std::vector<double>(state_.size(), 1.0), state_[0].operand.signal});
    state_.resize(1);
  }

  void apply(const FanInConcat&) {
    ++position_;
    std::vector<double> weights;
    double total = 0;
    for (const Branch& branch : state_) total += branch.width;
    for (const Branch& branch : state_) weights.push_back(branch.width / total);
    fan_in(WeightedSum{operands(), weights, state_[0].operand.signal});
    state_.resize(1);
    state_[0].width = total;
    state_[0].is_gaussian = false;
  }

  void apply(const FanInProd&) {
    ++position_;
    check_widths("FanInProd");
    const bool is_gaussian = state_.size() == 1 && state_[0].is_gaussian;
    fan_in(Product{operands(), state_[0].operand.signal});
    state_.resize(1);
    state_[0].is_gaussian = is_gaussian;
  }

  // ---- helpers --------------------------------------------------------------------------------

  std::vector<Operand> operands() const {
    std::vector<Operand> all;
    for (const Branch& branch : state_) all.push_back(branch.operand);
    return all;
  }

  void fan_in(Step step) {
    program_.steps.push_back(std::move(step));
    state_[0].operand.in = {};
    bool is_input = true;
    for (const Branch& branch : state_) is_input = is_input && branch.is_input;
    state_[0].is_input = is_input;
  }

  static double width_of(const Branch& branch) { return branch.width; }

  Program program_;
};

}  // namespace

Program compile(const Layer& network, std::size_t features) {
  return Compiler(features).finish(network);
}

}  // namespace nngp
