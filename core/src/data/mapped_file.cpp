#include "data/mapped_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "data/locked_file.hpp"

namespace nngp {

MappedFile::MappedFile(int descriptor, const struct stat& status, std::string name)
    : descriptor_(descriptor), status_(status) {
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) {
    const int error = errno;
    ::close(descriptor_);
    fail_reading(name, error);
  }
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  ::close(descriptor_);
}

bool MappedFile::has_same_size() const {
  struct stat now = {};
  return ::fstat(descriptor_, &now) == 0 && now.st_size == status_.st_size;
}

bool MappedFile::has_same_times() const {
  struct stat now = {};
  return ::fstat(descriptor_, &now) == 0 && now.st_mtim.tv_sec == status_.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == status_.st_mtim.tv_nsec;
}

std::uint64_t checksum(std::span<const std::byte> bytes) {
  // FNV-1a in words and four lanes, each of which is an invertible function of its words.
  constexpr std::uint64_t prime = 0x100000001B3;
  std::array<std::uint64_t, 4> lanes = {1, 2, 3, 4}, words;
  const auto mix = [&] {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      lanes[i] = (lanes[i] ^ words[i]) * prime;
      lanes[i] ^= lanes[i] >> 29;
    }
  };
  while (bytes.size() >= sizeof words) {
    std::memcpy(words.data(), bytes.data(), sizeof words);
    mix();
    bytes = bytes.subspan(sizeof words);
  }
  words = {};
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  mix();
  std::uint64_t sum = 0;
  for (const std::uint64_t lane : lanes) sum = (sum ^ lane) * prime;
  return sum;
}

}  // namespace nngp
