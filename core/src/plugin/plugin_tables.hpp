#pragma once

#include <string>
#include <vector>

#include "plugin/descriptor.hpp"

namespace nngp {

/// The tables of a plugin, checked. Wherever they lie, in a loaded library or in copies, they must
/// outlive this.
class PluginTables {
 public:
  /// More activations than any library has: a count beyond it is a damaged table.
  static constexpr std::size_t max_activations = 10'000;

  PluginTables() = default;
  /// Throws PluginError, in one line without the file's name, for tables that break the rules of
  /// nngp/activation.h or need more than this host has.
  explicit PluginTables(const nngp_plugin& entry);

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const std::string& abi() const { return abi_; }  ///< "1.0", what it was compiled with
  /// The activations this host can use, at least one.
  const std::vector<Descriptor>& activations() const { return activations_; }
  /// One line for each activation that needs a newer host.
  const std::vector<std::string>& unsupported() const { return unsupported_; }

 private:
  std::string name_, version_, abi_;
  std::vector<Descriptor> activations_;
  std::vector<std::string> unsupported_;
};

/// Whether the entry is one, of this host's major version: whether its other fields may be believed.
bool is_understood(const nngp_plugin& entry);

}  // namespace nngp
