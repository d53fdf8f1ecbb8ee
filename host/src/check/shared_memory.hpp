#pragma once

#include <cstdint>
#include <vector>

namespace nngp::host {

/// Addresses from `begin` up to `end`, whole pages.
struct MemoryRange {
  std::uintptr_t begin, end;
};
using MemoryMap = std::vector<MemoryRange>;

/// The private memory of this process that can be written, in ascending order, without its stack.
MemoryMap writable_memory();

/// The memory in which calls of a plugin's functions in several threads may meet: the heap of the first
/// thread, and what can be written since the library was loaded, in its static memory or elsewhere.
/// That of threads that start later is not among it.
class SharedMemory {
 public:
  /// `before` is the memory there was before the library was loaded.
  explicit SharedMemory(const MemoryMap& before);

  /// Whether a page at this address can be watched.
  bool contains(const void* address) const;
  /// From now on a write is a fault (SIGSEGV).
  void protect() const;
  void unprotect() const;
  /// Lets the page at an address be written again.
  void unprotect(const void* address) const;

 private:
  MemoryMap ranges_;
};

}  // namespace nngp::host
