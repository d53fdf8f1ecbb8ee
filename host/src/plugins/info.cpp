// nngp info: what this nngp is and where it runs, for bug reports and job scripts.

#include <nlohmann/json.hpp>
#include <set>

#include "command/command.hpp"
#include "command/plugin_search.hpp"
#include "command/process_guard.hpp"
#include "command/terminal.hpp"
#include "nngp/activation.h"
#include "nngp/error.hpp"
#include "nngp/kernel.hpp"
#include "nngp/limits.hpp"
#include "nngp/model.hpp"
#include "nngp/solver_library.hpp"
#include "nngp/text.hpp"
#include "plugins/actions.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

std::string abi() { return std::to_string(NNGP_ABI_MAJOR) + "." + std::to_string(NNGP_ABI_MINOR); }

/// Or why there is none.
std::string blas() {
  try {
    return solver_library();
  } catch (const Error& error) {
    return error.what();
  }
}

/// The folders that activations were found in, in search order.
std::vector<std::string> plugin_folders(const Registry& plugins) {
  std::vector<std::string> folders;
  std::set<std::string> seen;
  for (const ActivationInfo& info : plugins.activations()) {
    const std::string folder = info.file.empty() ? "" : info.file.parent_path().string();
    if (!folder.empty() && seen.insert(folder).second) folders.push_back(folder);
  }
  return folders;
}

void info_as_json(const Registry& plugins) {
  ordered_json layers = ordered_json::array();
  for (const LayerHelp& layer : layer_help())
    layers.push_back({{"signature", layer.signature}, {"summary", layer.summary}});
  print_json({{"nngp_version", NNGP_VERSION},
              {"plugin_abi", abi()},
              {"instruction_set", instruction_set()},
              {"threads", available_threads().amount},
              {"blas", blas()},
              {"plugin_folders", plugin_folders(plugins)},
              {"activations", plugins.activations().size()},
              {"layers", layers}});
}

void info_as_text(const Registry& plugins) {
  Table table;
  table.add({bold("version"), NNGP_VERSION});
  table.add({bold("plugin ABI"), abi()});
  table.add({bold("instruction set"), instruction_set()});
  table.add({bold("threads"), std::to_string(available_threads().amount)});
  table.add({bold("BLAS"), blas()});
  for (const std::string& folder : plugin_folders(plugins))
    table.add({bold("plugins in"), printable(folder, 1000)});
  table.add({bold("activations"), std::to_string(plugins.activations().size())});
  for (const LayerHelp& layer : layer_help()) table.add({bold("layer"), layer.signature});
  output() << table.text();
}

void run_info(const po::variables_map& arguments) {
  const Registry plugins = find_plugins(arguments);
  if (arguments.count("json")) return info_as_json(plugins);
  info_as_text(plugins);
}

}  // namespace

Command info_command() {
  po::options_description options("Options");
  options.add_options()("json", "print it as JSON");
  return {"info",     "Tell the version, the machine, where plugins are, and all layers.",
          "[--json]", "Please give its output with a report of a fault.\n",
          options,    {},
          run_info};
}

}  // namespace nngp::host
