#include "command/process_guard.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <ext/stdio_filebuf.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>

namespace nngp::host {
namespace {

// Exit handlers can reach nothing but globals.
std::atomic<bool> guarded = false;
int descriptor = STDOUT_FILENO;

/// The file that an address was loaded from; empty if none was.
std::string file_of(void* address) {
  Dl_info info = {};
  return ::dladdr(address, &info) && info.dli_fname ? info.dli_fname : "";
}

/// The file whose code ends the process: the first on the stack that is neither this program's nor the
/// C library's. Empty if this program called the C library.
std::string caller_of_exit() {
  const std::string own = file_of(reinterpret_cast<void*>(&caller_of_exit));
  const std::string c_library = file_of(::dlsym(RTLD_NEXT, "exit"));
  std::array<void*, 64> frames = {};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  bool in_c_library = false;
  for (int i = 0; i < count; ++i) {
    const std::string file = file_of(frames[static_cast<std::size_t>(i)]);
    if (file == own && in_c_library) return "";
    if (!file.empty() && file != own && file != c_library) return file;
    in_c_library = in_c_library || file == c_library;
  }
  return "";
}

void end_with_failure() {
  if (!guarded.exchange(false)) return;
  const std::string file = caller_of_exit();
  const std::string message =
      "nngp: " + (file.empty() ? "the process was ended" : file + " ended the process") +
      " by exit() before the work was done\n";
  [[maybe_unused]] const ssize_t count = ::write(STDERR_FILENO, message.data(), message.size());
  end_at_once(EXIT_FAILURE);
}

}  // namespace

void end_at_once(int code) {
  for (;;) ::syscall(SYS_exit_group, code);
}

ProcessGuard::ProcessGuard() {
  std::atexit(end_with_failure);
  std::at_quick_exit(end_with_failure);
  guarded = true;
  // Where standard output is closed, writing to it fails as before.
  const int own = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (own < 0) return;
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDOUT_FILENO);
    ::close(nowhere);
  }
  descriptor = own;
  output_ = std::make_unique<__gnu_cxx::stdio_filebuf<char>>(own, std::ios::out);
  output().rdbuf(output_.get());
}

ProcessGuard::~ProcessGuard() {
  guarded = false;
  output().exceptions(std::ios::goodbit);
  output().flush();
  output().rdbuf(std::cout.rdbuf());
}

std::ostream& output() {
  static std::ostream stream(std::cout.rdbuf());
  return stream;
}

int standard_output_descriptor() { return descriptor; }

}  // namespace nngp::host

// What ends a process without exit handlers. Exported by the program, so that a plugin's call comes
// here.
extern "C" {
__attribute__((visibility("default"))) void _exit(int code) {
  nngp::host::end_with_failure();
  nngp::host::end_at_once(code);
}
__attribute__((visibility("default"))) void _Exit(int code) noexcept {
  nngp::host::end_with_failure();
  nngp::host::end_at_once(code);
}
}
