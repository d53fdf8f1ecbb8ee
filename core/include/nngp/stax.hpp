#pragma once

// The layers of a network, named and composed as in neural_tangents.stax:
//
//   nngp::Layer net = nngp::serial(nngp::Dense(512, {.W_std = 1.5, .b_std = 0.05}),
//                                  nngp::Elementwise(plugins.activation("Relu")),
//                                  nngp::Dense(1));

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "nngp/plugin.hpp"

namespace nngp {

class Layer;

/// How the weights of a Dense layer enter the kernel (Sohl-Dickstein et al., arXiv 2001.07301).
enum class Parameterization { ntk, standard };

/// y = x W + b, fully connected: W_ij ~ N(0, W_std^2 / n_in), b_j ~ N(0, b_std^2).
struct Dense {
  struct Options {
    double W_std = 1.0;
    std::optional<double> b_std = std::nullopt;  ///< nullopt: no bias
    Parameterization parameterization = Parameterization::ntk;
    std::array<double, 2> s = {1.0, 1.0};  ///< width multipliers (in, out), standard parameterization
  };
  explicit Dense(std::size_t out_dim_, Options options_) : out_dim(out_dim_), options(options_) {}
  explicit Dense(std::size_t out_dim_) : Dense(out_dim_, Options{}) {}

  std::size_t out_dim;
  Options options;
};

/// Applies a scalar function to every element.
struct Elementwise {
  explicit Elementwise(Activation activation_) : activation(std::move(activation_)) {}
  Activation activation;
  bool numerical = false;  ///< by numerical integration of fn, even where there is an nngp_fn
  /// Of the numerical integration: wanted error relative to sqrt(E fn(x1)^2 E fn(x2)^2).
  double tolerance = 1e-10;
};

struct Identity {};

/// LayerNorm over the features (axis = -1).
struct LayerNorm {};

/// In its infinite-width form: keeps a unit with probability `rate` (neural-tangents' meaning).
struct Dropout {
  double rate;
};

/// Copies its input into `num` branches.
struct FanOut {
  std::size_t num;
};
struct FanInSum {};
struct FanInProd {};
struct FanInConcat {};

/// Layers applied one after the other. Made by serial().
struct Serial {
  std::vector<Layer> layers;
};

/// One layer for each branch. Made by parallel().
struct Parallel {
  std::vector<Layer> layers;
};

/// One layer or a whole network: an immutable tree, a cheap value to copy. Its depth and size are
/// bounded, so that whatever walks one may recurse.
class Layer {
 public:
  static constexpr std::size_t max_depth = 1000;   ///< nested serial() and parallel()
  static constexpr std::size_t max_size = 100000;  ///< layers, repeated ones counted each time

  using Node = std::variant<Dense, Elementwise, Identity, LayerNorm, Dropout, FanOut, FanInSum,
                            FanInProd, FanInConcat, Serial, Parallel>;

  /// Throws ModelError for more than max_depth levels or max_size layers.
  template <class Kind>
  requires std::is_constructible_v<Node, Kind> Layer(Kind kind)  // NOLINT: conversion wanted
      : Layer(std::make_shared<const Node>(std::move(kind))) {}

  const Node& node() const { return *node_; }
  std::size_t size() const { return size_; }

 private:
  explicit Layer(std::shared_ptr<const Node> node);

  std::shared_ptr<const Node> node_;
  std::size_t depth_ = 1;
  std::size_t size_ = 1;
};

/// The layers in order of application.
template <class... Layers>
Layer serial(Layers... layers) {
  return Serial{{Layer(std::move(layers))...}};
}

/// Applies the i-th layer to the i-th branch.
template <class... Layers>
Layer parallel(Layers... layers) {
  return Parallel{{Layer(std::move(layers))...}};
}

/// `layer` applied `n` times; throws ModelError for more than Layer::max_size layers in all.
Layer repeat(const Layer& layer, std::size_t n);

}  // namespace nngp
