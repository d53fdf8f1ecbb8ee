// What calls do to the process and leave behind in it.

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "check/calls.hpp"
#include "check/checks.hpp"
#include "check/measure.hpp"
#include "check/process_state.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

#ifdef NNGP_SANITIZED
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // GCC has no header for it
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

namespace nngp::host {
namespace {

// ---- environment

/// What a function changes; the state is then that of before as far as results depend on it.
std::string changes_by(const std::function<void()>& run) {
  const ProcessState before;
  run();
  const ProcessState after;
  before.restore_floating_point();
  return after.changes(before);
}

/// An empty folder that is removed with this, or when the process ends otherwise: by a process that
/// waits for that, for after SIGKILL no other can.
class WorkingFolder {
 public:
  WorkingFolder() {
    if (!::mkdtemp(path_.data())) throw Error("no temporary folder can be made");
    const pid_t checker = ::getpid();
    guardian_ = ::fork();
    if (guardian_ == 0) remove_after(checker);
  }
  WorkingFolder(const WorkingFolder&) = delete;
  WorkingFolder& operator=(const WorkingFolder&) = delete;
  ~WorkingFolder() {
    remove();
    if (guardian_ < 0) return;
    ::kill(guardian_, SIGTERM);
    ::waitpid(guardian_, nullptr, 0);
  }

  const std::string& path() const { return path_; }

 private:
  [[noreturn]] void remove_after(pid_t checker) const {
    sigset_t end;
    ::sigemptyset(&end);
    ::sigaddset(&end, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &end, nullptr);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    int signal = 0;
    if (::getppid() == checker) ::sigwait(&end, &signal);
    remove();
    std::_Exit(0);
  }
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path_ = (std::filesystem::temp_directory_path() / "nngp-check-XXXXXX").string();
  pid_t guardian_ = -1;
};

/// What calls put into the working folder, which is an empty one here, or nothing.
std::string files_left(const Specimen& specimen, const std::vector<Call>& calls) {
  const WorkingFolder folder;
  const pid_t checker = ::getpid();
  run_in_copy([&] {
    // Where the copy comes to no result, that of the check is what ends this process, too.
    if (::getpid() != checker && ::chdir(folder.path().c_str()) != 0) return passed("");
    return worst_of_settings(specimen, [&](const Instance& f) {
      for (const Call& call : calls) call.results(f, 0);
      return passed("");
    });
  });
  std::string found;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    found = entry.path().filename().string();
  return found;
}

Result check_environment(const Specimen& specimen) {
  const auto made =
      changes_by([&] { worst_of_settings(specimen, [](const Instance&) { return passed(""); }); });
  if (!made.empty()) return failed("create and destroy change it: " + made);
  std::vector<Call> calls;
  const auto asked = changes_by([&] { calls = calls_of(*specimen.table, Tiles::all); });
  if (!asked.empty()) return failed("get_extension changes it: " + asked);
  if (const auto file = files_left(specimen, calls); !file.empty())
    return failed("calls leave a file in the working folder: " + printable(file));
  return worst_of_settings(specimen, [&, first = true](const Instance& f) mutable {
    // One by one, then all at once.
    if (first) {
      for (const Call& call : calls)
        if (const auto changes = changes_by([&] { call.results(f, 0); }); !changes.empty())
          return failed(call.name + " changes it: " + changes);
    }
    first = false;
    const auto changes = changes_by([&] {
      for (const Call& call : calls) call.results(f, 1);
    });
    return changes.empty() ? passed("unchanged by calls") : failed("calls change it: " + changes);
  });
}

// ---- stack

/// A stack of which is known how far it was used.
class Stack {
 public:
  static constexpr std::size_t size = std::size_t{64} << 20;

  Stack()
      : begin_(static_cast<char*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (begin_ == MAP_FAILED) throw std::bad_alloc();
    ::madvise(begin_, size, MADV_NOHUGEPAGE);
  }
  ~Stack() { ::munmap(begin_, size); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// Bytes that a thread which does this uses.
  std::size_t used_by(std::function<void()> run) {
    ::madvise(begin_, size, MADV_DONTNEED);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstack(&attributes, begin_, size);
    pthread_t thread;
    const auto start = [](void* function) -> void* {
      (*static_cast<std::function<void()>*>(function))();
      return nullptr;
    };
    const int error = ::pthread_create(&thread, &attributes, start, &run);
    ::pthread_attr_destroy(&attributes);
    if (error) throw Error("no thread can be started");
    ::pthread_join(thread, nullptr);
    return size - untouched();
  }

 private:
  std::size_t untouched() const {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> resident(size / page);
    ::mincore(begin_, size, resident.data());
    std::size_t first = 0;
    while (first < resident.size() && !(resident[first] & 1)) ++first;
    return first * page;
  }

  char* begin_;
};

Result check_stack(const Specimen& specimen) {
  constexpr std::size_t allowed = 1 << 20;
  const std::vector<Call> calls = calls_of(*specimen.table, Tiles::all);
  Stack stack;
  return worst_of_settings(specimen, [&](const Instance& f) {
    const std::size_t most = stack.used_by([&] {
      for (const Call& call : calls) call.results(f, 0);
    });
    for (const Call& call : calls) {
      if (most <= allowed) break;
      const std::size_t used = stack.used_by([&] { call.results(f, 0); });
      if (used > allowed)
        return failed(call.name + " uses " + std::to_string(used >> 10) +
                      " KiB of stack, of which a thread may have as little as 1024");
    }
    return passed("at most " + std::to_string(most >> 10) + " KiB");
  });
}

// ---- leaks

struct Resources {
  std::size_t allocated = 0, mapped = 0, files = 0;
};

std::size_t allocated_bytes() {
#ifdef NNGP_SANITIZED  // with an allocator of its own
  return ::__sanitizer_get_current_allocated_bytes();
#else
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
#endif
}

Resources resources_in_use() {
  Resources used;
  used.allocated = allocated_bytes();
  if (!sanitized) std::ifstream("/proc/self/statm") >> used.mapped;  // a sanitizer maps as it likes
  if (DIR* folder = ::opendir("/proc/self/fd")) {
    while (::readdir(folder)) ++used.files;
    ::closedir(folder);
  }
  return used;
}

/// What grows with each of many rounds, or nothing. Once more after that, since a cache may have
/// filled.
std::string growth(const std::function<void(unsigned)>& round) {
  constexpr std::size_t least = 4, most = 100;
  constexpr auto time = std::chrono::milliseconds(1);
  using Clock = std::chrono::steady_clock;
  unsigned place = 0;
  for (int i = 0; i < 3; ++i) round(place++);
  std::string found;
  for (int again = 0; again < 2; ++again) {
    const Resources before = resources_in_use();
    const auto begin = Clock::now();
    std::size_t rounds = 0;
    while (rounds < least || (rounds < most && Clock::now() - begin < time)) {
      round(place++);
      ++rounds;
    }
    const Resources after = resources_in_use();
    found = "";
    for (const auto& [what, name] : {std::pair{&Resources::allocated, " bytes"},
                                     {&Resources::mapped, " pages of mapped memory"},
                                     {&Resources::files, " open files"}})
      if (found.empty() && after.*what >= before.*what + rounds)
        found = std::to_string(after.*what - before.*what) + name + " stay behind after " +
                std::to_string(rounds) + " calls";
    if (found.empty()) return "";
  }
  return found;
}

/// Which of some functions leaves something behind, or nothing. They are looked at one by one if all of
/// them together do.
std::string leaking(const Instance& f, const std::vector<Call>& calls) {
  const auto all = growth([&](unsigned place) {
    for (const Call& call : calls) call.results(f, place);
  });
  if (all.empty()) return "";
  for (const Call& call : calls) {
    const auto found = growth([&](unsigned place) { call.results(f, place); });
    if (!found.empty())
      return found + " of " + call.name + (call.name == "create" ? " and destroy" : "");
  }
  return all + " of all functions";
}

Result check_leaks(const Specimen& specimen) {
  // The shorter functions are, the more often they are called.
  std::map<std::size_t, std::vector<Call>> groups;
  for (const Call& call : calls_of(*specimen.table, Tiles::all)) groups[call.entries].push_back(call);
  const std::size_t large = groups.rbegin()->first;
  // What a large tile leaves behind it leaves in each setting.
  const auto is_asked = [&](const Instance& f, std::size_t entries) {
    return entries != large || groups.size() == 1 || f.setting() == specimen.settings.front();
  };
  const Result result = worst_of_settings(specimen, [&](const Instance& f) {
    for (const auto& [entries, calls] : groups) {
      if (!is_asked(f, entries)) continue;
      if (const auto found = leaking(f, calls); !found.empty()) return failed(found);
    }
    return passed("");
  });
  if (result.status != Status::pass) return result;
  const auto of_threads = growth([&](unsigned place) {
    std::thread([&] {
      worst_of_settings(specimen, [&](const Instance& f) {
        for (const auto& [entries, calls] : groups) {
          if (!is_asked(f, entries)) continue;
          for (const Call& call : calls) call.results(f, place);
        }
        return passed("");
      });
    }).join();
  });
  if (!of_threads.empty()) return failed(of_threads + " from a thread each, which have ended");
  return passed("nothing is left behind by any function");
}

// ---- exit

/// Where the last exit handler tells that it was reached, in the process that is to end. An exit
/// handler can reach nothing but a global.
int reached = -1;

off_t output_size() {
  struct stat file = {};
  return ::fstat(STDOUT_FILENO, &file) == 0 ? file.st_size : 0;
}

/// A copy of this process, with all that the functions have left in it, ends as a program does.
Result check_exit(const Specimen&) {
  if (sanitized) return skipped("the sanitizer has exit handlers of its own");
  std::fflush(stdout);
  const off_t before = output_size();
  std::array<int, 2> ends = {};
  if (::pipe(ends.data()) != 0) throw Error("no pipe can be made");
  const pid_t id = ::fork();
  if (id == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    reached = ends[1];
    std::exit(0);
  }
  int status = 0;
  ::waitpid(id, &status, 0);
  ::close(ends[1]);
  char last = 0;
  const bool in_order = ::read(ends[0], &last, 1) == 1;
  ::close(ends[0]);
  if (WIFSIGNALED(status))
    return failed("a process that has used it crashes at its end, by signal " +
                  std::to_string(WTERMSIG(status)) +
                  "; a library's exit handlers must not outlive it or end the process");
  if (WEXITSTATUS(status) != 0 || !in_order)
    return failed("an exit handler of the library ends the process, with exit code " +
                  std::to_string(WEXITSTATUS(status)));
  if (output_size() != before)
    return failed("standard output gets " + std::to_string(output_size() - before) +
                  " bytes when the process ends");
  return passed("a process ends as before");
}

}  // namespace

std::vector<Check> process_checks() {
  return {{"environment",
           "calls keep floating-point mode, signals, locale, files, folder, threads, limits, and print "
           "nothing",
           check_environment},
          {"stack", "calls need no more than 1 MiB of stack", check_stack},
          {"leaks", "memory and files are given back by every function", check_leaks}};
}

void watch_exit() {
  std::atexit(
      [] { [[maybe_unused]] const ssize_t count = reached < 0 ? 0 : ::write(reached, "e", 1); });
}

std::vector<Check> exit_checks() {
  return {{"exit", "a process that has used it ends as before", check_exit}};
}

}  // namespace nngp::host
