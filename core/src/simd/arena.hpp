#pragma once

#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>

namespace nngp {

/// Where parallel work runs: on `threads` threads, but not on more than the machine has; 0: on all.
/// (TBB would print a warning for more.)
inline oneapi::tbb::task_arena arena(unsigned threads) {
  const int most = oneapi::tbb::info::default_concurrency();
  return oneapi::tbb::task_arena(
      threads ? static_cast<int>(std::min(threads, static_cast<unsigned>(most))) : most);
}

}  // namespace nngp
