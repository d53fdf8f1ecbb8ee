#include "plugin/trust.hpp"

#include <cerrno>
#include <system_error>

#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

// Who else may change a file or folder, and what to do.
std::string reason_at(const fs::path& path, const std::string& what, uid_t user) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::generic_category().message(errno);
  const std::string quoted = "'" + printable(path.string(), 300) + "'";
  switch (other_writers(status, user)) {
    case Writers::owner:
      return what + " belongs to another user (" + std::to_string(status.st_uid) +
             "), who can change it; copy the file to a folder of your own";
    case Writers::everyone:
      return what + " can be changed by everyone; chmod o-w " + quoted;
    case Writers::group:
      return what + " can be changed by its group; chmod g-w " + quoted;
    default:
      return "";
  }
}

/// Whether everyone can put another folder in the place of `path`.
std::string reason_above(const fs::path& path) {
  for (fs::path folder = path.parent_path();; folder = folder.parent_path()) {
    struct stat status = {};
    if (::stat(folder.c_str(), &status) != 0) return std::generic_category().message(errno);
    // In a sticky folder, such as /tmp, only its owner renames what is there.
    if ((status.st_mode & S_IWOTH) && !(status.st_mode & S_ISVTX))
      return "the folder above it can be changed by everyone; chmod o-w '" +
             printable(folder.string(), 300) + "'";
    if (folder == folder.parent_path()) return "";
  }
}

}  // namespace

Writers other_writers(const struct stat& status, uid_t user) {
  if (status.st_uid != 0 && status.st_uid != user) return Writers::owner;
  if (status.st_mode & S_IWOTH) return Writers::everyone;
  if ((status.st_mode & S_IWGRP) && status.st_gid != status.st_uid) return Writers::group;
  return Writers::none;
}

std::string reason_to_distrust(const fs::path& file, uid_t user) {
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  if (error) return error.message();
  std::string reason = reason_at(target, "it", user);
  for (const fs::path& folder : {fs::absolute(file).parent_path(), target.parent_path()}) {
    if (reason.empty()) reason = reason_at(folder, "its folder", user);
    if (reason.empty()) reason = reason_above(folder);
  }
  return reason;
}

}  // namespace nngp
