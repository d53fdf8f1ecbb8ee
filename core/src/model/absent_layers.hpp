#pragma once

#include <string>
#include <string_view>

namespace nngp {

/// For a layer of neural_tangents.stax that models do not have: why, and what to write instead. Empty
/// for any other name.
std::string absent_layer(std::string_view name);

}  // namespace nngp
