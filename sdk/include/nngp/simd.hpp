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

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NNGP_FLATTEN __attribute__((noinline))  // inlined, instrumented code takes minutes to compile
#else
#define NNGP_FLATTEN __attribute__((flatten, noinline))
#endif
#define NNGP_TARGET_sse2
#define NNGP_TARGET_avx2 __attribute__((target("avx2,fma")))
#define NNGP_TARGET_avx512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))

// Vectors never cross a call that both sides might see differently (they are passed in memory, see
// the copy constructor of vec), so the compilers' notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

#pragma GCC visibility push(hidden)

namespace nngp {

struct sse2 {
  static constexpr const char* name = "sse2";
};
struct avx2 {
  static constexpr const char* name = "avx2";
};
struct avx512 {
  static constexpr const char* name = "avx512";
};

template <class Real, class Isa>
struct vec;

/// What a comparison of vectors gives: all bits of a lane set, or none.
template <class Real, class Isa>
struct mask;

/// True if this machine and its operating system can run code for Isa.
template <class Isa>
bool supported();
template <>
inline bool supported<sse2>() {
  return true;
}
template <>
inline bool supported<avx2>() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
template <>
inline bool supported<avx512>() {
  return supported<avx2>() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}

/// True if run_on inlines everything for Isa. clang inlines into a function of another target only what
/// was compiled for no more than the command line enables: un-inlined, AVX-512 takes three times as
/// long as SSE2. With -march=x86-64-v3 or -v4 it, too, is as quick as it should be.
template <class Isa>
constexpr bool inlined() {
#if defined(__clang__) && !defined(__AVX2__)
  return std::is_same_v<Isa, sse2>;
#elif defined(__clang__) && !(defined(__AVX512F__) && defined(__AVX512DQ__))
  return !std::is_same_v<Isa, avx512>;
#else
  return true;
#endif
}

}  // namespace nngp

#define NNGP_ISA sse2
#define NNGP_BIT_MASKS 0
#define NNGP_TARGET NNGP_TARGET_sse2
#define NNGP_BYTES 16
#define NNGP_HAS_FMA 0
#define NNGP_REAL double
#define NNGP_INT std::int64_t
#define NNGP_UINT std::uint64_t
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
#define NNGP_BIT_MASKS 1
#define NNGP_TARGET NNGP_TARGET_avx512
#define NNGP_BYTES 64
#define NNGP_REAL double
#define NNGP_INT std::int64_t
#define NNGP_UINT std::uint64_t
#define NNGP_LDEXP(a, n) (raw) _mm512_maskz_scalef_pd(0xFF, (__m512d)(a), (__m512d)(n))
#define NNGP_SQRT(x) (raw) _mm512_maskz_sqrt_pd(0xFF, (__m512d)(x))
#define NNGP_MIN(a, b) (raw) _mm512_maskz_min_pd(0xFF, (__m512d)(a), (__m512d)(b))
#define NNGP_MAX(a, b) (raw) _mm512_maskz_max_pd(0xFF, (__m512d)(a), (__m512d)(b))
#define NNGP_FMA(a, b, c) (raw) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#define NNGP_MASK(x) (x)
#define NNGP_MASK_BITS __mmask8
#define NNGP_COMPARE(a, op, b, name) _mm512_cmp_pd_mask((__m512d)(a), (__m512d)(b), name)
#define NNGP_SELECT(m, a, b) (raw) _mm512_mask_blend_pd(m, (__m512d)(b), (__m512d)(a))
#include "nngp/detail/vec.inc"
#define NNGP_REAL float
#define NNGP_INT std::int32_t
#define NNGP_UINT std::uint32_t
#define NNGP_LDEXP(a, n) (raw) _mm512_maskz_scalef_ps(0xFFFF, (__m512)(a), (__m512)(n))
#define NNGP_SQRT(x) (raw) _mm512_maskz_sqrt_ps(0xFFFF, (__m512)(x))
#define NNGP_MIN(a, b) (raw) _mm512_maskz_min_ps(0xFFFF, (__m512)(a), (__m512)(b))
#define NNGP_MAX(a, b) (raw) _mm512_maskz_max_ps(0xFFFF, (__m512)(a), (__m512)(b))
#define NNGP_FMA(a, b, c) (raw) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define NNGP_MASK(x) (x)
#define NNGP_MASK_BITS __mmask16
#define NNGP_COMPARE(a, op, b, name) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), name)
#define NNGP_SELECT(m, a, b) (raw) _mm512_mask_blend_ps(m, (__m512)(b), (__m512)(a))
#include "nngp/detail/vec.inc"
#undef NNGP_ISA
#undef NNGP_TARGET
#undef NNGP_BYTES
#undef NNGP_HAS_FMA
#undef NNGP_BIT_MASKS

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace nngp {

/// Calls f(), compiled for the instruction set: whatever f calls is inlined here.
template <class F>
NNGP_TARGET_sse2 NNGP_FLATTEN void run_on(sse2, const F& f) {
  f();
}
template <class F>
NNGP_TARGET_avx2 NNGP_FLATTEN void run_on(avx2, const F& f) {
  f();
}
template <class F>
NNGP_TARGET_avx512 NNGP_FLATTEN void run_on(avx512, const F& f) {
  f();
}

}  // namespace nngp

#pragma GCC visibility pop
