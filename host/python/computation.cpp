#include "computation.hpp"

#include <nanobind/stl/string.h>

#include <thread>
#include <utility>
#include <vector>

#include "nngp/forecast.hpp"

namespace nb = nanobind;

namespace nngp::python {
namespace {

struct Worker {
  std::thread thread;
  std::shared_ptr<Exchange> exchange;
};

/// Of the process, as the interpreter is.
struct Process {
  std::vector<Worker> workers;  ///< guarded by the interpreter's lock
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t calls = 0;                 ///< guarded by `mutex`, as what follows
  std::optional<std::thread::id> ender;  ///< the thread that ends the interpreter
};

Process* process = new Process;  // outlives the interpreter

thread_local bool is_called_back = false;

/// Whether the interpreter ends, and leaves this thread behind.
bool is_left_behind() {
  return process->ender && *process->ender != std::this_thread::get_id() && !is_called_back;
}

/// Until the process is over.
[[noreturn]] void sleep_for_ever() {
  while (true) std::this_thread::sleep_for(std::chrono::hours(1));
}

/// Joins the threads of those workers for which is_over(exchange).
template <class Condition>
void join_if(const Condition& is_over) {
  std::erase_if(process->workers, [&](Worker& worker) {
    if (!is_over(worker.exchange)) return false;
    worker.thread.join();
    return true;
  });
}

/// Seconds since any moment.
double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Call::Call() {
  std::unique_lock lock(process->mutex);
  if (!is_left_behind()) {
    ++process->calls;
    return;
  }
  lock.unlock();
  const nb::gil_scoped_release release;
  sleep_for_ever();
}

Call::~Call() {
  const std::lock_guard lock(process->mutex);
  if (process->calls > 0) --process->calls;  // else a fork lies between
  process->changed.notify_all();
}

Unlocked::~Unlocked() {
  std::unique_lock lock(process->mutex);
  if (!is_left_behind()) return;
  --process->calls;
  process->changed.notify_all();
  lock.unlock();
  sleep_for_ever();
}

Callback::Callback() : outer_(std::exchange(is_called_back, true)) {}

Callback::~Callback() { is_called_back = outer_; }

void Exchange::finish() {
  const std::lock_guard lock(mutex);
  finished = true;
  changed.notify_all();
}

bool Exchange::is_finished() {
  const std::lock_guard lock(mutex);
  return finished;
}

bool Exchange::wait(std::chrono::milliseconds time) {
  const Unlocked unlocked;
  std::unique_lock lock(mutex);
  return changed.wait_for(lock, time, [&] { return finished; });
}

void Exchange::listen(const nb::object& progress) {
  Forecast forecast;
  try {
    for (bool over = false; !over;) {
      over = wait(std::chrono::milliseconds(50));
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (total == 0) continue;
      if (!progress.is_none())
        progress(static_cast<std::size_t>(done), static_cast<std::size_t>(total));
      else if (forecast.update(now(), done, total); const auto seconds = forecast.long_duration())
        nb::module_::import_("nngp._progress").attr("tell_duration")(duration_text(*seconds));
    }
  } catch (...) {
    stop = true;
    throw;
  }
}

void Workers::start(const std::shared_ptr<Exchange>& exchange, std::function<void()> work) {
  // Those that have come to an end in the background are let go.
  join_if([](const std::shared_ptr<Exchange>& other) { return other->is_finished(); });
  process->workers.reserve(process->workers.size() + 1);  // fails before a thread is there
  process->workers.push_back({std::thread(std::move(work)), exchange});
}

void Workers::join(const std::shared_ptr<Exchange>& exchange) {
  join_if([&](const std::shared_ptr<Exchange>& other) { return other == exchange; });
}

void Workers::end() {
  // A call may be inside a function of the program, and that wait for ever.
  constexpr std::chrono::seconds patience{5};
  {
    const std::lock_guard lock(process->mutex);
    process->ender = std::this_thread::get_id();
  }
  std::vector<Worker> workers = std::exchange(process->workers, {});
  for (Worker& worker : workers) worker.exchange->stop = true;
  const nb::gil_scoped_release release;
  for (Worker& worker : workers) worker.thread.join();
  std::unique_lock lock(
      process->mutex);  // is let go before `release` ends: calls take it with the interpreter's lock
  process->changed.wait_for(lock, patience, [] { return process->calls == 0; });
}

void Workers::forget() {
  const std::optional<std::thread::id> ender = process->ender;
  process = new Process;
  process->ender = ender;
}

}  // namespace nngp::python
