#pragma once

// The instruction set that everything is computed with: kernels, whether by the core's code or by a
// plugin's, expectations, samples. By default it is the quickest that this machine has; the environment
// variable NNGP_ISA or a program forces another, to test its code or to compare its speed. Results of
// different instruction sets agree to rounding, not to the last bit.

#include <string_view>
#include <vector>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The names of those that there is code for and that this machine has: on x86-64 "sse2", "avx2",
/// "avx512" and "avx512-wide" (with quotients and roots by products), the widest last; "neon" on
/// aarch64, "generic" elsewhere.
std::vector<std::string_view> instruction_sets();

/// Uses this one from now on, in place of what NNGP_ISA says; instruction_set() in nngp/kernel.hpp
/// tells which one that is, and throws if NNGP_ISA names none of these. Throws Error, which names those
/// that this machine has, for any other. Call it before models are made: activations keep the one they
/// began with.
void use_instruction_set(std::string_view name);

}  // namespace nngp
NNGP_API_END
