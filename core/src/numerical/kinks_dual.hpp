#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "nngp/binormal.hpp"
#include "nngp/float64.hpp"
#include "numerical/kinks.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::numerical {

/// |t| in deviations; beyond 40 nothing is left.
template <class V>
V distance(double t, const V& deviation) {
  if (t == 0) return V(0.0);
  return std::abs(t) / max(deviation, V(std::abs(t) / 40));
}

/// The density at h times E[(x2 - k)_+^n | x1 = h] / n!, where x2 has deviation s and k - E[x2] = w.
template <class V>
void line_moments(const abscissa<V>& at_h, const abscissa<V>& from_h, const V& w, const V& s,
                  std::array<V, kink_orders>& moments) {
  const V density = at_h.density();
  moments[0] = density * from_h.above();
  moments[1] = density * (s * from_h.density() - w * from_h.above());
  for (std::size_t n = 2; n < kink_orders; ++n)
    moments[n] = (s * s * moments[n - 2] - w * moments[n - 1]) * (1.0 / static_cast<double>(n));
}

/// Adds E of the kink p of x1 times the kink q of x2. In units of the deviations, and mirrored where
/// t < 0, all follows from moments[m][n] = E[(x1 - h)_+^m (x2 - k)_+^n] / (m! n!), h, k >= 0.
template <class V>
void add_pair(const Kink& p, const Kink& q, const correlation<V>& at, kernel_pair<V>& sum) {
  const double side = (p.x < 0) == (q.x < 0) ? 1 : -1;
  const V rho = side * at.rho, s = at.s;
  const V h = distance(p.x, at.deviation1), k = distance(q.x, at.deviation2);
  // k - rho h and h - rho k without cancellation where the lines x1 = h and x2 = k are parallel.
  const V tilt = s * s / (1.0 + abs(rho)), gap = select(rho > 0.0, k - h, k + h);
  const V turn_h = select(rho > 0.0, tilt, -tilt) * h, turn_k = select(rho > 0.0, tilt, -tilt) * k;
  const V on_h = gap + turn_h, on_k = select(rho > 0.0, -gap, gap) + turn_k;

  const abscissa<V> at_h(h), at_k(k), from_h(on_h / s), from_k(on_k / s);
  const std::size_t rows = p.orders(), columns = q.orders();
  std::array<V, kink_orders> along_h,
      along_k;  // the moments of one variable where the other is at its kink
  line_moments(at_h, from_h, on_h, s, along_h);
  line_moments(at_k, from_k, on_k, s, along_k);

  std::array<std::array<V, kink_orders>, kink_orders> moments;
  if (p.x == 0 && q.x == 0) {
    moments[0][0] = at.orthant;
  } else {
    const auto beyond =
        probability(typename V::mask_type(false),
                    std::array{right_triangle<V>{at_h, from_h}, right_triangle<V>{at_k, from_k}});
    moments[0][0] = 0.5 * (at_h.upper + at_k.upper) - beyond[0] - beyond[1];
  }
  // By E[x1 g] = E[dg/dx1] + rho E[dg/dx2]; the derivative of a step is the line.
  for (std::size_t m = 1; m < rows; ++m) {
    const V along = m >= 2 ? moments[m - 2][0] : along_h[0];
    moments[m][0] =
        (along + rho * along_k[m - 1] - h * moments[m - 1][0]) * (1.0 / static_cast<double>(m));
  }
  for (std::size_t n = 1; n < columns; ++n) {
    const V along = n >= 2 ? moments[0][n - 2] : along_k[0];
    moments[0][n] =
        (along + rho * along_h[n - 1] - k * moments[0][n - 1]) * (1.0 / static_cast<double>(n));
  }
  for (std::size_t m = 1; m < rows; ++m)
    for (std::size_t n = 1; n < columns; ++n) {
      const V along = m >= 2 ? moments[m - 2][n] : along_h[n];
      moments[m][n] = (along + rho * moments[m - 1][n - 1] - h * moments[m - 1][n]) *
                      (1.0 / static_cast<double>(m));
    }

  V power1(1.0);
  for (std::size_t m = 0; m < rows; ++m, power1 = power1 * at.deviation1) {
    V power2 = power1;
    for (std::size_t n = 0; n < columns; ++n, power2 = power2 * at.deviation2) {
      const V moment = power2 * moments[m][n];
      sum.nngp = fma(V(p.coefficient(m, m) * q.coefficient(n, n)), moment, sum.nngp);
      if (m + 1 < kink_orders && n + 1 < kink_orders)
        sum.d_nngp = fma(V(p.coefficient(m + 1, m) * q.coefficient(n + 1, n)), moment, sum.d_nngp);
    }
  }
}

/// E[r(x1) r(x2)] and E[r'(x1) r'(x2)], r the function of the kinks.
template <class Isa>
kernel_pair<vec<double, Isa>> dual_of_kinks(const std::vector<Kink>& kinks,
                                            const vec<double, Isa>& cov12, const vec<double, Isa>& var1,
                                            const vec<double, Isa>& var2) {
  using V = vec<double, Isa>;
  kernel_pair<V> sum{V(0.0), V(0.0)};
  // A function of its own: long, and seldom needed.
  run_on(Isa(), [&] {
    const correlation<V> at(cov12, var1, var2);
    for (const Kink& p : kinks)
      for (const Kink& q : kinks) add_pair(p, q, at, sum);
  });
  return sum;
}

template <class Isa>
kernel_pair<vec<float, Isa>> dual_of_kinks(const std::vector<Kink>& kinks, const vec<float, Isa>& cov12,
                                           const vec<float, Isa>& var1, const vec<float, Isa>& var2) {
  return in_float64([&](const auto&... x) { return dual_of_kinks(kinks, x...); }, cov12, var1, var2);
}

}  // namespace nngp::numerical

#pragma GCC visibility pop
