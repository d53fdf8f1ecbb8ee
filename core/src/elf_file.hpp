#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace nngp {

/// Examines a shared library without running any of it: whole, for this machine, and defining the
/// data symbol `symbol`. Returns what is wrong and what to do, or nothing.
std::string check_shared_library(const std::filesystem::path& file, const std::string& symbol);

/// The dynamic symbols that a library defines for others, in the order of its table; none of a file
/// that check_shared_library() finds fault with.
std::vector<std::string> exported_symbols(const std::filesystem::path& file);

}  // namespace nngp
