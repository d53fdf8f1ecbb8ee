#pragma once

// All layers of the language: the one table of them, and the functions that make them (nngp/stax.hpp).

#include <span>

#include "network/layer_entry.hpp"
#include "network/layer_type.hpp"

namespace nngp {

/// In the order of the README's table.
std::span<const LayerEntry* const> all_layers();

/// Null if no layer is called `name`.
const LayerEntry* find_layer(std::string_view name);

}  // namespace nngp
