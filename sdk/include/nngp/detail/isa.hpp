#pragma once

// The instruction sets that vectors (nngp/simd.hpp) are compiled for, as types.

#include <cstddef>
#include <type_traits>

// NNGP_GENERIC_VECTORS asks for what other architectures get, as their test on this one.
#if defined(__x86_64__) && !defined(NNGP_GENERIC_VECTORS)
#define NNGP_X86 1
#elif defined(__aarch64__) && !defined(NNGP_GENERIC_VECTORS)
#define NNGP_AARCH64 1
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NNGP_FLATTEN __attribute__((noinline))  // inlined, instrumented code takes minutes to compile
#else
#define NNGP_FLATTEN __attribute__((flatten, noinline))
#endif
#if NNGP_X86
#define NNGP_TARGET_sse2
#define NNGP_TARGET_avx2 __attribute__((target("avx2,fma")))
#define NNGP_TARGET_avx512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#endif

#pragma GCC visibility push(hidden)

namespace nngp {

// registers: how many vectors the processor holds.
// vectors_in_step: how many are computed side by side, so that one's operations hide the other's
// latency.

#if NNGP_X86
struct sse2 {
  static constexpr const char* name = "sse2";
  static constexpr std::size_t registers = 16;
  static constexpr int vectors_in_step = 2;
};
struct avx2 {
  static constexpr const char* name = "avx2";
  static constexpr std::size_t registers = 16;
  static constexpr int vectors_in_step = 2;
};
struct avx512 {
  static constexpr const char* name = "avx512";
  static constexpr std::size_t registers = 32;
  static constexpr int vectors_in_step = 2;
};
/// The same instructions, for processors that make two products of eight doubles a cycle: quotients and
/// roots come from products (nngp/detail/newton.hpp), and four vectors are computed in step.
struct avx512_wide : avx512 {
  static constexpr const char* name = "avx512-wide";
  static constexpr int vectors_in_step = 4;
};
/// What every processor of the architecture has.
using baseline = sse2;
#elif NNGP_AARCH64
struct neon {
  static constexpr const char* name = "neon";
  static constexpr std::size_t registers = 32;
  static constexpr int vectors_in_step = 2;
};
using baseline = neon;
#else
/// Vectors as the compiler makes them of what the processor has.
struct generic {
  static constexpr const char* name = "generic";
  static constexpr std::size_t registers = 16;
  static constexpr int vectors_in_step = 2;
};
using baseline = generic;
#endif

template <class... Isa>
struct instruction_set_list {};
/// All instruction sets that there is code for on this architecture, the widest last.
#if NNGP_X86
using instruction_sets_here = instruction_set_list<sse2, avx2, avx512, avx512_wide>;
#else
using instruction_sets_here = instruction_set_list<baseline>;
#endif

/// True if this machine and its operating system can run code for Isa.
template <class Isa>
bool supported();
template <>
inline bool supported<baseline>() {
  return true;
}
/// True if Isa is quicker on this machine than those before it in the list.
template <class Isa>
bool preferred() {
  return supported<Isa>();
}

#if NNGP_X86
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

/// As measured: Intel's dividers are busy for 16 cycles with eight quotients and for 24 with eight
/// roots, in which 32 and 48 products are made; AMD's (Zen 4) for 9 and 16, in which as many products
/// are made.
template <>
inline bool preferred<avx512_wide>() {
  return supported<avx512>() && __builtin_cpu_is("intel");
}
#endif

/// True if run_on inlines everything for Isa. clang looks at functions from the inside out, and can
/// inline operators of a set only once all around them is inlined: its limits, meant for the size of
/// code, stop it before. NNGP_INLINED says that the command line lifts them, as nngp_add_activation
/// does. Else there are the sets that the command line enables: un-inlined, AVX-512 takes three times
/// as long as SSE2.
template <class Isa>
constexpr bool inlined() {
#if !defined(__clang__) || !NNGP_X86 || defined(NNGP_INLINED)
  return true;
#elif defined(__AVX512F__) && defined(__AVX512DQ__)
  return true;
#elif defined(__AVX2__)
  return !std::is_base_of_v<avx512, Isa>;
#else
  return std::is_same_v<Isa, baseline>;
#endif
}

/// Calls f(), compiled for the instruction set: whatever f calls is inlined here.
template <class F>
NNGP_FLATTEN void run_on(baseline, const F& f) {
  f();
}
#if NNGP_X86
template <class F>
NNGP_TARGET_avx2 NNGP_FLATTEN void run_on(avx2, const F& f) {
  f();
}
template <class F>
NNGP_TARGET_avx512 NNGP_FLATTEN void run_on(avx512, const F& f) {
  f();
}
#endif

}  // namespace nngp

#pragma GCC visibility pop
