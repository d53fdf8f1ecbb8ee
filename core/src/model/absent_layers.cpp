#include <map>

#include "nngp/model.hpp"

namespace nngp {

std::string absent_layer(std::string_view name) {
  constexpr const char* graph = "inputs are rows of features, not nodes of a graph";
  static const std::map<std::string_view, std::string_view> reasons = {
      {"Aggregate", graph},
      {"DotGeneral", "a constant matrix can be multiplied to the inputs before"},
  };
  // What other libraries have and no infinitely wide network.
  static const std::map<std::string_view, std::string_view> without_kernel = {
      {"BatchNorm", "LayerNorm() normalises each example by itself"},
      {"MaxPool", "AvgPool(...) has one"},
      {"Softmax", "predict classes by regression on them"},
  };
  if (const auto found = reasons.find(name); found != reasons.end())
    return "the layer " + std::string(name) +
           " of neural-tangents is not there: " + std::string(found->second);
  if (const auto found = without_kernel.find(name); found != without_kernel.end())
    return "no kernel is known of infinitely wide networks with " + std::string(name) + ": " +
           std::string(found->second);
  return "";
}

}  // namespace nngp
