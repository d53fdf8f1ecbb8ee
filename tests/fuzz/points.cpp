// Any file given to `nngp eval --points` is points that are evaluated, each with finite numbers, or an
// error of a line and no output.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "command/command.hpp"
#include "command/process_guard.hpp"
#include "nngp/error.hpp"
#include "pinned_plugins.hpp"

namespace {

namespace host = nngp::host;

/// What the command prints for points in the file of this descriptor; nothing after an error.
std::string printed(int file) {
  std::ostringstream out;
  std::streambuf* const screen = host::output().rdbuf(out.rdbuf());
  try {
    const host::Command command = host::eval_command();
    command.run(host::parse_arguments(command,
                                      {"Relu()", "--points", "/proc/self/fd/" + std::to_string(file)}));
  } catch (const nngp::Error& error) {
    if (std::string(error.what()).find('\n') != std::string::npos || !out.str().empty()) std::abort();
  }
  host::output().rdbuf(screen);
  return out.str();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  pin_plugins(NNGP_FUZZ_PLUGINS);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = ::memfd_create("points", 0);
  if (file < 0 || ::write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string text = printed(file);
  ::close(file);
  if (text.find("nan") != std::string::npos || text.find("inf") != std::string::npos) std::abort();
  return 0;
}
