#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "check/process_state.hpp"
#include "nngp/registry.hpp"

namespace nngp::host {

/// A library in the process of a worker, with the state of the process before and after loading it.
class LoadedLibrary {
 public:
  /// Loads it, unloads it, and loads it again for good. Throws PluginError if it cannot be loaded.
  explicit LoadedLibrary(const std::filesystem::path& file);

  /// What the core makes of its tables. Throws PluginError where it refuses them.
  const Registry& registry();

  const std::filesystem::path& file() const { return file_; }
  const ProcessState& before() const { return before_; }
  const ProcessState& after() const { return after_; }
  const nngp_plugin* entry() const { return entry_; }

 private:
  std::filesystem::path file_;
  ProcessState before_, after_;
  const nngp_plugin* entry_;
  std::optional<Registry> registry_;
};

}  // namespace nngp::host
