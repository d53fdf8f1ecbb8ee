#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace nngp::python {

/// What a computation calls now and then with what is done and all there is; false: it is to stop.
using Progress = std::function<bool(double done, double total)>;

/// What the thread that computes and the one that listens tell each other.
struct Exchange {
  std::atomic<bool> stop = false;
  std::atomic<double> done = 0, total = 0;
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  std::exception_ptr error;

  bool keep_going(double done_now, double total_now) {
    done = done_now;
    total = total_now;
    return !stop;
  }
  void finish();
  bool is_finished();
  /// Waits without the interpreter's lock; whether the computation is over.
  bool wait(std::chrono::milliseconds time);
  /// Waits for the end. Calls `progress` with what is done, or if it is None tells how long a long
  /// computation takes, and hears signals; throws what either raises, having asked the computation to
  /// stop.
  void listen(const nanobind::object& progress);
};

/// A call of run(), while it lasts. The interpreter, when it ends, waits for calls that other threads
/// are in: one that then asked for the interpreter's lock would be unwound amidst frames of C++, which
/// ends the process. It sleeps instead, until the process is over; so does a thread that calls run()
/// later.
class Call {
 public:
  Call();
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

/// Where a call does not have the interpreter's lock.
class Unlocked {
 public:
  Unlocked() = default;
  ~Unlocked();  ///< sleeps if the interpreter ends, before `release_` asks for the lock
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  nanobind::gil_scoped_release release_;
};

/// Where a computation calls a function of the program: has the interpreter's lock. What that function
/// computes is a part of the computation, and goes on until that has stopped.
class Callback {
 public:
  Callback();
  ~Callback();
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

 private:
  nanobind::gil_scoped_acquire acquire_;
  bool outer_;  ///< whether this is inside another one
};

/// The threads that compute, which run() starts. One that does not stop at once when its caller is
/// interrupted, as inside OpenBLAS, goes on in the background. All functions need the interpreter's
/// lock.
class Workers {
 public:
  /// Runs `work`, whose last act is exchange->finish(), in a thread.
  static void start(const std::shared_ptr<Exchange>& exchange, std::function<void()> work);
  /// Lets go the thread of a computation that is over.
  static void join(const std::shared_ptr<Exchange>& exchange);
  /// Before the interpreter ends: stops all computations, and waits for them and for calls of run().
  static void end();
  /// In a forked process, which has no thread but the one that forked.
  static void forget();
};

/// The size, about the number of operations, from which a computation takes more than a moment.
constexpr double long_size = 1e7;

/// Runs compute(progress) without the interpreter's lock. Work of more than a moment runs in another
/// thread, so that signals are heard and `progress`, a Python function of (done, total) or None, is
/// called twenty times a second. What either raises ends the wait for the computation at once; as it
/// may go on for a while, `compute` has to own all that it works on.
template <class Compute>
auto run(double size, const nanobind::object& progress, Compute compute) {
  const Call call;
  if (size < long_size && progress.is_none()) {
    const Unlocked unlocked;
    return compute(Progress());
  }
  using Result = decltype(compute(Progress()));
  struct Job : Exchange {
    explicit Job(Compute compute_) : compute(std::move(compute_)) {}
    std::optional<Compute> compute;
    std::optional<Result> result;
  };
  const auto job = std::make_shared<Job>(std::move(compute));
  Workers::start(job, [job] {
    try {
      job->result.emplace(
          (*job->compute)([&](double done, double total) { return job->keep_going(done, total); }));
    } catch (...) {
      job->error = std::current_exception();
    }
    job->compute.reset();
    job->finish();
  });
  try {
    job->listen(progress);
  } catch (...) {
    constexpr std::chrono::milliseconds patience{30};
    if (job->wait(patience)) Workers::join(job);
    throw;
  }
  Workers::join(job);
  if (job->error) std::rethrow_exception(job->error);
  return std::move(*job->result);
}

}  // namespace nngp::python
