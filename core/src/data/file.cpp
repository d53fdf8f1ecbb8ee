#include "nngp/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "data/locked_file.hpp"
#include "data/mapped_file.hpp"
#include "data/pipe.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

std::vector<std::byte> read_whole(const std::filesystem::path& path, const std::string& name) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail_reading(name, errno);
  std::vector<std::byte> bytes;
  constexpr std::size_t chunk = 1 << 20;
  while (stream) {
    const std::size_t filled = bytes.size();
    bytes.resize(filled + chunk);
    stream.read(reinterpret_cast<char*>(bytes.data() + filled), chunk);
    bytes.resize(filled + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) fail_reading(name, EIO, "it could not be read to its end");
  return bytes;
}

std::shared_ptr<const MappedFile> map(const std::filesystem::path& path, const std::string& name) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_reading(name, errno);
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0) {
    const int error = errno;
    ::close(descriptor);
    fail_reading(name, error);
  }
  return std::make_shared<const MappedFile>(descriptor, status, name);
}

[[noreturn]] void fail_changed(const std::string& name) {
  throw DataError("'" + name +
                  "' was changed while it was used: write another file and rename it to this, and run "
                  "again");
}

}  // namespace

FileBytes::FileBytes(std::string name, std::vector<std::byte> bytes) : name_(std::move(name)) {
  auto held = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  bytes_ = *held;
  owner_ = std::move(held);
}

FileBytes::FileBytes(const std::filesystem::path& path) : name_(path.string()) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  switch (status.type()) {
    case fs::file_type::not_found:
      fail_reading(name_, ENOENT, "no such file; check the path");
    case fs::file_type::directory:
      fail_reading(name_, EISDIR, "it is a folder; name a file in it");
    case fs::file_type::none:
      fail_reading(name_, error.value());
    case fs::file_type::fifo:
      *this = FileBytes(name_, read_whole(path, name_));
      break;
    case fs::file_type::regular:
      mapped_ = map(path, name_);
      bytes_ = mapped_->bytes();
      owner_ = mapped_;
      break;
    default:
      fail_reading(name_, "it is neither a file nor a pipe");
  }
  if (bytes_.empty()) fail_reading(name_, "it is empty");
}

std::uint64_t FileBytes::checksum() const {
  check_size();
  return nngp::checksum(bytes_);
}

void FileBytes::check_unchanged() const {
  if (mapped_ && !(mapped_->has_same_size() && mapped_->has_same_times())) fail_changed(name_);
}

void FileBytes::check_unchanged(std::uint64_t checksum_before) const {
  if (mapped_ && checksum() != checksum_before) fail_changed(name_);
}

void FileBytes::check_size() const {
  if (mapped_ && !mapped_->has_same_size()) fail_changed(name_);
}

std::string_view FileBytes::text() const {
  return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

namespace {

/// The file's permissions and owners before it is replaced; nothing for a new one. Throws DataError for
/// what cannot be replaced.
std::optional<struct stat> status_before(const std::filesystem::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  if (S_ISDIR(status.st_mode))
    throw DataError("cannot write '" + path.string() + "': it is a folder; name a file in it");
  if (!S_ISREG(status.st_mode))
    throw DataError("cannot write '" + path.string() + "': it is not a regular file");
  if (::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0 && errno == EACCES)
    throw FileError("cannot write '" + path.string() +
                        "': it is write-protected; change its permissions or name another file",
                    path, errno);
  return status;
}

std::filesystem::path partial(std::filesystem::path path) { return path += ".partial"; }

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, Leftover leftover) : path_(std::move(path)) {
  if (is_pipe(path_)) {
    file_ = std::make_unique<LockedFile>(new_collector(path_), path_);
    file_->keep_never();
    return;
  }
  path_ = behind_links(std::move(path_));
  const std::optional<struct stat> before = status_before(path_);
  file_ = std::make_unique<LockedFile>(partial(path_), path_, before ? before->st_mode & 0777 : 0666);
  if (before) file_->imitate(*before);
  if (leftover == Leftover::discard)
    file_->resize(0);
  else
    file_->keep(file_->size() > 0);
}

OutputFile::OutputFile(OutputFile&&) noexcept = default;
OutputFile::~OutputFile() = default;

std::filesystem::path OutputFile::partial_path() const {
  return file_ ? file_->path() : partial(path_);
}

LockedFile& OutputFile::file() const {
  if (!file_)
    throw InvalidArgument("'" + path_.string() + "' is finished: nothing more can be written");
  return *file_;
}

std::uint64_t OutputFile::size() const { return file().size(); }

void OutputFile::allocate(std::uint64_t size) { file().allocate(size); }

bool OutputFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  return file().read(offset, bytes);
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  file().write(offset, bytes);
}

void OutputFile::keep(bool kept) { file().keep(kept); }

void OutputFile::commit() {
  if (is_pipe(path_))
    send_to_pipe(file(), path_);
  else
    file().commit();
  file_.reset();
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  OutputFile file(path);
  file.write(0, std::as_bytes(std::span(text)));
  file.commit();
}

std::size_t abandon_outputs() { return remove_unfinished_files(); }

std::filesystem::path output_place(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(behind_links(path), error);
  if (error) return path;
  const std::filesystem::path place = std::filesystem::weakly_canonical(whole, error);
  return error ? path : place;
}

}  // namespace nngp
