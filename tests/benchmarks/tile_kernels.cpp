// Time per entry of the tile entries of every shipped activation, for each instruction set, on a tile
// that stays in cache: one hidden layer with nngp and ntk updated in place, as the engine calls it.
//
//   tile_kernels --benchmark_filter='Relu/f64/avx512'
// Inputs have variances of about 1 and any angle; those named "/large" of about 1000, "/parallel" of
// about 1000 and nearly parallel, "/spread" from 0.001 to 1000.

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

#include "plugin_files.hpp"

namespace nngp::test {
namespace {

struct Inputs {
  const char* suffix;
  double min_variance, max_variance, min_rho;
};
constexpr Inputs kinds[] = {{"", 0.5, 2, -1},
                            {"/large", 500, 2000, -1},
                            {"/parallel", 990, 1010, 0.999},
                            {"/spread", 0.001, 1000, -1}};

template <class Real>
struct LayerTile {
  static constexpr std::size_t rows = 32, cols = 128;
  std::vector<Real> var1, var2, cov12, ntk, nngp;

  explicit LayerTile(const Inputs& kind)
      : var1(rows), var2(cols), cov12(rows * cols), ntk(rows * cols), nngp(rows * cols) {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> logarithm(std::log(kind.min_variance),
                                                     std::log(kind.max_variance)),
        rho(kind.min_rho, 1);
    for (Real& v : var1) v = static_cast<Real>(std::exp(logarithm(random)));
    for (Real& v : var2) v = static_cast<Real>(std::exp(logarithm(random)));
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        cov12[i * cols + j] = static_cast<Real>(rho(random)) * std::sqrt(var1[i] * var2[j]);
      }
    }
  }
};

template <class Tile, class Real>
void layer(benchmark::State& state, void (*entry)(const void*, const Tile*), const Instance& f,
           const Inputs& kind) {
  using Sample = LayerTile<Real>;
  Sample block(kind);
  Tile tile{};
  tile.struct_size = sizeof tile;
  tile.rows = Sample::rows;
  tile.cols = tile.cov12_ld = tile.nngp_ld = tile.ntk_ld = Sample::cols;
  tile.cov12 = block.cov12.data();
  tile.var1 = block.var1.data();
  tile.var2 = block.var2.data();
  tile.nngp = block.nngp.data();  // the covariances stay as they are from one repetition to the next
  tile.ntk = block.ntk.data();
  tile.cov_scale = tile.ntk_cov = 1;
  tile.ntk_scale = Real(0.5);
  for (auto _ : state) entry(f.get(), &tile);
  state.counters["ns_per_entry"] =
      benchmark::Counter(static_cast<double>(state.iterations() * Sample::rows * Sample::cols) * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// Values for the parameters that have no default.
Values needed_values(const nngp_activation& table) {
  Values values;
  for (std::size_t i = 0; i < table.parameter_count; ++i) {
    const nngp_parameter& p = *table.parameters[i];
    if (p.default_value) continue;
    values[p.name] = p.kind == NNGP_LIST      ? std::vector<double>{0.1, 0.5, -1.0}
                     : p.kind == NNGP_INTEGER ? std::vector<double>{3}
                                              : std::vector<double>{0.3};
  }
  return values;
}

void register_all() {
  for (const PluginActivation& a : shipped_activations()) {
    const Instance f(*a.table, needed_values(*a.table));
    for (const nngp_tile_variant& variant : tile_variants(*a.table)) {
      const std::string name = a.table->name, isa = variant.instruction_set;
      for (const Inputs& kind : kinds) {
        benchmark::RegisterBenchmark((name + "/f64/" + isa + kind.suffix).c_str(),
                                     layer<nngp_tile_f64, double>, variant.tile_f64, f, kind);
        benchmark::RegisterBenchmark((name + "/f32/" + isa + kind.suffix).c_str(),
                                     layer<nngp_tile_f32, float>, variant.tile_f32, f, kind);
      }
    }
  }
}

}  // namespace
}  // namespace nngp::test

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  nngp::test::register_all();
  benchmark::RunSpecifiedBenchmarks();
}
