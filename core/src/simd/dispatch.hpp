#pragma once

#include <cstddef>
#include <type_traits>

#include "simd/instruction_set.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// Calls f with the instruction set in use, as a value of its type; where the core has no code of its
/// own for that, with what it is made of.
template <class F>
decltype(auto) with_instruction_set(const F& f) {
#if NNGP_X86
  switch (instruction_set_index()) {
    case 0:
      return f(sse2());
    case 1:
      return f(avx2());
    default:
      return f(avx512());
  }
#else
  return f(baseline());
#endif
}

/// Calls body.run<Isa>(), a member template, compiled for the instruction set in use.
template <class Body>
void dispatch(Body& body) {
  with_instruction_set([&](auto isa) { run_on(isa, [&] { body.template run<decltype(isa)>(); }); });
}

}  // namespace nngp

#pragma GCC visibility pop
