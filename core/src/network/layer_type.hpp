#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "nngp/stax.hpp"

namespace nngp {

class KernelBuilder;   // engine/kernel_builder.hpp
class NetworkBuilder;  // finite/network_builder.hpp

/// Everything there is to say of one kind of layer. An object is one layer with its options, checked by
/// whoever makes it, and never changes.
class LayerType {
 public:
  LayerType() = default;
  LayerType(const LayerType&) = delete;
  LayerType& operator=(const LayerType&) = delete;
  virtual ~LayerType() = default;

  /// The layer as a model writes it, every option named: "Dropout(rate=0.5)".
  virtual std::string text() const = 0;
  /// What messages call the layer: text() without its arguments, unless overridden.
  virtual std::string name() const;

  /// The layers inside; whoever walks a network walks these.
  virtual std::span<const Layer> parts() const { return {}; }
  /// The activation that the layer applies, or null.
  virtual const Activation* activation() const { return nullptr; }

  /// Adds the layer to a network of infinite width: checks its input, and appends what it does to
  /// covariances and NTK. Throws ModelError, by builder.fail(), if its input does not suit it.
  virtual void infinite(KernelBuilder& builder) const = 0;
  /// Adds the layer to a network of finite width: forward, backward, weights.
  virtual void finite(NetworkBuilder& builder) const = 0;

  /// The layer with hidden layers `width` wide, or nothing if that is the same layer. `hidden` says
  /// whether every path behind the layer meets a layer with weights; the call updates it to what holds
  /// in front of the layer.
  virtual std::optional<Layer> with_hidden_width(std::size_t /*width*/, bool& /*hidden*/) const {
    return std::nullopt;
  }
};

/// Throws ModelError for more than Layer::max_size layers.
void check_size(std::size_t size);

template <class Type, class... Arguments>
Layer make_layer(Arguments&&... arguments) {
  return Layer(std::make_shared<const Type>(std::forward<Arguments>(arguments)...));
}

}  // namespace nngp
