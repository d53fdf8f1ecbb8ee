#include "plugin/library.hpp"

#include <dlfcn.h>
#include <sys/statvfs.h>

#include <bit>
#include <cfenv>
#include <cstdint>
#include <limits>
#include <mutex>

#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "plugin/elf_file.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

// What of the floating-point environment decides results.
struct FloatingPointMode {
  int rounding = std::fegetround();
  int traps = fegetexcept();
  bool subnormal_results = halves(std::numeric_limits<double>::min());
  bool subnormal_arguments = halves(4 * std::numeric_limits<double>::denorm_min());

  /// Whether half of a value is a number other than 0. Done when the program runs, and here: the
  /// compiler moves no access of what is volatile. Bits are compared, which do not depend on the mode.
  static bool halves(double value) {
    volatile double at_run_time = value;
    at_run_time = at_run_time * 0.5;
    return std::bit_cast<std::uint64_t>(double(at_run_time)) != 0;
  }
  bool operator==(const FloatingPointMode&) const = default;
};

// What the dynamic linker's reason means, and what to do. Its texts are those of glibc.
std::string explain(const fs::path& path, std::string_view reason) {
  const std::string prefix = path.string() + ": ";
  if (reason.starts_with(prefix)) reason.remove_prefix(prefix.size());
  const auto before = [&](std::string_view part) {
    return printable(reason.substr(0, reason.find(part)), 200);
  };
  struct statvfs system = {};
  if (reason.find("failed to map segment") != reason.npos && ::statvfs(path.c_str(), &system) == 0 &&
      (system.f_flag & ST_NOEXEC))
    return "its file system is mounted noexec, so that nothing there can be run; copy it to another, "
           "such as "
           "the home folder";
  if (reason.find(": cannot open shared object file") != reason.npos)
    return "it needs " + before(":") +
           ", which is not found; install that library, or name its folder in LD_LIBRARY_PATH";
  if (reason.find("version `") != reason.npos && reason.find("' not found") != reason.npos) {
    const std::size_t begin = reason.find('`') + 1;
    return "it needs " + printable(reason.substr(begin, reason.find('\'') - begin)) + " of " +
           before(":") + ", which is newer than this system's; build it here, or on an older system";
  }
  const bool undefined = reason.starts_with("undefined symbol");
  return printable(reason, 500) + (undefined ? "; link it with the library that defines this" : "");
}

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
    throw PluginError("cannot be loaded: " +
                      explain(path, reason ? reason : "the system gives no reason"));
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
