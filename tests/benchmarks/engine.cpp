// The tile engine on random inputs: nngp and ntk of fully connected networks.
//
//   engine --benchmark_filter='Relu/float64'
//
// Names read activation/dtype/depth/inputs; "cross" is x1 with x2, "self" x1 with itself. `fresh`
// allocates the results, `reused` writes into memory that was touched before. Counters: ns per entry
// and hidden layer. `ceiling`: the share of one thread's time that the layers on a resident tile and
// the inner products alone would take. sweep/..., numerical/... and names with
// Formula: see sweep.py, compare_numerical.py and compare_formulas.py.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <thread>

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

/// As a model has it: by name, or for compare_formulas.py the formulas that a name stands for.
std::string layer(const std::string& activation) {
  if (activation == "FormulaErf")
    return "Elementwise(fn='erf(x)', "
           "nngp_fn='2/pi * arcsin(2*cov12 / sqrt((1 + 2*var1) * (1 + 2*var2)))')";
  if (activation == "FormulaTanh") return "Elementwise(fn='tanh(x)')";
  return activation + "()";
}

std::string network(const std::string& activation, int depth) {
  std::string model = "serial(";
  for (int i = 0; i < depth; ++i) model += "Dense(512, 1.5, 0.05), " + layer(activation) + ", ";
  return model + "Dense(1, 1.5, 0.05))";
}

template <class Real>
Matrix<Real> inputs(unsigned seed, Eigen::Index rows = examples, Eigen::Index columns = features) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Matrix<Real> x(rows, columns);
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
  OwnedMatrix<Real> nngp(examples, examples), ntk(examples, examples);
  nngp.map().setZero(), ntk.map().setZero();  // touched
  const KernelOutput<Real> out{nngp.data(), ntk.data(), examples};
  for (auto _ : state) {
    const auto op = self ? fn.bind(view(x1)) : fn.bind(view(x1), view(x2));
    op.compute({0, 0, examples, examples}, out);
  }
  count(state, depth);
}

/// Seconds that f() takes: the least of some repetitions.
double seconds(const std::function<void()>& f) {
  double least = std::numeric_limits<double>::infinity();
  for (int repetition = 0; repetition < 7; ++repetition) {
    const auto start = std::chrono::steady_clock::now();
    f();
    least = std::min(least,
                     std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

/// Counters, of one thread: `engine_ms`; `tiles_ms`, the layers of as many entries on one tile that
/// stays in cache; `products_ms`, all inner products alone; `share`, the sum of the latter two in the
/// first.
template <class Real>
void ceiling(benchmark::State& state, const std::string& activation, int depth) {
  using Engine = TileEngine<Real>;
  const Matrix<Real> x1 = inputs<Real>(1), x2 = inputs<Real>(2);
  const auto bound = [&](int layers) {
    return Engine(compile_kernel(parse_model(network(activation, layers), registry()), features),
                  view(x1), view(x2));
  };
  const Engine engine = bound(depth), products = bound(0);
  Workspace<Real> work = engine.workspace();
  const auto evaluate = [&](const Engine& e, std::size_t row, std::size_t col) {
    benchmark::DoNotOptimize(
        e.evaluate({row, std::min<std::size_t>(Engine::tile_rows, examples - row), col,
                    std::min<std::size_t>(Engine::tile_cols, examples - col), true},
                   work)
            .nngp);
  };
  const auto every_tile = [&](const std::function<void(std::size_t, std::size_t)>& f) {
    for (std::size_t col = 0; col < examples; col += Engine::tile_cols)
      for (std::size_t row = 0; row < examples; row += Engine::tile_rows) f(row, col);
  };
  const auto resident = [&](const Engine& e) {
    const double area = static_cast<double>(Engine::tile_rows * Engine::tile_cols);
    constexpr int tiles = 200;
    return seconds([&] {
             for (int i = 0; i < tiles; ++i) evaluate(e, 0, 0);
           }) /
           (tiles * area) * examples * examples;
  };
  OwnedMatrix<Real> nngp(examples, examples), ntk(examples, examples);
  nngp.map().setZero(), ntk.map().setZero();  // touched
  const KernelFn fn(parse_model(network(activation, depth), registry()));
  const auto op = fn.bind(view(x1), view(x2));
  for (auto _ : state) {
    const double whole = seconds([&] {
      op.compute({0, 0, examples, examples}, {nngp.data(), ntk.data(), examples}, {.threads = 1});
    });
    const double layers = resident(engine) - resident(products);
    const double all_products = seconds(
        [&] { every_tile([&](std::size_t row, std::size_t col) { evaluate(products, row, col); }); });
    state.counters["engine_ms"] = 1e3 * whole;
    state.counters["tiles_ms"] = 1e3 * layers;
    state.counters["products_ms"] = 1e3 * all_products;
    state.counters["share"] = (layers + all_products) / whole;
  }
}

/// For sweep.py: ns an entry of Relu networks, nngp and ntk.
template <class Real>
void sweep(benchmark::State& state, Eigen::Index n, Eigen::Index columns, int depth, unsigned threads) {
  const Matrix<Real> x1 = inputs<Real>(1, n, columns), x2 = inputs<Real>(2, n, columns);
  const KernelFn fn(parse_model(network("Relu", depth), registry()));
  OwnedMatrix<Real> nngp(n, n), ntk(n, n);
  nngp.map().setZero(), ntk.map().setZero();  // touched
  const auto size = static_cast<std::size_t>(n);
  const KernelOptions options{.threads = threads};
  for (auto _ : state)
    fn.bind(view(x1), view(x2), options)
        .compute({0, 0, size, size}, {nngp.data(), ntk.data(), size}, options);
  state.counters["ns"] =
      benchmark::Counter(static_cast<double>(n * n) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

/// For compare_numerical.py: tanh by numerical integration, its preparation included. Rows of 16
/// features with variances spread over .5 to 10, or all 2.
template <class Real>
void numerical(benchmark::State& state, const std::string& activation, Eigen::Index n,
               bool one_variance, bool fresh) {
  Matrix<Real> x1 = inputs<Real>(1, n, 16), x2 = inputs<Real>(2, n, 16);
  for (Matrix<Real>* x : {&x1, &x2})
    for (Eigen::Index i = 0; i < n; ++i) {
      const double position = static_cast<double>(i) / static_cast<double>(n - 1);
      const double variance = one_variance ? 2 : 0.5 * std::pow(20, position);
      x->row(i) *= static_cast<Real>(std::sqrt(16 * variance)) / x->row(i).norm();
    }
  const KernelFn fn(parse_model("serial(Dense(512), " + layer(activation) + ", Dense(1))", registry()));
  OwnedMatrix<Real> nngp(n, n), ntk(n, n);
  nngp.map().setZero(), ntk.map().setZero();  // touched
  const auto size = static_cast<std::size_t>(n);
  for (auto _ : state) {
    if (fresh) {
      auto kernels = fn(view(x1), view(x2));
      benchmark::DoNotOptimize(kernels.ntk.data());
    } else {
      fn.bind(view(x1), view(x2)).compute({0, 0, size, size}, {nngp.data(), ntk.data(), size});
    }
  }
  state.counters["ns"] =
      benchmark::Counter(static_cast<double>(n * n) * 1e-9,
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void add_numerical(const std::string& name, const std::string& activation) {
  for (const int n : {500, 4000})
    for (const bool one : {false, true})
      for (const bool fresh : {false, true}) {
        const std::string rest =
            "/" + std::to_string(n) + (one ? "/one" : "/mixed") + (fresh ? "/fresh" : "/reused");
        for (auto* b : {benchmark::RegisterBenchmark((name + "/float64" + rest).c_str(),
                                                     numerical<double>, activation, n, one, fresh),
                        benchmark::RegisterBenchmark((name + "/float32" + rest).c_str(),
                                                     numerical<float>, activation, n, one, fresh)})
          b->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);
      }
}

template <class Real>
void add(const std::string& activation, const char* dtype, int depth) {
  const std::string name = activation + "/" + dtype + "/" + std::to_string(depth);
  const auto measured = [](benchmark::internal::Benchmark* b) {
    b->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(0.3);
  };
  for (const bool self : {false, true}) {
    const std::string inputs = self ? "/self" : "/cross";
    measured(benchmark::RegisterBenchmark((name + inputs + "/fresh").c_str(), fresh<Real>, activation,
                                          depth, self));
    measured(benchmark::RegisterBenchmark((name + inputs + "/reused").c_str(), reused<Real>, activation,
                                          depth, self));
  }
  benchmark::RegisterBenchmark((name + "/ceiling").c_str(), ceiling<Real>, activation, depth)
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
}

/// Along each axis from a common point.
void add_sweeps() {
  constexpr int n = 2000, columns = 64, depth = 3;
  const auto add_point = [](int n_, int d, int l, unsigned threads) {
    const std::string at = "/" + std::to_string(n_) + "/" + std::to_string(d) + "/" +
                           std::to_string(l) + "/" + std::to_string(threads);
    for (auto* b : {benchmark::RegisterBenchmark(("sweep/float64" + at).c_str(), sweep<double>, n_, d,
                                                 l, threads),
                    benchmark::RegisterBenchmark(("sweep/float32" + at).c_str(), sweep<float>, n_, d, l,
                                                 threads)})
      b->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(0.2);
  };
  for (int rows : {125, 250, 500, 1000, 4000, 8000}) add_point(rows, columns, depth, 0);
  for (int d : {4, 16, 64, 256, 1024}) add_point(n, d, depth, 0);
  for (int layers : {1, 2, 5, 10, 20, 40}) add_point(n, columns, layers, 0);
  for (unsigned threads = 1; threads <= std::thread::hardware_concurrency(); ++threads)
    add_point(n, columns, depth, threads);
}

}  // namespace
}  // namespace nngp

int main(int count, char** arguments) {
  for (const char* activation : {"Relu", "Gelu", "Erf", "Sin"}) {
    nngp::add<double>(activation, "float64", 3);
    nngp::add<float>(activation, "float32", 3);
  }
  for (const char* activation : {"AutodiffErf", "FormulaErf"}) {
    nngp::add<double>(activation, "float64", 3);
    nngp::add<float>(activation, "float32", 3);
  }
  nngp::add<double>("ScalarRelu", "float64", 3);
  nngp::add<double>("Relu", "float64", 20);
  nngp::add_sweeps();
  nngp::add_numerical("numerical", "Tanh");
  nngp::add_numerical("numerical_formula", "FormulaTanh");
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  benchmark::RunSpecifiedBenchmarks();
}
