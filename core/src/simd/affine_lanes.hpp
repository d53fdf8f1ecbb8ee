#pragma once

#include "nngp/simd.hpp"
#include "simd/affine.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// An affine map with its numbers in every lane of a vector.
template <class V>
struct AffineLanes {
  V cov_scale, cov_shift, ntk_cov, ntk_scale, ntk_shift;

  explicit AffineLanes(const Affine& map)
      : cov_scale(map.cov_scale),
        cov_shift(map.cov_shift),
        ntk_cov(map.ntk_cov),
        ntk_scale(map.ntk_scale),
        ntk_shift(map.ntk_shift) {}

  V nngp(const V& k) const { return fma(cov_scale, k, cov_shift); }
  V ntk(const V& k, const V& t) const { return fma(ntk_cov, k, fma(ntk_scale, t, ntk_shift)); }
};

}  // namespace nngp

#pragma GCC visibility pop
