#pragma once

#include "nngp/activation.h"

namespace nngp::test {

template <class Real>
struct Entry {
  Real nngp = 0, d_nngp = 0;
};

/// What fill(const Tile&) makes of a tile of one entry.
template <class Tile = nngp_tile_f64, class Real = double, class Fill>
Entry<Real> one_entry(Real cov12, Real var1, Real var2, const Fill& fill) {
  Entry<Real> entry;
  Tile tile{};
  tile.struct_size = sizeof tile;
  tile.rows = tile.cols = 1;
  tile.cov12 = &cov12;
  tile.var1 = &var1;
  tile.var2 = &var2;
  tile.nngp = &entry.nngp;
  tile.d_nngp = &entry.d_nngp;
  tile.cov_scale = 1;
  fill(tile);
  return entry;
}

}  // namespace nngp::test
