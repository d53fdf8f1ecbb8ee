// Layers made of layers: serial, parallel, repeat.

#include <algorithm>

#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

class Combinator : public LayerType {
 public:
  Combinator(std::string_view function, std::vector<Layer> layers)
      : function_(function), layers_(std::move(layers)) {
    if (layers_.empty()) throw ModelError(function_ + " needs at least one layer");
  }
  std::span<const Layer> parts() const override { return layers_; }

 protected:
  /// The call that makes it.
  std::string call() const {
    std::string text;
    for (const Layer& layer : layers_) text += (text.empty() ? "" : ", ") + layer.text();
    return function_ + "(" + text + ")";
  }
  const std::string function_;
  const std::vector<Layer> layers_;
};

class SerialType final : public Combinator {
 public:
  explicit SerialType(std::vector<Layer> layers) : Combinator("serial", std::move(layers)) {}

  std::string text() const override {
    if (is_repetition())
      return "repeat(" + layers_[0].text() + ", " + std::to_string(layers_.size()) + ")";
    return call();
  }
  void infinite(KernelBuilder& builder) const override { builder.in_series(layers_); }
  void finite(NetworkBuilder& builder) const override { builder.in_series(layers_); }

  std::optional<Layer> with_hidden_width(std::size_t width, bool& hidden) const override {
    std::vector<Layer> layers(layers_);
    bool hidden_after = hidden;  // what `hidden` was for the layer behind
    for (std::size_t i = layers.size(); i-- > 0;) {
      // A layer that is repeated stays one.
      const bool repeated =
          i + 1 < layers.size() && hidden == hidden_after && layers_[i].is_same(layers_[i + 1]);
      hidden_after = hidden;
      if (repeated)
        layers[i] = layers[i + 1];
      else if (auto wide = layers_[i].type().with_hidden_width(width, hidden))
        layers[i] = *std::move(wide);
    }
    return serial(std::move(layers));
  }

 private:
  /// repeat() makes copies of one layer.
  bool is_repetition() const {
    return layers_.size() > 1 && std::all_of(layers_.begin(), layers_.end(), [&](const Layer& layer) {
             return layer.is_same(layers_[0]);
           });
  }
};

class ParallelType final : public Combinator {
 public:
  explicit ParallelType(std::vector<Layer> layers) : Combinator("parallel", std::move(layers)) {}

  std::string text() const override { return call(); }
  void infinite(KernelBuilder& builder) const override { builder.in_parallel(layers_); }
  void finite(NetworkBuilder& builder) const override { builder.in_parallel(layers_); }

  std::optional<Layer> with_hidden_width(std::size_t width, bool& hidden) const override {
    std::vector<Layer> layers(layers_);
    bool all = true;
    for (Layer& layer : layers) {
      bool hidden_here = hidden;
      if (auto wide = layer.type().with_hidden_width(width, hidden_here)) layer = *std::move(wide);
      all = all && hidden_here;
    }
    hidden = all;
    return parallel(std::move(layers));
  }
};

constexpr LayerParameter repeat_parameters[] = {{"layer"}, {"n"}};

}  // namespace

Layer serial(std::vector<Layer> layers) { return make_layer<SerialType>(std::move(layers)); }
Layer parallel(std::vector<Layer> layers) { return make_layer<ParallelType>(std::move(layers)); }

Layer repeat(const Layer& layer, std::size_t n) {
  check_size(n > Layer::max_size ? n : n * layer.size());
  if (n == 0) return Identity();
  return serial(std::vector<Layer>(n, layer));
}

extern const LayerEntry serial_entry = {"serial",
                                        {},
                                        "layers one after the other",
                                        [](const LayerCall& call) { return serial(call.layers()); },
                                        true};
extern const LayerEntry parallel_entry = {"parallel",
                                          {},
                                          "one layer for each branch",
                                          [](const LayerCall& call) { return parallel(call.layers()); },
                                          true};
extern const LayerEntry repeat_entry = {"repeat", repeat_parameters, "a layer `n` times",
                                        [](const LayerCall& call) {
                                          const Layer once = call.layer("layer");
                                          return repeat(once, call.integer("n", 0));
                                        }};

}  // namespace nngp
