#include "computation.hpp"

#include <nanobind/stl/string.h>

#include <utility>
#include <vector>

#include "nngp/forecast.hpp"

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

/// Seconds since any moment.
double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

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
