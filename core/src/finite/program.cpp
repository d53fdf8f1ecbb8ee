#include "finite/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "network/branches.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

constexpr std::size_t most_units = std::size_t{1} << 31;
constexpr std::size_t most_weights = std::size_t{1} << 40;  // of one layer

/// A branch is the slot that holds its values.
class FiniteCompiler : BranchCompiler<FiniteCompiler, std::size_t> {
 public:
  explicit FiniteCompiler(std::size_t features) : BranchCompiler(0) {
    program_.slots = {{.width = features, .trained = false}};
  }

  FiniteProgram finish(const Layer& network) {
    program_.output = compile_network(network);
    return std::move(program_);
  }

 private:
  friend BranchCompiler;
  using BranchCompiler::apply;

  // ---- layers of one branch -------------------------------------------------------------------

  void apply(const Dense& dense) {
    ++position_;
    const Dense::Options& o = dense.options;
    const bool ntk = o.parameterization == Parameterization::ntk;
    DenseStep step = {};
    step.in = single("Dense");
    step.index = program_.dense_count++;
    step.n_in = width_of(step.in);
    step.n_out = ntk ? dense.out_dim : scaled_width(dense);
    if (step.n_out == 0 || step.n_out > most_units || step.n_in > most_weights / step.n_out)
      throw ModelError(fmt::format("layer {}, Dense: a finite network cannot have {} x {} weights here",
                                   position_, step.n_in, step.n_out));
    const double b_std = o.b_std.value_or(0);
    const auto n = static_cast<double>(step.n_in);
    step.weight_scale = ntk ? o.W_std / std::sqrt(n) : 1 / std::sqrt(o.s[0]);
    step.W_std = ntk ? 1 : o.W_std * std::sqrt(o.s[0] / n);
    step.bias_scale = !o.b_std ? 0 : ntk ? b_std : 1;
    step.b_std = ntk ? 1 : b_std;
    step.has_bias = o.b_std.has_value();
    step.out = new_slot(step.n_out, true);
    add(step, step.out);
  }

  void apply(const Elementwise& layer) {
    ++position_;
    const std::string name = fmt::format("layer {}, {}", position_, layer.activation.text());
    const std::size_t in = single(layer.activation.text());
    if (!layer.activation.has_fn())
      throw NotImplemented(
          name +
          ": a network of finite width cannot be sampled, its plugin has no fn; its kernels of "
          "infinite width can be computed, and fn may be added to the plugin");
    const std::size_t out = new_slot(width_of(in), trained(in));
    add(ActivationStep{in, out, layer.activation, name}, out);
  }

  void apply(const LayerNorm&) {
    ++position_;
    const std::size_t in = single("LayerNorm"), out = new_slot(width_of(in), trained(in));
    add(LayerNormStep{in, out}, out);
  }

  void apply(const Dropout& dropout) {
    ++position_;
    const std::size_t in = single("Dropout"), out = new_slot(width_of(in), trained(in));
    add(DropoutStep{in, out, dropouts_++, dropout.rate}, out);
  }

  // ---- branches -------------------------------------------------------------------------------

  void apply(const FanOut& fan_out) {
    ++position_;
    if (fan_out.num > Layer::max_size)
      throw ModelError(fmt::format("layer {}, FanOut: {} branches are too many, at most {}", position_,
                                   fan_out.num, Layer::max_size));
    const std::size_t branch = single("FanOut");
    state_.assign(fan_out.num, branch);
  }

  void apply(const FanInSum&) {
    ++position_;
    check_widths("FanInSum");
    fan_in<SumStep>(width_of(state_[0]));
  }

  void apply(const FanInProd&) {
    ++position_;
    check_widths("FanInProd");
    fan_in<ProductStep>(width_of(state_[0]));
  }

  void apply(const FanInConcat&) {
    ++position_;
    std::size_t total = 0;
    for (const std::size_t branch : state_) total += width_of(branch);
    if (total > most_units)
      throw ModelError(fmt::format("layer {}, FanInConcat: a finite network cannot have {} units here",
                                   position_, total));
    fan_in<ConcatStep>(total);
  }

  // ---- helpers --------------------------------------------------------------------------------

  std::size_t width_of(std::size_t slot) const { return program_.slots[slot].width; }
  bool trained(std::size_t slot) const { return program_.slots[slot].trained; }

  std::size_t new_slot(std::size_t width, bool trained) {
    program_.slots.push_back({width, trained});
    return program_.slots.size() - 1;
  }

  void add(FiniteStep step, std::size_t out) {
    program_.steps.push_back(std::move(step));
    state_ = {out};
  }

  template <class Step>
  void fan_in(std::size_t width) {
    const bool any_trained = std::any_of(state_.begin(), state_.end(),
                                         [this](std::size_t branch) { return trained(branch); });
    const std::size_t out = new_slot(width, any_trained);
    add(Step{state_, out}, out);
  }

  /// s[1] out_dim, which must be a whole number.
  std::size_t scaled_width(const Dense& dense) const {
    const double units = static_cast<double>(dense.out_dim) * dense.options.s[1];
    if (!(units >= 1 && units <= static_cast<double>(most_units)) || units != std::floor(units))
      throw ModelError(fmt::format(
          "layer {}, Dense: a finite network cannot have s[1] * out_dim = {} units; choose s so that "
          "this is a whole number",
          position_, units));
    return static_cast<std::size_t>(units);
  }

  FiniteProgram program_;
  std::size_t dropouts_ = 0;
};

/// `layer` with hidden layers `width` wide. `hidden` says whether a Dense layer follows on every path,
/// and is updated to what holds for the layers before.
Layer widen(const Layer& layer, std::size_t width, bool& hidden) {
  if (const auto* dense = std::get_if<Dense>(&layer.node())) {
    Dense wide = *dense;
    if (hidden) wide.out_dim = width;
    hidden = true;
    return wide;
  }
  if (const auto* serial = std::get_if<Serial>(&layer.node())) {
    std::vector<Layer> layers(serial->layers);
    bool hidden_after = hidden;  // what `hidden` was for the layer behind
    for (std::size_t i = layers.size(); i-- > 0;) {
      // A layer that is repeated stays one.
      const bool repeated = i + 1 < layers.size() && hidden == hidden_after &&
                            &serial->layers[i].node() == &serial->layers[i + 1].node();
      hidden_after = hidden;
      layers[i] = repeated ? layers[i + 1] : widen(layers[i], width, hidden);
    }
    return Serial{std::move(layers)};
  }
  if (const auto* parallel = std::get_if<Parallel>(&layer.node())) {
    std::vector<Layer> layers(parallel->layers);
    bool all = true;
    for (Layer& branch : layers) {
      bool hidden_here = hidden;
      branch = widen(branch, width, hidden_here);
      all = all && hidden_here;
    }
    hidden = all;
    return Parallel{std::move(layers)};
  }
  return layer;
}

}  // namespace

FiniteProgram compile_finite(const Layer& network, std::size_t features) {
  return FiniteCompiler(features).finish(network);
}

Layer with_hidden_width(const Layer& network, std::size_t width) {
  bool hidden = false;
  return widen(network, width, hidden);
}

}  // namespace nngp
