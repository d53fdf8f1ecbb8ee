#pragma once

#include "nngp/activation.h"

namespace nngp {

/// The tile entries of an activation that are called; null where it has none.
struct TileEntries {
  void (*f64)(const void* instance, const nngp_tile_f64* tile);
  void (*f32)(const void* instance, const nngp_tile_f32* tile);
  bool forced;  ///< not the activation's own choice: its scalar functions may compute otherwise
};

/// The activation's own choice; if the instruction set in use is forced, the compiled version for that,
/// or else for the widest below it. A plugin that has no versions computes as it does.
TileEntries tile_entries(const nngp_activation& activation);

/// nngp_fn and d_nngp_fn by a tile of one entry.
struct PointKernels {
  double nngp, d_nngp;
};
PointKernels kernels_at(const TileEntries& entries, const void* instance, double cov12, double var1,
                        double var2, bool derivative);

}  // namespace nngp
