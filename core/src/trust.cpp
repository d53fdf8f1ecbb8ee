#include "trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "nngp/text.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

// Who else may change a file or folder, and what to do.
std::string others_who_write(const fs::path& path, const std::string& what) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::generic_category().message(errno);
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return what + " belongs to another user, who can change it";
  }
  const std::string quoted = "'" + printable(path.string(), 300) + "'";
  if (status.st_mode & S_IWOTH) return what + " can be changed by everyone; chmod o-w " + quoted;
  if ((status.st_mode & S_IWGRP) && status.st_gid != status.st_uid) {
    return what + " can be changed by its group; chmod g-w " + quoted;
  }
  return "";
}

}  // namespace

std::string reason_to_distrust(const fs::path& file) {
  std::error_code error;
  const fs::path target = fs::canonical(file, error);
  if (error) return error.message();
  std::string reason = others_who_write(target, "it");
  for (const fs::path& folder : {fs::absolute(file).parent_path(), target.parent_path()}) {
    if (reason.empty()) reason = others_who_write(folder, "its folder");
  }
  return reason;
}

}  // namespace nngp
