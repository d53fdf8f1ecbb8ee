#pragma once

// Plugins as a host that knows the C ABI alone sees them.

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "nngp/activation.h"

namespace nngp::test {

using Values = std::map<std::string, std::vector<double>>;

/// One activation of a loaded library, which stays loaded for the life of the program.
struct PluginActivation {
  std::filesystem::path file;
  const nngp_plugin* plugin;
  const nngp_activation* table;
};

/// All activations of the libraries in the build's plugin folder.
inline const std::vector<PluginActivation>& shipped_activations() {
  static const std::vector<PluginActivation> all = [] {
    std::vector<PluginActivation> found;
    for (const auto& entry : std::filesystem::directory_iterator(NNGP_TEST_PLUGINS)) {
      void* library = dlopen(entry.path().c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!library) throw std::runtime_error(dlerror());
      const auto* plugin = static_cast<const nngp_plugin*>(dlsym(library, NNGP_ENTRY_SYMBOL));
      if (!plugin) throw std::runtime_error(entry.path().string() + " has no entry");
      for (std::size_t i = 0; i < plugin->activation_count; ++i) {
        found.push_back({entry.path(), plugin, plugin->activations[i]});
      }
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return std::string(a.table->name) < b.table->name; });
    return found;
  }();
  return all;
}

/// Null if there is none of that name.
inline const nngp_activation* find_activation(const std::string& name) {
  for (const PluginActivation& a : shipped_activations()) {
    if (a.table->name == name) return a.table;
  }
  return nullptr;
}

/// An activation with parameters; those not in `values` get their defaults.
class Instance {
 public:
  Instance(const nngp_activation& table, const Values& values) : table_(&table) {
    std::vector<nngp_value> arguments;
    std::size_t used = 0;
    for (std::size_t i = 0; i < table.parameter_count; ++i) {
      const nngp_parameter& p = *table.parameters[i];
      const auto given = values.find(p.name);
      if (given != values.end()) {
        ++used;
        arguments.push_back({given->second.data(), given->second.size()});
      } else {
        if (!p.default_value) throw std::invalid_argument(std::string(p.name) + " has no default");
        arguments.push_back({p.default_value, p.default_count});
      }
    }
    if (used != values.size()) throw std::invalid_argument("unknown parameter");
    char error[200] = "";
    void* instance = table.create(arguments.data(), arguments.size(), error, sizeof error);
    if (!instance) throw std::invalid_argument(error);
    instance_ = {instance, table.destroy};
  }

  const nngp_activation& table() const { return *table_; }
  const void* get() const { return instance_.get(); }

  double fn(double x) const { return table_->fn(get(), x); }
  double d_fn(double x) const { return table_->d_fn(get(), x); }
  double nngp_fn(double c, double v1, double v2) const { return table_->nngp_fn(get(), c, v1, v2); }
  double d_nngp_fn(double c, double v1, double v2) const { return table_->d_nngp_fn(get(), c, v1, v2); }

 private:
  const nngp_activation* table_;
  std::shared_ptr<void> instance_;
};

/// The compiled versions of an activation's tile entries that this machine can run.
inline std::vector<nngp_tile_variant> tile_variants(const nngp_activation& table) {
  std::vector<nngp_tile_variant> usable;
  const void* extension = table.get_extension ? table.get_extension(NNGP_EXT_TILE_VARIANTS) : nullptr;
  if (const auto* all = static_cast<const nngp_tile_variants*>(extension)) {
    for (std::uint32_t i = 0; i < all->count; ++i) {
      if (all->variants[i].supported()) usable.push_back(all->variants[i]);
    }
  }
  return usable;
}

}  // namespace nngp::test
