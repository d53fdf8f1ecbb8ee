#pragma once

// Quotients and square roots by Newton's iteration, from the processor's approximations of 14 bits.
// Less than 0.7 ulp from the exact value, and the exact value where that is a number. Of 0 and infinity
// the iteration makes NaN: what calls these sets such arguments apart.

#include <immintrin.h>

#include "nngp/detail/isa.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::detail {

// near_inverse of the root is for quotients by it; what the processor's own instructions do not need is
// left as it is.

NNGP_TARGET_avx512 inline __m512d near_inverse(avx512, __m512d b) { return b; }
NNGP_TARGET_avx512 inline __m512 near_inverse(avx512, __m512 b) { return b; }
NNGP_TARGET_avx512 inline __m512d quotient(avx512, __m512d a, __m512d b, __m512d) { return a / b; }
NNGP_TARGET_avx512 inline __m512 quotient(avx512, __m512 a, __m512 b, __m512) { return a / b; }
NNGP_TARGET_avx512 inline __m512d root(avx512, __m512d x, __m512d&) {
  return _mm512_maskz_sqrt_pd(0xFF, x);
}
NNGP_TARGET_avx512 inline __m512 root(avx512, __m512 x, __m512&) {
  return _mm512_maskz_sqrt_ps(0xFFFF, x);
}

/// 1 / b to 28 bits.
NNGP_TARGET_avx512 inline __m512d near_inverse(avx512_wide, __m512d b) {
  const __m512d near = _mm512_maskz_rcp14_pd(0xFF, b);
  return _mm512_fmadd_pd(near, _mm512_fnmadd_pd(b, near, _mm512_set1_pd(1)), near);
}
/// 1 / b to 14 bits, which are enough for what follows.
NNGP_TARGET_avx512 inline __m512 near_inverse(avx512_wide, __m512 b) {
  return _mm512_maskz_rcp14_ps(0xFFFF, b);
}

NNGP_TARGET_avx512 inline __m512d quotient(avx512_wide, __m512d a, __m512d b, __m512d near_inverse) {
  const __m512d q = _mm512_mul_pd(a, near_inverse);
  return _mm512_fmadd_pd(_mm512_fnmadd_pd(b, q, a), near_inverse, q);
}
NNGP_TARGET_avx512 inline __m512 quotient(avx512_wide, __m512 a, __m512 b, __m512 near_inverse) {
  const __m512 q = _mm512_mul_ps(a, near_inverse);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(b, q, a), near_inverse, q);
}

NNGP_TARGET_avx512 inline __m512d root(avx512_wide, __m512d x, __m512d& near_inverse) {
  const __m512d inverse = _mm512_maskz_rsqrt14_pd(0xFF, x);
  const __m512d root = _mm512_mul_pd(x, inverse), half = _mm512_mul_pd(inverse, _mm512_set1_pd(0.5));
  const __m512d error = _mm512_fnmadd_pd(root, half, _mm512_set1_pd(0.5));
  const __m512d nearer = _mm512_fmadd_pd(root, error, root),
                half_inverse = _mm512_fmadd_pd(half, error, half);
  near_inverse = _mm512_add_pd(half_inverse, half_inverse);
  return _mm512_fmadd_pd(_mm512_fnmadd_pd(nearer, nearer, x), half_inverse, nearer);
}
NNGP_TARGET_avx512 inline __m512 root(avx512_wide, __m512 x, __m512& near_inverse) {
  near_inverse = _mm512_maskz_rsqrt14_ps(0xFFFF, x);
  const __m512 root = _mm512_mul_ps(x, near_inverse);
  const __m512 half = _mm512_mul_ps(near_inverse, _mm512_set1_ps(0.5F));
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(root, root, x), half, root);
}

}  // namespace nngp::detail

#pragma GCC visibility pop
