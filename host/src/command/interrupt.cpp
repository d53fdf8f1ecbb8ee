#include "command/interrupt.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>

#include "command/command.hpp"
#include "command/process_guard.hpp"
#include "command/terminal.hpp"
#include "nngp/file.hpp"

namespace nngp::host {
namespace {

constexpr std::array noted_signals = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
constexpr long grace_nanoseconds = 100'000'000;
constexpr int max_signals = 3;

// Signal handlers can reach nothing but globals.
volatile std::sig_atomic_t received_signal = 0;
std::atomic<int> signals = 0;
std::atomic<bool> ending = false;  ///< by whoever sets it first
sem_t woken;

std::mutex journal_mutex;
std::string journal;  ///< of the command that runs; empty: it writes none

void note_signal(int signal) {
  const int error = errno;
  received_signal = signal;
  // The watch itself may hang in a file system.
  if (++signals >= max_signals) end_at_once(128 + signal);
  ::sem_post(&woken);
  errno = error;
}

void write_error(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

bool exists(const std::string& path) {
  struct stat status = {};
  return !path.empty() && ::stat(path.c_str(), &status) == 0;
}

/// Until the time of grace is over, another signal comes, or the process ends in order.
void wait_in_grace() {
  timespec end = {};
  ::clock_gettime(CLOCK_REALTIME, &end);
  end.tv_nsec += grace_nanoseconds;
  end.tv_sec += end.tv_nsec / 1'000'000'000;
  end.tv_nsec %= 1'000'000'000;
  while (::sem_timedwait(&woken, &end) != 0 && errno == EINTR) continue;
}

[[noreturn]] void wait_for_end() {
  while (true) ::pause();
}

/// What to say when the outputs that are not finished have been removed.
std::string interruption_text() {
  const std::lock_guard lock(journal_mutex);
  return exists(journal) ? "interrupted; give the same command with --resume to go on"
                         : "interrupted; no output was written";
}

void* watch(void*) {
  while (::sem_wait(&woken) != 0 && errno == EINTR) continue;
  if (!ending) wait_in_grace();
  if (ending.exchange(true)) return nullptr;
  const int signal = received_signal;
  const std::size_t finished = abandon_outputs();
  const std::string text =
      finished > 0 ? "interrupted; some outputs were written" : interruption_text();
  const bool lively = is_lively(STDERR_FILENO);
  write_error(lively ? "\r\033[K\033[1;31mnngp:\033[0m " : "nngp: ");
  write_error(text + "\n");
  end_at_once(128 + signal);
}

/// A number of base 16 from the start of `text`, which loses it and the character behind.
std::uintptr_t take_address(std::string_view& text) {
  std::uintptr_t value = 0;
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= '0' && c <= '9')
      value = value * 16 + static_cast<std::uintptr_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      value = value * 16 + static_cast<std::uintptr_t>(c - 'a' + 10);
    else
      break;
  }
  text.remove_prefix(std::min(text.size(), i + 1));
  return value;
}

/// The path in a line of /proc/self/maps if its addresses include `address`.
std::string_view path_at(std::uintptr_t address, std::string_view line) {
  const std::string_view whole = line;
  const std::uintptr_t begin = take_address(line), end = take_address(line);
  const std::size_t path = whole.find('/');
  if (address < begin || address >= end || path == whole.npos) return {};
  return whole.substr(path);
}

/// Prints the name of the file that is mapped at `address`, and nothing but that if there is none.
bool print_mapped_file(std::uintptr_t address) {
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps < 0) return false;
  std::array<char, 8192> buffer;
  std::size_t filled = 0;
  bool found = false;
  for (ssize_t count;
       !found && (count = ::read(maps, buffer.data() + filled, buffer.size() - filled)) > 0;) {
    filled += static_cast<std::size_t>(count);
    std::string_view text(buffer.data(), filled);
    for (std::size_t end; !found && (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
      const std::string_view path = path_at(address, text.substr(0, end));
      found = !path.empty();
      if (!found) continue;
      write_error("nngp: '");
      write_error(path);
      write_error(
          "' was cut off while it was used: write another file and rename it to this, and run again\n");
    }
    std::memmove(buffer.data(), text.data(), text.size());
    filled = text.size();
  }
  ::close(maps);
  return found;
}

/// A page of a mapped file that is no longer there. Nothing that holds a lock reads such pages, so that
/// the outputs can be removed from here.
void end_by_bus_error(int signal, siginfo_t* info, void*) {
  if (ending.exchange(true)) wait_for_end();
  if (!print_mapped_file(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    ::signal(signal, SIG_DFL);  // on return the same happens again, and ends the process
    return;
  }
  abandon_outputs();
  end_at_once(1);
}

pthread_t watcher;
bool watches = false;
int folder = -1;           ///< the working folder at the start
sigset_t handled_signals;  ///< those that were not ignored from the start
std::atomic<std::chrono::steady_clock::rep> put_right_at = 0;

void handle(int signal) {
  struct sigaction action = {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

/// Undoes what a plugin did to the process: outputs are written in the working folder, and signals
/// heard.
void put_right() {
  if (!watches) return;
  if (folder >= 0) {
    [[maybe_unused]] const int kept = ::fchdir(folder);
  }
  for (const int signal : noted_signals)
    if (::sigismember(&handled_signals, signal)) handle(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &handled_signals, nullptr);
}

}  // namespace

SignalWatch::SignalWatch() {
  ::sem_init(&woken, 0, 0);
  // The watcher needs no more than a small stack, and leaves signals to the other threads.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, std::size_t{256} << 10);
  watches = ::pthread_create(&watcher, &attributes, watch, nullptr) == 0;
  ::pthread_attr_destroy(&attributes);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!watches) return;  // signals end the process as they always do

  folder = ::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  ::sigemptyset(&handled_signals);
  struct sigaction old = {};
  for (const int signal : noted_signals) {
    // What the parent had ignored, as nohup does, stays ignored.
    if (::sigaction(signal, nullptr, &old) != 0 || old.sa_handler == SIG_IGN) continue;
    ::sigaddset(&handled_signals, signal);
    handle(signal);
  }
  struct sigaction bus = {};
  bus.sa_sigaction = end_by_bus_error;
  bus.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &bus, nullptr);
}

void SignalWatch::end_in_order() {
  if (ended_ || !watches) return;
  if (ending.exchange(true)) wait_for_end();
  ended_ = true;
}

SignalWatch::~SignalWatch() {
  if (!watches) return;
  end_in_order();
  for (const int signal : noted_signals)
    if (::signal(signal, SIG_DFL) == SIG_IGN) ::signal(signal, SIG_IGN);
  ::sem_post(&woken);
  ::pthread_join(watcher, nullptr);
}

InterruptGuard::~InterruptGuard() {
  const std::lock_guard lock(journal_mutex);
  journal.clear();
}

void InterruptGuard::resumes_from(const std::string& path) {
  const std::lock_guard lock(journal_mutex);
  journal = path;
}

bool InterruptGuard::interrupted() const {
  // Asked for each tile, which takes less time than this.
  constexpr auto often = std::chrono::milliseconds(20);
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  if (now - std::chrono::steady_clock::duration(put_right_at) > often) {
    put_right_at = now.count();
    put_right();
  }
  return received_signal != 0;
}

void InterruptGuard::check() const {
  put_right();
  if (received_signal != 0) throw Interruption{received_signal, interruption_text()};
}

}  // namespace nngp::host
