// Calls from two threads at once. What goes wrong only when one is inside a function while the other
// runs is not left to chance: one thread is suspended again and again until the other has made whole
// calls. Where a function writes to memory that the other can reach, it is suspended after each such
// write and, if it is short, after each instruction; a timer suspends every function, wherever it is.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "check/calls.hpp"
#include "check/checks.hpp"
#include "check/suspension.hpp"

namespace nngp::host {
namespace {

constexpr unsigned places = 8;  // arguments of each thread
constexpr unsigned stepped_places = 3;
constexpr int single_writes = 6;                   // after each of which alone a call is suspended
constexpr int many_steps = 3000, few_steps = 300;  // instructions of one call
constexpr std::int64_t millisecond = 1'000'000;
constexpr std::int64_t longest_time = 200 * millisecond;
constexpr std::int64_t longest_patience = 20 * millisecond;
constexpr std::int64_t short_patience = 4 * millisecond;  // for short calls
// Functions that write to no memory of others can only meet in that of the C library.
constexpr Enough often = {20, 8, 3 * millisecond, longest_time};
constexpr Enough now_and_then = {8, 4, 1 * millisecond, longest_time};
constexpr std::size_t none = SIZE_MAX;

/// Instances with what their functions give when nothing else runs.
class Alone {
 public:
  Alone(const std::vector<Call>& calls, const Instance& f) : calls_(calls), f_(f) {
    for (const Call& call : calls)
      for (unsigned place = 0; place < 2 * places; ++place) {
        results_.push_back(call.results(f, place));
        if (place < 4 && different_.empty() && !same_bits(call.results(f, place), results_.back()))
          different_ = call.name;
      }
  }

  /// The name of a function that gave two results for the same arguments, or nothing.
  const std::string& different() const { return different_; }

  /// Whether a call gives the same now.
  bool same(std::size_t call, unsigned place) const {
    return calls_[call].is_steady ? calls_[call].is_steady(f_, place) : same_once(call, place);
  }

  /// The same of a single call.
  bool same_once(std::size_t call, unsigned place) const {
    return same_bits(calls_[call].results(f_, place), results_[2 * places * call + place]);
  }

  /// Whether a suspension falls between two steps of a call only now and then.
  bool is_short(std::size_t call) const { return calls_[call].is_steady != nullptr; }

 private:
  const std::vector<Call>& calls_;
  const Instance& f_;
  std::vector<std::vector<double>> results_;
  std::string different_;
};

/// Nanoseconds of the longest call.
std::int64_t longest_call(const std::vector<Call>& calls, const Instance& f) {
  std::int64_t longest = 0;
  for (const Call& call : calls) {
    const auto begin = std::chrono::steady_clock::now();
    call.results(f, 0);
    longest = std::max<std::int64_t>(
        longest, std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  }
  return longest;
}

/// One thread calls a function while the other calls the same one and all others in turn, of two
/// instances.
class Together {
 public:
  Together(std::size_t count, const Alone& first, const Alone& second, const SharedMemory& memory,
           std::int64_t patience)
      : count_(count), first_(first), second_(second), memory_(memory), patience_(patience) {}

  /// A function that gave another result than alone while a thread was inside function `one`.
  std::size_t different(std::size_t one) {
    different_ = none;
    one_ = one;
    const std::vector<unsigned> writing = writing_places();
    Suspension suspension;
    std::thread other([&] {
      for (std::size_t k = 0; suspension.wait_for_turn(); ++k, suspension.has_called()) call_other(k);
    });
    std::thread suspended([&] {
      if (!writing.empty())
        step_through(suspension, writing);
      else if (first_.is_short(one_))  // it may write to memory of the C library
        suspension.run_stepped([&] { call_one(0); }, few_steps, longest_time / 10, short_patience);
      is_timed_ = true;
      unsigned place = 0;
      suspension.run_timed([&] { call_one(place++ % places); }, [&] { return different_ != none; },
                           writing.empty() ? now_and_then : often, patience_);
      suspension.end();
    });
    suspended.join();
    other.join();
    is_timed_ = false;
    return different_;
  }

 private:
  /// Where a function writes to memory that the other thread can reach, at most so many places. A
  /// function whose result changes when that memory is watched, since the kernel writes to it, say, is
  /// taken for one that does not.
  std::vector<unsigned> writing_places() const {
    std::vector<unsigned> found;
    std::thread alone([&] {
      Suspension nobody;
      for (unsigned place = 0; place < places && found.size() < stepped_places; ++place) {
        bool same = true;
        const bool writes = nobody.run_watched(
            memory_, [&] { same = first_.same_once(one_, place); }, longest_time, 0);
        if (writes && same) found.push_back(place);
      }
    });
    alone.join();
    return found;
  }

  void step_through(Suspension& suspension, const std::vector<unsigned>& writing) {
    const std::int64_t time = longest_time / static_cast<std::int64_t>(writing.size());
    for (const unsigned place : writing)
      if (different_ == none)
        suspension.run_watched(
            memory_, [&] { call_one(place); }, time, short_patience);
    for (int write = 0; write < single_writes && different_ == none; ++write)
      suspension.run_watched(
          memory_, [&] { call_one(writing.front()); }, time, short_patience, write);
    // One that holds a lock meets others than itself, too, which would have waited for it first.
    for (partner_ = 0; partner_ < count_ && different_ == none; ++partner_)
      if (partner_ != one_)
        suspension.run_watched(
            memory_, [&] { call_one(writing.front()); }, longest_time / 5, short_patience);
    partner_ = none;
    if (!first_.is_short(one_)) return;
    for (const unsigned place : writing)
      if (different_ == none)
        suspension.run_stepped([&] { call_one(place); }, many_steps, time, short_patience);
  }

  void call_one(unsigned place) {
    if (!first_.same(one_, place)) different_ = one_;
  }

  /// The k-th call of the other thread.
  void call_other(std::size_t k) {
    const unsigned place = places + static_cast<unsigned>(k % places);
    if (!is_timed_) {
      // Of two calls for which this thread is asked, one is of the same function.
      const std::size_t call = partner_ != none ? partner_.load() : k % 2 ? one_ : k / 2 % count_;
      if (!(k % 4 < 2 ? second_ : first_).same_once(call, place)) different_ = call;
      return;
    }
    // The others come first as a rule: where both take locks, the same one would wait for the first.
    const std::size_t call = k % 4 == 3 ? one_ : (k - k / 4) % count_;
    if (!(k % 8 == 2 ? second_ : first_).same(call, place)) different_ = call;
  }

  const std::size_t count_;
  const Alone &first_, &second_;
  const SharedMemory& memory_;
  const std::int64_t patience_;
  std::size_t one_ = none;
  std::atomic<std::size_t> partner_ = none;  ///< what alone the other thread calls, unless none
  std::atomic<std::size_t> different_ = none;
  std::atomic<bool> is_timed_ = false;
};

Result check_together(const Specimen& specimen, const std::vector<Call>& calls) {
  std::vector<Instance> made;
  for (const Setting& setting : specimen.settings) {
    try {
      made.emplace_back(*specimen.table, setting);
    } catch (const NotMade&) {
      continue;
    }
  }
  if (made.empty()) return skipped("no instance can be made");
  const Alone first(calls, made.front()), second(calls, made.back());
  for (const Alone* alone : {&first, &second})
    if (!alone->different().empty())
      return failed(alone->different() + " called twice with the same arguments gives two results");
  const std::int64_t patience =
      std::clamp<std::int64_t>(6 * longest_call(calls, made.front()), 100'000, longest_patience);
  const SharedMemory memory(specimen.memory_before);
  Together together(calls.size(), first, second, memory, patience);
  for (std::size_t one = 0; one < calls.size(); ++one) {
    const std::size_t different = together.different(one);
    if (different != none)
      return failed(calls[different].name + " gives other results when another thread calls " +
                    calls[one].name);
  }
  return passed("the same bits while another thread calls any of " + std::to_string(calls.size()) +
                " functions");
}

/// Whether the first call of a function, and calls that another thread makes while that is not over,
/// give what they give alone; if `other_calls`, else nobody calls meanwhile. This process has called
/// nothing yet.
bool is_first_call_right(const Specimen& specimen, const Call& call,
                         const std::vector<std::uint64_t>& alone, bool other_calls) {
  std::optional<Instance> f;
  if (call.name != "create") f.emplace(*specimen.table, specimen.settings.front());
  const SharedMemory memory(specimen.memory_before);
  std::atomic<bool> right = true;
  const auto check = [&](unsigned place) {
    const bool same =
        f ? digest(call, *f, place) == alone[place]
          : digest(call, Instance(*specimen.table, specimen.settings.front()), place) == alone[place];
    if (!same) right = false;
  };
  Suspension suspension;
  std::thread other([&] {
    while (other_calls && suspension.wait_for_turn()) {
      check(1);
      suspension.has_called();
    }
  });
  std::thread suspended([&] {
    const std::int64_t patience = call.entries > 1000 ? 10 * short_patience : short_patience;
    suspension.run_watched(
        memory, [&] { check(0); }, longest_time, other_calls ? patience : 0);
    suspension.end();
  });
  suspended.join();
  other.join();
  return right;
}

/// First calls fill tables, say, and tiles as large as an engine's take memory that smaller ones do
/// not.
Result check_first_calls(const Specimen& specimen, const std::vector<Call>& calls) {
  const auto alone = digests_alone(calls, *specimen.table, specimen.settings.front());
  if (alone.empty()) return passed("");
  for (std::size_t one = 0; one < calls.size(); ++one) {
    // Of large tiles the versions that nobody would choose here are left to their smaller relatives.
    if (calls[one].entries > 1000 && calls[one].name.find('(') != std::string::npos) continue;
    const auto is_right = [&](bool other_calls) {
      return run_in_copy([&] {
               const auto wanted = alone.begin() + static_cast<std::ptrdiff_t>(one * digest_places);
               return is_first_call_right(specimen, calls[one], {wanted, wanted + digest_places},
                                          other_calls)
                          ? passed("")
                          : failed("");
             }).status == Status::pass;
    };
    if (!is_right(true) && is_right(false))
      return failed(calls[one].name +
                    " gives other results when a thread calls it while the first call of another has "
                    "not ended");
  }
  return passed("");
}

Result check_threads(const Specimen& specimen) {
  // In a copy, where no thread has left memory behind and nothing was called yet.
  return run_in_copy([&] {
    Result result = check_first_calls(specimen, calls_of(*specimen.table, Tiles::all));
    if (result.status != Status::pass) return result;
    return check_together(specimen, calls_of(*specimen.table, Tiles::small));
  });
}

}  // namespace

std::vector<Check> thread_checks() {
  return {{"threads", "the same results while other threads are inside the functions", check_threads}};
}

}  // namespace nngp::host
