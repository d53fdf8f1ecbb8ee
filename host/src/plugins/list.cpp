// nngp plugins list: the activations found.

#include <map>
#include <nlohmann/json.hpp>

#include "check/check.hpp"
#include "command/plugin_search.hpp"
#include "command/process_guard.hpp"
#include "command/terminal.hpp"
#include "nngp/text.hpp"
#include "plugins/actions.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

/// Whether its file passes all checks, by file; filled on demand.
class Verdicts {
 public:
  explicit Verdicts(bool wanted) : wanted_(wanted) {}
  bool wanted() const { return wanted_; }

  const CheckReport& of(const std::filesystem::path& file) {
    const auto known = reports_.find(file);
    if (known != reports_.end()) return known->second;
    return reports_.emplace(file, check_plugin(file)).first->second;
  }

 private:
  bool wanted_;
  std::map<std::filesystem::path, CheckReport> reports_;
};

void list_as_json(const Registry& plugins, Verdicts& verdicts) {
  ordered_json list = ordered_json::array();
  for (const ActivationInfo& info : plugins.activations()) {
    ordered_json one = {
        {"name", info.name},
        {"summary", info.summary},
        {"version", info.version},
        {"library", info.library},
        {"abi", info.abi},
        {"source", name_of(info.source)},
        {"file", info.file.empty() ? ordered_json() : ordered_json(info.file.string())},
        {"shadowed_by", info.shadowed_by.empty() ? ordered_json() : ordered_json(info.shadowed_by)}};
    if (verdicts.wanted() && !info.file.empty()) {
      const CheckReport& report = verdicts.of(info.file);
      one["check"] = {{"result", name_of(report.worst())}, {"summary", report.summary()}};
    }
    list.push_back(one);
  }
  print_json(list);
}

/// What is said of where a folder's plugins come from.
const char* meaning_of(PluginSource source) {
  switch (source) {
    case PluginSource::program:
      return "made by the program";
    case PluginSource::named:
      return "named";
    case PluginSource::path:
      return "from NNGP_PLUGIN_PATH";
    case PluginSource::user:
      return "the user's";
    default:
      return "installed";
  }
}

using Infos = std::vector<ActivationInfo>;

/// The activations of one library, from `info` on. Returns the first one of the next library.
Infos::const_iterator list_library(Infos::const_iterator info, const Infos& all, Verdicts& verdicts) {
  const ActivationInfo& first = *info;
  const std::string name = first.file.empty() ? first.library : first.file.filename().string();
  output() << "  " << printable(name) << " (ABI " << first.abi << ")";
  if (verdicts.wanted() && !first.file.empty()) output() << ": " << verdicts.of(first.file).summary();
  output() << '\n';
  Table table(4);
  for (; info != all.end() && info->file == first.file && info->library == first.library; ++info) {
    const std::string note = info->shadowed_by.empty()
                                 ? printable(info->summary, 300)
                                 : "shadowed by " + printable(info->shadowed_by, 1000);
    table.add({info->name, printable(info->version), note});
  }
  output() << table.text();
  return info;
}

/// Folder by folder, file by file, in search order.
void list_as_text(const Registry& plugins, Verdicts& verdicts) {
  const Infos& all = plugins.activations();
  for (auto info = all.begin(); info != all.end();) {
    const std::filesystem::path folder = info->file.parent_path();
    const PluginSource source = info->source;
    if (info != all.begin()) output() << '\n';
    const std::string place = source == PluginSource::program ? "in memory"
                              : folder.empty()                ? "."
                                                              : printable(folder.string(), 1000);
    output() << bold(place) << " (" << meaning_of(source) << ")\n";
    while (info != all.end() && info->file.parent_path() == folder && info->source == source)
      info = list_library(info, all, verdicts);
  }
  if (all.empty())
    output() << "no plugins found; name one with --plugin, or a folder in NNGP_PLUGIN_PATH\n";
}

}  // namespace

void list_plugins(const po::variables_map& arguments) {
  if (arguments.count("name"))
    throw UsageError("'plugins list' takes no name; see 'nngp plugins show NAME'");
  const Registry plugins = find_plugins(arguments);
  Verdicts verdicts(arguments.count("verify") > 0);
  if (arguments.count("json")) return list_as_json(plugins, verdicts);
  list_as_text(plugins, verdicts);
}

}  // namespace nngp::host
