#pragma once

// The layers of a network, named and composed as in neural_tangents.stax:
//
//   nngp::Layer net = nngp::serial(nngp::Dense(512, {.W_std = 1.5, .b_std = 0.05}),
//                                  nngp::Elementwise(plugins.activation("Relu")),
//                                  nngp::Dense(1));
//
// Whoever makes a layer is told at once if its numbers are out of range (ModelError, which names layer
// and parameter); whether layers fit together is checked when a network is compiled.

#include <array>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/formula.hpp"
#include "nngp/function.hpp"
#include "nngp/plugin.hpp"

NNGP_API_BEGIN
namespace nngp {

class LayerType;  // inside the library: one kind of layer

/// One layer or a whole network: an immutable tree, a cheap value to copy. Its depth and size are
/// bounded, so that whatever walks one may recurse.
class Layer {
 public:
  static constexpr std::size_t max_depth = 1000;     ///< nested serial() and parallel()
  static constexpr std::size_t max_size = 100000;    ///< layers, repeated ones counted each time
  static constexpr std::size_t max_branches = 1000;  ///< open at a time

  /// How the functions below make layers. Throws ModelError for more than max_depth levels or max_size
  /// layers.
  explicit Layer(std::shared_ptr<const LayerType> type);

  /// The layer as parse_model() reads it, every option named.
  std::string text() const;
  /// The layers inside serial() or parallel(), in order; none inside others.
  std::span<const Layer> parts() const;
  /// The activation that the layer applies; null for a layer of another kind.
  const Activation* activation() const;
  /// The number of layers, itself and those inside counted.
  std::size_t size() const { return size_; }

  /// Whether one is a copy of the other.
  bool is_same(const Layer& other) const { return type_ == other.type_; }
  const LayerType& type() const { return *type_; }

 private:
  std::shared_ptr<const LayerType> type_;
  std::size_t depth_ = 1;
  std::size_t size_ = 1;
};

/// How the weights of a Dense layer enter the kernel (Sohl-Dickstein et al., arXiv 2001.07301).
enum class Parameterization { ntk, standard };

struct DenseOptions {
  double W_std = 1.0;                          ///< at least 0
  std::optional<double> b_std = std::nullopt;  ///< at least 0; nullopt: no bias
  Parameterization parameterization = Parameterization::ntk;
  std::array<double, 2> s = {1.0, 1.0};  ///< width multipliers (in, out), standard parameterization
};

/// y = x W + b, fully connected: W_ij ~ N(0, W_std^2 / n_in), b_j ~ N(0, b_std^2). out_dim >= 1.
Layer Dense(std::size_t out_dim, const DenseOptions& options = {});

/// What a window does at the edges of an image: it stays inside (VALID), positions outside are 0 and
/// the output has as many as the input, over the stride (SAME), or each axis is a circle (CIRCULAR).
enum class Padding { valid, same, circular };

struct ConvOptions {
  std::vector<std::size_t> strides = {};  ///< one for each axis of positions; empty: 1
  Padding padding = Padding::valid;
  double W_std = 1.0;                          ///< as in DenseOptions
  std::optional<double> b_std = std::nullopt;  ///< as in DenseOptions
  Parameterization parameterization = Parameterization::ntk;
  std::array<double, 2> s = {1.0, 1.0};
};

/// A filter of 1 to 3 axes at each position, W_ij ~ N(0, W_std^2 / (channels * taps)): convolutional
/// networks (Novak et al., arXiv 1810.05148). Inputs need positions (KernelFn).
Layer Conv(std::size_t out_chan, std::vector<std::size_t> filter_shape,
           const ConvOptions& options = {});
/// The same with weights of its own at each position.
Layer ConvLocal(std::size_t out_chan, std::vector<std::size_t> filter_shape,
                const ConvOptions& options = {});
/// The transpose of a convolution: `strides` times as many positions, and with Padding::valid as many
/// more as the filter is wider than its stride.
Layer ConvTranspose(std::size_t out_chan, std::vector<std::size_t> filter_shape,
                    const ConvOptions& options = {});

struct PoolOptions {
  std::vector<std::size_t> strides = {};  ///< one for each axis of positions; empty: 1
  Padding padding = Padding::valid;
  bool normalize_edges = false;  ///< AvgPool, SAME: means over the positions inside
};

/// The mean and the sum over a window at each position, and over all positions.
Layer AvgPool(std::vector<std::size_t> window_shape, const PoolOptions& options = {});
Layer SumPool(std::vector<std::size_t> window_shape, const PoolOptions& options = {});
Layer GlobalAvgPool();
Layer GlobalSumPool();

/// The channels of all positions side by side; rows of features stay as they are.
Layer Flatten();

/// Applies a scalar function to every unit.
Layer Elementwise(Activation activation);
/// The same, the function given by formulas: Elementwise({.fn = "x * sigmoid(x)"}).
Layer Elementwise(const Formulas& formulas);
/// The same, the function given by C++ functions or lambdas: Elementwise([](double x) { ... }). See
/// function_activation().
template <ScalarFunction Function>
Layer Elementwise(Function fn, KernelFunction nngp_fn = nullptr, KernelFunction d_nngp_fn = nullptr) {
  return Elementwise(function_activation(std::move(fn), std::move(nngp_fn), std::move(d_nngp_fn)));
}

/// The same by numerical integration of fn, even where there is an nngp_fn. `tolerance`, in (0, 1], is
/// the wanted error relative to sqrt(E fn(x1)^2 E fn(x2)^2).
Layer ElementwiseNumerical(Activation activation, double tolerance = 1e-10);

/// Its input.
Layer Identity();

/// LayerNorm's, as in neural-tangents.
inline constexpr double default_eps = 1e-12;
/// (x - mean) / sqrt(eps + variance) over the channels of each example, and over further axes: 0 are
/// the examples, then come positions, the last (-1) are the channels; eps >= 0.
Layer LayerNorm(double eps = default_eps, std::vector<std::ptrdiff_t> axis = {-1});

/// Keeps a unit with probability `rate`, in (0, 1], and divides it by `rate` (neural-tangents'
/// meaning).
Layer Dropout(double rate);

/// Copies its input into `num` branches, 1 to Layer::max_branches.
Layer FanOut(std::size_t num);

/// Join all branches: the sum and the product, unit by unit, of branches of one width; the channels of
/// all branches side by side (axis -1), or their positions along another axis (as in LayerNorm).
Layer FanInSum();
Layer FanInProd();
Layer FanInConcat(std::ptrdiff_t axis = -1);

/// The layers in order of application, at least one.
Layer serial(std::vector<Layer> layers);
template <std::same_as<Layer>... Layers>
Layer serial(Layers... layers) {
  return serial(std::vector<Layer>{std::move(layers)...});
}

/// Applies the i-th layer to the i-th branch.
Layer parallel(std::vector<Layer> layers);
template <std::same_as<Layer>... Layers>
Layer parallel(Layers... layers) {
  return parallel(std::vector<Layer>{std::move(layers)...});
}

/// `layer` applied `n` times; throws ModelError for more than Layer::max_size layers in all.
Layer repeat(const Layer& layer, std::size_t n);

}  // namespace nngp
NNGP_API_END
