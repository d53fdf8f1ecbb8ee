#include "check/suspension.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>

extern "C" char __executable_start, etext;  // the ends of this program's instructions

namespace nngp::host {
namespace {

std::int64_t read(clockid_t clock) {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t nanoseconds() { return read(CLOCK_MONOTONIC); }

/// The end of a time: that for which this thread has a processor, so that on a busy machine it gets as
/// far as on another, though by the clock no more than some times as long.
class End {
 public:
  End() = default;
  explicit End(std::int64_t time)
      : computed_(read(CLOCK_THREAD_CPUTIME_ID) + time), clock_(nanoseconds() + 5 * time) {}

  bool is_over() const { return nanoseconds() >= clock_ || read(CLOCK_THREAD_CPUTIME_ID) >= computed_; }

 private:
  std::int64_t computed_ = 0, clock_ = 0;
};

constexpr int every = Suspension::every;
constexpr std::uint64_t at_will = std::numeric_limits<std::uint64_t>::max();

// What the handlers of signals reach.
struct {
  std::int64_t patience = 0;
  std::atomic<std::uint64_t> others = 0;  ///< calls that the other thread has made
  std::atomic<std::uint64_t> asked = 0;   ///< how many it is to make in all
  std::atomic<bool> over = false;         ///< for the other thread
  std::atomic<int> status = -1;           ///< the file in which the system tells what that does
  std::atomic<clockid_t> clock = CLOCK_MONOTONIC;  ///< of the processor's time that it has had
  sem_t turn;                                      ///< told when one of these has changed
  const Enough* enough = nullptr;
  std::int64_t begin = 0;  ///< of what the timer suspends
  timer_t timer;
  std::atomic<int> suspensions = 0;  ///< in which the other thread has made its calls
  std::uint32_t delay = 1;
  const SharedMemory* memory = nullptr;  ///< that is watched
  bool wrote = false;
  bool is_foreign = true;  ///< whether what happens now is a library's doing
  int only = every;        ///< of the writes: how many come before the one that suspends
  int steps = 0;           ///< that are left
  End end;                 ///< of watching and stepping
} state;

/// The one of the two whose writes count.
thread_local bool is_suspended_thread = false;

/// Lets the other thread make calls until it has made so many.
void ask_for(std::uint64_t calls) {
  state.asked = calls;
  ::sem_post(&state.turn);
}

/// Whether the other thread sleeps, as one that waits for a lock. "8 (nngp) S 1 ...".
bool is_other_asleep() {
  char text[64] = {};
  if (::pread(state.status, text, sizeof text - 1, 0) <= 0) return false;
  const char* end = std::strrchr(text, ')');
  return end && end[1] == ' ' && end[2] == 'S';
}

/// Until the other thread has made some calls, sleeps, or has had a processor for as long as it is
/// waited for, which on a busy machine takes longer.
bool wait_for_others(std::uint64_t calls) {
  constexpr int most_often = 800, parts = 8;
  const std::uint64_t wanted = state.others + calls;
  if (state.asked != at_will) ask_for(wanted);
  const std::int64_t last = read(state.clock) + state.patience;
  for (int i = 0; i < most_often && state.patience > 0; ++i) {
    const std::int64_t end = nanoseconds() + state.patience / parts;
    while (state.others < wanted && nanoseconds() < end) ::sched_yield();
    if (state.others >= wanted || is_other_asleep() || read(state.clock) > last) break;
  }
  return state.others >= wanted;
}

/// Until the other thread, if something is to be asked of it, is there and has done what it was asked
/// before: it may have waited for a lock, which this thread must not take again meanwhile.
void wait_until_ready(std::int64_t patience) {
  while (patience > 0 && (state.status < 0 || state.others < state.asked)) ::sched_yield();
}

/// Starts the timer, for some microseconds that vary.
void suspend_soon() {
  state.delay = state.delay * 1664525 + 1013904223;
  itimerspec when = {};
  when.it_value.tv_nsec = 1'000 + state.delay % 16'000;
  ::timer_settime(state.timer, 0, &when, nullptr);
}

bool is_enough() { return state.enough->reached(state.suspensions, nanoseconds() - state.begin); }

void suspend(int) {
  constexpr std::uint64_t calls = 5;  // one of them is of the same function, and begun since
  const int error = errno;
  if (wait_for_others(calls)) ++state.suspensions;
  if (!is_enough()) suspend_soon();
  errno = error;
}

/// A handler of a signal, for as long as this lives.
class Handler {
 public:
  Handler(int signal, void (*handle)(int, siginfo_t*, void*)) : signal_(signal) {
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    ::sigaction(signal_, &action, &before_);
  }
  ~Handler() { ::sigaction(signal_, &before_, nullptr); }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  const struct sigaction& before() const { return before_; }

 private:
  int signal_;
  struct sigaction before_ = {};
};

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
constexpr long trap_flag = 0x100;  // the processor raises SIGTRAP after each instruction

void set_trap(void* context, bool on) {
  auto& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
  flags = on ? flags | trap_flag : flags & ~trap_flag;
}

/// Whether the next instruction is one of this program's own, not of a library's.
bool is_own(void* context) {
  const auto at =
      static_cast<std::uintptr_t>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
  return reinterpret_cast<std::uintptr_t>(&__executable_start) <= at &&
         at < reinterpret_cast<std::uintptr_t>(&etext);
}

/// From here on, and not any more. Below the stack pointer is what the compiler may keep there.
inline void start_traps() {
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp"
      :
      : "i"(trap_flag)
      : "memory", "cc");
}
inline void stop_traps() {
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\tleaq 128(%%rsp), %%rsp"
      :
      : "i"(~trap_flag)
      : "memory", "cc");
}
#else
void set_trap(void*, bool) {}
bool is_own(void*) { return false; }
inline void start_traps() {}
inline void stop_traps() {}
#endif

/// Whether this write is one that suspends.
bool is_due() { return state.only == every || state.only-- == 0; }

/// After an instruction: of a call that is stepped through, or one that has written to watched memory.
void trap(int, siginfo_t*, void* context) {
  constexpr std::uint64_t calls = 2;  // one of them has begun since
  const int error = errno;
  if (!state.memory && is_own(context)) return;
  // Another that waits for a lock is not woken through memory that is protected: a system call needs
  // it.
  const bool is_blocked = state.is_foreign && is_due() && !wait_for_others(calls) && state.patience > 0;
  if (is_blocked && state.memory) state.end = End();
  const bool goes_on = !state.end.is_over();
  if (state.memory) {
    set_trap(context, false);
    if (goes_on) state.memory->protect();
  } else if (--state.steps <= 0 || !goes_on) {
    set_trap(context, false);
  }
  errno = error;
}

const struct sigaction* fault_before = nullptr;

/// A write to watched memory happens, then the thread is suspended. Other faults are left to others.
void write_fault(int signal, siginfo_t* info, void* context) {
  if (!state.memory->contains(info->si_addr)) {
    if (fault_before->sa_flags & SA_SIGINFO)
      fault_before->sa_sigaction(signal, info, context);
    else
      ::sigaction(signal, fault_before, nullptr);
    return;
  }
  state.memory->unprotect(info->si_addr);
  if (!is_suspended_thread) return;
  state.is_foreign = !is_own(context);
  if (state.is_foreign) state.wrote = true;
  set_trap(context, true);
}

}  // namespace

Suspension::Suspension() {
  ::sem_init(&state.turn, 0, 0);
  state.others = state.asked = 0;
  state.over = false;
}

Suspension::~Suspension() {
  end();
  ::sem_destroy(&state.turn);
  if (state.status >= 0) ::close(state.status);
  state.status = -1;
}

void Suspension::end() {
  state.over = true;
  ::sem_post(&state.turn);
}

bool Suspension::wait_for_turn() {
  if (state.status < 0) {
    clockid_t clock = CLOCK_MONOTONIC;
    ::pthread_getcpuclockid(::pthread_self(), &clock);
    state.clock = clock;
    state.status = ::open("/proc/thread-self/stat", O_RDONLY | O_CLOEXEC);
  }
  while (!state.over && state.others >= state.asked) ::sem_wait(&state.turn);
  return !state.over;
}

void Suspension::has_called() {
  ++state.others;
  // Where both run on one processor, the suspended one goes on at once, not when a time slice ends.
  ::sched_yield();
}

bool Suspension::run_watched(const SharedMemory& memory, const std::function<void()>& call,
                             std::int64_t time, std::int64_t patience, int only) {
  wait_until_ready(patience);
  state.patience = patience;
  state.memory = &memory;
  state.wrote = false;
  state.only = only;
  state.end = End(time);
  is_suspended_thread = true;
  {
    const Handler fault(SIGSEGV, write_fault), after(SIGTRAP, trap);
    fault_before = &fault.before();
    memory.protect();
    call();
    memory.unprotect();
  }
  is_suspended_thread = false;
  state.memory = nullptr;
  return state.wrote;
}

void Suspension::run_stepped(const std::function<void()>& call, int steps, std::int64_t time,
                             std::int64_t patience) {
  const Handler handler(SIGTRAP, trap);
  wait_until_ready(patience);
  state.patience = patience;
  state.steps = steps;
  state.is_foreign = true;
  state.only = every;
  state.end = End(time);
  start_traps();
  call();
  stop_traps();
}

void Suspension::run_timed(const std::function<void()>& call, const std::function<bool()>& is_over,
                           const Enough& enough, std::int64_t patience) {
  const int signal = SIGRTMIN + 3;
  const Handler handler(signal, [](int number, siginfo_t*, void*) { suspend(number); });
  wait_until_ready(patience);
  state.patience = patience;
  state.suspensions = 0;
  state.enough = &enough;
  state.begin = nanoseconds();
  ask_for(at_will);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal;
  event._sigev_un._tid = ::gettid();
  ::timer_create(CLOCK_MONOTONIC, &event, &state.timer);
  suspend_soon();
  while (!is_enough() && !is_over()) call();
  ::timer_delete(state.timer);
  ask_for(state.others);
}

}  // namespace nngp::host
