#include <algorithm>
#include <string>

#include "network/layer_entry.hpp"
#include "network/layer_type.hpp"
#include "nngp/error.hpp"

namespace nngp {

void check_size(std::size_t size) {
  if (size > Layer::max_size) {
    throw ModelError("the network has more than " + std::to_string(Layer::max_size) + " layers");
  }
}

Layer::Layer(std::shared_ptr<const LayerType> type) : type_(std::move(type)) {
  for (const Layer& layer : parts()) {
    depth_ = std::max(depth_, layer.depth_ + 1);
    size_ += layer.size_;
    check_size(size_);
  }
  if (depth_ > max_depth) {
    throw ModelError("the network is nested more than " + std::to_string(max_depth) +
                     " levels deep; use one serial() for layers that follow each other");
  }
}

std::string Layer::text() const { return type_->text(); }

std::span<const Layer> Layer::parts() const { return type_->parts(); }

const Activation* Layer::activation() const { return type_->activation(); }

std::string LayerType::name() const {
  const std::string text = this->text();
  return text.substr(0, text.find('('));
}

bool IndexItem::is_all() const {
  return kind == Kind::slice && !start && !stop && step.value_or(1) == 1;
}

std::string IndexItem::text() const {
  const auto word = [](const std::optional<std::ptrdiff_t>& bound) {
    return bound ? std::to_string(*bound) : "";
  };
  if (kind == Kind::ellipsis) return "...";
  if (kind == Kind::integer) return word(start);
  return word(start) + ":" + word(stop) + (step ? ":" + word(step) : "");
}

std::string LayerEntry::signature() const {
  std::string text;
  for (const LayerParameter& parameter : parameters) {
    text += (text.empty() ? "" : ", ") + std::string(parameter.name);
    if (!parameter.preset.empty()) text += "=" + std::string(parameter.preset);
  }
  return std::string(name) + "(" + (takes_layers ? "layer, ..." : text) + ")";
}

}  // namespace nngp
