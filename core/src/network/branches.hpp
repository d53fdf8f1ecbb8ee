#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "nngp/error.hpp"
#include "nngp/stax.hpp"

namespace nngp {

/// The way of a compiler through a network and its branches. `Compiler` derives from this, has an
/// apply() for every other kind of layer, which counts in position_, and width_of(branch).
template <class Compiler, class Branch>
class BranchCompiler {
 protected:
  explicit BranchCompiler(Branch input) : state_{std::move(input)} {}

  /// Compiles a network; the branch it ends in. Throws ModelError if layers do not fit together.
  const Branch& compile_network(const Layer& network) {
    compile(network);
    if (state_.size() != 1)
      throw ModelError(fmt::format(
          "the network ends in {} branches; end it with FanInSum(), FanInProd() or FanInConcat()",
          state_.size()));
    return state_[0];
  }

  void compile(const Layer& layer) {
    std::visit([this](const auto& node) { static_cast<Compiler*>(this)->apply(node); }, layer.node());
  }

  void apply(const Identity&) {
    ++position_;
    single("Identity");
  }

  void apply(const Serial& serial) {
    for (const Layer& layer : serial.layers) compile(layer);
  }

  void apply(const Parallel& parallel) {
    if (parallel.layers.size() != state_.size())
      throw ModelError(
          fmt::format("after layer {}: parallel(...) has {} layers but its input has {} branches; "
                      "put FanOut({}) before it",
                      position_, parallel.layers.size(), state_.size(), parallel.layers.size()));
    const std::vector<Branch> inputs = std::move(state_);
    std::vector<Branch> outputs;
    for (std::size_t b = 0; b < inputs.size(); ++b) {
      state_ = {inputs[b]};
      compile(parallel.layers[b]);
      if (state_.size() != 1)
        throw ModelError(
            fmt::format("branch {} of parallel(...) ends in {} branches; close it with "
                        "FanInSum(), FanInProd() or FanInConcat()",
                        b + 1, state_.size()));
      outputs.push_back(state_[0]);
    }
    state_ = std::move(outputs);
  }

  /// The only branch, for a layer that takes one.
  Branch& single(std::string_view layer) {
    if (state_.size() != 1)
      throw ModelError(
          fmt::format("layer {}, {}: its input has {} branches; put it inside parallel(...) "
                      "or close them with FanInSum(), FanInProd() or FanInConcat() first",
                      position_, layer, state_.size()));
    return state_[0];
  }

  void check_widths(std::string_view layer) const {
    const auto width_of = [this](const Branch& branch) {
      return static_cast<const Compiler*>(this)->width_of(branch);
    };
    for (const Branch& branch : state_)
      if (width_of(branch) != width_of(state_[0]))
        throw ModelError(fmt::format("layer {}, {}: all branches need the same width, got {} and {}",
                                     position_, layer, width_of(state_[0]), width_of(branch)));
  }

  std::vector<Branch> state_;
  std::size_t position_ = 0;  ///< layers seen so far, counted from 1 as a reader of the model would
};

}  // namespace nngp
