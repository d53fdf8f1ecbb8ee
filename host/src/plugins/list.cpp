// nngp plugins list: the activations found.

#include <iostream>
#include <nlohmann/json.hpp>

#include "nngp/text.hpp"
#include "plugin_search.hpp"
#include "plugins/actions.hpp"
#include "terminal.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

void list_as_json(const Registry& plugins) {
  ordered_json list = ordered_json::array();
  for (const ActivationInfo& info : plugins.activations())
    list.push_back(
        {{"name", info.name},
         {"summary", info.summary},
         {"version", info.version},
         {"library", info.library},
         {"abi", info.abi},
         {"file", info.file.string()},
         {"shadowed_by",
          info.shadowed_by.empty() ? ordered_json() : ordered_json(info.shadowed_by.string())}});
  print_json(list);
}

/// One table for each folder, in search order.
void list_as_text(const Registry& plugins) {
  std::filesystem::path folder;
  Table table;
  const auto print_folder = [&] {
    if (folder.empty()) return;
    std::cout << bold(printable(folder.string(), 1000)) << '\n' << table.text();
    table = Table(2);
  };
  for (const ActivationInfo& info : plugins.activations()) {
    if (info.file.parent_path() != folder || folder.empty()) {
      print_folder();
      if (!folder.empty()) std::cout << '\n';
      folder = info.file.parent_path();
      if (folder.empty()) folder = ".";
      table = Table(2);
    }
    const std::string note = info.shadowed_by.empty()
                                 ? printable(info.summary, 300)
                                 : "shadowed by " + printable(info.shadowed_by.string(), 1000);
    table.add({info.name, printable(info.version), note});
  }
  print_folder();
  if (plugins.activations().empty())
    std::cout << "no plugins found; name one with --plugin, or a folder in NNGP_PLUGIN_PATH\n";
}

}  // namespace

void list_plugins(const po::variables_map& arguments) {
  if (arguments.count("name"))
    throw UsageError("'plugins list' takes no name; see 'nngp plugins show NAME'");
  const Registry plugins = find_plugins(arguments);
  if (arguments.count("json")) return list_as_json(plugins);
  list_as_text(plugins);
}

}  // namespace nngp::host
