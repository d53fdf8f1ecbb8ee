#pragma once

#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>

#include "nngp/limits.hpp"

namespace nngp {

/// Where parallel work runs: on `threads` threads, but not on more than there are processors for the
/// process; 0: on as many as it may use. (TBB would print a warning for more.)
inline oneapi::tbb::task_arena arena(unsigned threads) {
  if (threads == 0) threads = static_cast<unsigned>(available_threads().amount);
  const int most = oneapi::tbb::info::default_concurrency();
  return oneapi::tbb::task_arena(std::min(static_cast<int>(std::min(threads, 1u << 20)), most));
}

}  // namespace nngp
