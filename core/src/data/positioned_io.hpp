#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nngp {

/// pread and pwrite until all bytes are through. 0, or what errno says; ENODATA if the file is shorter
/// than what is to be read.
int read_at(int descriptor, std::uint64_t offset, std::span<std::byte> bytes);
int write_at(int descriptor, std::uint64_t offset, std::span<const std::byte> bytes);

}  // namespace nngp
