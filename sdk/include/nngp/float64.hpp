#pragma once

// Kernels at float32 arguments computed in float64, for formulas that cancel more than float32 affords.

#include "nngp/activation.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

template <class Isa>
vec<double, Isa> half_of(const vec<float, Isa>& x, std::size_t first) {
  double lanes[vec<double, Isa>::size];
  float all[vec<float, Isa>::size];
  x.store(all);
  for (std::size_t i = 0; i < vec<double, Isa>::size; ++i) lanes[i] = all[first + i];
  return vec<double, Isa>::load(lanes);
}

/// kernels(cov12, var1, var2), a kernel_pair, of doubles. A function of its own, the same for both
/// types of numbers: kernels that need this are long, and seldom.
template <class Isa, class Kernels>
kernel_pair<vec<double, Isa>> in_float64(const Kernels& kernels, const vec<double, Isa>& cov12,
                                         const vec<double, Isa>& var1, const vec<double, Isa>& var2) {
  kernel_pair<vec<double, Isa>> y;
  run_on(Isa(), [&] { y = kernels(cov12, var1, var2); });
  return y;
}

/// The same for each half of the arguments as doubles.
template <class Isa, class Kernels>
kernel_pair<vec<float, Isa>> in_float64(const Kernels& kernels, const vec<float, Isa>& cov12,
                                        const vec<float, Isa>& var1, const vec<float, Isa>& var2) {
  constexpr std::size_t half = vec<double, Isa>::size;
  float nngp[2 * half], d_nngp[2 * half];
  for (std::size_t first = 0; first < 2 * half; first += half) {
    const auto y =
        in_float64(kernels, half_of(cov12, first), half_of(var1, first), half_of(var2, first));
    for (std::size_t i = 0; i < half; ++i) {
      nngp[first + i] = static_cast<float>(y.nngp[i]);
      d_nngp[first + i] = static_cast<float>(y.d_nngp[i]);
    }
  }
  return {vec<float, Isa>::load(nngp), vec<float, Isa>::load(d_nngp)};
}

template <class V, class Kernels>
kernel_pair<detail::twice<V>> in_float64(const Kernels& kernels, const detail::twice<V>& cov12,
                                         const detail::twice<V>& var1, const detail::twice<V>& var2) {
  const kernel_pair<V> a = in_float64(kernels, cov12.a, var1.a, var2.a);
  const kernel_pair<V> b = in_float64(kernels, cov12.b, var1.b, var2.b);
  return {{a.nngp, b.nngp}, {a.d_nngp, b.d_nngp}};
}

}  // namespace nngp

#pragma GCC visibility pop
