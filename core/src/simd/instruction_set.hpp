#pragma once

#include <cstddef>
#include <tuple>

#include "nngp/simd.hpp"

namespace nngp {

/// All instruction sets that there is code for, the widest last. The core has none of its own for
/// avx512_wide, which is there for the formulas of activations.
using InstructionSets = std::tuple<sse2, avx2, avx512, avx512_wide>;

/// The place in InstructionSets of the one in use.
std::size_t instruction_set_index();

/// True if a plugin should not choose for itself: the one in use is not the default.
bool is_instruction_set_forced();

/// The name at a place in InstructionSets.
const char* instruction_set_name(std::size_t index);

}  // namespace nngp
