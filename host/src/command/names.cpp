#include "command/names.hpp"

#include <algorithm>

#include "command/plugin_search.hpp"
#include "nngp/file.hpp"
#include "nngp/model.hpp"

namespace nngp::host {
namespace {

bool are_same(const std::filesystem::path& a, const std::filesystem::path& b) {
  return FileBytes(a).text() == FileBytes(b).text();
}

}  // namespace

bool is_layer(std::string_view name) {
  const std::vector<LayerHelp> layers = layer_help();
  return std::any_of(layers.begin(), layers.end(),
                     [&](const LayerHelp& layer) { return layer.name == name; });
}

std::string shadowing(const std::string& name, const std::string& library,
                      const std::filesystem::path& file) {
  const Registry shipped = shipped_plugins();
  for (const ActivationInfo& info : shipped.activations()) {
    if (info.name != name || (!file.empty() && are_same(file, info.file))) continue;
    return "the activation " + name + " that comes with nngp is not used beside this one" +
           (info.library == library ? "; its library has the same name, too"
                                    : ", unless a model says " + info.library + ":" + name);
  }
  return "";
}

}  // namespace nngp::host
