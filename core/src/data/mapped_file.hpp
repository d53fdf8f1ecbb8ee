#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace nngp {

/// A regular file in memory, read only. Its pages are the file's own: what others write to it shows,
/// and reading what they cut off ends the process by SIGBUS.
class MappedFile {
 public:
  /// Takes over `descriptor`. Throws DataError that names `name`.
  MappedFile(int descriptor, const struct stat& status, std::string name);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  /// Whether the size is as it was when the file was opened. Pages beyond the end must not be touched.
  bool has_same_size() const;
  /// Whether the times of the last change are, too. Writes through a mapping can escape them.
  bool has_same_times() const;

 private:
  int descriptor_;
  struct stat status_;
  std::span<const std::byte> bytes_;
};

/// Tells contents apart, but not against malice, at the speed of memory.
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace nngp
