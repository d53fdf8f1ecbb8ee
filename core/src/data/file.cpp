#include "nngp/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "data/pipe.hpp"
#include "data/positioned_io.hpp"
#include "nngp/error.hpp"

namespace nngp {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail_reading(const std::string& name, const std::string& why) {
  throw DataError("cannot read '" + name + "': " + why);
}

[[noreturn]] void fail_writing(const std::filesystem::path& path, int error) {
  std::string advice;
  if (error == ENOSPC || error == EDQUOT) advice = "; free some space or choose another folder";
  if (error == EFBIG) advice = "; raise the limit (ulimit -f) or choose another file system";
  if (error == EACCES || error == EROFS || error == EPERM)
    advice = "; choose a folder you may write to";
  if (error == ENOENT || error == ENOTDIR) advice = "; create the folder first";
  throw DataError("cannot write '" + path.string() + "': " + reason(error) + advice);
}

std::vector<std::byte> read_whole(const std::filesystem::path& path, const std::string& name) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail_reading(name, reason(errno));
  std::vector<std::byte> bytes;
  constexpr std::size_t chunk = 1 << 20;
  while (stream) {
    const std::size_t filled = bytes.size();
    bytes.resize(filled + chunk);
    stream.read(reinterpret_cast<char*>(bytes.data() + filled), chunk);
    bytes.resize(filled + static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) fail_reading(name, "it could not be read to its end");
  return bytes;
}

}  // namespace

FileBytes::FileBytes(std::string name, std::vector<std::byte> bytes) : name_(std::move(name)) {
  auto held = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  bytes_ = *held;
  owner_ = std::move(held);
}

FileBytes::FileBytes(const std::filesystem::path& path) : name_(path.string()) {
  namespace fs = std::filesystem;
  namespace ipc = boost::interprocess;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  switch (status.type()) {
    case fs::file_type::not_found:
      fail_reading(name_, "no such file; check the path");
    case fs::file_type::directory:
      fail_reading(name_, "it is a folder; name a file in it");
    case fs::file_type::none:
      fail_reading(name_, error.message());
    case fs::file_type::fifo:
      *this = FileBytes(name_, read_whole(path, name_));
      break;
    case fs::file_type::regular:
      if (fs::file_size(path, error) == 0) break;
      try {
        const ipc::file_mapping mapping(path.c_str(), ipc::read_only);
        auto region = std::make_shared<ipc::mapped_region>(mapping, ipc::read_only);
        bytes_ = {static_cast<const std::byte*>(region->get_address()), region->get_size()};
        owner_ = std::move(region);
        mapped_ = true;
      } catch (const ipc::interprocess_exception& e) {
        fail_reading(name_, reason(e.get_native_error()));
      }
      break;
    default:
      fail_reading(name_, "it is neither a file nor a pipe");
  }
  if (bytes_.empty()) fail_reading(name_, "it is empty");
}

std::string_view FileBytes::text() const {
  return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

OutputFile::OutputFile(std::filesystem::path path, Leftover leftover) : path_(std::move(path)) {
  namespace fs = std::filesystem;
  if (is_pipe(path_)) {
    descriptor_ = open_collector(path_);
    return;
  }
  std::error_code error;
  // A link stays: what it points to is replaced.
  if (fs::is_symlink(path_, error)) path_ = fs::weakly_canonical(path_, error);
  if (const fs::file_status status = fs::status(path_, error); fs::exists(status)) {
    if (fs::is_directory(status))
      throw DataError("cannot write '" + path_.string() + "': it is a folder; name a file in it");
    if (!fs::is_regular_file(status))
      throw DataError("cannot write '" + path_.string() + "': it is not a regular file");
  }
  descriptor_ = ::open(partial_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_writing(path_, errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    throw DataError("cannot write '" + path_.string() + "': another process is writing it");
  }
  if (leftover == Leftover::discard && ::ftruncate(descriptor_, 0) != 0) {
    const int reason_of_failure = errno;
    ::unlink(partial_path().c_str());
    ::close(descriptor_);
    fail_writing(path_, reason_of_failure);
  }
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      keep_(other.keep_) {}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  if (!keep_ && !is_pipe(path_)) ::unlink(partial_path().c_str());
  ::close(descriptor_);
}

std::filesystem::path OutputFile::partial_path() const {
  if (is_pipe(path_)) return "/proc/self/fd/" + std::to_string(descriptor_);
  std::filesystem::path partial = path_;
  return partial += ".partial";
}

std::uint64_t OutputFile::size() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) fail_writing(path_, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

void OutputFile::allocate(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail_writing(path_, errno);
  if (size == 0) return;
  if (const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size)))
    fail_writing(path_, error);
}

bool OutputFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  const int error = read_at(descriptor_, offset, bytes);
  if (error == ENODATA) return false;
  if (error != 0) fail_reading(partial_path().string(), reason(error));
  return true;
}

void OutputFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  if (const int error = write_at(descriptor_, offset, bytes)) fail_writing(path_, error);
}

void OutputFile::commit() {
  if (is_pipe(path_)) {
    const int error = send_to_pipe(descriptor_, path_);
    ::close(std::exchange(descriptor_, -1));
    if (error != 0) fail_writing(path_, error);
    return;
  }
  const std::filesystem::path partial = partial_path();
  // Errors that a network file system reports late show when the file is closed, before it is renamed.
  if (::close(std::exchange(descriptor_, -1)) != 0 || ::rename(partial.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    if (!keep_) ::unlink(partial.c_str());
    fail_writing(path_, error);
  }
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  OutputFile file(path);
  file.write(0, std::as_bytes(std::span(text)));
  file.commit();
}

}  // namespace nngp
