#include "parallel.hpp"

#include <oneapi/tbb/parallel_for.h>

namespace nngp {

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  oneapi::tbb::parallel_for(std::size_t{0}, count, body);
}

void parallel_tasks(std::size_t count, const std::function<void(std::size_t)>& body) {
  const auto isolated = [&](std::size_t i) { oneapi::tbb::this_task_arena::isolate([&] { body(i); }); };
  oneapi::tbb::parallel_for(std::size_t{0}, count, isolated, oneapi::tbb::simple_partitioner());
}

}  // namespace nngp
