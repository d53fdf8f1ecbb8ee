#pragma once

#include "command/command.hpp"
#include "nngp/registry.hpp"

namespace nngp::host {

/// Scans for plugins: those of --plugin first, last those beside the executable. Prints a line to
/// standard error for each file that was skipped.
Registry find_plugins(const po::variables_map& arguments);

/// The user's own folder, of which plugins are installed in and removed from; empty if there is none.
std::filesystem::path user_plugins();

/// The plugins that come with nngp.
Registry shipped_plugins();

}  // namespace nngp::host
