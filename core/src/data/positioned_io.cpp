#include "data/positioned_io.hpp"

#include <unistd.h>

#include <cerrno>

namespace nngp {
namespace {

template <class Call, class Byte>
int transfer(Call call, int descriptor, std::uint64_t offset, std::span<Byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = call(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENODATA;
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

}  // namespace

int read_at(int descriptor, std::uint64_t offset, std::span<std::byte> bytes) {
  return transfer(::pread, descriptor, offset, bytes);
}

int write_at(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes) {
  return transfer(::pwrite, descriptor, offset, bytes);
}

}  // namespace nngp
