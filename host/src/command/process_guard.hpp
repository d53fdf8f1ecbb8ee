#pragma once

#include <memory>
#include <ostream>

namespace nngp::host {

/// Keeps the command's standard output and its exit code out of the reach of plugins, as long as it
/// lives: what they print goes to standard error, and one that ends the process is named in a message
/// and makes it fail. One lives, in main().
class ProcessGuard {
 public:
  ProcessGuard();
  ~ProcessGuard();
  ProcessGuard(const ProcessGuard&) = delete;
  ProcessGuard& operator=(const ProcessGuard&) = delete;

 private:
  std::unique_ptr<std::streambuf> output_;
};

/// Ends the process at once, as the command itself does: no plugin is blamed for it. Safe in a signal
/// handler.
[[noreturn]] void end_at_once(int code);

/// The command's standard output. std::cout is that of plugins too, which share the library of C++.
std::ostream& output();
/// The file descriptor that output() writes to.
int standard_output_descriptor();

}  // namespace nngp::host
