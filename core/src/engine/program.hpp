#pragma once

// A network as straight-line code over "signals". A signal is what one branch of the network carries:
// a block k of covariances, a block t of NTK values and the variances of the rows and columns.
// Each step of a program works on whole blocks, so that a tile stays in cache from input to output.

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "nngp/stax.hpp"
#include "simd/affine.hpp"

namespace nngp {

/// One input of a step: a signal and the Dense layers in front.
struct Operand {
  std::size_t signal = 0;
  Affine in;
};

/// The activation `layer` (an index into Program::activations), in place.
struct Activate {
  Operand operand;
  std::size_t activation;
};

/// signal = operand, its Dense layers applied.
struct Copy {
  Operand operand;
  std::size_t to;
};

/// Adds weighted branches: K = sum w_b K_b, NTK = sum w_b NTK_b. FanInSum has weights one, FanInConcat
/// the shares of the branches in the width.
struct WeightedSum {
  std::vector<Operand> branches;
  std::vector<double> weights;
  std::size_t to;
};

/// FanInProd: K = prod K_b, and the NTK by the product rule.
struct Product {
  std::vector<Operand> branches;
  std::size_t to;
};

/// K and NTK divided by sqrt((eps + K_ii)(eps + K_jj)), eps = layer_norm_eps.
struct Normalize {
  Operand operand;
};

/// K_ii and NTK_ii multiplied by 1 / rate: only a point with itself shares the dropout mask.
struct ScaleDiagonal {
  Operand operand;
  double factor;
};

using Step = std::variant<Activate, Copy, WeightedSum, Product, Normalize, ScaleDiagonal>;

/// A compiled network. Signal 0 is the input: k = x1 x2^T (a sum, not yet a mean), t = 0.
struct Program {
  std::vector<Step> steps;
  std::vector<Elementwise> activations;
  std::size_t signals = 1;  ///< how many signals exist
  Operand output;
};

/// Compiles `network` for inputs with `features` columns. Throws ModelError when the layers do not fit
/// together and NotImplemented when a kernel is asked of an activation that has none.
Program compile(const Layer& network, std::size_t features);

}  // namespace nngp
