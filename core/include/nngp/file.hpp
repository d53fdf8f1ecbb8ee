#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/error.hpp"

NNGP_API_BEGIN
namespace nngp {

class LockedFile;
class MappedFile;

/// A file that the system does not let us read or write.
class FileError : public DataError {
 public:
  FileError(const std::string& message, std::filesystem::path path, int code)
      : DataError(message), path_(std::move(path)), code_(code) {}

  const std::filesystem::path& path() const { return path_; }
  /// What errno said.
  int code() const { return code_; }

 private:
  std::filesystem::path path_;
  int code_;
};

/// The contents of a file, read only: a regular file is memory-mapped, a pipe is read whole.
/// Copies share the contents. A mapped file should not change while it is used: what others write to it
/// shows, and what they cut off ends the process by SIGBUS when it is read.
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
  bool is_mapped() const { return mapped_ != nullptr; }

  /// Tells the contents from others, as far as chance goes.
  std::uint64_t checksum() const;
  /// Throws DataError that names the file if its size or the time of its last change are not what they
  /// were when it was opened. Bytes in memory never change.
  void check_unchanged() const;
  /// The same if the contents are not those of `checksum`, whatever the time says.
  void check_unchanged(std::uint64_t checksum) const;

 private:
  void check_size() const;

  std::string name_;
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const MappedFile> mapped_;  ///< or null
};

/// What to do with a partial file that an earlier run left behind.
enum class Leftover { discard, resume };

/// A file that appears whole or not at all: it is written as PATH.partial in the same folder, and
/// renamed by commit(). The guarantee holds against errors and killed processes; against power loss
/// it is as good as the file system's. Symbolic links are followed, also to files that do not exist
/// yet; a file that is replaced hands on its permissions.
class OutputFile {
 public:
  /// Opens PATH.partial; for a pipe, or an open descriptor named as /dev/stdout and /dev/fd/N are, a
  /// temporary file, from which commit() sends. Throws DataError if that is impossible, if PATH is a
  /// folder or a device, or if another process is writing it.
  explicit OutputFile(std::filesystem::path path, Leftover leftover = Leftover::discard);
  OutputFile(OutputFile&&) noexcept;
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

  /// Gives the file its final name, replacing an older one. Nothing but path() may be called after it;
  /// else InvalidArgument is thrown.
  void commit();
  /// Whether PATH.partial is left in place if not committed, for a later run to resume.
  void keep(bool kept = true);

 private:
  LockedFile& file() const;

  std::filesystem::path path_;
  std::unique_ptr<LockedFile> file_;
};

/// Writes a whole text file through OutputFile.
void write_file(const std::filesystem::path& path, std::string_view text);

/// For a process that must end at once, without unwinding: removes what the destructors of unfinished
/// outputs would remove, and returns how many outputs were committed so far. Safe in any thread, and in
/// a handler of SIGBUS; whoever opens or commits an output afterwards waits for the end of the process.
std::size_t abandon_outputs();

/// The place of an output, to tell whether two paths name the same one: whole, links followed.
std::filesystem::path output_place(const std::filesystem::path& path);

}  // namespace nngp
NNGP_API_END
