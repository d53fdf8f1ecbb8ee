#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace nngp {

/// Who, besides a user and root, may change what is at a place.
enum class Writers { none, owner, everyone, group };

/// By its owner and its permissions. The group of the same number as the owner is taken for the owner's
/// own.
Writers other_writers(const struct stat& status, uid_t user);

/// Why a file found in a folder must not be run unasked by `user`, and what to do; or nothing. It, or a
/// folder it lies in or is linked from, can be changed by someone else than the user and root.
std::string reason_to_distrust(const std::filesystem::path& file, uid_t user = ::geteuid());

}  // namespace nngp
