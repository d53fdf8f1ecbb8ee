// Factorisations of one kernel matrix: nngp::Cholesky beside the bare LAPACK call, both on fresh
// copies, and Eigen's own routines. The size is the benchmark's argument.

#include <benchmark/benchmark.h>
#include <lapacke.h>

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include "nngp/solve.hpp"

namespace {

/// exp(x.y / 64) of normal numbers, with 1e-2 on the diagonal.
const nngp::OwnedMatrix<double>& kernel(Eigen::Index n) {
  static nngp::OwnedMatrix<double> matrix;
  if (matrix.rows() != n) {
    const Eigen::MatrixXd x = Eigen::MatrixXd::Random(n, 64);
    matrix = nngp::OwnedMatrix<double>(n, n);
    matrix.map().noalias() = x * x.transpose();
    matrix.map() = (matrix.view().array() / 64).exp();
    matrix.map().diagonal().array() += 1e-2;
  }
  return matrix;
}

nngp::OwnedMatrix<double> copy(Eigen::Index n) {
  nngp::OwnedMatrix<double> matrix(n, n);
  matrix.map() = kernel(n).view();
  return matrix;
}

void bare_lapack(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    nngp::OwnedMatrix<double> matrix = copy(state.range());
    state.ResumeTiming();
    const int n = static_cast<int>(state.range());
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, matrix.data(), n) != 0)
      state.SkipWithError("dpotrf");
  }
}

void cholesky(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    nngp::OwnedMatrix<double> matrix = copy(state.range());
    state.ResumeTiming();
    const nngp::Cholesky factor(std::move(matrix), 1e-3);
    benchmark::DoNotOptimize(&factor);
  }
}

void eigen_cholesky(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    nngp::OwnedMatrix<double> matrix = copy(state.range());
    state.ResumeTiming();
    Eigen::Map<Eigen::MatrixXd> map(matrix.data(), matrix.rows(), matrix.cols());
    const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> factor(map);
    benchmark::DoNotOptimize(&factor);
  }
}

void eigensystem(benchmark::State& state) {
  for (auto _ : state) {
    const nngp::Eigensystem system(copy(state.range()));
    benchmark::DoNotOptimize(&system);
  }
}

void eigen_eigensystem(benchmark::State& state) {
  for (auto _ : state) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> system(kernel(state.range()).view());
    benchmark::DoNotOptimize(&system);
  }
}

BENCHMARK(bare_lapack)->Arg(2000)->Arg(8000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(cholesky)->Arg(2000)->Arg(8000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(eigen_cholesky)->Arg(2000)->Arg(8000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(eigensystem)->Arg(2000)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(eigen_eigensystem)->Arg(2000)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
