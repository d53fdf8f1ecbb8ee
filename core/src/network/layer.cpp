#include "nngp/stax.hpp"

#include <algorithm>
#include <string>

#include "nngp/error.hpp"

namespace nngp {
namespace {

void check_size(std::size_t size) {
  if (size > Layer::max_size) {
    throw ModelError("the network has more than " + std::to_string(Layer::max_size) + " layers");
  }
}

// The layers inside a combinator; null for a layer of its own.
const std::vector<Layer>* children(const Layer::Node& node) {
  if (const auto* serial = std::get_if<Serial>(&node)) return &serial->layers;
  if (const auto* parallel = std::get_if<Parallel>(&node)) return &parallel->layers;
  return nullptr;
}

}  // namespace

Layer::Layer(std::shared_ptr<const Node> node) : node_(std::move(node)) {
  const std::vector<Layer>* inner = children(*node_);
  if (!inner) return;
  for (const Layer& layer : *inner) {
    depth_ = std::max(depth_, layer.depth_ + 1);
    size_ += layer.size_;
    check_size(size_);
  }
  if (depth_ > max_depth) {
    throw ModelError("the network is nested more than " + std::to_string(max_depth) +
                     " levels deep; use one serial() for layers that follow each other");
  }
}

Layer repeat(const Layer& layer, std::size_t n) {
  check_size(n > Layer::max_size ? n : n * layer.size());
  if (n == 0) return Identity{};
  return Serial{std::vector<Layer>(n, layer)};
}

}  // namespace nngp
