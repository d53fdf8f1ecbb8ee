#include "check/process_state.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <limits>
#include <locale>
#include <new>

#include "nngp/text.hpp"

namespace nngp::host {
namespace {

/// Done when the program runs, and here: the compiler moves no access of what is volatile.
template <class Real>
Real at_run_time(Real value) {
  volatile Real result = value;
  return result;
}

/// Whether half of a value is a number other than 0. Bits are compared, which do not depend on the
/// mode.
bool halves(double value) {
  return std::bit_cast<std::uint64_t>(at_run_time(at_run_time(value) * 0.5)) != 0;
}

/// Whether sums that lie between two numbers become the one that is further from 0.
std::array<bool, 4> roundings() {
  constexpr double below_half = 0x0.8p-53, above_half = 0x1.8p-53;
  std::array<bool, 4> up = {};
  for (std::size_t i = 0; i < up.size(); ++i) {
    const double one = i < 2 ? 1 : -1;
    up[i] = at_run_time(one) + at_run_time(one * (i % 2 ? above_half : below_half)) != one;
  }
  return up;
}

/// Masks of exceptions and modes as the processor has them, which one register of two may say.
std::vector<std::uint32_t> control_registers() {
#if defined(__x86_64__)
  constexpr std::uint32_t signalled = 0x3F;
  struct {
    std::uint16_t control, unused, status, unused2, tags, unused3;
    std::uint32_t rest[4];
  } x87;
  __asm__ volatile("fnstenv %0\n\tfldcw %0" : "=m"(x87));  // the former masks exceptions
  // Registers that are in use, as after an instruction of MMX, turn long double into NaN.
  return {__builtin_ia32_stmxcsr() & ~signalled, x87.control, x87.tags};
#else
  return {static_cast<std::uint32_t>(fegetexcept()), static_cast<std::uint32_t>(std::fegetround())};
#endif
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

/// The names in a folder of the system's, sorted.
std::vector<std::string> names_in(const char* path) {
  std::vector<std::string> names;
  DIR* const folder = ::opendir(path);
  if (!folder) return names;
  const std::string own = std::to_string(::dirfd(folder));
  while (const dirent* entry = ::readdir(folder))
    if (entry->d_name[0] != '.' && entry->d_name != own) names.emplace_back(entry->d_name);
  ::closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

std::string open_files() {
  std::string files;
  for (const std::string& one : names_in("/proc/self/fd")) {
    char target[200] = {};
    [[maybe_unused]] const auto size =
        ::readlink(("/proc/self/fd/" + one).c_str(), target, sizeof target - 1);
    // Modes may be shared with other processes that have the same file.
    const int file = std::stoi(one), flags = ::fcntl(file, F_GETFD), mode = ::fcntl(file, F_GETFL);
    files += (files.empty() ? "" : ", ") + one + " " + target + " " + std::to_string(flags) + "/" +
             std::to_string(mode);
  }
  return files;
}

std::string working_folder() {
  char path[4096];
  return ::getcwd(path, sizeof path) ? path : "gone";
}

/// Without changing it, which takes two calls otherwise.
std::string file_mode_mask() {
  std::string mask = "unknown";
  if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status))
      if (std::strncmp(line, "Umask:", 6) == 0) mask.assign(line + 6, std::strcspn(line + 6, "\n"));
    std::fclose(status);
  }
  return mask.substr(std::min(mask.size(), mask.find_first_not_of(" \t")));
}

std::string environment_variables() {
  std::string all;
  for (char** entry = environ; entry && *entry; ++entry) all += std::string(*entry) + '\n';
  return all;
}

std::string processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::string text;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) text += (text.empty() ? "" : ",") + std::to_string(i);
  return text;
}

std::string timers() {
  std::string text;
  for (const auto kind : {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF}) {
    itimerval timer = {};
    ::getitimer(kind, &timer);
    text += timer.it_value.tv_sec || timer.it_value.tv_usec ? "runs " : "none ";
  }
  if (std::FILE* file = std::fopen("/proc/self/timers", "r")) {
    int lines = 0;
    for (int c; (c = std::fgetc(file)) != EOF;) lines += c == '\n';
    text += std::to_string(lines);
    std::fclose(file);
  }
  return text;
}

std::string limits() {
  std::string text;
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
    rlimit limit = {};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    text += std::to_string(limit.rlim_cur) + '/' + std::to_string(limit.rlim_max) + ' ';
  }
  return text;
}

std::string priority() {
  errno = 0;
  const int priority = ::getpriority(PRIO_PROCESS, 0);
  return (errno ? "unknown" : std::to_string(priority)) + ", policy " +
         std::to_string(::sched_getscheduler(0));
}

/// What else the system keeps of a process that it may change: who may look at it, what it gets when
/// its parent ends, whether it may gain rights, and how exactly it sleeps.
std::string attributes() {
  int death_signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &death_signal);
  std::string text = std::to_string(death_signal);
  for (const int attribute : {PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_GET_TIMERSLACK})
    text += ' ' + std::to_string(::prctl(attribute, 0, 0, 0, 0));
  return text;
}

std::string thread_name() {
  char name[32] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

/// What C++ calls when memory runs out or an exception finds no handler: of the host, which must go on.
std::string handlers_of_cpp() {
  const auto text = [](auto handler) {
    return std::to_string(reinterpret_cast<std::uintptr_t>(handler));
  };
  return text(std::get_terminate()) + ' ' + text(std::get_new_handler());
}

std::string children() {
  siginfo_t info = {};
  const int found = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  return found < 0 && errno == ECHILD ? "none" : "some";
}

/// What a standard stream, a file in a worker, has got; what is kept for it is written first.
std::string printed(int stream) {
  std::fflush(nullptr);
  std::cout.flush();
  struct stat file = {};
  if (::fstat(stream, &file) != 0 || !S_ISREG(file.st_mode) || file.st_size == 0) return "";
  char text[60];
  const auto count = ::pread(stream, text, sizeof text, 0);
  return std::to_string(file.st_size) + " bytes, the first " + "'" +
         printable({text, static_cast<std::size_t>(std::max<ssize_t>(count, 0))}) + "'";
}

}  // namespace

ProcessState::ProcessState()
    : roundings_(roundings()),
      subnormal_results_(halves(std::numeric_limits<double>::min())),
      subnormal_arguments_(halves(4 * std::numeric_limits<double>::denorm_min())),
      long_precision_(at_run_time(1.0L) + at_run_time(std::numeric_limits<long double>::epsilon()) !=
                      1),
      control_(control_registers()) {
  std::fegetenv(&environment_);
  for (int signal = 1; signal < signals; ++signal) {
    struct sigaction action = {};
    if (::sigaction(signal, nullptr, &action) != 0) continue;
    handlers_[static_cast<std::size_t>(signal)] = action.sa_flags & SA_SIGINFO
                                                      ? reinterpret_cast<void*>(action.sa_sigaction)
                                                      : reinterpret_cast<void*>(action.sa_handler);
  }
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  for (int signal = 1; signal < signals; ++signal)
    if (::sigismember(&mask, signal) == 1) blocked_ += " " + signal_name(signal);
  stack_t stack = {};
  ::sigaltstack(nullptr, &stack);
  signal_stack_ = std::to_string(reinterpret_cast<std::uintptr_t>(stack.ss_sp));
  locale_ = std::string(::setlocale(LC_ALL, nullptr)) +
            (::uselocale(nullptr) == LC_GLOBAL_LOCALE ? "" : " and another for the thread") +
            (std::locale() == std::locale::classic() ? "" : ", for C++ " + std::locale().name());
  printed_ = {printed(STDOUT_FILENO), printed(STDERR_FILENO)};
  process_ = {{"open files", open_files()},
              {"the working folder", working_folder()},
              {"the mask of file modes", file_mode_mask()},
              {"environment variables", environment_variables()},
              {"the processors to run on", processors()},
              {"timers", timers()},
              {"the number of threads", std::to_string(names_in("/proc/self/task").size())},
              {"child processes", children()},
              {"the priority", priority()},
              {"the name of the thread", thread_name()},
              {"what C++ calls at its end", handlers_of_cpp()},
              {"limits", limits()},
              {"attributes of the process", attributes()},
              {"the process group", std::to_string(::getpgrp()) + '/' + std::to_string(::getsid(0))}};
}

std::string ProcessState::floating_point_changes(const ProcessState& before) const {
  if (roundings_ != before.roundings_) return "the rounding direction is another";
  if (subnormal_results_ != before.subnormal_results_ ||
      subnormal_arguments_ != before.subnormal_arguments_)
    return "subnormal numbers now count as zero, as after linking with -ffast-math";
  if (long_precision_ != before.long_precision_) return "the precision of long double is another";
  if (control_ != before.control_) return "the floating-point control registers are others";
  return "";
}

std::string ProcessState::signal_changes(const ProcessState& before) const {
  for (std::size_t signal = 1; signal < signals; ++signal)
    if (handlers_[signal] != before.handlers_[signal])
      return signal_name(static_cast<int>(signal)) + " is handled differently";
  if (blocked_ != before.blocked_) return "other signals are blocked:" + blocked_;
  if (signal_stack_ != before.signal_stack_) return "signal handlers have another stack";
  return "";
}

std::string ProcessState::locale_changes(const ProcessState& before) const {
  return locale_ == before.locale_ ? "" : "the locale was " + before.locale_ + " and is " + locale_;
}

std::string ProcessState::process_changes(const ProcessState& before) const {
  for (std::size_t i = 0; i < printed_.size(); ++i)
    if (printed_[i] != before.printed_[i])
      return std::string(i ? "standard error" : "standard output") + " gets " + printed_[i];
  for (std::size_t i = 0; i < process_.size(); ++i) {
    const auto& [what, now] = process_[i];
    const std::string& then = before.process_[i].second;
    if (now == then) continue;
    const bool is_short = now.size() + then.size() < 200 && now.find('\n') == now.npos;
    return what +
           (is_short ? " changed from " + printable(then) + " to " + printable(now) : " changed");
  }
  return "";
}

std::string ProcessState::changes(const ProcessState& before) const {
  std::string all;
  for (const std::string& one : {floating_point_changes(before), signal_changes(before),
                                 locale_changes(before), process_changes(before)})
    if (!one.empty()) all += (all.empty() ? "" : "; ") + one;
  return all;
}

}  // namespace nngp::host
