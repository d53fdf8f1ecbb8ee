#pragma once

#include <string>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The library that solves equations: its version, how it was built, and the processor that it is tuned
/// for. Loads it; throws Error as solving does if that is not possible.
std::string solver_library();

}  // namespace nngp
NNGP_API_END
