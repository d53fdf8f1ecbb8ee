#include "simd/tile_ops.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "nngp/simd.hpp"
#include "simd/affine_lanes.hpp"
#include "simd/dispatch.hpp"

// As in simd.hpp: vectors never cross a call, so notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace nngp {
namespace {

template <class Real, class Isa>
struct Ops;

// Panels of x1 are as high as accumulators fit into registers beside two vectors of x2.
#if NNGP_X86
#define NNGP_ISA sse2
#define NNGP_TARGET NNGP_TARGET_sse2
#define NNGP_PANEL_ROWS 4
#include "simd/tile_ops.inc"

#define NNGP_ISA avx2
#define NNGP_TARGET NNGP_TARGET_avx2
#define NNGP_PANEL_ROWS 6
#include "simd/tile_ops.inc"

#define NNGP_ISA avx512
#define NNGP_TARGET NNGP_TARGET_avx512
#define NNGP_PANEL_ROWS 8
#include "simd/tile_ops.inc"
#else
#define NNGP_ISA baseline
#define NNGP_TARGET
#define NNGP_PANEL_ROWS 4
#include "simd/tile_ops.inc"
#endif

template <class Real, class Isa>
TileOps<Real> table() {
  using O = Ops<Real, Isa>;
  return {O::cols,       O::rows, O::pack,   O::inner_products, O::add_with_rest, O::copy,
          O::accumulate, O::sum,  O::filter, O::multiply,       O::transpose,     O::write_row};
}

}  // namespace

template <class Real>
const TileOps<Real>& tile_ops() {
  return with_instruction_set([](auto isa) -> const TileOps<Real>& {
    static const TileOps<Real> ops = table<Real, decltype(isa)>();
    return ops;
  });
}

template const TileOps<double>& tile_ops<double>();
template const TileOps<float>& tile_ops<float>();

}  // namespace nngp
