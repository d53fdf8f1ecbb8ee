#include "check/worker_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
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
constexpr std::size_t max_errors = 1 << 14;  // what is kept of standard error

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

  Pipe out, err;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.ends[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, err.ends[1], 2);
  // A process group of its own: signals that the plugin sends to its group reach no other.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  const int error =
      ::posix_spawn(&id_, program.c_str(), &actions, &attributes, pointers.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error) fail(program.c_str(), error);
  out_ = out.release();
  err_ = err.release();
}

WorkerProcess::~WorkerProcess() {
  if (id_ > 0) {
    ::kill(-id_, SIGKILL);  // with what the plugin has started
    while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) continue;
  }
  ::close(out_);
  if (err_ >= 0) ::close(err_);
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
  std::array<pollfd, 2> ends = {pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  const int wait = static_cast<int>(std::clamp<long>(left, 0, 1 << 30));
  const int ready = ::poll(ends.data(), ends.size(), wait);
  if (ready < 0 && errno == EINTR) return true;
  if (ready <= 0) {
    timed_out_ = is_late();
    return !timed_out_;
  }
  if (ends[1].revents && !read_errors()) ::close(std::exchange(err_, -1));
  if (!ends[0].revents) return true;
  std::array<char, 4096> block;
  const ssize_t count = ::read(out_, block.data(), block.size());
  if (count > 0) buffer_.append(block.data(), static_cast<std::size_t>(count));
  return count > 0;
}

/// Reads from standard error. False at its end.
bool WorkerProcess::read_errors() {
  std::array<char, 4096> block;
  const ssize_t count = ::read(err_, block.data(), block.size());
  if (count > 0 && errors_.size() < max_errors)
    errors_.append(block.data(), static_cast<std::size_t>(count));
  return count > 0;
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
  // What is left in the pipe; another process that holds its other end is not waited for.
  pollfd rest = {err_, POLLIN, 0};
  while (err_ >= 0 && ::poll(&rest, 1, 0) > 0 && read_errors()) continue;
  end_ = timed_out_ ? "did not come to an end within " + format_number(limit_) + " s"
                    : end_text(*status, printable(last_words(errors_), 300));
}

}  // namespace nngp::host
