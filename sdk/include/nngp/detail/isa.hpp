#pragma once

// The instruction sets that vectors (nngp/simd.hpp) are compiled for, as types.

#include <type_traits>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NNGP_FLATTEN __attribute__((noinline))  // inlined, instrumented code takes minutes to compile
#else
#define NNGP_FLATTEN __attribute__((flatten, noinline))
#endif
#define NNGP_TARGET_sse2
#define NNGP_TARGET_avx2 __attribute__((target("avx2,fma")))
#define NNGP_TARGET_avx512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))

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
/// The same instructions, for processors that make two products of eight doubles a cycle: quotients and
/// roots come from products (nngp/detail/newton.hpp), and four vectors are computed in step.
struct avx512_wide : avx512 {
  static constexpr const char* name = "avx512-wide";
};

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

template <>
inline bool supported<avx512_wide>() {
  return supported<avx512>();
}

/// True if avx512_wide is quicker than avx512 on this machine, as measured: Intel's dividers are busy
/// for 16 cycles with eight quotients and for 24 with eight roots, in which 32 and 48 products are
/// made; AMD's (Zen 4) for 9 and 16, in which as many products are made.
inline bool prefers_wide() { return __builtin_cpu_is("intel"); }

/// True if run_on inlines everything for Isa. clang inlines into a function of another target only what
/// was compiled for no more than the command line enables: un-inlined, AVX-512 takes three times as
/// long as SSE2. With -march=x86-64-v3 or -v4 it, too, is as quick as it should be.
template <class Isa>
constexpr bool inlined() {
#if defined(__clang__) && !defined(__AVX2__)
  return std::is_same_v<Isa, sse2>;
#elif defined(__clang__) && !(defined(__AVX512F__) && defined(__AVX512DQ__))
  return !std::is_base_of_v<avx512, Isa>;
#else
  return true;
#endif
}

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
