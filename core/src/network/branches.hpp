#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "network/layer_type.hpp"
#include "network/sites.hpp"
#include "nngp/error.hpp"

namespace nngp {

/// Walks a network and keeps its open branches: the rules of branches, which networks of infinite and
/// of finite width share. A `Branch` has a member `width`, the number of its channels, and `sites`.
template <class Branch>
class BranchBuilder {
 public:
  /// The branches that are open where the walk stands, at least one. A layer replaces those it takes
  /// as its input by its output.
  std::vector<Branch>& branches() { return branches_; }
  const std::vector<Branch>& branches() const { return branches_; }

  /// The only branch, for a layer that takes one. Throws ModelError if there are several.
  Branch& only_branch() {
    if (branches_.size() != 1)
      fail(
          fmt::format("its input has {} branches; put it inside parallel(...) or close them with "
                      "FanInSum(), FanInProd() or FanInConcat() first",
                      branches_.size()));
    return branches_[0];
  }

  /// Throws ModelError unless all branches have the same width.
  void require_equal_widths() const {
    for (const Branch& branch : branches_)
      if (branch.width != branches_[0].width)
        fail(fmt::format("all branches need the same width, got {} and {}", branches_[0].width,
                         branch.width));
  }

  /// Throws ModelError unless all branches have the same positions.
  void require_equal_sites() const {
    for (const Branch& branch : branches_)
      if (!(branch.sites == branches_[0].sites))
        fail(fmt::format("all branches need the same positions, got {} and {}",
                         positions_text(branches_[0].sites), positions_text(branch.sites)));
  }

  /// The only branch, which must have positions. Throws ModelError if its input has none.
  Branch& spatial_branch() {
    Branch& branch = only_branch();
    if (branch.sites.dimensions() == 0)
      fail(made_of_images_
               ? "its input has no positions any more: Flatten() or a global pooling came before"
               : "inputs are rows of features without positions; reshape them to (examples, "
                 "height, width, channels), or say the shape of a row: HEIGHTxWIDTHxCHANNELS");
    return branch;
  }

  /// Which axis of the first branch's positions `axis` is, where 0 are the examples, then come
  /// positions, and the last (-1) are the channels; nullopt for these. Throws ModelError for any other.
  std::optional<std::size_t> axis_of_positions(std::ptrdiff_t axis) const {
    const auto rank = static_cast<std::ptrdiff_t>(branches_[0].sites.dimensions()) + 2;
    const std::ptrdiff_t place = axis < 0 ? axis + rank : axis;
    if (place < 1 || place >= rank)
      fail(fmt::format("axis {} is not among those of its input: 1 to {}, or -{} to -1", axis, rank - 1,
                       rank - 1));
    if (place == rank - 1) return std::nullopt;
    return static_cast<std::size_t>(place - 1);
  }

  /// Throws ModelError: "layer 3, Dropout: MESSAGE", by the layer where the walk stands.
  [[noreturn]] void fail(std::string_view message) const {
    throw ModelError(fmt::format("{}: {}", place(), message));
  }
  /// "layer 3, Dropout": counted from 1, as a reader of the model would.
  std::string place() const { return fmt::format("layer {}, {}", position_, layer_->name()); }

  /// Replaces the only branch by `count` copies of it. Throws ModelError for too many in the network.
  void split(std::size_t count) {
    const Branch branch = only_branch();
    const std::size_t open = open_elsewhere_ + count;
    if (open > Layer::max_branches)
      fail(fmt::format("{} branches at a time are too many, at most {}", open, Layer::max_branches));
    made_ += count;
    if (made_ > Layer::max_size)
      fail(fmt::format("the network has more than {} branches in all", Layer::max_size));
    branches_.assign(count, branch);
  }

  /// Appends the layers one after the other.
  void in_series(std::span<const Layer> layers) {
    for (const Layer& layer : layers) append(layer);
  }

  /// Appends one layer to each branch.
  void in_parallel(std::span<const Layer> layers) {
    if (layers.size() != branches_.size())
      throw ModelError(
          fmt::format("after layer {}: parallel(...) has {} layers but its input has {} "
                      "branches; put FanOut({}) before it",
                      position_, layers.size(), branches_.size(), layers.size()));
    std::vector<Branch> inputs = std::move(branches_);
    std::vector<Branch> outputs;
    open_elsewhere_ += inputs.size() - 1;
    for (std::size_t b = 0; b < inputs.size(); ++b) {
      branches_ = {std::move(inputs[b])};
      append(layers[b]);
      if (branches_.size() != 1)
        throw ModelError(
            fmt::format("branch {} of parallel(...) ends in {} branches; close it with "
                        "FanInSum(), FanInProd() or FanInConcat()",
                        b + 1, branches_.size()));
      outputs.push_back(std::move(branches_[0]));
    }
    open_elsewhere_ -= inputs.size() - 1;
    branches_ = std::move(outputs);
  }

 protected:
  explicit BranchBuilder(Branch input)
      : made_of_images_(input.sites.dimensions() > 0), branches_{std::move(input)} {}
  ~BranchBuilder() = default;

  /// Appends a whole network; returns the branch it ends in.
  Branch& append_network(const Layer& network) {
    append(network);
    if (branches_.size() != 1)
      throw ModelError(
          fmt::format("the network ends in {} branches; end it with FanInSum(), FanInProd() or "
                      "FanInConcat()",
                      branches_.size()));
    return branches_[0];
  }

  /// Throws ModelError if that branch has several positions.
  void require_one_position() const {
    if (const Sites& sites = branches_[0].sites; sites.count() != 1)
      throw ModelError(
          fmt::format("the network ends with {} positions an example; end it with Flatten() or "
                      "GlobalAvgPool(), and Dense(...) after it",
                      sites.text()));
  }

 private:
  virtual void dispatch(const LayerType& layer) = 0;  ///< layer.infinite(*this) or layer.finite(*this)

  void append(const Layer& layer) {
    layer_ = &layer.type();
    if (layer_->parts().empty()) ++position_;
    dispatch(*layer_);
  }

  static std::string positions_text(const Sites& sites) {
    return sites.dimensions() ? sites.text() : "none";
  }

  bool made_of_images_;
  std::vector<Branch> branches_;
  const LayerType* layer_ = nullptr;  ///< where the walk stands
  std::size_t position_ = 0;          ///< layers so far, without combinators
  std::size_t open_elsewhere_ = 0;    ///< branches beside the one that the walk is in
  std::size_t made_ = 0;              ///< branches in all
};

}  // namespace nngp
