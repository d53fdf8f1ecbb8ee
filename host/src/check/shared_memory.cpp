#include "check/shared_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string>

namespace nngp::host {
namespace {

/// A line of /proc/self/maps that tells of memory that can be written.
struct Mapping {
  MemoryRange range;
  bool is_heap;
};

std::optional<Mapping> read_mapping(const std::string& line) {
  Mapping mapping = {};
  char access[5] = {};
  if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &mapping.range.begin,
                  &mapping.range.end, access) != 3)
    return std::nullopt;
  if (!std::string(access).starts_with("rw-") || line.ends_with("[stack]")) return std::nullopt;
  mapping.is_heap = line.ends_with("[heap]");
  return mapping;
}

std::vector<Mapping> read_mappings() {
  std::vector<Mapping> mappings;
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);)
    if (const auto mapping = read_mapping(line)) mappings.push_back(*mapping);
  return mappings;
}

/// Adds what of a range is in none of `others`, which are in ascending order.
void add_difference(MemoryRange range, const MemoryMap& others, MemoryMap& result) {
  for (const MemoryRange& other : others) {
    if (other.end <= range.begin || other.begin >= range.end) continue;
    if (other.begin > range.begin) result.push_back({range.begin, other.begin});
    range.begin = std::min(other.end, range.end);
  }
  if (range.begin < range.end) result.push_back(range);
}

void set_access(const MemoryRange& range, int access) {
  ::mprotect(reinterpret_cast<void*>(range.begin), range.end - range.begin, access);
}

}  // namespace

MemoryMap writable_memory() {
  MemoryMap map;
  for (const Mapping& mapping : read_mappings()) map.push_back(mapping.range);
  return map;
}

SharedMemory::SharedMemory(const MemoryMap& before) {
  for (const Mapping& mapping : read_mappings())
    add_difference(mapping.range, mapping.is_heap ? MemoryMap() : before, ranges_);
}

bool SharedMemory::contains(const void* address) const {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [at](const MemoryRange& range) { return range.begin <= at && at < range.end; });
}

void SharedMemory::protect() const {
  for (const MemoryRange& range : ranges_) set_access(range, PROT_READ);
}

void SharedMemory::unprotect() const {
  for (const MemoryRange& range : ranges_) set_access(range, PROT_READ | PROT_WRITE);
}

void SharedMemory::unprotect(const void* address) const {
  const auto size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address) / size * size;
  set_access({begin, begin + size}, PROT_READ | PROT_WRITE);
}

}  // namespace nngp::host
