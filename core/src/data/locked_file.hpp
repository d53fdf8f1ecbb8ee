#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <span>

namespace nngp {

/// A file that is being written: locked against other processes, and removed at the end unless it is
/// kept or has got its final name.
class LockedFile {
 public:
  /// Opens or creates `path` with `mode`; its contents stay. Messages name `place`, what the file is
  /// for. Throws DataError, among others if another process holds the lock.
  LockedFile(std::filesystem::path path, std::filesystem::path place, mode_t mode = 0666);
  ~LockedFile();
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const;
  void resize(std::uint64_t size);
  /// Sets the size and reserves the space.
  void allocate(std::uint64_t size);
  /// Reads `bytes.size()` bytes at `offset`; false if the file is shorter.
  bool read(std::uint64_t offset, std::span<std::byte> bytes) const;
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  /// Takes over the permissions of `status`, and its owners as far as this process may.
  void imitate(const struct stat& status);

  /// Whether the file stays at the end. Takes no memory.
  void keep(bool kept);
  /// It does not, whatever keep() says: it has no name of its own.
  void keep_never() { keepable_ = false; }
  /// Gives the file its final name, the place.
  void commit();

 private:
  std::filesystem::path path_, place_;
  int descriptor_ = -1;
  bool kept_ = false, keepable_ = true;

  friend std::size_t remove_unfinished_files();
};

/// Removes the files of this process that are neither kept nor finished, and returns how many have been
/// finished so far. To be called by a process that ends at once, also from a signal handler: whoever
/// opens or finishes a file afterwards waits for that end.
std::size_t remove_unfinished_files();

/// Where `path` leads through symbolic links, though the last one may point to nothing yet.
std::filesystem::path behind_links(std::filesystem::path path);

/// Throw FileError, or DataError where the system is not to blame.
[[noreturn]] void fail_writing(const std::filesystem::path& path, int error);
[[noreturn]] void fail_reading(const std::string& name, const std::string& why);
[[noreturn]] void fail_reading(const std::string& name, int error, const std::string& why);
[[noreturn]] void fail_reading(const std::string& name, int error);

}  // namespace nngp
