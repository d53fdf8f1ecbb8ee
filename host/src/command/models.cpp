#include "command/models.hpp"

#include <iostream>

#include "command/plugin_search.hpp"
#include "nngp/error.hpp"
#include "nngp/formula.hpp"
#include "nngp/model.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

void collect(const Layer& layer, std::vector<Activation>& found) {
  if (const Activation* activation = layer.activation()) found.push_back(*activation);
  for (const Layer& part : layer.parts()) collect(part, found);
}

}  // namespace

po::options_description model_options() {
  po::options_description options;
  options.add_options()("strict", "make it an error if the nngp_fn of a formula is not that of its fn");
  return options;
}

Models::Models(const po::variables_map& arguments)
    : plugins_(find_plugins(arguments)), strict_(arguments.count("strict") > 0) {}

Layer Models::network(const std::string& text) {
  const Layer network = parse_model(text, plugins_);
  for (const Activation& activation : activations_of(network)) compare_formulas(activation);
  return network;
}

Activation Models::activation(const std::string& text) {
  const Activation activation = parse_activation(text, plugins_);
  compare_formulas(activation);
  return activation;
}

void Models::compare_formulas(const Activation& activation) {
  if (!compared_.insert(activation.text()).second) return;
  const auto mismatch = formula_mismatch(activation);
  if (!mismatch) return;
  const std::string message = printable(activation.text(), 200) + ": " + *mismatch;
  if (strict_) throw ModelError(message);
  std::cerr << "nngp: warning: " << message << '\n';
}

std::vector<Activation> activations_of(const Layer& network) {
  std::vector<Activation> found;
  collect(network, found);
  return found;
}

}  // namespace nngp::host
