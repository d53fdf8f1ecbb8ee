#include "parallel.hpp"

#include <oneapi/tbb/parallel_for.h>
#include <unistd.h>

namespace nngp {

bool is_forked() {
  static const pid_t first = getpid();
  return getpid() != first;
}

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  if (is_forked())
    for (std::size_t i = 0; i < count; ++i) body(i);
  else
    oneapi::tbb::parallel_for(std::size_t{0}, count, body);
}

void parallel_tasks(std::size_t count, const std::function<void(std::size_t)>& body) {
  if (is_forked()) return parallel_for(count, body);
  const auto isolated = [&](std::size_t i) { oneapi::tbb::this_task_arena::isolate([&] { body(i); }); };
  oneapi::tbb::parallel_for(std::size_t{0}, count, isolated, oneapi::tbb::simple_partitioner());
}

}  // namespace nngp
