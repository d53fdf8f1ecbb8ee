#pragma once

#include "command/command.hpp"

namespace nngp::host {

/// The options of `nngp plugins check`, besides --json.
po::options_description check_options();

/// `nngp plugins check FILE`. Throws PluginError if a check fails.
void run_check(const po::variables_map& arguments);

}  // namespace nngp::host
