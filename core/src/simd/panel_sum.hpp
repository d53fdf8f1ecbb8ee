#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "simd/tile_ops.hpp"

namespace nngp {

/// Features whose products are summed in one register; a packed panel of so many stays in the first
/// cache.
constexpr std::size_t feature_block = 256;

/// Inner products over many features of a panel of x1 with one of x2, block by block. float64 is one
/// chain of sums. In float32 a chain of n sums of equal sign is wrong by up to n / 2 units in the last
/// place: the sum of each block is added with a rest, so that the error is that of a block whatever n
/// is.
template <class Real>
class PanelSum {
 public:
  PanelSum(const TileOps<Real>& ops, std::size_t features) : ops_(ops), features_(features) {}

  /// Whether sums have a rest: panel_rows x panel_cols numbers for each panel, 0 at first.
  bool has_rest() const { return std::is_same_v<Real, float> && features_ > feature_block; }
  std::size_t rest_size() const { return has_rest() ? ops_.panel_rows * ops_.panel_cols : 0; }

  /// Calls body(first feature, count) for each block.
  template <class Body>
  void for_each_block(Body body) const {
    for (std::size_t f = 0; f < features_; f += feature_block)
      body(f, std::min(feature_block, features_ - f));
  }

  /// k = or, unless `fresh`, k += the products over `count` features, as TileOps::inner_products.
  void add(const Real* const* x1, const Real* packed, std::size_t count, bool fresh, Real* k,
           std::size_t ld, Real* rest, Real* zero) const {
    if (fresh || !has_rest()) {
      ops_.inner_products(x1, packed, count, fresh, k, ld, zero);
      return;
    }
    alignas(64) Real part[max_panel_entries];
    ops_.inner_products(x1, packed, count, true, part, ops_.panel_cols, nullptr);
    ops_.add_with_rest(part, k, ld, rest);
  }

  /// k += rest for the first rows and columns of a panel.
  void finish(std::size_t rows, std::size_t cols, Real* k, std::size_t ld, const Real* rest) const {
    if (!has_rest()) return;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j) k[i * ld + j] += rest[i * ops_.panel_cols + j];
  }

 private:
  static constexpr std::size_t max_panel_entries = 16 * 128 / sizeof(Real);

  const TileOps<Real>& ops_;
  std::size_t features_;
};

}  // namespace nngp
