#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

/// Loads all plugins of a folder for good. The fuzzer counts what runs in them too, and looks at its
/// counts after a plugin would have been unloaded.
inline void pin_plugins(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".so" &&
        !::dlopen(entry.path().c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
      std::abort();
}
