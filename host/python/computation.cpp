#include "computation.hpp"

#include <utility>
#include <vector>

namespace nb = nanobind;

namespace nngp::python {
namespace {

struct Background {
  std::thread worker;
  std::shared_ptr<Exchange> exchange;
};

/// Of the process, as the interpreter is. Guarded by the interpreter's lock.
std::vector<Background>& background() {
  static auto* const all = new std::vector<Background>;  // outlives the interpreter
  return *all;
}

}  // namespace

void Forecast::update(std::size_t done, std::size_t total) {
  constexpr std::chrono::duration<double> begun{2}, long_run{60};
  const Clock::time_point now = Clock::now();
  if (total != total_ || done < done_at_start_) {
    total_ = total;
    done_at_start_ = done;
    start_ = now;
  }
  const std::chrono::duration<double> passed = now - start_;
  if (told_ || passed < begun || done <= done_at_start_) return;
  told_ = true;
  const auto whole = passed * (static_cast<double>(total - done_at_start_) /
                               static_cast<double>(done - done_at_start_));
  if (whole >= long_run) nb::module_::import_("nngp._progress").attr("tell_duration")(whole.count());
}

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
  const nb::gil_scoped_release release;
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
      if (progress.is_none())
        forecast.update(done, total);
      else
        progress(done.load(), total.load());
    }
  } catch (...) {
    stop = true;
    throw;
  }
}

void Abandoned::add(std::thread worker, std::shared_ptr<Exchange> exchange) {
  // Those that have come to an end meanwhile are let go.
  auto& all = background();
  std::erase_if(all, [](Background& one) {
    if (!one.exchange->is_finished()) return false;
    one.worker.join();
    return true;
  });
  all.push_back({std::move(worker), std::move(exchange)});
}

void Abandoned::join() {
  std::vector<Background> all = std::exchange(background(), {});
  const nb::gil_scoped_release release;
  for (Background& one : all) one.worker.join();
}

}  // namespace nngp::python
