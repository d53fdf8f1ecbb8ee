#include "data/locked_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>
#include <system_error>

#include "data/positioned_io.hpp"
#include "nngp/file.hpp"

namespace nngp {
namespace {

/// The files that remove_unfinished_files() looks through. A process that ends at once unwinds nothing,
/// so that the files themselves must be known to it.
struct Unfinished {
  std::mutex mutex;  ///< held while a file is created, renamed or removed
  std::set<const LockedFile*> files;
  std::size_t finished = 0;
};

Unfinished& unfinished() {
  static Unfinished& all = *new Unfinished;  // outlives every file
  return all;
}

/// A file that lies where one is to be written was left by a process that was killed; anything else is
/// somebody else's.
void check_regular(int descriptor, const std::filesystem::path& path,
                   const std::filesystem::path& place) {
  struct stat status = {};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink <= 1) return;
  ::close(descriptor);
  throw DataError("cannot write '" + place.string() + "': '" + path.string() +
                  "', where it is written first, is not a file of its own; remove that");
}

/// Whether `descriptor` is what `path` names now: another process may have renamed or removed the file
/// between its opening and its locking.
bool is_named(int descriptor, const std::filesystem::path& path) {
  struct stat opened = {}, named = {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

int open_locked(const std::filesystem::path& path, const std::filesystem::path& place, mode_t mode) {
  while (true) {
    const int descriptor =
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode);
    if (descriptor < 0 && errno == ELOOP)
      throw DataError("cannot write '" + place.string() + "': '" + path.string() +
                      "', where it is written first, is a symbolic link; remove that");
    if (descriptor < 0) fail_writing(place, errno);
    check_regular(descriptor, path, place);
    const bool locked = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    if (locked && is_named(descriptor, path)) return descriptor;
    ::close(descriptor);
    if (!locked)
      throw DataError("cannot write '" + place.string() + "': another process is writing it");
  }
}

}  // namespace

LockedFile::LockedFile(std::filesystem::path path, std::filesystem::path place, mode_t mode)
    : path_(std::move(path)), place_(std::move(place)) {
  const std::lock_guard lock(unfinished().mutex);
  unfinished().files.insert(this);  // first: there may be no memory for it
  try {
    descriptor_ = open_locked(path_, place_, mode);
  } catch (...) {
    unfinished().files.erase(this);
    throw;
  }
}

LockedFile::~LockedFile() {
  const std::lock_guard lock(unfinished().mutex);
  if (unfinished().files.erase(this) && !kept_) ::unlink(path_.c_str());
  ::close(descriptor_);
}

std::uint64_t LockedFile::size() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) fail_writing(place_, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

void LockedFile::resize(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail_writing(place_, errno);
}

void LockedFile::allocate(std::uint64_t size) {
  resize(size);
  if (size == 0) return;
  if (const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size)))
    fail_writing(place_, error);
}

bool LockedFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  const int error = read_at(descriptor_, offset, bytes);
  if (error == ENODATA) return false;
  if (error != 0) fail_reading(path_.string(), error);
  return true;
}

void LockedFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (const int error = write_at(descriptor_, offset, bytes)) fail_writing(place_, error);
}

void LockedFile::imitate(const struct stat& status) {
  mode_t mode = status.st_mode & 07777;
  // What the old group might read, another one may not.
  if (::fchown(descriptor_, status.st_uid, status.st_gid) != 0 &&
      ::fchown(descriptor_, static_cast<uid_t>(-1), status.st_gid) != 0)
    mode &= ~static_cast<mode_t>(S_IRWXG);
  ::fchmod(descriptor_, mode);
}

void LockedFile::keep(bool kept) {
  const std::lock_guard lock(unfinished().mutex);
  kept_ = kept && keepable_;
}

void LockedFile::commit() {
  // Errors that a network file system reports late show when a descriptor is closed. The lock lasts
  // until the last one is, so that nobody writes to the file before it has its name.
  const int copy = ::dup(descriptor_);
  if (copy < 0 || ::close(copy) != 0) fail_writing(place_, errno);
  const std::lock_guard lock(unfinished().mutex);
  if (::rename(path_.c_str(), place_.c_str()) != 0) fail_writing(place_, errno);
  unfinished().files.erase(this);
  ++unfinished().finished;
}

std::size_t remove_unfinished_files() {
  Unfinished& all = unfinished();
  all.mutex.lock();  // for good
  for (const LockedFile* file : all.files)
    if (!file->kept_) ::unlink(file->path_.c_str());
  return all.finished;
}

std::filesystem::path behind_links(std::filesystem::path path) {
  constexpr int most = 40;  // as the system follows
  std::error_code error;
  for (int i = 0; std::filesystem::is_symlink(path, error); ++i) {
    if (i == most) fail_writing(path, ELOOP);
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) fail_writing(path, error.value());
    path = path.parent_path() / target;  // which is `target` if that is a whole path
  }
  return path;
}

void fail_writing(const std::filesystem::path& path, int error) {
  std::string advice;
  if (error == ENOSPC || error == EDQUOT) advice = "; free some space or choose another folder";
  if (error == EFBIG) advice = "; raise the limit (ulimit -f) or choose another file system";
  if (error == EACCES || error == EROFS || error == EPERM)
    advice = "; choose a folder you may write to";
  if (error == ENOENT || error == ENOTDIR) advice = "; create the folder first";
  throw FileError(
      "cannot write '" + path.string() + "': " + std::generic_category().message(error) + advice, path,
      error);
}

void fail_reading(const std::string& name, const std::string& why) {
  throw DataError("cannot read '" + name + "': " + why);
}

void fail_reading(const std::string& name, int error, const std::string& why) {
  throw FileError("cannot read '" + name + "': " + why, name, error);
}

void fail_reading(const std::string& name, int error) {
  fail_reading(name, error, std::generic_category().message(error));
}

}  // namespace nngp
