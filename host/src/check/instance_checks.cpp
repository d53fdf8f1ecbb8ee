// Making instances: parameters, leaks, threads, and what calls leave behind.

#include <dirent.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "check/checks.hpp"
#include "check/measure.hpp"
#include "check/process_state.hpp"
#include "check/tile_buffers.hpp"
#include "nngp/text.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // GCC has no header for it
#define NNGP_SANITIZED
#endif

namespace nngp::host {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// ---- parameters

/// Values that the declaration of a parameter excludes.
std::vector<double> excluded_values(const nngp_parameter& p) {
  std::vector<double> values = {nan, inf, -inf};
  if (std::isfinite(p.minimum)) values.push_back(p.minimum - 1);
  if (std::isfinite(p.maximum)) values.push_back(p.maximum + 1);
  if (p.flags & NNGP_MINIMUM_EXCLUDED) values.push_back(p.minimum);
  if (p.flags & NNGP_MAXIMUM_EXCLUDED) values.push_back(p.maximum);
  if (p.kind == NNGP_INTEGER || p.kind == NNGP_BOOLEAN) values.push_back(0.5);
  return values;
}

const char* const accepted = "is accepted";

/// What is wrong with how `create` refuses values: it must return null, and write one line that fits.
std::string refusal_fault(const nngp_activation& table, const std::vector<nngp_value>& values) {
  for (const std::size_t size : {std::size_t{200}, std::size_t{8}}) {
    std::vector<char> error(size + 16, '\x7f');
    error[0] = '\0';
    if (void* made = table.create(values.data(), values.size(), error.data(), size)) {
      table.destroy(made);
      return accepted;
    }
    if (std::any_of(error.begin() + static_cast<std::ptrdiff_t>(size), error.end(),
                    [](char c) { return c != '\x7f'; }))
      return "is refused with a message that is longer than the room for it";
    if (!std::memchr(error.data(), '\0', size)) return "is refused with a message without an end";
    if (!error[0]) return "is refused without a message";
    if (std::strchr(error.data(), '\n')) return "is refused with more than one line";
  }
  return "";
}

/// Whether all parameters of a setting have their defaults.
bool is_default(const nngp_activation& table) {
  return std::all_of(table.parameters, table.parameters + table.parameter_count,
                     [](const nngp_parameter* p) { return p->default_value; });
}

/// Values out of range must be refused. NaN and infinity should be, though no host passes them.
Result try_excluded(const Specimen& specimen) {
  const nngp_activation& table = *specimen.table;
  std::vector<nngp_value> values;
  for (const auto& one : specimen.settings.front()) values.push_back({one.data(), one.size()});
  Result result;
  int refused = 0;
  for (std::size_t i = 0; i < table.parameter_count; ++i) {
    for (const double value : excluded_values(*table.parameters[i])) {
      std::vector<nngp_value> changed = values;
      changed[i] = {&value, 1};
      const std::string fault = refusal_fault(table, changed);
      const std::string text =
          std::string(table.parameters[i]->name) + "=" + format_number(value) + " " + fault;
      if (fault.empty()) {
        ++refused;
      } else if (fault != accepted || std::isfinite(value)) {
        return failed(text);
      } else if (result.status == Status::pass) {
        result = {Status::warning, text};
      }
    }
  }
  if (result.status == Status::pass) result.message = std::to_string(refused) + " out of range refused";
  return result;
}

Result check_parameters(const Specimen& specimen) {
  // In range: a plugin may refuse with a reason, as where parameters depend on each other.
  std::size_t made_count = 0;
  std::string reason;
  for (const Setting& setting : specimen.settings) {
    try {
      const Instance made(*specimen.table, setting);
      ++made_count;
    } catch (const NotMade& error) {
      const bool first = &setting == &specimen.settings.front();
      if (!error.has_reason() || (first && is_default(*specimen.table))) return failed(error.what());
      if (reason.empty()) reason = error.what();
    }
  }
  Result result = try_excluded(specimen);
  if (result.status == Status::failure) return result;
  if (made_count == 0) return {Status::warning, "nothing could be checked: " + reason};
  const std::size_t rest = specimen.settings.size() - made_count;
  result.message = std::to_string(made_count) + " settings accepted, " + result.message;
  if (rest > 0) result.message += ", " + std::to_string(rest) + " in range too: " + reason;
  return result;
}

// ---- leaks

struct Resources {
  std::size_t bytes = 0, files = 0;
};

std::size_t allocated_bytes() {
#ifdef NNGP_SANITIZED  // with an allocator of its own
  return ::__sanitizer_get_current_allocated_bytes();
#else
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
#endif
}

Resources resources_in_use() {
  Resources used;
  used.bytes = allocated_bytes();
  if (DIR* folder = ::opendir("/proc/self/fd")) {
    while (::readdir(folder)) ++used.files;
    ::closedir(folder);
  }
  return used;
}

Result check_leaks(const Specimen& specimen) {
  constexpr std::size_t rounds = 500;
  const auto use = [&] {
    for (const Setting& setting : specimen.settings) {
      try {
        const Instance made(*specimen.table, setting);
        if (specimen.table->fn) made.fn(0.5);
        if (specimen.table->nngp_fn) made.nngp_fn(0.5, 1, 1);
      } catch (const NotMade&) {
        continue;
      }
    }
  };
  for (int i = 0; i < 20; ++i) use();
  const Resources before = resources_in_use();
  for (std::size_t i = 0; i < rounds; ++i) use();
  const Resources after = resources_in_use();
  const std::string where = " stay behind after " + std::to_string(rounds * specimen.settings.size()) +
                            " instances were made, used and destroyed";
  if (after.files >= before.files + rounds)
    return failed(std::to_string(after.files - before.files) + " open files" + where);
  if (after.bytes >= before.bytes + rounds)
    return failed(std::to_string(after.bytes - before.bytes) + " bytes" + where);
  return passed(std::to_string(rounds * specimen.settings.size()) + " instances, nothing left behind");
}

// ---- environment

Result check_environment(const Specimen& specimen) {
  const ProcessState before;
  std::string changes;
  const Result called = worst_of_settings(specimen, [&](const Instance& f) {
    const nngp_activation& table = f.table();
    if (table.fn) f.fn(0.5);
    if (table.d_fn) f.d_fn(0.5);
    if (table.nngp_fn) f.nngp_fn(0.5, 1, 2);
    if (table.d_nngp_fn) f.d_nngp_fn(0.5, 1, 2);
    f.breakpoints();
    return passed("");
  });
  const ProcessState after;
  for (const std::string& change : {after.floating_point_changes(before), after.signal_changes(before),
                                    after.locale_changes(before)})
    if (!change.empty()) changes += (changes.empty() ? "" : "; ") + change;
  before.restore_floating_point();
  if (!changes.empty()) return failed("calls change it: " + changes);
  if (called.status != Status::pass) return called;
  return passed("unchanged by calls");
}

// ---- threads

/// What the functions give at a few points, to the last bit.
std::vector<double> values_of(const Instance& f) {
  const nngp_activation& table = f.table();
  std::vector<double> values;
  for (const double x : {-1.3, -0.2, 0.7, 2.1}) {
    if (table.fn) values.push_back(f.fn(x));
    if (table.d_fn) values.push_back(f.d_fn(x));
    if (table.nngp_fn) values.push_back(f.nngp_fn(0.4 * x, 1.5, 2 + x));
    if (table.d_nngp_fn) values.push_back(f.d_nngp_fn(0.4 * x, 1.5, 2 + x));
  }
  if (table.tile_f64) {
    TileBuffers<double> buffers({2, 19, 19});
    nngp_tile_f64 tile = buffers.tile();
    if (!table.d_nngp_fn) tile.d_nngp = tile.ntk = nullptr;
    table.tile_f64(f.get(), &tile);
    for (std::size_t j = 0; j < buffers.cols; ++j)
      for (const double y : {buffers.nngp(1, j), buffers.d_nngp(1, j), buffers.ntk(1, j)})
        values.push_back(y);
  }
  return values;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

Result check_threads(const Specimen& specimen) {
  constexpr int threads = 8, rounds = 40;
  return worst_of_settings(specimen, [](const Instance& f) {
    const std::vector<double> alone = values_of(f);
    if (!same_bits(values_of(f), alone)) return failed("the same call twice gives two results");
    std::atomic<int> waiting = threads, different = 0;
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([&] {
        for (--waiting; waiting > 0;) std::this_thread::yield();  // all begin at once
        for (int i = 0; i < rounds; ++i)
          if (!same_bits(values_of(f), alone)) ++different;
      });
    }
    for (std::thread& thread : running) thread.join();
    if (different > 0) return failed("other results when called from 8 threads at once");
    return passed("the same bits from 8 threads at once");
  });
}

}  // namespace

std::vector<Check> instance_checks() {
  // First what looks for changes that a first call makes.
  return {
      {"environment", "calls keep floating-point mode, signals and locale", check_environment},
      {"parameters", "values in range are accepted, others refused with a message", check_parameters},
      {"leaks", "memory and files are given back by destroy", check_leaks},
      {"threads", "the same results from many threads at once", check_threads}};
}

}  // namespace nngp::host
