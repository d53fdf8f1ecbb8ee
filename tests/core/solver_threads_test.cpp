// How many threads of OpenBLAS solve equations: as many as a computation says, and afterwards again as
// many as the program said.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "matrices.hpp"
#include "nngp/error.hpp"
#include "nngp/limits.hpp"
#include "nngp/predict.hpp"
#include "nngp/spectrum.hpp"
#include "shipped_registry.hpp"

namespace {

using nngp::Ensemble, nngp::SolverThreads, nngp::solver_threads, nngp::test::normal_inputs,
    nngp::test::shipped_model, nngp::test::view;

/// Large enough for OpenBLAS to use all threads that it has.
constexpr Eigen::Index examples = 700;

class SolverThreadNumber : public testing::Test {
 protected:
  SolverThreadNumber() {
    for (const char* name : {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"})
      ::unsetenv(name);
  }

  /// Trains and predicts, with the variance.
  void predict(unsigned threads) const {
    const Ensemble<double> ensemble(kernel_fn, view(x), view(y),
                                    {.diag_reg = {1e-3}, .compute = {.threads = threads}});
    ensemble.predict(view(x), nngp::Uncertainty::variance);
    ensemble.scores();
  }

  const nngp::KernelFn kernel_fn{shipped_model("serial(Dense(8), Relu(), Dense(1))")};
  const nngp::Matrix<double> x = normal_inputs(examples, 5, 1), y = normal_inputs(examples, 1, 2);
};

/// OpenBLAS as a program that links it has it.
class OpenBlasOfTheProgram {
 public:
  OpenBlasOfTheProgram() : library_(::dlopen("libopenblas.so.0", RTLD_NOW)) {
    if (!library_) throw std::runtime_error(::dlerror());
    find(set, "openblas_set_num_threads");
    find(get, "openblas_get_num_threads");
  }

  void (*set)(int) = nullptr;
  int (*get)() = nullptr;

 private:
  template <class Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
  }

  void* library_;
};

std::size_t threads_of_process() {
  using Tasks = std::filesystem::directory_iterator;
  return static_cast<std::size_t>(std::distance(Tasks("/proc/self/task"), Tasks()));
}

TEST_F(SolverThreadNumber, OneThreadStartsNoOther) {
  const std::size_t before = threads_of_process();
  predict(1);
  nngp::spectrum(nngp::training_kernel(kernel_fn, view(x), nngp::Get::nngp, {.threads = 1}), {1e-3}, 1,
                 1);
  EXPECT_EQ(threads_of_process(), before);
}

// In a process of its own, in which OpenBLAS is first needed by one thread.
TEST_F(SolverThreadNumber, WhoCameFirstDoesNotCountAfterwards) {
  if (nngp::available_threads().amount < 2) GTEST_SKIP() << "one processor";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  if (std::system(("'" + self + "' --gtest_list_tests > /dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "an emulator starts no program of its kind";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        predict(1);
        const unsigned announced = solver_threads();
        nngp::eigenvalues(nngp::training_kernel(kernel_fn, view(x), nngp::Get::nngp));
        const OpenBlasOfTheProgram blas;
        const bool all =
            announced == nngp::available_threads().amount && blas.get() == static_cast<int>(announced);
        blas.set(1);
        predict(0);
        std::exit(all && blas.get() == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(SolverThreadNumber, IsTheProgramsOwnAfterwards) {
  const OpenBlasOfTheProgram blas;
  blas.set(3);
  predict(1);
  EXPECT_EQ(blas.get(), 3);
  predict(0);
  EXPECT_EQ(blas.get(), 3);
  const nngp::Matrix<double> equal = nngp::Matrix<double>::Ones(examples, 5);
  EXPECT_THROW(Ensemble<double>(kernel_fn, view(equal), view(y), {.compute = {.threads = 1}}),
               nngp::NotPositiveDefinite);
  EXPECT_EQ(blas.get(), 3);
  blas.set(2);
  std::thread([&] { predict(1); }).join();
  EXPECT_EQ(blas.get(), 2);
}

TEST_F(SolverThreadNumber, IsTheSmallestOfSeveral) {
  const OpenBlasOfTheProgram blas;
  blas.set(3);
  {
    const SolverThreads all(0);
    EXPECT_EQ(solver_threads(), nngp::available_threads().amount);
    {
      const SolverThreads one(1);
      EXPECT_EQ(solver_threads(), 1u);
      const SolverThreads more(4096);
      EXPECT_EQ(solver_threads(), 1u);
    }
    EXPECT_EQ(solver_threads(), nngp::available_threads().amount);
  }
  EXPECT_EQ(blas.get(), 3);
}

TEST_F(SolverThreadNumber, CopiesInSeveralThreadsRestoreIt) {
  const OpenBlasOfTheProgram blas;
  blas.set(3);
  const Ensemble<double> ensemble(kernel_fn, view(x), view(y),
                                  {.diag_reg = {1e-3}, .compute = {.threads = 1}});
  const auto work = [&] { Ensemble<double>(ensemble).predict(view(x), nngp::Uncertainty::variance); };
  std::thread first(work), second(work);
  first.join();
  second.join();
  EXPECT_EQ(blas.get(), 3);
}

}  // namespace
