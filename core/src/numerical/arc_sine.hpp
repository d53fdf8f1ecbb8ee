#pragma once

#include <type_traits>

#include "nngp/math.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::numerical {

/// unit asin(t) for |t| <= 1, within about an ulp of pi/2 units. Where t is at hand anyway this takes
/// half the time of asin2(t, sqrt(1 - t^2)), which divides: asin(t) = pi/2 - 2 asin(sqrt((1 - t) / 2)).
template <Vector V>
V arc_sine(const V& t, const V& unit) {
  const V a = abs(t);
  const auto far = a > 0.5;
  const V z = select(far, fma(a, V(-0.5), V(0.5)), a * a);  // up to 1/4
  const V s = select(far, -2.0 * sqrt(z), a);
  V ratio(0.0);                                            // asin(sqrt(z)) / sqrt(z)
  if constexpr (std::is_same_v<typename V::real, double>)  // relative error below 2^-51
    ratio = polynomial(z, 0.999999999999999777, 0.166666666666919327, 0.0749999999526599476,
                       0.0446428606108761505, 0.0303818135240734354, 0.0223750642913368283,
                       0.0173121190149464284, 0.0143360932939434515, 0.0093193947314456907,
                       0.0184269160956695473, -0.0119814489127580658, 0.0317145836186156035);
  else  // 2^-27
    ratio = polynomial(z, 0.999999995584400236, 0.166667901096168248, 0.0749443476076297886,
                       0.045550185185192053, 0.0238581701075942803, 0.0426356410080363887);
  const V angle = fma(s, ratio, select(far, V(pi / 2), V(0.0)));
  return copysign(angle * unit, t);
}

}  // namespace nngp::numerical

#pragma GCC visibility pop
