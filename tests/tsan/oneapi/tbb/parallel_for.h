#pragma once

// The library's parallel loops under the thread sanitizer, in place of oneTBB's: libtbb is not
// instrumented, so that the sanitizer does not see it pass work from thread to thread and takes every
// loop for a race. Here each loop starts threads of its own and joins them, which the sanitizer
// understands.

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace tbb {

/// body(i) for first <= i < last, on as many threads as the arena has; rethrows the first exception.
template <class Index, class Body, class... Partitioner>
void parallel_for(Index first, Index last, const Body& body, const Partitioner&...) {
  if (first >= last) return;
  std::atomic<Index> next = first;
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    try {
      for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < last;) body(i);
    } catch (...) {
      next.store(last, std::memory_order_relaxed);
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  const auto most = static_cast<Index>(std::max(1, this_task_arena::max_concurrency()));
  std::vector<std::thread> threads;
  for (Index t = 1; t < std::min<Index>(most, last - first); ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

/// body(part) for parts of a range of its grain size.
template <class Value, class Body, class... Partitioner>
void parallel_for(const blocked_range<Value>& range, const Body& body, const Partitioner&...) {
  const std::size_t parts = (range.size() + range.grainsize() - 1) / range.grainsize();
  parallel_for(std::size_t{0}, parts, [&](std::size_t part) {
    const Value begin = range.begin() + part * range.grainsize();
    body(blocked_range<Value>(begin, std::min<Value>(range.end(), begin + range.grainsize()),
                              range.grainsize()));
  });
}

}  // namespace tbb
