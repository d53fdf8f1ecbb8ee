#pragma once

#include <cstdint>
#include <string>

namespace nngp {

/// "1.0": the version of the ABI this host is built with.
std::string host_abi();

/// "features this nngp does not know (bits 0x10)", empty if it knows all that are required.
std::string unknown_features(std::uint64_t required);

}  // namespace nngp
