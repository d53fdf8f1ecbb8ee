#include "plugin/plugin_tables.hpp"

#include <set>

#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "plugin/descriptor.hpp"

namespace nngp {
namespace {

const std::string damaged = "damaged plugin table: ";

std::string version_of(const nngp_plugin& entry) {
  return std::to_string(entry.abi_major) + "." + std::to_string(entry.abi_minor);
}

std::string newer_needed(const nngp_plugin& entry) {
  return ": it was built for plugin ABI " + version_of(entry) + ", this nngp has ABI " + host_abi() +
         "; install a newer nngp";
}

// Checks the entry structure in the order in which its parts may be believed.
void check_entry(const nngp_plugin& entry) {
  if (entry.magic != NNGP_MAGIC) {
    throw PluginError("not a plugin: its " NNGP_ENTRY_SYMBOL " does not begin with NNGP_MAGIC");
  }
  if (entry.abi_major != NNGP_ABI_MAJOR) {
    throw PluginError(
        "built for plugin ABI " + version_of(entry) + ", but this nngp has ABI " + host_abi() +
        (entry.abi_major > NNGP_ABI_MAJOR ? "; install a newer nngp"
                                          : "; build the plugin anew with this nngp's SDK"));
  }
  if (!NNGP_HAS_FIELD(nngp_plugin, &entry, activation_count)) {
    throw PluginError("its plugin table of " + std::to_string(entry.struct_size) +
                      " bytes is too small; build it anew from nngp/activation.h");
  }
  if (const auto unknown = unknown_features(entry.required_features); !unknown.empty()) {
    throw PluginError("needs " + unknown + newer_needed(entry));
  }
  if (!is_name(entry.name)) throw PluginError(damaged + "the library's name is no C identifier");
  if (!entry.version) throw PluginError(damaged + "the library has no version");
  if (entry.activation_count == 0 || entry.activation_count > PluginTables::max_activations ||
      !entry.activations) {
    throw PluginError(damaged + "its activation_count is " + std::to_string(entry.activation_count) +
                      (entry.activations ? "" : ", its activations are null"));
  }
}

}  // namespace

bool is_understood(const nngp_plugin& entry) {
  return entry.magic == NNGP_MAGIC && entry.abi_major == NNGP_ABI_MAJOR &&
         NNGP_HAS_FIELD(nngp_plugin, &entry, activation_count);
}

PluginTables::PluginTables(const nngp_plugin& entry) {
  check_entry(entry);
  name_ = entry.name;
  version_ = entry.version;
  abi_ = version_of(entry);
  std::set<std::string> names;
  for (std::size_t i = 0; i < entry.activation_count; ++i) {
    const nngp_activation* table = entry.activations[i];
    if (!table) throw PluginError(damaged + "activation " + std::to_string(i + 1) + " is null");
    try {
      activations_.emplace_back(*table);
    } catch (const Unsupported& reason) {
      unsupported_.push_back(reason.what() + newer_needed(entry));
      continue;
    }
    const std::string name = activations_.back()->name;
    if (!names.insert(name).second) throw PluginError(damaged + "two activations are called " + name);
  }
  if (activations_.empty()) throw PluginError(unsupported_.front());
}

}  // namespace nngp
