#pragma once

// Vectors of float or double that carry their instruction set in their type: vec<double, avx512> is
// eight doubles whose operators may use AVX-512, vec<double, sse2> two with the x86-64 baseline.
//
// Why not a library: one template has to be compiled for several instruction sets in one translation
// unit, without compiler flags and without code of one set leaking into another through merged
// inline functions. Here each operator carries its own target attribute and a type of its own, so
// both compilers inline it only where it may run, and its symbol can never stand in for another's.
// xsimd and SLEEF need flags per file, Highway a file that includes itself once per target.
//
// A function that computes with vec<T, Isa> is entered through run_on(Isa(), function): everything it
// calls is then inlined and compiled for that instruction set.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "nngp/detail/isa.hpp"
#include "nngp/detail/newton.hpp"

// Vectors never cross a call that both sides might see differently (they are passed in memory, see
// the copy constructor of vec), so the compilers' notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

#pragma GCC visibility push(hidden)

namespace nngp {

template <class Real, class Isa>
struct vec;

/// What a comparison of vectors gives: all bits of a lane set, or none.
template <class Real, class Isa>
struct mask;

}  // namespace nngp

#define NNGP_ISA sse2
#define NNGP_BIT_MASKS 0
#define NNGP_TARGET NNGP_TARGET_sse2
#define NNGP_BYTES 16
#define NNGP_HAS_FMA 0
#define NNGP_REAL double
#define NNGP_INT std::int64_t
#define NNGP_UINT std::uint64_t
#define NNGP_STREAM(p, x) _mm_stream_pd(p, (__m128d)(x))
#define NNGP_SQRT(x) (raw) _mm_sqrt_pd((__m128d)(x))
#define NNGP_MIN(a, b) (raw) _mm_min_pd((__m128d)(a), (__m128d)(b))
#define NNGP_MAX(a, b) (raw) _mm_max_pd((__m128d)(a), (__m128d)(b))
#define NNGP_FMA(a, b, c) ((a) * (b) + (c))
#define NNGP_MASK(x) _mm_movemask_pd((__m128d)(x))
#define NNGP_COMPARE(a, op, b, name) ((a)op(b))
#define NNGP_SELECT(m, a, b) ((m) ? (a) : (b))
#include "nngp/detail/vec.inc"
#define NNGP_REAL float
#define NNGP_INT std::int32_t
#define NNGP_UINT std::uint32_t
#define NNGP_STREAM(p, x) _mm_stream_ps(p, (__m128)(x))
#define NNGP_SQRT(x) (raw) _mm_sqrt_ps((__m128)(x))
#define NNGP_MIN(a, b) (raw) _mm_min_ps((__m128)(a), (__m128)(b))
#define NNGP_MAX(a, b) (raw) _mm_max_ps((__m128)(a), (__m128)(b))
#define NNGP_FMA(a, b, c) ((a) * (b) + (c))
#define NNGP_MASK(x) _mm_movemask_ps((__m128)(x))
#define NNGP_COMPARE(a, op, b, name) ((a)op(b))
#define NNGP_SELECT(m, a, b) ((m) ? (a) : (b))
#include "nngp/detail/vec.inc"
#undef NNGP_ISA
#undef NNGP_TARGET
#undef NNGP_BYTES
#undef NNGP_HAS_FMA

#define NNGP_ISA avx2
#define NNGP_TARGET NNGP_TARGET_avx2
#define NNGP_BYTES 32
#define NNGP_HAS_FMA 1
#define NNGP_REAL double
#define NNGP_INT std::int64_t
#define NNGP_UINT std::uint64_t
#define NNGP_STREAM(p, x) _mm256_stream_pd(p, (__m256d)(x))
#define NNGP_SQRT(x) (raw) _mm256_sqrt_pd((__m256d)(x))
#define NNGP_MIN(a, b) (raw) _mm256_min_pd((__m256d)(a), (__m256d)(b))
#define NNGP_MAX(a, b) (raw) _mm256_max_pd((__m256d)(a), (__m256d)(b))
#define NNGP_FMA(a, b, c) (raw) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#define NNGP_MASK(x) _mm256_movemask_pd((__m256d)(x))
#define NNGP_COMPARE(a, op, b, name) ((a)op(b))
#define NNGP_SELECT(m, a, b) ((m) ? (a) : (b))
#include "nngp/detail/vec.inc"
#define NNGP_REAL float
#define NNGP_INT std::int32_t
#define NNGP_UINT std::uint32_t
#define NNGP_STREAM(p, x) _mm256_stream_ps(p, (__m256)(x))
#define NNGP_SQRT(x) (raw) _mm256_sqrt_ps((__m256)(x))
#define NNGP_MIN(a, b) (raw) _mm256_min_ps((__m256)(a), (__m256)(b))
#define NNGP_MAX(a, b) (raw) _mm256_max_ps((__m256)(a), (__m256)(b))
#define NNGP_FMA(a, b, c) (raw) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define NNGP_MASK(x) _mm256_movemask_ps((__m256)(x))
#define NNGP_COMPARE(a, op, b, name) ((a)op(b))
#define NNGP_SELECT(m, a, b) ((m) ? (a) : (b))
#include "nngp/detail/vec.inc"
#undef NNGP_ISA
#undef NNGP_TARGET
#undef NNGP_BYTES

#undef NNGP_BIT_MASKS

#define NNGP_ISA avx512
#include "nngp/detail/avx512.inc"
#define NNGP_ISA avx512_wide
#include "nngp/detail/avx512.inc"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#pragma GCC visibility pop
