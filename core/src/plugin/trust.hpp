#pragma once

#include <sys/stat.h>
#include <sys/types.h>

namespace nngp {

/// Who, besides a user and root, may change what is at a place.
enum class Writers { none, owner, everyone, group };

/// By its owner and its permissions. The group of the same number as the owner is taken for the owner's
/// own.
Writers other_writers(const struct stat& status, uid_t user);

}  // namespace nngp
