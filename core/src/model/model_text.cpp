#include <algorithm>

#include "nngp/model.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

std::string list_text(const std::string& name, const std::vector<Layer>& layers) {
  // repeat() makes copies of one layer, which share their node.
  const bool repeated =
      layers.size() > 1 && std::all_of(layers.begin(), layers.end(), [&](const Layer& layer) {
        return &layer.node() == &layers[0].node();
      });
  if (name == "serial" && repeated)
    return "repeat(" + model_text(layers[0]) + ", " + std::to_string(layers.size()) + ")";
  std::string text;
  for (const Layer& layer : layers) text += (text.empty() ? "" : ", ") + model_text(layer);
  return name + "(" + text + ")";
}

struct Writer {
  std::string operator()(const Dense& dense) const {
    const Dense::Options& options = dense.options;
    std::string text = "Dense(" + std::to_string(dense.out_dim) +
                       ", W_std=" + format_number(options.W_std) +
                       ", b_std=" + (options.b_std ? format_number(*options.b_std) : "None");
    if (options.parameterization == Parameterization::standard)
      text += ", parameterization='standard', s=(" + format_number(options.s[0]) + ", " +
              format_number(options.s[1]) + ")";
    return text + ")";
  }
  std::string operator()(const Elementwise& layer) const {
    const std::string text = layer.activation.text();
    if (!layer.numerical) return text;
    return "ElementwiseNumerical(" + text + ", tol=" + format_number(layer.tolerance) + ")";
  }
  std::string operator()(const Identity&) const { return "Identity()"; }
  std::string operator()(const LayerNorm&) const { return "LayerNorm()"; }
  std::string operator()(const Dropout& layer) const {
    return "Dropout(rate=" + format_number(layer.rate) + ")";
  }
  std::string operator()(const FanOut& layer) const {
    return "FanOut(" + std::to_string(layer.num) + ")";
  }
  std::string operator()(const FanInSum&) const { return "FanInSum()"; }
  std::string operator()(const FanInProd&) const { return "FanInProd()"; }
  std::string operator()(const FanInConcat&) const { return "FanInConcat()"; }
  std::string operator()(const Serial& serial) const { return list_text("serial", serial.layers); }
  std::string operator()(const Parallel& parallel) const {
    return list_text("parallel", parallel.layers);
  }
};

}  // namespace

std::string model_text(const Layer& network) { return std::visit(Writer{}, network.node()); }

}  // namespace nngp
