// The tile engine on random inputs: nngp and ntk of fully connected networks.
//
//   engine --benchmark_filter='Relu/float64'
//
// Names read activation/dtype/depth/inputs; "cross" is x1 with x2, "self" x1 with itself. `fresh`
// allocates the results, `reused` writes into memory that was touched before. Counters: ns per entry
// and hidden layer; ceiling: the share of the time that the tile kernels alone on a resident tile and
// the inner products alone would take (one thread).

#include <benchmark/benchmark.h>

#include <functional>
#include <random>
#include <string>

#include "engine/tile_engine.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"

namespace nngp {
namespace {

constexpr Eigen::Index examples = 4000, features = 64;

const Registry& registry() {
  static const Registry all({.named = {NNGP_TEST_PLUGINS, NNGP_BENCHMARK_PLUGINS}, .folders = {}});
  return all;
}

std::string network(const std::string& activation, int depth) {
  std::string model = "serial(";
  for (int layer = 0; layer < depth; ++layer) model += "Dense(512, 1.5, 0.05), " + activation + "(), ";
  return model + "Dense(1, 1.5, 0.05))";
}

template <class Real>
Matrix<Real> inputs(unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Matrix<Real> x(examples, features);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Real>(normal(generator));
  return x;
}

template <class Real>
MatrixView<Real> view(const Matrix<Real>& x) {
  return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.cols())};
}

void count(benchmark::State& state, int depth) {
  state.counters["ns"] =
      benchmark::Counter(static_cast<double>(examples * examples * depth) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <class Real>
void fresh(benchmark::State& state, const std::string& activation, int depth, bool self) {
  const Matrix<Real> x1 = inputs<Real>(1), x2 = inputs<Real>(2);
  const KernelFn fn(parse_model(network(activation, depth), registry()));
  for (auto _ : state) {
    auto kernels = self ? fn(view(x1)) : fn(view(x1), view(x2));
    benchmark::DoNotOptimize(kernels.ntk.data());
  }
  count(state, depth);
}

template <class Real>
void reused(benchmark::State& state, const std::string& activation, int depth, bool self) {
  const Matrix<Real> x1 = inputs<Real>(1), x2 = inputs<Real>(2);
  const KernelFn fn(parse_model(network(activation, depth), registry()));
  KernelMatrix<Real> nngp(examples, examples), ntk(examples, examples);
  nngp.map().setZero(), ntk.map().setZero();  // touched
  const Output<Real> out{nngp.data(), ntk.data(), examples};
  for (auto _ : state) {
    const auto op = self ? fn.bind(view(x1)) : fn.bind(view(x1), view(x2));
    op.compute({0, 0, examples, examples}, out);
  }
  count(state, depth);
}

/// What one thread takes for all tiles if the inner products and the hidden layers ran on one resident
/// tile.
template <class Real>
void ceiling(benchmark::State& state, const std::string& activation, int depth) {
  const Matrix<Real> x1 = inputs<Real>(1), x2 = inputs<Real>(2);
  const TileEngine<Real> engine(compile(parse_model(network(activation, depth), registry()), features),
                                view(x1), view(x2));
  Workspace<Real> work = engine.workspace();
  using Engine = TileEngine<Real>;
  for (auto _ : state)
    benchmark::DoNotOptimize(&engine.evaluate(0, Engine::tile_rows, 0, Engine::tile_cols, true, work));
  const double tiles =
      static_cast<double>(examples * examples) / (Engine::tile_rows * Engine::tile_cols);
  state.counters["all_tiles_ms"] = benchmark::Counter(
      1e-3 / tiles, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <class Real>
void add(const std::string& activation, const char* dtype, int depth) {
  const std::string name = activation + "/" + dtype + "/" + std::to_string(depth);
  const auto measured = [](benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(1);
  };
  for (const bool self : {false, true}) {
    const std::string inputs = self ? "/self" : "/cross";
    measured(benchmark::RegisterBenchmark((name + inputs + "/fresh").c_str(), fresh<Real>, activation,
                                          depth, self));
    measured(benchmark::RegisterBenchmark((name + inputs + "/reused").c_str(), reused<Real>, activation,
                                          depth, self));
  }
  benchmark::RegisterBenchmark((name + "/ceiling").c_str(), ceiling<Real>, activation, depth)
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace nngp

int main(int count, char** arguments) {
  for (const char* activation : {"Relu", "Gelu", "Erf", "Sin"}) {
    nngp::add<double>(activation, "float64", 3);
    nngp::add<float>(activation, "float32", 3);
  }
  nngp::add<double>("AutodiffErf", "float64", 3);
  nngp::add<double>("ScalarRelu", "float64", 3);
  nngp::add<double>("Relu", "float64", 20);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
