#pragma once

// The first step of every kernel: inner products of the rows of the inputs, panel by panel.

#include <algorithm>
#include <array>
#include <cstddef>

#include "engine/kernel_step.hpp"
#include "engine/tile_engine.hpp"
#include "nngp/array.hpp"
#include "simd/panel_sum.hpp"

namespace nngp {

/// Inner products over the features of one site of an example of x1 and one of x2, for the examples of
/// a tile. A row of an input is the features of all its sites.
template <class Real>
class InputProducts {
 public:
  InputProducts(const TileOps<Real>& ops, const MatrixView<Real>& x1, const MatrixView<Real>& x2,
                std::size_t features, const KernelTile<Real>& tile)
      : ops_(ops), x1_(x1), x2_(x2), features_(features), tile_(tile), sum_(ops, features) {}

  /// For a tile of examples with themselves: its entries are the diagonal of panels, which cost no more
  /// than single ones.
  void diagonal(const Plane<Real>& to) const {
    AlignedVector<Real> packed(features_ * panel_cols_), k(panel_rows_ * panel_cols_),
        rest(sum_.rest_size());
    to.box->for_each([&](std::size_t place, std::size_t s1, std::size_t s2) {
      for (std::size_t first = 0; first < tile_.cols; first += panel_cols_) {
        const std::size_t last = std::min(tile_.cols, first + panel_cols_);
        pack_panel(first, last - first, s2, packed.data());
        for (std::size_t i = first; i < last; i += panel_rows_) {
          std::fill(rest.begin(), rest.end(), Real(0));
          sum_.for_each_block([&](std::size_t f, std::size_t count) {
            const RowPointers rows = rows_of_x1(tile_.col + i, tile_.col + last, s1, f);
            sum_.add(rows.data(), &packed[f * panel_cols_], count, f == 0, k.data(), panel_cols_,
                     rest.data(), nullptr);
          });
          sum_.finish(panel_rows_, panel_cols_, k.data(), panel_cols_, rest.data());
          for (std::size_t r = 0; r < panel_rows_ && i + r < last; ++r)
            to.entries.nngp[place * tile_.ld + i + r] = k[r * panel_cols_ + (i + r - first)];
        }
      }
    });
  }

  /// Packs the columns of x2 at all sites, unless `work` still has them from the tile before.
  void pack(std::size_t sites, Workspace<Real>& work) const {
    if (tile_.col >= work.packed_col && (tile_.col - work.packed_col) % panel_cols_ == 0 &&
        tile_.col + tile_.cols <= work.packed_col + work.packed_cols)
      return;
    for (std::size_t s = 0; s < sites; ++s)
      for (std::size_t j = 0; j < tile_.cols; j += panel_cols_) {
        Real* const panel = &work.packed[(s * tile_.ld + j) * features_];
        const std::size_t count = std::min(panel_cols_, tile_.cols - j);
        pack_panel(j, count, s, panel);
        // Activations of many sites are computed of whole panels: the last column is repeated.
        for (std::size_t f = 0; f < features_ && sites > 1; ++f)
          std::fill(panel + f * panel_cols_ + count, panel + (f + 1) * panel_cols_,
                    panel[f * panel_cols_ + count - 1]);
      }
    work.packed_col = tile_.col;
    work.packed_cols = tile_.cols;
  }

  /// For all pairs of examples, with the columns that pack() left in `work`; sets the NTK, if there is
  /// one, to 0.
  void multiply(const Plane<Real>& to, Workspace<Real>& work) const {
    const std::size_t stride = to.stride(tile_);
    // The last panel may be higher than the tile: behind a plane of one tile is room for that.
    const std::size_t whole =
        to.box->count() == 1 ? tile_.rows : tile_.rows / panel_rows_ * panel_rows_;
    work.panel.resize(2 * panel_rows_ * panel_cols_);
    to.box->for_each([&](std::size_t at, std::size_t s1, std::size_t s2) {
      const KernelEntries<Real> entries = to.tile(at, tile_);
      const Real* const packed =
          &work.packed[(s2 * tile_.ld + tile_.col - work.packed_col) * features_];
      multiply_panels(whole, s1, packed, entries, stride, work);
      if (whole < tile_.rows) multiply_last_rows(whole, s1, packed, entries, stride, work);
    });
  }

 private:
  using RowPointers = std::array<const Real*, 16>;

  /// Panels of the rows before `whole`.
  void multiply_panels(std::size_t whole, std::size_t s1, const Real* packed,
                       const KernelEntries<Real>& entries, std::size_t stride,
                       Workspace<Real>& work) const {
    const std::size_t row_panels = (whole + panel_rows_ - 1) / panel_rows_,
                      col_panels = (tile_.cols + panel_cols_ - 1) / panel_cols_;
    work.rest.assign(row_panels * col_panels * sum_.rest_size(), Real(0));
    sum_.for_each_block([&](std::size_t f, std::size_t count) {
      Real* rest = work.rest.data();
      for (std::size_t i = 0; i < whole; i += panel_rows_) {
        const RowPointers rows = rows_of_x1(tile_.row + i, tile_.row + tile_.rows, s1, f);
        for (std::size_t j = 0; j < tile_.cols; j += panel_cols_, rest += sum_.rest_size())
          add(rows, j, f, count, packed, entries.at(i * stride + j), stride, rest);
      }
    });
    if (!sum_.has_rest()) return;
    Real* rest = work.rest.data();
    for (std::size_t i = 0; i < whole; i += panel_rows_)
      for (std::size_t j = 0; j < tile_.cols; j += panel_cols_, rest += sum_.rest_size())
        sum_.finish(panel_rows_, panel_cols_, entries.at(i * stride + j).nngp, stride, rest);
  }

  /// The rows from `whole` on, by way of a panel that is as high as all.
  void multiply_last_rows(std::size_t whole, std::size_t s1, const Real* packed,
                          const KernelEntries<Real>& entries, std::size_t stride,
                          Workspace<Real>& work) const {
    const KernelEntries<Real> panel = {work.panel.data(),
                                       entries.ntk ? &work.panel[panel_rows_ * panel_cols_] : nullptr};
    for (std::size_t j = 0; j < tile_.cols; j += panel_cols_) {
      work.rest.assign(sum_.rest_size(), Real(0));
      sum_.for_each_block([&](std::size_t f, std::size_t count) {
        const RowPointers rows = rows_of_x1(tile_.row + whole, tile_.row + tile_.rows, s1, f);
        add(rows, j, f, count, packed, panel, panel_cols_, work.rest.data());
      });
      sum_.finish(panel_rows_, panel_cols_, panel.nngp, panel_cols_, work.rest.data());
      for (std::size_t r = 0; whole + r < tile_.rows; ++r) {
        const KernelEntries<Real> from = panel.at(r * panel_cols_),
                                  row = entries.at((whole + r) * stride + j);
        std::copy_n(from.nngp, panel_cols_, row.nngp);
        if (row.ntk) std::copy_n(from.ntk, panel_cols_, row.ntk);
      }
    }
  }

  /// Adds the products over `count` features from f on of a panel of rows with the columns from j on.
  void add(const RowPointers& rows, std::size_t j, std::size_t f, std::size_t count, const Real* packed,
           const KernelEntries<Real>& to, std::size_t ld, Real* rest) const {
    sum_.add(rows.data(), packed + j * features_ + f * panel_cols_, count, f == 0, to.nngp, ld, rest,
             f == 0 ? to.ntk : nullptr);
  }

  /// Where feature f of a site begins in the examples of a panel; the last one before `end` stands in
  /// for missing ones.
  RowPointers rows_of_x1(std::size_t first, std::size_t end, std::size_t site, std::size_t f) const {
    const auto ld = static_cast<std::size_t>(x1_.outerStride());
    RowPointers rows = {};
    for (std::size_t r = 0; r < panel_rows_; ++r)
      rows[r] = x1_.data() + std::min(first + r, end - 1) * ld + site * features_ + f;
    return rows;
  }

  /// `count` examples of x2, from the tile's column j on, at one site.
  void pack_panel(std::size_t j, std::size_t count, std::size_t site, Real* packed) const {
    const auto ld = static_cast<std::size_t>(x2_.outerStride());
    ops_.pack(x2_.data() + (tile_.col + j) * ld + site * features_, ld, count, features_, packed);
  }

  const TileOps<Real>& ops_;
  const MatrixView<Real>& x1_;
  const MatrixView<Real>& x2_;
  const std::size_t features_;
  const KernelTile<Real>& tile_;
  const PanelSum<Real> sum_;
  const std::size_t panel_rows_ = ops_.panel_rows, panel_cols_ = ops_.panel_cols;
};

}  // namespace nngp
