#include "plugin/library.hpp"

#include <dlfcn.h>

#include <cfenv>
#include <cstring>
#include <limits>
#include <mutex>

#include "nngp/error.hpp"
#include "nngp/text.hpp"
#include "plugin/elf_file.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

// What of the floating-point environment decides results.
struct FloatingPointMode {
  int rounding = std::fegetround();
  int traps = fegetexcept();
  bool subnormal_results = halved(std::numeric_limits<double>::min()) != 0;
  bool subnormal_arguments = halved(4 * std::numeric_limits<double>::denorm_min()) != 0;

  // Done when the program runs, not when it is compiled.
  static double halved(double value) {
    volatile double at_run_time = value;
    return at_run_time * 0.5;
  }
  bool operator==(const FloatingPointMode&) const = default;
};

// The libraries' own start-up code runs inside; that a process loads one library at a time keeps it
// simple for their authors.
boost::dll::shared_library load(const fs::path& file) {
  static std::mutex loading;
  const std::lock_guard lock(loading);

  const fs::path path = fs::absolute(file);
  const FloatingPointMode before;
  std::fenv_t environment;
  std::fegetenv(&environment);
  boost::dll::shared_library library;
  std::error_code error;
  auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local;
  // Threads run on in its code when nothing else uses it.
  if (can_start_threads(path)) mode |= static_cast<boost::dll::load_mode::type>(RTLD_NODELETE);
  library.load(path, error, mode);
  const char* reason = error ? ::dlerror() : nullptr;
  const bool changed = before != FloatingPointMode();
  std::fesetenv(&environment);

  if (error) {
    std::string_view text = reason ? reason : "the system gives no reason";
    const std::string prefix = path.string() + ": ";
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    throw PluginError("cannot be loaded: " + printable(text, 500));
  }
  if (changed) {
    throw PluginError(
        "changes the processor's floating-point mode when loaded; link it without -ffast-math");
  }
  return library;
}

}  // namespace

Library::Library(const fs::path& file) try {
  if (const auto wrong = check_shared_library(file, NNGP_ENTRY_SYMBOL); !wrong.empty()) {
    throw PluginError(wrong);
  }
  library_ = load(file);
  tables_ = PluginTables(library_.get<const nngp_plugin>(NNGP_ENTRY_SYMBOL));
} catch (const PluginError& error) {
  throw PluginError(printable(file.string(), 300) + ": " + error.what());
} catch (const std::exception& error) {
  throw PluginError(printable(file.string(), 300) + ": cannot be loaded: " + error.what());
}

}  // namespace nngp
