#include "simd/gemm.hpp"

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "simd/panel_sum.hpp"

namespace nngp {
namespace {

constexpr std::size_t max_panel_rows = 8;
constexpr std::size_t max_panel_bytes = 128;  // of one row of a panel

/// Packs b[first ... first + inner - 1, col ... col + cols - 1].
template <class Real>
void pack_columns(const Real* b, std::size_t ld, std::size_t cols, std::size_t inner,
                  std::size_t panel_cols, Real* packed) {
  for (std::size_t f = 0; f < inner; ++f, b += ld, packed += panel_cols) {
    std::copy(b, b + cols, packed);
    std::fill(packed + cols, packed + panel_cols, Real(0));
  }
}

/// out (+)= a times one packed panel, `cols` wide; `rest` is that of PanelSum for all rows.
template <class Real>
void multiply_panel(const PanelSum<Real>& sum, const MatrixView<Real>& a, std::size_t offset,
                    const Real* packed, std::size_t inner, bool first, std::size_t cols, Real* out,
                    std::size_t ld, Real* rest) {
  const TileOps<Real>& ops = tile_ops<Real>();
  const auto rows = static_cast<std::size_t>(a.rows());
  const auto stride = static_cast<std::size_t>(a.outerStride());
  for (std::size_t i = 0; i < rows; i += ops.panel_rows, rest += sum.rest_size()) {
    const std::size_t count = std::min(ops.panel_rows, rows - i);
    const Real* row[max_panel_rows];
    for (std::size_t k = 0; k < ops.panel_rows; ++k)
      row[k] = a.data() + (i + std::min(k, count - 1)) * stride + offset;
    if (count == ops.panel_rows && cols == ops.panel_cols) {
      sum.add(row, packed, inner, first, out + i * ld, ld, rest, nullptr);
      continue;
    }
    Real edge[max_panel_rows * max_panel_bytes / sizeof(Real)] = {};
    if (!first)
      for (std::size_t k = 0; k < count; ++k)
        std::copy_n(out + (i + k) * ld, cols, edge + k * ops.panel_cols);
    sum.add(row, packed, inner, first, edge, ops.panel_cols, rest, nullptr);
    for (std::size_t k = 0; k < count; ++k)
      std::copy_n(edge + k * ops.panel_cols, cols, out + (i + k) * ld);
  }
}

/// Calls pack(first of the inner dimension, count, column, columns, packed) for each panel.
template <class Real, class Pack>
void multiply_panels(const MatrixView<Real>& a, bool add, MatrixMap<Real> out, Pack pack) {
  const TileOps<Real>& ops = tile_ops<Real>();
  const auto rows = static_cast<std::size_t>(a.rows()), cols = static_cast<std::size_t>(out.cols());
  const auto ld = static_cast<std::size_t>(out.outerStride());
  const PanelSum<Real> sum(ops, static_cast<std::size_t>(a.cols()));
  const std::size_t row_panels = (rows + ops.panel_rows - 1) / ops.panel_rows;
  std::vector<Real, oneapi::tbb::cache_aligned_allocator<Real>> rest(row_panels * sum.rest_size());
  alignas(64) Real packed[feature_block * max_panel_bytes / sizeof(Real)];
  for (std::size_t col = 0; col < cols; col += ops.panel_cols) {
    const std::size_t width = std::min(ops.panel_cols, cols - col);
    std::fill(rest.begin(), rest.end(), Real(0));
    sum.for_each_block([&](std::size_t k, std::size_t count) {
      pack(k, count, col, width, packed);
      multiply_panel(sum, a, k, packed, count, k == 0 && !add, width, out.data() + col, ld,
                     rest.data());
    });
    for (std::size_t i = 0; i < row_panels; ++i)
      sum.finish(std::min(ops.panel_rows, rows - i * ops.panel_rows), width,
                 out.data() + i * ops.panel_rows * ld + col, ld, rest.data() + i * sum.rest_size());
  }
}

}  // namespace

template <class Real>
void multiply(const MatrixView<Real>& a, const MatrixView<Real>& b, bool add, MatrixMap<Real> out) {
  const auto ld = static_cast<std::size_t>(b.outerStride());
  multiply_panels(
      a, add, out,
      [&](std::size_t k, std::size_t count, std::size_t col, std::size_t cols, Real* packed) {
        pack_columns(b.data() + k * ld + col, ld, cols, count, tile_ops<Real>().panel_cols, packed);
      });
}

template <class Real>
void multiply_transposed(const MatrixView<Real>& a, const MatrixView<Real>& b, bool add,
                         MatrixMap<Real> out) {
  const auto ld = static_cast<std::size_t>(b.outerStride());
  multiply_panels(
      a, add, out,
      [&](std::size_t k, std::size_t count, std::size_t col, std::size_t cols, Real* packed) {
        tile_ops<Real>().pack(b.data() + col * ld + k, ld, cols, count, packed);
      });
}

#define NNGP_INSTANTIATE(Real)                                                                     \
  template void multiply(const MatrixView<Real>&, const MatrixView<Real>&, bool, MatrixMap<Real>); \
  template void multiply_transposed(const MatrixView<Real>&, const MatrixView<Real>&, bool,        \
                                    MatrixMap<Real>);
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
