// Calls from two threads at once. What goes wrong only when one is inside a function while the other
// runs is not left to chance: one thread is suspended again and again, wherever it is, until the other
// has made whole calls, and short functions after each of their instructions. That does not depend on
// the number of processors or on how busy they are.

#include <sched.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>

#include "check/calls.hpp"
#include "check/checks.hpp"

namespace nngp::host {
namespace {

constexpr unsigned places = 8;    // arguments of each thread
constexpr int enough = 20;        // suspensions of one function by a timer
constexpr int most_steps = 3000;  // instructions of one call that are stepped through
constexpr unsigned stepped_places = 3;
constexpr std::int64_t usual_time = 3'000'000, longest_time = 200'000'000;  // of these, in ns
constexpr std::int64_t longest_patience = 20'000'000;
constexpr int few = 8;  // that take the longest time

std::int64_t nanoseconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// What the handler of a signal reaches.
struct {
  timer_t timer;
  std::int64_t patience;  ///< what the other thread gets for its calls; it may wait for us
  std::atomic<std::uint64_t> others = 0;  ///< calls that the other thread has made
  std::atomic<int> suspensions = 0;       ///< in which it has made some
  std::atomic<bool> over = false;
  std::uint32_t delay = 1;
  std::atomic<bool> stepping = false;
  int steps = 0;               ///< that are left
  std::int64_t steps_end = 0;  ///< when no more are taken
} suspending;

/// Until the other thread has made some calls, or for as long as it is waited for.
bool wait_for_others(std::uint64_t calls) {
  const std::uint64_t before = suspending.others;
  const std::int64_t end = nanoseconds() + suspending.patience;
  while (suspending.others < before + calls && nanoseconds() < end) ::sched_yield();
  return suspending.others >= before + calls;
}

/// Starts the timer, for some microseconds that vary.
void suspend_soon() {
  suspending.delay = suspending.delay * 1664525 + 1013904223;
  itimerspec when = {};
  when.it_value.tv_nsec = 1'000 + suspending.delay % 16'000;
  ::timer_settime(suspending.timer, 0, &when, nullptr);
}

void suspend(int) {
  constexpr std::uint64_t calls = 5;  // one of them is of the same function, and begun since
  const int error = errno;
  if (wait_for_others(calls)) ++suspending.suspensions;
  if (!suspending.over) suspend_soon();
  errno = error;
}

/// While one lives, the calling thread is suspended again and again.
class Suspensions {
 public:
  Suspensions() {
    suspending.over = false;
    suspending.suspensions = 0;
    struct sigaction action = {};
    action.sa_handler = suspend;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal(), &action, &before_);
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal();
    event._sigev_un._tid = ::gettid();
    ::timer_create(CLOCK_MONOTONIC, &event, &suspending.timer);
    suspend_soon();
  }
  ~Suspensions() {
    suspending.over = true;
    ::timer_delete(suspending.timer);
    ::sigaction(signal(), &before_, nullptr);
  }
  Suspensions(const Suspensions&) = delete;
  Suspensions& operator=(const Suspensions&) = delete;

 private:
  static int signal() { return SIGRTMIN + 3; }
  struct sigaction before_;
};

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
constexpr long trap_flag = 0x100;  // the processor raises SIGTRAP after each instruction

void step(int, siginfo_t*, void* context) {
  constexpr std::uint64_t calls = 2;  // one of them has begun since
  const int error = errno;
  wait_for_others(calls);
  if (--suspending.steps <= 0 || nanoseconds() > suspending.steps_end)
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~trap_flag;
  errno = error;
}

/// Runs `call`, suspended after each of its first instructions until the other thread has called the
/// same function.
template <class Run>
bool stepped(Run call) {
  struct sigaction action = {}, before = {};
  action.sa_sigaction = step;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigaction(SIGTRAP, &action, &before);
  suspending.steps = most_steps;
  // Below what the compiler may keep under the stack pointer.
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp"
      :
      : "i"(trap_flag)
      : "memory", "cc");
  const bool result = call();
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp"
      :
      : "i"(~trap_flag)
      : "memory", "cc");
  ::sigaction(SIGTRAP, &before, nullptr);
  return result;
}
constexpr bool can_step = true;
#else
template <class Run>
bool stepped(Run call) {
  return call();
}
constexpr bool can_step = false;
#endif

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

/// Nanoseconds of one call.
std::int64_t duration(const Call& call, const Instance& f) {
  const std::int64_t begin = nanoseconds();
  call.results(f, 0);
  return nanoseconds() - begin;
}

constexpr std::size_t none = SIZE_MAX;

/// One thread calls a function while the other calls the same one and all others in turn, of two
/// instances. Returns a function that gave another result than alone.
std::size_t different_together(std::size_t one, std::size_t count, const Alone& first,
                               const Alone& second, std::int64_t patience) {
  std::atomic<std::size_t> different = none;
  std::atomic<bool> over = false;
  std::thread other([&] {
    for (std::size_t k = 0; !over; ++k, ++suspending.others) {
      if (suspending.stepping) {
        const Alone& alone = k % 4 < 2 ? second : first;
        const std::size_t call = k % 2 ? one : k / 2 % count;
        if (!alone.same_once(call, places + static_cast<unsigned>(k % places))) different = call;
        ::sched_yield();  // back to the other, where there is one processor
        continue;
      }
      // The others come first as a rule: where both take locks, the same one would wait for the first.
      const std::size_t call = k % 4 == 3 ? one : (k - k / 4) % count;
      const Alone& alone = k % 8 == 2 ? second : first;
      if (!alone.same(call, places + static_cast<unsigned>(k % places))) different = call;
    }
  });
  std::thread suspended([&] {
    if (can_step && first.is_short(one)) {
      suspending.patience = longest_patience;
      suspending.steps_end = nanoseconds() + longest_time;
      suspending.stepping = true;
      for (unsigned place = 0; place < stepped_places && different == none; ++place)
        if (!stepped([&] { return first.same(one, place); })) different = one;
      suspending.stepping = false;
    }
    suspending.patience = patience;
    const Suspensions suspensions;
    const std::int64_t begin = nanoseconds();
    const auto is_enough = [&] {
      const std::int64_t time = nanoseconds() - begin;
      return suspending.suspensions >= enough || time > longest_time ||
             (time > usual_time && suspending.suspensions >= few);
    };
    for (unsigned place = 0; !is_enough() && different == none; place = (place + 1) % places)
      if (!first.same(one, place)) different = one;
  });
  suspended.join();
  over = true;
  other.join();
  return different;
}

Result check_threads(const Specimen& specimen) {
  const std::vector<Call> calls = calls_of(*specimen.table, TileSize::small);
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
  std::int64_t longest = 0;
  for (const Call& call : calls) longest = std::max(longest, duration(call, made.front()));
  const std::int64_t patience = std::clamp<std::int64_t>(6 * longest, 100'000, longest_patience);
  for (std::size_t one = 0; one < calls.size(); ++one) {
    const std::size_t different = different_together(one, calls.size(), first, second, patience);
    if (different != none)
      return failed(calls[different].name + " gives other results when another thread calls " +
                    calls[one].name);
  }
  return passed("the same bits while another thread calls any of " + std::to_string(calls.size()) +
                " functions");
}

}  // namespace

std::vector<Check> thread_checks() {
  return {{"threads", "the same results while other threads are inside the functions", check_threads}};
}

}  // namespace nngp::host
