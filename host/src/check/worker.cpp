// The process that runs a plugin: loads it, runs the checks it is told to, and says so line by line.

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "check/checks.hpp"
#include "check/library_checks.hpp"
#include "check/messages.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

/// Where results go: standard output as it was at the start. What a plugin prints goes to a file, by
/// the size of which it is known.
class Results {
 public:
  Results() : out_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)) {
    const int printed = ::memfd_create("stdout", MFD_CLOEXEC);
    ::dup2(printed < 0 ? STDERR_FILENO : printed, STDOUT_FILENO);
    ::close(printed);
  }

  void write(const ordered_json& message) const {
    const std::string line =
        message.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
    for (std::size_t done = 0; done < line.size();) {
      const ssize_t count = ::write(out_, line.data() + done, line.size() - done);
      if (count < 0 && errno == EBADF) end("a plugin closed a file of the host's");
      if (count < 0 && errno != EINTR) std::_Exit(1);  // nobody listens
      if (count > 0) done += static_cast<std::size_t>(count);
    }
  }

  /// Runs a check; what leaves the plugin as an exception is a failure.
  template <class Run>
  void run(const char* check, Run run) const {
    write({{"begin", check}});
    Result result;
    try {
      result = run();
    } catch (const Error& error) {
      result = failed(error.what());
    } catch (const std::exception& error) {
      result = failed(std::string("an exception left a function: ") + error.what());
    } catch (...) {
      result = failed("an exception left a function");
    }
    ordered_json message = {{"check", check}};
    message.update(to_json(result));
    write(message);
  }

 private:
  [[noreturn]] static void end(std::string_view reason) {
    [[maybe_unused]] const ssize_t count = ::write(STDERR_FILENO, reason.data(), reason.size());
    std::_Exit(1);
  }

  int out_;
};

/// The bytes of addresses this process has: with a sanitizer, more than any machine has memory.
std::size_t own_addresses() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void set_limits(std::size_t memory) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // not to outlive the checker
  const std::size_t all = own_addresses() + memory;
  const rlimit none = {0, 0}, addresses = {all, all};
  ::setrlimit(RLIMIT_CORE, &none);
  ::setrlimit(RLIMIT_AS, &addresses);
  std::signal(SIGPIPE, SIG_DFL);
}

/// Keeps memory that was freed for the next calls: to map it anew for each large tile takes longer than
/// the tile.
void keep_memory() {
  constexpr int bytes = 32 << 20;  // the most there is
  ::mallopt(M_MMAP_THRESHOLD, bytes);
  ::mallopt(M_TRIM_THRESHOLD, bytes);
}

/// The end of the stack, which SIGSEGV near it means to be used up.
char* stack_end = nullptr;

void tell_stack_overflow(int signal, siginfo_t* info, void*) {
  constexpr std::ptrdiff_t near = 1 << 20;
  const std::ptrdiff_t beyond = stack_end - static_cast<char*>(info->si_addr);
  constexpr std::string_view text = "stack overflow\n";
  if (beyond > -near && beyond < near) {
    [[maybe_unused]] const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
  }
  std::signal(signal, SIG_DFL);  // on return the same happens again, and ends the process
}

/// Lets a stack overflow be told from other faults: 8 MiB of stack, and another for the handler.
void watch_stack() {
  rlimit size = {};
  ::getrlimit(RLIMIT_STACK, &size);
  size.rlim_cur = std::min<rlim_t>(size.rlim_max, 8 << 20);
  ::setrlimit(RLIMIT_STACK, &size);
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t bytes = 0;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return;
  ::pthread_attr_getstack(&attributes, &low, &bytes);
  ::pthread_attr_destroy(&attributes);
  stack_end = static_cast<char*>(low);
  static std::array<char, 1 << 16> other;
  const stack_t stack = {other.data(), 0, other.size()};
  ::sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = tell_stack_overflow;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSEGV, &action, nullptr);
}

bool is_among(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What the library says of itself. False if its tables are not sound.
bool describe(const Results& results, LoadedLibrary& library) {
  try {
    const auto& found = library.registry().activations();
    ordered_json names = ordered_json::array();
    for (const ActivationInfo& info : found) names.push_back(info.name);
    results.write({{"library", found.front().library},
                   {"version", printable(library.entry()->version)},
                   {"abi", found.front().abi},
                   {"activations", names}});
    return true;
  } catch (const Error&) {
    return false;  // the check "table" says why
  }
}

void check_library(const Results& results, const std::filesystem::path& file,
                   const std::vector<std::string>& checks) {
  results.write({{"begin", "load"}});
  std::optional<LoadedLibrary> library;
  try {
    library.emplace(file);
  } catch (const PluginError& error) {
    return results.run("load",
                       [&] { return failed(std::string("cannot be loaded: ") + error.what()); });
  }
  results.write({{"begin", "table"}});
  const bool sound = describe(results, *library);
  // Where there is nothing else to check, whatever was asked for.
  const auto is_wanted = [&](const std::string& name) {
    return is_among(checks, name.c_str()) || (name == "table" && !sound);
  };
  for (const LibraryCheck& check : library_checks())
    if (is_wanted(check.name)) results.run(check.name, [&] { return check.run(*library); });
}

void check_activation(const Results& results, const std::filesystem::path& file,
                      const std::string& name, const std::vector<std::string>& checks) {
  MemoryMap memory = writable_memory();
  LoadedLibrary library(file);
  const Registry& registry = library.registry();
  const auto table = registry.descriptor(registry.find(name));
  const Specimen specimen(*table, std::move(memory));
  for (const auto& part : activation_checks())
    for (const Check& check : part)
      if (is_among(checks, check.name)) results.run(check.name, [&] { return check.run(specimen); });
}

}  // namespace

int run_check_worker(const std::vector<std::string>& words) {
  if (words.size() < 3) return 2;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever waits for the results may be stopped by a signal
  keep_memory();
  watch_stack();
  watch_exit();
  set_limits(std::strtoull(words[2].c_str(), nullptr, 10));
  const Results results;
  const std::vector<std::string> checks(words.begin() + 3, words.end());
  if (words[1].empty()) {
    check_library(results, words[0], checks);
  } else {
    check_activation(results, words[0], words[1], checks);
  }
  results.write({{"done", true}});
  std::_Exit(0);  // what a library does at the end of the process is not looked at
}

}  // namespace nngp::host
