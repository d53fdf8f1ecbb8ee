#pragma once

// What a process may use of the machine: clusters and containers grant less than the hardware has.

#include <cstddef>
#include <filesystem>
#include <string>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// An amount, and who grants no more.
struct Limit {
  std::size_t amount = 0;
  std::string by;  ///< such as "the machine", "ulimit -v" or "the quota of its control group"
};

/// Bytes of memory: the least of the machine's, of what control groups (versions 1 and 2, all those
/// above the process too) allow, and of the address space that is left of `ulimit -v` or `-d`.
Limit available_memory();

/// Threads: the least of the processors that the process may run on and of the quota of its control
/// groups, rounded up, as it is when this is first asked.
Limit available_threads();

/// Threads of the processors that the process may run on, whatever share of their time it gets.
unsigned available_processors();

/// Bytes of address space that the process may still take.
std::size_t available_address_space();

/// The limits of control groups, by the files of a system that lies in `root`.
class ControlGroups {
 public:
  explicit ControlGroups(std::filesystem::path root = "/") : root_(std::move(root)) {}

  /// In bytes; the largest number where there is no limit.
  std::size_t memory() const;
  /// In processors, such as 1.5; infinity where there is no quota.
  double processors() const;

 private:
  std::filesystem::path root_;
};

}  // namespace nngp
NNGP_API_END
