#pragma once

#include <utility>

#include "nngp/numerical.hpp"
#include "nngp/plugin.hpp"

namespace nngp {

/// The dual of an activation (Daniely et al., arXiv 1602.05897) as the engine sees it: something that
/// fills tiles. One virtual call serves a whole tile.
class Dual {
 public:
  virtual ~Dual() = default;
  virtual void tile(const nngp_tile_f64& tile) const = 0;
  virtual void tile(const nngp_tile_f32& tile) const = 0;
};

/// The dual that a plugin brings along.
class ClosedFormDual final : public Dual {
 public:
  explicit ClosedFormDual(Activation activation) : activation_(std::move(activation)) {}
  void tile(const nngp_tile_f64& tile) const override { activation_.tile(tile); }
  void tile(const nngp_tile_f32& tile) const override { activation_.tile(tile); }

 private:
  Activation activation_;
};

/// The dual of an activation's fn, by numerical integration.
class IntegratedDual final : public Dual {
 public:
  explicit IntegratedDual(NumericalDual dual) : dual_(std::move(dual)) {}
  void tile(const nngp_tile_f64& tile) const override { dual_.tile(tile); }
  void tile(const nngp_tile_f32& tile) const override { dual_.tile(tile); }

 private:
  NumericalDual dual_;
};

}  // namespace nngp
