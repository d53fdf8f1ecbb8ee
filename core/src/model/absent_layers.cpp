#include "model/absent_layers.hpp"

#include <map>

namespace nngp {

std::string absent_layer(std::string_view name) {
  constexpr const char* graph = "inputs are rows of features, not nodes of a graph";
  static const std::map<std::string_view, std::string_view> reasons = {
      {"Aggregate", graph},
      {"DotGeneral", "a constant matrix can be multiplied to the inputs before"},
      {"Index", "choose features in the inputs, before"},
  };
  const auto found = reasons.find(name);
  if (found == reasons.end()) return "";
  return "the layer " + std::string(name) +
         " of neural-tangents is not there: " + std::string(found->second);
}

}  // namespace nngp
