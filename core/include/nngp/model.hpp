#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/registry.hpp"
#include "nngp/stax.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Reads a model in the expression syntax of neural_tangents.stax, for example
/// "serial(Dense(512, W_std=1.5, b_std=0.05), Relu(), Dense(1, 1.5, 0.05))".
/// Activations are looked up in `registry`. Throws ModelError that shows the line, a caret under the
/// column, and the nearest known name.
Layer parse_model(std::string_view text, const Registry& registry);

/// Reads one activation, such as "Erf(a=1.0)" or "Relu".
Activation parse_activation(std::string_view text, const Registry& registry);

/// The network as parse_model() reads it, every option and parameter named: network.text().
std::string model_text(const Layer& network);

/// What models may contain beside activations.
struct LayerHelp {
  struct Parameter {
    std::string name;
    std::string preset;  ///< its value if left out, as a model writes it; empty: required
  };

  std::string name;
  std::vector<Parameter> parameters;  ///< in the order of positional arguments
  bool takes_layers;                  ///< any number of layers in place of the parameters
  std::string signature;              ///< "Dropout(rate, mode='train')"
  std::string summary;                ///< one line
};
std::vector<LayerHelp> layer_help();

/// For a layer of neural_tangents.stax that models do not have: why, and what to write instead. Empty
/// for any other name.
std::string absent_layer(std::string_view name);

}  // namespace nngp
NNGP_API_END
