// A race between the iterations of a loop, which the thread sanitizer must find: otherwise its silence
// about the library would mean nothing.

#include <oneapi/tbb/parallel_for.h>

#include <chrono>
#include <cstdio>
#include <thread>

int main() {
  int sum = 0;
  oneapi::tbb::task_arena(2).execute([&] {
    oneapi::tbb::parallel_for(0, 20, [&](int i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // so that both threads have a part
      sum += i;
    });
  });
  std::printf("%d\n", sum);
}
