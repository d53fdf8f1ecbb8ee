#include "data/pipe.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "nngp/error.hpp"

namespace nngp {
namespace {

/// The number of an open descriptor that a path names.
std::optional<int> descriptor_named(const std::string& path) {
  if (path == "/dev/stdout") return 1;
  if (path == "/dev/stderr") return 2;
  for (const std::string folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    int number = 0;
    const char *begin = path.data() + folder.size(), *end = path.data() + path.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (error == std::errc() && stop == end && number >= 0) return number;
  }
  return std::nullopt;
}

/// A descriptor of its own, for writing.
int open_for_writing(const std::filesystem::path& path) {
  constexpr int least = 3;  // 0 to 2 are standard streams
  if (const auto number = descriptor_named(path.string()))
    return ::fcntl(*number, F_DUPFD_CLOEXEC, least);
  return ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
}

int write_all(int descriptor, const std::byte* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::write(descriptor, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return 0;
}

}  // namespace

bool is_pipe(const std::filesystem::path& path) {
  if (descriptor_named(path.string())) return true;
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

std::filesystem::path new_collector(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  std::string name = (folder / "nngp-XXXXXX").string();
  const int descriptor = error ? -1 : ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0)
    throw DataError("cannot write '" + path.string() + "': no temporary file can be made in '" +
                    folder.string() + "'; set TMPDIR to a folder you may write to");
  ::close(descriptor);
  return name;
}

void send_to_pipe(const LockedFile& collector, const std::filesystem::path& path) {
  const int descriptor = open_for_writing(path);
  if (descriptor < 0) fail_writing(path, errno);
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  const std::uint64_t size = collector.size();
  int error = 0;
  for (std::uint64_t at = 0; at < size && error == 0;) {
    const std::size_t count = std::min<std::uint64_t>(buffer.size(), size - at);
    collector.read(at, std::span(buffer).first(count));
    error = write_all(descriptor, buffer.data(), count);
    at += count;
  }
  ::close(descriptor);
  if (error != 0 && error != EPIPE) fail_writing(path, error);
}

}  // namespace nngp
