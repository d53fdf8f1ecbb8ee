#pragma once

#include <cstddef>
#include <utility>

#include "nngp/numerical.hpp"
#include "nngp/plugin.hpp"

namespace nngp {

/// The dual of an activation (Daniely et al., arXiv 1602.05897) as the engine sees it: something that
/// fills tiles. One virtual call serves a whole tile; a thread passes one cache to all tiles of a
/// column, so that work on its columns is done once.
class Dual {
 public:
  virtual ~Dual() = default;
  virtual void tile(const nngp_tile_f64& tile, ColumnMemory<double>& memory) const = 0;
  virtual void tile(const nngp_tile_f32& tile, ColumnMemory<float>& memory) const = 0;

  /// The diagonal of a tile of inputs with themselves, `count` long: nngp of (v, v, v) for each
  /// v = cov_scale * var + cov_shift, to the last bit what tile() gives.
  virtual void diagonal(const double* var, std::size_t count, double cov_scale, double cov_shift,
                        double* nngp) const {
    one_by_one<nngp_tile_f64>(var, count, cov_scale, cov_shift, nngp);
  }
  virtual void diagonal(const float* var, std::size_t count, float cov_scale, float cov_shift,
                        float* nngp) const {
    one_by_one<nngp_tile_f32>(var, count, cov_scale, cov_shift, nngp);
  }

 private:
  template <class Tile, class Real>
  void one_by_one(const Real* var, std::size_t count, Real cov_scale, Real cov_shift,
                  Real* nngp) const {
    for (std::size_t i = 0; i < count; ++i) {
      Tile entry{};
      entry.struct_size = sizeof entry;
      entry.rows = entry.cols = entry.cov12_ld = entry.nngp_ld = 1;
      entry.cov12 = entry.var1 = entry.var2 = &var[i];
      entry.nngp = &nngp[i];
      entry.cov_scale = cov_scale;
      entry.cov_shift = cov_shift;
      ColumnMemory<Real> memory;
      tile(entry, memory);
    }
  }
};

/// The dual that a plugin brings along.
class ClosedFormDual final : public Dual {
 public:
  explicit ClosedFormDual(Activation activation) : activation_(std::move(activation)) {}
  void tile(const nngp_tile_f64& tile, ColumnMemory<double>&) const override { activation_.tile(tile); }
  void tile(const nngp_tile_f32& tile, ColumnMemory<float>&) const override { activation_.tile(tile); }

 private:
  Activation activation_;
};

/// The dual of an activation's fn, by numerical integration.
class IntegratedDual final : public Dual {
 public:
  explicit IntegratedDual(NumericalDual dual) : dual_(std::move(dual)) {}
  void tile(const nngp_tile_f64& tile, ColumnMemory<double>& memory) const override {
    dual_.tile(tile, memory);
  }
  void tile(const nngp_tile_f32& tile, ColumnMemory<float>& memory) const override {
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
