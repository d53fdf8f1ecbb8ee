#pragma once

#include <cstdint>
#include <functional>
#include <limits>

#include "check/shared_memory.hpp"

namespace nngp::host {

/// How often a timer suspends a thread: `most` times; `few` are enough after the usual time, and none
/// when the longest is over (ns).
struct Enough {
  int most, few;
  std::int64_t usual_time, longest_time;

  bool reached(int suspensions, std::int64_t time) const {
    return suspensions >= most || time > longest_time || (time > usual_time && suspensions >= few);
  }
};

/// Two threads, of which one is suspended inside a plugin's functions until the other has made whole
/// calls. Neither depends on the number of processors or on how busy they are. One object lives at a
/// time, since handlers of signals reach it.
class Suspension {
 public:
  static constexpr int every = std::numeric_limits<int>::max();

  Suspension();
  ~Suspension();
  Suspension(const Suspension&) = delete;
  Suspension& operator=(const Suspension&) = delete;

  // ---- The other thread

  /// Waits until a call is due: always, or when the suspended thread asks for it. False at the end.
  bool wait_for_turn();
  /// Tells that a call is made.
  void has_called();

  // ---- The suspended thread. `time` is that of a processor; `patience` is for how many ns of the
  // clock it waits for the other, which may wait for it.

  /// Runs `call`, alone and suspended after each write to the memory, as long as `time` lasts (ns) and
  /// the other thread makes its calls. Returns whether it wrote. Without patience nobody is waited for;
  /// where the processor cannot stop after an instruction, it is not suspended.
  /// With `only`, it is suspended after that write alone, counted from 0: the next one may put right
  /// what one has done.
  bool run_watched(const SharedMemory& memory, const std::function<void()>& call, std::int64_t time,
                   std::int64_t patience, int only = every);
  /// Runs `call`, alone and suspended after each of its first `steps` instructions, as long as `time`
  /// lasts and the processor can do it.
  void run_stepped(const std::function<void()>& call, int steps, std::int64_t time,
                   std::int64_t patience);
  /// Runs `call` again and again until that is enough, or `is_over()`. A timer suspends it, after some
  /// microseconds that vary; the other thread calls all the while.
  void run_timed(const std::function<void()>& call, const std::function<bool()>& is_over,
                 const Enough& enough, std::int64_t patience);

  /// Ends the other thread.
  void end();
};

}  // namespace nngp::host
