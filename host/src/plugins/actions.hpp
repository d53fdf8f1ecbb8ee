#pragma once

#include <nlohmann/json_fwd.hpp>

#include "command/command.hpp"

namespace nngp::host {

// What `nngp plugins ACTION` does, each in a file of its own. The word behind the action, where there
// is one, is the argument "name".

void list_plugins(const po::variables_map& arguments);
void show_plugin(const po::variables_map& arguments);
void new_plugin(const po::variables_map& arguments);
void install_plugin(const po::variables_map& arguments);
void remove_plugin(const po::variables_map& arguments);
void pack_plugin(const po::variables_map& arguments);

/// Writes JSON to standard output; texts of plugins that are not UTF-8 are mended.
void print_json(const nlohmann::ordered_json& value);

}  // namespace nngp::host
