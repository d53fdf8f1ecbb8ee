#pragma once

#include "nngp/simd.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::numerical {

/// Calls body.run<Isa>(), a member template, with the widest instruction set of this machine.
template <class Body>
void dispatch(Body& body) {
  if (supported<avx512>())
    run_on(avx512(), [&] { body.template run<avx512>(); });
  else if (supported<avx2>())
    run_on(avx2(), [&] { body.template run<avx2>(); });
  else
    run_on(sse2(), [&] { body.template run<sse2>(); });
}

}  // namespace nngp::numerical

#pragma GCC visibility pop
