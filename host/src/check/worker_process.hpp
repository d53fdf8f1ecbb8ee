#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace nngp::host {

/// A process of this same program that runs a plugin: read line by line, ended whatever it does.
/// (Boost.Process 1.74 needs Boost.Filesystem and, to wait with a deadline, an event loop of Asio.)
class WorkerProcess {
 public:
  /// Starts this program with check_worker_word and `words`. Throws Error.
  explicit WorkerProcess(const std::vector<std::string>& words);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// The next line the worker writes, without its end; nullopt if it ended, or wrote none
  /// although it slept or computed for `seconds`: then it is killed.
  std::optional<std::string> read_line(double seconds);

  /// After read_line() gave nothing: "crashed by segmentation fault (SIGSEGV)".
  const std::string& end() const { return end_; }
  bool timed_out() const { return timed_out_; }

 private:
  bool fill();
  std::string errors() const;
  double computed() const;
  bool is_late();
  void finish();

  pid_t id_ = -1;
  int out_ = -1, err_ = -1;
  std::string buffer_;  ///< read and not yet returned
  std::string end_;
  bool timed_out_ = false;
  std::chrono::steady_clock::time_point deadline_;
  double limit_ = 0;             ///< seconds for one line
  double begun_ = 0, seen_ = 0;  ///< what was computed at its beginning, and when last looked at
};

}  // namespace nngp::host
