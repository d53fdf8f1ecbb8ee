#include "plugin/tile_entries.hpp"

#include <string_view>

#include "simd/instruction_set.hpp"

namespace nngp {

TileEntries tile_entries(const nngp_activation& activation) {
  const TileEntries own{activation.tile_f64, activation.tile_f32, false};
  if (!is_instruction_set_forced() || !activation.get_extension || !own.f64 || !own.f32) return own;
  const auto* variants =
      static_cast<const nngp_tile_variants*>(activation.get_extension(NNGP_EXT_TILE_VARIANTS));
  if (!variants || !variants->variants) return own;
  for (std::size_t index = instruction_set_index() + 1; index-- > 0;)
    for (std::size_t i = 0; i < variants->count; ++i) {
      const nngp_tile_variant& one = variants->variants[i];
      if (one.instruction_set && std::string_view(one.instruction_set) == instruction_set_name(index) &&
          one.supported && one.supported() && one.tile_f64 && one.tile_f32)
        return {one.tile_f64, one.tile_f32, true};
    }
  return own;
}

PointKernels kernels_at(const TileEntries& entries, const void* instance, double cov12, double var1,
                        double var2, bool derivative) {
  PointKernels y = {};
  nngp_tile_f64 tile = {};
  tile.struct_size = sizeof tile;
  tile.rows = tile.cols = tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = 1;
  tile.cov12 = &cov12;
  tile.var1 = &var1;
  tile.var2 = &var2;
  tile.nngp = &y.nngp;
  tile.d_nngp = derivative ? &y.d_nngp : nullptr;
  tile.cov_scale = 1;
  entries.f64(instance, &tile);
  return y;
}

}  // namespace nngp
