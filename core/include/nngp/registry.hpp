#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/plugin.hpp"

NNGP_API_BEGIN
namespace nngp {

class PluginTables;

/// Where a plugin comes from, by the word that lists and reports have for it.
enum class PluginSource {
  program,   ///< the program that runs made its tables, in memory
  named,     ///< the user named its file or folder
  path,      ///< a folder of NNGP_PLUGIN_PATH
  user,      ///< the user's own folder
  installed  ///< the folder of the plugins that come with nngp
};

/// "program", "named", "path", "user" or "installed".
const char* name_of(PluginSource source);

/// Where plugins are looked for, in the order of the members: the first place that has a name wins.
/// In `named` a bad file is an error. Elsewhere it is a warning, and so are files that others than the
/// user and root can change, and relative folders, which depend on where a program is started: their
/// plugins are not used.
struct PluginSearch {
  std::vector<std::filesystem::path> named;    ///< files or folders
  std::vector<std::filesystem::path> folders;  ///< those of NNGP_PLUGIN_PATH
  std::filesystem::path user = {};             ///< the user's folder; empty: none
  std::filesystem::path installed = {};        ///< empty: none

  /// `named`, then the folders of NNGP_PLUGIN_PATH, the user's data folder (XDG) and `installed`.
  static PluginSearch standard(std::vector<std::filesystem::path> named,
                               const std::filesystem::path& installed);
};

/// One activation of a registry.
struct ActivationInfo {
  std::string name;
  std::string summary;
  std::string version;
  std::string library;         ///< the library's own name, as in "library:Name"
  std::filesystem::path file;  ///< empty for PluginSource::program
  PluginSource source;
  std::string abi;          ///< "1.0"
  std::string shadowed_by;  ///< the place() of the one used for the plain name; empty: this one is
  /// The checked table, which keeps its owner alive; null unless the source is PluginSource::program.
  std::shared_ptr<const nngp_activation> table = nullptr;

  /// The file, or "the program's own library NAME".
  std::string place() const;
};

/// The activations that can be loaded, by name. Scanning reads what each library says of itself from
/// its file and runs nothing. A library is open only while an Activation made from it lives, one that
/// can start threads for ever. A value to copy; const members may be called by several threads.
class Registry {
 public:
  /// Scans. Throws PluginError for a named file that is no plugin. Folders that do not exist are
  /// passed over unless named; only files with the suffix of shared libraries are looked at.
  explicit Registry(PluginSearch search);
  /// An empty registry, to which a program adds its own plugins.
  Registry() = default;

  /// Adds a plugin whose tables the program made itself, in memory: those of nngp/activation.h, which
  /// pass the same checks as a file's. They are preferred to everything the registry has, also to
  /// plugins of the same names added before. `owner`, which may be null for tables that live as long
  /// as the program, is kept while the registry, a copy of it or an Activation made from the tables
  /// lives; it is released after the last instance is destroyed. Throws PluginError for null and for
  /// tables that break the rules, and then changes nothing. Invalidates references from find() and
  /// activations().
  void add(const nngp_plugin* plugin, std::shared_ptr<const void> owner);

  /// An activation by its name or "library:Name". Throws ModelError, with the nearest known names, for
  /// an unknown one and for unsuitable arguments, PluginError if its file has become unusable.
  Activation activation(std::string_view name, const Arguments& arguments = {}) const;

  /// What is known under a name or "library:Name". Throws ModelError as activation() does.
  const ActivationInfo& find(std::string_view name) const;

  /// The table of an activation found, without making an instance; its library stays open as long as
  /// the pointer lives. Throws PluginError if its file has become unusable.
  std::shared_ptr<const nngp_activation> descriptor(const ActivationInfo& info) const;

  /// All activations, shadowed ones included: the program's own, the latest first, then in search
  /// order.
  const std::vector<ActivationInfo>& activations() const { return activations_; }
  /// One line for each file that was skipped or cannot be used in part, with the reason.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void add_found(const PluginTables& tables, const std::filesystem::path& file, PluginSource source);
  void add_named(const std::filesystem::path& named);
  void scan(const std::filesystem::path& folder, PluginSource source);
  bool is_new(const std::filesystem::path& file);
  std::string unknown(std::string_view name) const;

  PluginSearch searched_;
  std::vector<ActivationInfo> activations_;
  std::vector<std::string> warnings_;
  std::set<std::filesystem::path> seen_;  // a file reached in two ways would shadow itself
};

}  // namespace nngp
NNGP_API_END
