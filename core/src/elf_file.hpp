#pragma once

#include <filesystem>
#include <string>

namespace nngp {

/// Examines a shared library without running any of it: whole, for this machine, and defining the
/// data symbol `symbol`. Returns what is wrong and what to do, or nothing.
std::string check_shared_library(const std::filesystem::path& file, const std::string& symbol);

}  // namespace nngp
