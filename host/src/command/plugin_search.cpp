#include "command/plugin_search.hpp"

#include <boost/dll/runtime_symbol_info.hpp>
#include <iostream>

namespace nngp::host {
namespace {

/// The same place relative to the executable in the build tree and wherever it is installed.
std::filesystem::path installed_plugins() {
  const std::filesystem::path executable = boost::dll::program_location();
  return (std::filesystem::canonical(executable).parent_path() / NNGP_PLUGINS_FROM_EXECUTABLE)
      .lexically_normal();
}

}  // namespace

Registry find_plugins(const po::variables_map& arguments) {
  std::vector<std::filesystem::path> named;
  if (arguments.count("plugin"))
    for (const std::string& path : arguments["plugin"].as<std::vector<std::string>>())
      named.emplace_back(path);
  Registry registry(PluginSearch::standard(std::move(named), installed_plugins()));
  for (const std::string& warning : registry.warnings()) std::cerr << "nngp: " << warning << '\n';
  return registry;
}

Registry shipped_plugins() { return Registry(PluginSearch{{}, {}, {}, installed_plugins()}); }

std::filesystem::path user_plugins() { return PluginSearch::standard({}, {}).user; }

}  // namespace nngp::host
