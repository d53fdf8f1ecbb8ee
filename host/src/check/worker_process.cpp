#include "check/worker_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/dll/runtime_symbol_info.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <regex>
#include <system_error>
#include <thread>
#include <utility>

#include "check/check.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_line = 1 << 20;    // more without an end of line is not our worker's
constexpr std::size_t max_errors = 1 << 14;  // what is read of standard error

Clock::duration in_clock(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

[[noreturn]] void fail(const char* what, int error) {
  throw Error(std::string("cannot start a process for the plugin: ") + what + ": " +
              std::generic_category().message(error));
}

struct Pipe {
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe", errno);
  }
  ~Pipe() {
    for (const int end : ends)
      if (end >= 0) ::close(end);
  }
  /// Its reading end, for someone else to close.
  int release() { return std::exchange(ends[0], -1); }

  std::array<int, 2> ends = {-1, -1};
};

/// "segmentation fault (SIGSEGV)".
std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  const char* meaning = ::sigdescr_np(signal);
  return lower_case(meaning ? meaning : "signal") + " (" +
         (name ? "SIG" + std::string(name) : std::to_string(signal)) + ")";
}

/// What a dying process said last, in one line.
std::string last_words(const std::string& errors) {
  static const std::regex exception(
      "terminate called after throwing an instance of '([^']*)'(\\s*what\\(\\):  ([^\\n]*))?");
  std::smatch match;
  if (std::regex_search(errors, match, exception))
    return "an exception left a function: " + match[1].str() +
           (match[3].matched ? ": " + match[3].str() : "");
  const auto end = errors.find_last_not_of('\n');
  if (end == errors.npos) return "";
  const auto begin = errors.rfind('\n', end);
  return errors.substr(begin == errors.npos ? 0 : begin + 1, end - (begin == errors.npos ? -1 : begin));
}

std::string end_text(int status, const std::string& words) {
  const std::string said = words.empty() ? "" : ": " + words;
  if (!WIFSIGNALED(status))
    return "ended the process with exit code " + std::to_string(WEXITSTATUS(status)) + said;
  if (words.starts_with("an exception")) return words;
  return "crashed by " + signal_text(WTERMSIG(status)) + said;
}

}  // namespace

WorkerProcess::WorkerProcess(const std::vector<std::string>& words) {
  const std::string program = boost::dll::program_location().string();
  std::vector<std::string> all = {program, check_worker_word};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> pointers;
  for (std::string& word : all) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  Pipe out;
  // A file, by the size of which the worker knows what a plugin prints.
  err_ = ::memfd_create("stderr", MFD_CLOEXEC);
  if (err_ < 0) fail("memfd_create", errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  // Where nobody can leave a file.
  ::posix_spawn_file_actions_addchdir_np(&actions, "/proc");
  ::posix_spawn_file_actions_adddup2(&actions, out.ends[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, err_, 2);
  // A process group of its own: signals that the plugin sends to its group reach no other.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  // And signals as programs have them, else what a plugin does to one that a script ignores is not
  // seen.
  sigset_t all_signals, no_signals;
  ::sigfillset(&all_signals);
  ::sigemptyset(&no_signals);
  ::posix_spawnattr_setsigdefault(&attributes, &all_signals);
  ::posix_spawnattr_setsigmask(&attributes, &no_signals);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  const int error =
      ::posix_spawn(&id_, program.c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error) fail(program.c_str(), error);
  out_ = out.release();
}

WorkerProcess::~WorkerProcess() {
  if (id_ > 0) {
    ::kill(-id_, SIGKILL);  // with what the plugin has started
    while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  for (const int file : {out_, err_})
    if (file >= 0) ::close(file);
}

std::optional<std::string> WorkerProcess::read_line(double seconds) {
  limit_ = seconds;
  seen_ = begun_ = computed();
  deadline_ = Clock::now() + in_clock(seconds);
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != buffer_.npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (id_ <= 0) return std::nullopt;
    if (buffer_.size() > max_line || !fill()) finish();
  }
}

/// Seconds the worker has computed for.
double WorkerProcess::computed() const {
  clockid_t clock;
  timespec time = {};
  if (id_ <= 0 || ::clock_getcpuclockid(id_, &clock) != 0 || ::clock_gettime(clock, &time) != 0)
    return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Whether the time is over. On a busy machine a worker that still computes gets the time it was
/// promised, though not for ever.
bool WorkerProcess::is_late() {
  if (Clock::now() < deadline_) return false;
  const double now = computed();
  const bool starved = now - begun_ < limit_ && now > seen_ + 1e-4;
  if (!starved) return true;
  seen_ = now;
  deadline_ = Clock::now() + in_clock(std::min(limit_, 2.0));
  return false;
}

/// Reads what there is. False when the worker has closed its output or the time is over.
bool WorkerProcess::fill() {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
  pollfd end = {out_, POLLIN, 0};
  const int wait = static_cast<int>(std::clamp<long>(left, 0, 1 << 30));
  const int ready = ::poll(&end, 1, wait);
  if (ready < 0 && errno == EINTR) return true;
  if (ready <= 0) {
    timed_out_ = is_late();
    return !timed_out_;
  }
  std::array<char, 4096> block;
  const ssize_t count = ::read(out_, block.data(), block.size());
  if (count > 0) buffer_.append(block.data(), static_cast<std::size_t>(count));
  return count > 0;
}

/// The end of what was printed to standard error.
std::string WorkerProcess::errors() const {
  struct stat file = {};
  ::fstat(err_, &file);
  const off_t begin = std::max<off_t>(0, file.st_size - static_cast<off_t>(max_errors));
  std::string text(static_cast<std::size_t>(file.st_size - begin), '\0');
  const ssize_t count = ::pread(err_, text.data(), text.size(), begin);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

void WorkerProcess::finish() {
  // It closed its output, so it is about to end, unless a plugin did that.
  const auto ended = [&](int flags) -> std::optional<int> {
    int status = 0;
    if (::waitpid(id_, &status, flags) != id_) return std::nullopt;
    return status;
  };
  std::optional<int> status;
  if (buffer_.size() > max_line) timed_out_ = true;
  while (!timed_out_ && !(status = ended(WNOHANG))) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    timed_out_ = is_late();
  }
  if (!status) {
    ::kill(-id_, SIGKILL);
    while (!status) status = ended(0);
  }
  id_ = -1;
  end_ = timed_out_ ? "did not come to an end within " + format_number(limit_) + " s"
                    : end_text(*status, printable(last_words(errors()), 300));
}

}  // namespace nngp::host
