#pragma once

// Parallel loops and where they run. oneTBB's algorithms are compiled in parallel.cpp alone.

#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <cstddef>
#include <functional>

#include "nngp/limits.hpp"

namespace nngp {

/// Whether the process was forked from one that had computed before. oneTBB counts on threads which are
/// not there, and may wait for them for ever: such a process computes in one thread.
bool is_forked();

/// Where parallel work runs.
class Arena {
 public:
  explicit Arena(int threads) : arena_(threads) {}
  int max_concurrency() const { return is_forked() ? 1 : arena_.max_concurrency(); }
  template <class Work>
  auto execute(const Work& work) {
    return is_forked() ? work() : arena_.execute(work);
  }

 private:
  oneapi::tbb::task_arena arena_;
};

/// On `threads` threads, but not on more than there are processors for the process; 0: on as many as it
/// may use. (TBB would print a warning for more.)
inline Arena arena(unsigned threads) {
  if (threads == 0) threads = static_cast<unsigned>(available_threads().amount);
  const int most = oneapi::tbb::info::default_concurrency();
  return Arena(std::min(static_cast<int>(std::min(threads, 1u << 20)), most));
}

/// Calls body(i) for each i < count, in no order, in the threads of the arena around it. An exception
/// of a call ends the loop and reaches the caller.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

/// The same for calls that take long or much memory: each is a task of its own, and a thread that waits
/// for loops within one begins no other.
void parallel_tasks(std::size_t count, const std::function<void(std::size_t)>& body);

}  // namespace nngp
