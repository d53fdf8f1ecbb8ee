#include "solve/openblas.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include "nngp/error.hpp"
#include "nngp/limits.hpp"
#include "nngp/solve.hpp"
#include "nngp/solver_library.hpp"

namespace nngp {
namespace {

constexpr const char* file_name = "libopenblas.so.0";
constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t bytes_of_library = 64 * mebibyte;
constexpr std::size_t bytes_of_thread =
    160 * mebibyte;  // the buffer, the stack and what malloc reserves

/// What the environment asks for, in the order in which OpenBLAS looks; 0: nothing.
unsigned threads_of_environment() {
  for (const char* name : {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"})
    if (const char* value = std::getenv(name))
      if (const int number = std::atoi(value); number > 0) return static_cast<unsigned>(number);
  return 0;
}

/// The number of threads, of which OpenBLAS has one for the whole process.
struct ThreadNumber {
  std::mutex mutex;
  std::multiset<unsigned> wanted;                  // by SolverThreads
  unsigned max = std::numeric_limits<int>::max();  // as many as there is address space for
  void (*set)(int) = nullptr;                      // null until OpenBLAS is loaded
  int (*get)() = nullptr;
  bool is_programs = true;  // else nobody but this file has set it: OpenBLAS was loaded here
  int set_here = 0;         // the last number that this file set
  bool is_left = false;     // by the last SolverThreads: not that of the program, nor for all
  int before = 0;           // what the program had set
};

ThreadNumber& thread_number() {
  static ThreadNumber one;
  return one;
}

/// What SolverThreads(threads) stands for.
unsigned threads_to_use(unsigned threads) {
  const unsigned most = threads_of_environment();
  const unsigned number = threads ? std::min(threads, available_processors())
                                  : static_cast<unsigned>(available_threads().amount);
  return most ? std::min(number, most) : number;
}

unsigned threads_to_use(const ThreadNumber& number) {
  return number.wanted.empty() ? threads_to_use(0) : *number.wanted.begin();
}

/// Remembers what the program has set before this file sets another number.
void find_programs_number(ThreadNumber& number) {
  if (!number.get || !number.wanted.empty()) return;
  number.before = number.get();
  number.is_programs |= number.before != number.set_here;
}

/// Tells OpenBLAS, if it is loaded, the number that is wanted now: without SolverThreads the program's,
/// or what OpenBLAS would have had of its own.
void set_threads(ThreadNumber& number) {
  if (!number.set || (number.wanted.empty() && number.is_programs)) return;
  const auto wanted = static_cast<int>(std::min(threads_to_use(number), number.max));
  if (number.get() != wanted) number.set(wanted);
  number.set_here = number.get();  // OpenBLAS may have no more
}

/// Whether the program has loaded OpenBLAS.
bool is_loaded() {
  void* const library = ::dlopen(file_name, RTLD_LAZY | RTLD_NOLOAD);
  if (library) ::dlclose(library);
  return library != nullptr;
}

/// As many of `threads` as there is address space for. Throws Error if that is none.
unsigned affordable(unsigned threads) {
  const std::size_t space = available_address_space();
  if (space == std::numeric_limits<std::size_t>::max()) return threads;
  if (space < bytes_of_library + bytes_of_thread)
    throw Error(fmt::format(
        "OpenBLAS, which solves the equations, needs {} MiB of address space, but ulimit -v "
        "leaves {} MiB: raise that limit",
        (bytes_of_library + bytes_of_thread) / mebibyte, space / mebibyte));
  return static_cast<unsigned>(
      std::min<std::size_t>(threads, (space - bytes_of_library) / bytes_of_thread));
}

boost::dll::shared_library load() {
  const bool was_loaded = is_loaded();
  // What OpenBLAS makes of the environment at its start decides how many threads it has.
  constexpr const char* variable = "OPENBLAS_NUM_THREADS";
  const char* set = std::getenv(variable);
  const std::string before = set ? set : "";
  unsigned threads = 0;
  {
    ThreadNumber& number = thread_number();
    const std::lock_guard lock(number.mutex);
    threads = affordable(threads_to_use(number));
    if (available_address_space() != std::numeric_limits<std::size_t>::max()) number.max = threads;
  }
  ::setenv(variable, std::to_string(threads).c_str(), 1);
  std::error_code error;
  boost::dll::shared_library library(file_name, error,
                                     boost::dll::load_mode::rtld_now |
                                         boost::dll::load_mode::rtld_local |
                                         boost::dll::load_mode::search_system_folders);
  if (set)
    ::setenv(variable, before.c_str(), 1);
  else
    ::unsetenv(variable);
  if (error)
    throw Error(
        fmt::format("OpenBLAS, which solves the equations, cannot be loaded: install libopenblas0 "
                    "({})",
                    file_name));
  ThreadNumber& number = thread_number();
  const std::lock_guard lock(number.mutex);
  number.is_programs = was_loaded;
  return library;
}

}  // namespace

OpenBlas::OpenBlas() : library_(load()) {
  const auto find = [&](auto& function, const char* name) {
    function = &library_.get<std::remove_pointer_t<std::remove_reference_t<decltype(function)>>>(name);
  };
  find(config, "openblas_get_config");
  find(processor, "openblas_get_corename");
  find(dgemm, "cblas_dgemm");
  find(dtrsm, "cblas_dtrsm");
  find(dtrsv, "cblas_dtrsv");
  find(dpotrf, "dpotrf_");
  find(dpotrs, "dpotrs_");
  find(dpotri, "dpotri_");
  find(dlacn2, "dlacn2_");
  find(dsyevd, "dsyevd_");
  ThreadNumber& number = thread_number();
  const std::lock_guard lock(number.mutex);
  find(number.set, "openblas_set_num_threads");
  find(number.get, "openblas_get_num_threads");
  number.before = number.set_here = number.get();
  set_threads(number);
}

const OpenBlas& OpenBlas::get() {
  static const OpenBlas one;
  ThreadNumber& number = thread_number();
  const std::lock_guard lock(number.mutex);
  if (std::exchange(number.is_left, false)) {
    find_programs_number(number);
    set_threads(number);
  }
  return one;
}

std::string solver_library() {
  const OpenBlas& library = OpenBlas::get();
  return fmt::format("{}, {}", library.config(), library.processor());
}

SolverThreads::SolverThreads(unsigned threads) : threads_(threads_to_use(threads)) {
  ThreadNumber& number = thread_number();
  const std::lock_guard lock(number.mutex);
  find_programs_number(number);
  number.wanted.insert(threads_);
  set_threads(number);
}

SolverThreads::~SolverThreads() {
  ThreadNumber& number = thread_number();
  const std::lock_guard lock(number.mutex);
  number.wanted.erase(number.wanted.find(threads_));
  if (!number.wanted.empty())
    set_threads(number);
  else if (number.set && number.is_programs)
    number.set(number.before);
  else
    number.is_left = true;  // until another one is needed: OpenBLAS would start threads at once
}

unsigned solver_threads() {
  ThreadNumber& number = thread_number();
  const std::lock_guard lock(number.mutex);
  const bool is_set = number.get && (number.is_programs || !number.wanted.empty());
  return is_set ? static_cast<unsigned>(number.get()) : std::min(threads_to_use(number), number.max);
}

}  // namespace nngp
