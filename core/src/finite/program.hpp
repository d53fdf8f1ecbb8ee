#pragma once

// A network of finite width as straight-line code over "slots", the values of all units between two
// layers. Each step reads slots and writes a new one.

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "nngp/finite.hpp"

namespace nngp {

/// out = weight_scale in W + bias_scale b, W and b those of `index` in Parameters.
struct DenseStep {
  std::size_t in, out;
  std::size_t index;
  std::size_t n_in, n_out;
  double weight_scale;
  double bias_scale;
  double W_std, b_std;  ///< standard deviations of the numbers in W and b
  bool has_bias;
};

/// out = fn(in), entry by entry.
struct ActivationStep {
  std::size_t in, out;
  Activation activation;
  std::string name;  ///< for messages: "layer 2, Relu()"
};

/// out = in with each unit kept with probability `rate` and then divided by it.
struct DropoutStep {
  std::size_t in, out;
  std::size_t index;  ///< of dropout layers, for the random numbers
  double rate;
};

/// out = (in - mean) / sqrt(eps + variance) over the units.
struct LayerNormStep {
  std::size_t in, out;
};

struct SumStep {
  std::vector<std::size_t> in;
  std::size_t out;
};
struct ProductStep {
  std::vector<std::size_t> in;
  std::size_t out;
};
struct ConcatStep {
  std::vector<std::size_t> in;
  std::size_t out;
};

using FiniteStep = std::variant<DenseStep, ActivationStep, DropoutStep, LayerNormStep, SumStep,
                                ProductStep, ConcatStep>;

/// What one branch carries between two layers.
struct Slot {
  std::size_t width;
  bool trained;  ///< depends on weights
};

struct FiniteProgram {
  std::vector<FiniteStep> steps;
  std::vector<Slot> slots;  ///< slot 0 is the input
  std::size_t dense_count = 0;
  std::size_t output = 0;

  std::size_t features() const { return slots[0].width; }
  std::size_t out_dim() const { return slots[output].width; }
};

/// Throws as the constructor of FiniteNetwork does.
FiniteProgram compile_finite(const Layer& network, std::size_t features);

}  // namespace nngp
