#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/plugin.hpp"

namespace nngp {

/// Where plugins are looked for, in order: the first place that has a name wins.
struct PluginSearch {
  std::vector<std::filesystem::path>
      named;  ///< files or folders the user named; a bad file is an error
  std::vector<std::filesystem::path> folders;  ///< folders to scan; a bad file is a warning

  /// `named`, then the folders of NNGP_PLUGIN_PATH, the user's data folder (XDG) and `installed`.
  static PluginSearch standard(std::vector<std::filesystem::path> named,
                               const std::filesystem::path& installed);
};

/// One activation that a scan found.
struct ActivationInfo {
  std::string name;
  std::string summary;
  std::string version;
  std::string library;  ///< the library's own name, as in "library:Name"
  std::filesystem::path file;
  std::string abi;                    ///< "1.0"
  std::filesystem::path shadowed_by;  ///< empty: this one is used for the plain name
};

/// The activations that can be loaded, by name. Scanning opens each library once, notes what it
/// offers and closes it; a library stays open only while an Activation made from it lives.
class Registry {
 public:
  /// Scans. Throws PluginError for a named file that is no plugin. Folders that do not exist are
  /// passed over unless named; only files with the suffix of shared libraries are looked at.
  explicit Registry(PluginSearch search);

  /// An activation by its name or "library:Name". Throws ModelError, with the nearest known names, for
  /// an unknown one and for unsuitable arguments, PluginError if its file has become unusable.
  Activation activation(std::string_view name, const Arguments& arguments = {}) const;

  /// What a scan found under a name or "library:Name". Throws ModelError as activation() does.
  const ActivationInfo& find(std::string_view name) const;

  /// The table of an activation found, without making an instance; its library stays open as long as
  /// the pointer lives. Throws PluginError if its file has become unusable.
  std::shared_ptr<const nngp_activation> descriptor(const ActivationInfo& info) const;

  /// Everything found, in search order, shadowed ones included.
  const std::vector<ActivationInfo>& activations() const { return activations_; }
  /// One line for each file that was skipped or cannot be used in part, with the reason.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::string unknown(std::string_view name) const;

  PluginSearch searched_;
  std::vector<ActivationInfo> activations_;
  std::vector<std::string> warnings_;
};

}  // namespace nngp
