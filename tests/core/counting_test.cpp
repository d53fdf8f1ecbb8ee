// What the engine does, counted: calls of an activation, entries, allocations. Time is for benchmarks.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/tile_engine.hpp"
#include "matrices.hpp"
#include "nngp/kernel.hpp"
#include "nngp/stax.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(std::max<std::size_t>(size, 1))) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace nngp::test {
namespace {

/// The identity, as an activation that counts how it is used.
struct Counts {
  std::atomic<std::size_t> tiles{0}, entries{0}, diagonal_entries{0}, scalars{0};
};
Counts counts;

void* create(const nngp_value*, std::size_t, char*, std::size_t) { return &counts; }
void destroy(void*) {}
double scalar(const void*, double cov12, double, double) {
  ++counts.scalars;
  return cov12;
}
double d_scalar(const void*, double, double, double) {
  ++counts.scalars;
  return 1;
}
void tile(const void*, const nngp_tile_f64* t) {
  // Variances are the diagonals of small tiles, two of the largest vectors wide.
  if (t->var1 == t->var2 && t->rows == t->cols && t->rows <= 128 / sizeof(double)) {
    counts.diagonal_entries += t->rows;
  } else {
    ++counts.tiles;
    counts.entries += t->rows * t->cols;
  }
  for (std::size_t i = 0; i < t->rows; ++i) {
    for (std::size_t j = 0; j < t->cols; ++j) {
      const double k = t->cov12[i * t->cov12_ld + j];
      t->nngp[i * t->nngp_ld + j] = t->cov_scale * k + t->cov_shift;
      if (!t->ntk) continue;
      double& ntk = t->ntk[i * t->ntk_ld + j];
      ntk = t->ntk_cov * k + t->ntk_scale * ntk + t->ntk_shift;
    }
  }
}

Activation counting_activation() {
  static const nngp_activation table = [] {
    nngp_activation a{};
    a.struct_size = sizeof a;
    a.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
    a.name = "Counting";
    a.summary = a.formula = a.version = a.author = a.license = "";
    a.create = create;
    a.destroy = destroy;
    a.nngp_fn = scalar;
    a.d_nngp_fn = d_scalar;
    a.tile_f64 = tile;
    return a;
  }();
  return Activation(nullptr, table);
}

using test::view;

Matrix<double> inputs(std::size_t rows) {
  return test::normal_inputs(static_cast<Eigen::Index>(rows), 5, static_cast<unsigned>(rows));
}

class Counting : public testing::Test {
 protected:
  static constexpr std::size_t depth = 3;
  static constexpr std::size_t tile_rows = TileEngine<double>::tile_rows;
  static constexpr std::size_t tile_cols = TileEngine<double>::tile_cols;

  Counting() { counts.tiles = counts.entries = counts.diagonal_entries = counts.scalars = 0; }

  const KernelFn kernel_fn{
      serial(repeat(serial(Dense(8), Elementwise(counting_activation())), depth), Dense(1))};
};

std::size_t divide_up(std::size_t n, std::size_t by) { return (n + by - 1) / by; }

TEST_F(Counting, OneCallATileAndLayerAndNoneAnEntry) {
  const std::size_t rows = 3 * tile_rows + 1, cols = 2 * tile_cols + 3;
  const auto x1 = inputs(rows), x2 = inputs(cols);
  kernel_fn(view(x1), view(x2));
  EXPECT_EQ(counts.tiles, depth * divide_up(rows, tile_rows) * divide_up(cols, tile_cols));
  EXPECT_EQ(counts.entries, depth * rows * cols);
  EXPECT_EQ(counts.scalars, 0);
}

TEST_F(Counting, VariancesPropagateOnceARow) {
  const std::size_t rows = 2 * tile_rows, cols = tile_cols;
  const auto x1 = inputs(rows), x2 = inputs(cols);
  kernel_fn(view(x1), view(x2));
  EXPECT_EQ(counts.diagonal_entries, depth * (rows + cols));
}

TEST_F(Counting, InputsWithThemselvesTakeAboutHalfTheEntries) {
  const std::size_t n = 16 * tile_cols;
  const auto x = inputs(n);
  kernel_fn(view(x));
  EXPECT_GE(counts.entries, depth * n * (n + 1) / 2);
  EXPECT_LE(counts.entries, depth * n * (n + 2 * tile_cols) / 2);  // tiles on the diagonal are whole
}

TEST_F(Counting, AllocationsDoNotGrowWithTheNumberOfTiles) {
  const auto allocations_of = [&](std::size_t tiles) {
    const auto x1 = inputs(tiles * tile_rows), x2 = inputs(tiles * tile_cols);
    const auto op = kernel_fn.bind(view(x1), view(x2));
    OwnedMatrix<double> ntk(x1.rows(), x2.rows());
    const std::size_t before = allocations;
    op.compute({0, 0, op.rows(), op.cols()}, {nullptr, ntk.data(), op.cols()}, {.threads = 1});
    return allocations - before;
  };
  allocations_of(2);  // what the thread library allocates once
  EXPECT_EQ(allocations_of(2), allocations_of(12));
}

}  // namespace
}  // namespace nngp::test
