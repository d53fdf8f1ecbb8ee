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
#include <thread>

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

/// Computations that did not stop at once when their callers were interrupted, as those inside OpenBLAS
/// do not: they go on in the background. The interpreter may not end before them.
class Abandoned {
 public:
  static void add(std::thread worker, std::shared_ptr<Exchange> exchange);
  /// Waits for all. Needs the interpreter's lock, and releases it.
  static void join();
};

/// The size, about the number of operations, from which a computation takes more than a moment.
constexpr double long_size = 1e7;

/// Runs compute(progress) without the interpreter's lock. Work of more than a moment runs in another
/// thread, so that signals are heard and `progress`, a Python function of (done, total) or None, is
/// called twenty times a second. What either raises ends the wait for the computation at once; as it
/// may go on for a while, `compute` has to own all that it works on.
template <class Compute>
auto run(double size, const nanobind::object& progress, Compute compute) {
  if (size < long_size && progress.is_none()) {
    nanobind::gil_scoped_release release;
    return compute(Progress());
  }
  using Result = decltype(compute(Progress()));
  struct Job : Exchange {
    explicit Job(Compute compute_) : compute(std::move(compute_)) {}
    std::optional<Compute> compute;
    std::optional<Result> result;
  };
  const auto job = std::make_shared<Job>(std::move(compute));
  std::thread worker([job]() mutable {
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
    if (job->wait(patience)) {
      worker.join();
    } else {
      Abandoned::add(std::move(worker), job);
    }
    throw;
  }
  worker.join();
  if (job->error) std::rethrow_exception(job->error);
  return std::move(*job->result);
}

}  // namespace nngp::python
