#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nngp {

/// The contents of a file, read only: a regular file is memory-mapped, a pipe is read whole.
/// Copies share the contents.
class FileBytes {
 public:
  /// Throws DataError if there is no such file, or it is a folder, unreadable or empty.
  explicit FileBytes(const std::filesystem::path& path);
  /// Bytes already in memory, under the name that messages use.
  FileBytes(std::string name, std::vector<std::byte> bytes);

  const std::string& name() const { return name_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const;
  /// Keeps the bytes alive for as long as it lives.
  const std::shared_ptr<const void>& owner() const { return owner_; }
  bool is_mapped() const { return mapped_; }

 private:
  std::string name_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  bool mapped_ = false;
};

/// What to do with a partial file that an earlier run left behind.
enum class Leftover { discard, resume };

/// A file that appears whole or not at all: it is written as PATH.partial in the same folder, and
/// renamed by commit(). The guarantee holds against errors and killed processes; against power loss
/// it is as good as the file system's.
class OutputFile {
 public:
  /// Opens PATH.partial. Throws DataError if that is impossible, if PATH is a folder or a device, or
  /// if another process is writing it.
  explicit OutputFile(std::filesystem::path path, Leftover leftover = Leftover::discard);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  /// Removes PATH.partial unless committed or kept.
  ~OutputFile();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path partial_path() const;

  /// Bytes in the partial file now.
  std::uint64_t size() const;
  /// Sets the size and reserves the space, so that a full disk shows now and not while writing.
  void allocate(std::uint64_t size);
  /// Reads `bytes.size()` bytes at `offset`; false if the file is shorter.
  bool read(std::uint64_t offset, std::span<std::byte> bytes) const;
  /// Writes at `offset`. Any number of threads may write to distinct ranges at once.
  void write(std::uint64_t offset, std::span<const std::byte> bytes);

  /// Gives the file its final name, replacing an older one.
  void commit();
  /// Leaves PATH.partial in place even if not committed, for a later run to resume.
  void keep() { keep_ = true; }

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool keep_ = false;
};

/// Writes a whole text file through OutputFile.
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace nngp
