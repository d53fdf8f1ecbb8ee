#pragma once

#include <cstddef>
#include <filesystem>

namespace nngp {

/// A file without a name, which is gone when it is closed, however the process ends.
class ScratchFile {
 public:
  /// In `folder`. Throws DataError if no file can be made there.
  explicit ScratchFile(std::filesystem::path folder);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  /// Throws DataError if the disk is full or fails.
  void write(std::size_t offset, const void* data, std::size_t bytes);
  void read(std::size_t offset, void* data, std::size_t bytes) const;

 private:
  std::filesystem::path folder_;
  int file_;
};

}  // namespace nngp
