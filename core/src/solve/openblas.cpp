#include "solve/openblas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <system_error>

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

std::atomic<unsigned> wanted_threads = 0;  // 0: as many as the process may use
std::atomic<unsigned> max_threads = 0;     // that OpenBLAS was loaded with
std::atomic<void (*)(int)> set_threads = nullptr;
std::atomic<int (*)()> get_threads = nullptr;

unsigned threads_to_use() {
  const unsigned most = threads_of_environment(), wanted = wanted_threads;
  const unsigned threads = wanted ? std::min(wanted, available_processors())
                                  : static_cast<unsigned>(available_threads().amount);
  return most ? std::min(threads, most) : threads;
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
  // What OpenBLAS makes of the environment at its start decides how many threads it has.
  constexpr const char* variable = "OPENBLAS_NUM_THREADS";
  const char* set = std::getenv(variable);
  const std::string before = set ? set : "";
  const unsigned threads = affordable(threads_to_use());
  max_threads = threads;
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
  void (*set)(int) = nullptr;
  int (*get)() = nullptr;
  find(set, "openblas_set_num_threads");
  find(get, "openblas_get_num_threads");
  set_threads = set;
  get_threads = get;
}

const OpenBlas& OpenBlas::get() {
  static const OpenBlas one;
  return one;
}

std::string solver_library() {
  const OpenBlas& library = OpenBlas::get();
  return fmt::format("{}, {}", library.config(), library.processor());
}

void set_solver_threads(unsigned threads) {
  wanted_threads = threads;
  const bool limited = available_address_space() != std::numeric_limits<std::size_t>::max();
  if (const auto set = set_threads.load())
    set(static_cast<int>(limited ? std::min(threads_to_use(), max_threads.load()) : threads_to_use()));
}

unsigned solver_threads() {
  const auto get = get_threads.load();
  return get ? static_cast<unsigned>(get()) : threads_to_use();
}

}  // namespace nngp
