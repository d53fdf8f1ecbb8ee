#pragma once

#include <cstddef>

#include "nngp/simd.hpp"

namespace nngp {

/// The place in instruction_sets_here of the one in use.
std::size_t instruction_set_index();

/// True if a plugin should not choose for itself: the one in use is not the default.
bool is_instruction_set_forced();

/// The name at a place in instruction_sets_here.
const char* instruction_set_name(std::size_t index);

}  // namespace nngp
