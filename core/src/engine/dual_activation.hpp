#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "nngp/numerical.hpp"
#include "nngp/plugin.hpp"
#include "plugin/tile_of.hpp"
#include "simd/tile_ops.hpp"

namespace nngp {

/// The dual of an activation (Daniely et al., arXiv 1602.05897) as the engine sees it: something that
/// fills tiles. One virtual call serves a whole tile; a thread passes one cache to all tiles of a
/// column, so that work on its columns is done once.
class DualActivation {
 public:
  virtual ~DualActivation() = default;
  virtual void tile(const nngp_tile_f64& tile, ColumnCache<double>& memory) const = 0;
  virtual void tile(const nngp_tile_f32& tile, ColumnCache<float>& memory) const = 0;

  /// Each entry with variances of its own on both sides, `count` of them: nngp is the covariance
  /// before. To the last bit what tiles give. The entries are the diagonals of small tiles,
  /// as wide as SDK plugins compute at least.
  template <class Real>
  void entries(const Real* var1, const Real* var2, std::size_t count, Real cov_scale, Real cov_shift,
               Real* nngp) const {
    constexpr std::size_t most = 128 / sizeof(Real);  // two of the largest vectors
    const std::size_t size = is_vectorised() ? tile_ops<Real>().panel_cols : 1;
    for (std::size_t first = 0; first < count; first += size) {
      typename TileOf<Real>::type tile{};
      tile.struct_size = sizeof tile;
      tile.rows = tile.cols = std::min(size, count - first);
      tile.cov12_ld = tile.nngp_ld = most;
      Real square[most * most] = {};
      for (std::size_t i = 0; i < tile.rows; ++i) square[i * most + i] = nngp[first + i];
      tile.cov12 = tile.nngp = square;
      tile.var1 = var1 + first;
      tile.var2 = var2 + first;
      tile.cov_scale = cov_scale;
      tile.cov_shift = cov_shift;
      ColumnCache<Real> memory;
      this->tile(tile, memory);
      for (std::size_t i = 0; i < tile.rows; ++i) nngp[first + i] = square[i * most + i];
    }
  }

  /// The same of inputs with themselves: nngp of (v, v, v) for each v = cov_scale * var + cov_shift.
  virtual void diagonal(const double* var, std::size_t count, double cov_scale, double cov_shift,
                        double* nngp) const {
    std::copy_n(var, count, nngp);
    entries(var, var, count, cov_scale, cov_shift, nngp);
  }
  virtual void diagonal(const float* var, std::size_t count, float cov_scale, float cov_shift,
                        float* nngp) const {
    std::copy_n(var, count, nngp);
    entries(var, var, count, cov_scale, cov_shift, nngp);
  }

 private:
  /// Whether a row of a tile costs what a single entry costs.
  virtual bool is_vectorised() const { return true; }
};

/// The dual that a plugin brings along.
class ClosedFormDual final : public DualActivation {
 public:
  explicit ClosedFormDual(Activation activation) : activation_(std::move(activation)) {}
  void tile(const nngp_tile_f64& tile, ColumnCache<double>&) const override { activation_.tile(tile); }
  void tile(const nngp_tile_f32& tile, ColumnCache<float>&) const override { activation_.tile(tile); }

 private:
  bool is_vectorised() const override { return activation_.descriptor().tile_f64 != nullptr; }

  Activation activation_;
};

/// The dual of an activation's fn, by numerical integration.
class IntegratedDual final : public DualActivation {
 public:
  explicit IntegratedDual(NumericalDual dual) : dual_(std::move(dual)) {}
  void tile(const nngp_tile_f64& tile, ColumnCache<double>& memory) const override {
    dual_.tile(tile, memory);
  }
  void tile(const nngp_tile_f32& tile, ColumnCache<float>& memory) const override {
    dual_.tile(tile, memory);
  }
  void diagonal(const double* var, std::size_t count, double cov_scale, double cov_shift,
                double* nngp) const override {
    dual_.diagonal(var, count, cov_scale, cov_shift, nngp);
  }
  void diagonal(const float* var, std::size_t count, float cov_scale, float cov_shift,
                float* nngp) const override {
    dual_.diagonal(var, count, cov_scale, cov_shift, nngp);
  }

 private:
  NumericalDual dual_;
};

}  // namespace nngp
