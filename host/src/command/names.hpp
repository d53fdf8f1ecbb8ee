#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace nngp::host {

/// Whether models read `name` as a layer, whatever plugins there are.
bool is_layer(std::string_view name);

/// What becomes of the activation of that name that comes with nngp if a plugin in `library` has one
/// too, in a line; empty if there is none. `file`, if not empty, is the plugin's: the shipped one
/// itself, or a copy of it, takes nobody's place.
std::string shadowing(const std::string& name, const std::string& library,
                      const std::filesystem::path& file = {});

}  // namespace nngp::host
