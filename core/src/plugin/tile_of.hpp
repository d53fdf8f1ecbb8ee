#pragma once

#include "nngp/activation.h"

namespace nngp {

/// The structures of nngp/activation.h for numbers of type Real.
template <class Real>
struct TileOf;
template <>
struct TileOf<double> {
  using type = nngp_tile_f64;
  using output = nngp_output_f64;
};
template <>
struct TileOf<float> {
  using type = nngp_tile_f32;
  using output = nngp_output_f32;
};

}  // namespace nngp
