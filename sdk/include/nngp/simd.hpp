#pragma once

// Vectors of float or double that carry their instruction set in their type: vec<double, avx512> is
// eight doubles whose operators may use AVX-512, vec<double, baseline> two with what every processor of
// the architecture has.
//
// Why not a library: one template has to be compiled for several instruction sets in one translation
// unit, without compiler flags and without code of one set leaking into another through merged
// inline functions. Here each operator carries its own target attribute and a type of its own, so
// both compilers inline it only where it may run, and its symbol can never stand in for another's.
// xsimd and SLEEF need flags per file, Highway a file that includes itself once per target.
//
// A function that computes with vec<T, Isa> is entered through run_on(Isa(), function): everything it
// calls is then inlined and compiled for that instruction set.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "nngp/detail/isa.hpp"

#if NNGP_X86
#include <immintrin.h>

#include "nngp/detail/newton.hpp"
#elif NNGP_AARCH64
#include <arm_neon.h>
#endif

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

#if NNGP_X86
#include "nngp/detail/x86.inc"
#elif NNGP_AARCH64
#include "nngp/detail/neon.inc"
#else
#include "nngp/detail/generic.inc"
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

#pragma GCC visibility pop
