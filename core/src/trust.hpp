#pragma once

#include <filesystem>
#include <string>

namespace nngp {

/// Why a file found in a folder must not be run unasked, and what to do; or nothing. It, or a folder
/// it lies in or is linked from, can be changed by someone who is neither its user nor root: it
/// belongs to them, or its permissions let others or a group write. The group of the same number as
/// the owner is taken for the owner's own.
std::string reason_to_distrust(const std::filesystem::path& file);

}  // namespace nngp
