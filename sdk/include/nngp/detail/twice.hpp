#pragma once

// Two vectors side by side as one. Kernels are long chains of operations, each waiting for the one
// before; two chains in step keep the processor's pipes busy where one would leave them half idle.

#include <cstddef>

#pragma GCC visibility push(hidden)

namespace nngp::detail {

template <class V>
struct twice;

template <class Mask>
struct twice_mask {
  Mask a, b;

  friend twice_mask operator&(const twice_mask& x, const twice_mask& y) {
    return {x.a & y.a, x.b & y.b};
  }
  friend twice_mask operator|(const twice_mask& x, const twice_mask& y) {
    return {x.a | y.a, x.b | y.b};
  }
  friend twice_mask operator!(const twice_mask& x) { return {!x.a, !x.b}; }
  friend bool any(const twice_mask& x) { return any(x.a | x.b); }
  friend bool all(const twice_mask& x) { return all(x.a & x.b); }
  /// Of plain numbers.
  friend auto select(const twice_mask& m, double x, double y) {
    return twice(select(m.a, x, y), select(m.b, x, y));
  }
};

template <class V>
struct twice {
  using real = typename V::real;
  using isa = typename V::isa;
  using mask_type = twice_mask<typename V::mask_type>;
  static constexpr std::size_t size = 2 * V::size;
  static constexpr bool has_fma = V::has_fma;

  V a, b;

  twice() = default;
  twice(const V& x, const V& y) : a(x), b(y) {}
  twice(double x) : a(x), b(x) {}

  static twice load(const real* p) { return {V::load(p), V::load(p + V::size)}; }
  void store(real* p) const {
    a.store(p);
    b.store(p + V::size);
  }
  void stream(real* p) const {
    a.stream(p);
    b.stream(p + V::size);
  }

  friend twice operator+(const twice& x, const twice& y) { return {x.a + y.a, x.b + y.b}; }
  friend twice operator-(const twice& x, const twice& y) { return {x.a - y.a, x.b - y.b}; }
  friend twice operator*(const twice& x, const twice& y) { return {x.a * y.a, x.b * y.b}; }
  friend twice operator/(const twice& x, const twice& y) { return {x.a / y.a, x.b / y.b}; }
  friend twice operator-(const twice& x) { return {-x.a, -x.b}; }

  friend mask_type operator<(const twice& x, const twice& y) { return {x.a < y.a, x.b < y.b}; }
  friend mask_type operator<=(const twice& x, const twice& y) { return {x.a <= y.a, x.b <= y.b}; }
  friend mask_type operator>(const twice& x, const twice& y) { return {x.a > y.a, x.b > y.b}; }
  friend mask_type operator>=(const twice& x, const twice& y) { return {x.a >= y.a, x.b >= y.b}; }
  friend mask_type operator==(const twice& x, const twice& y) { return {x.a == y.a, x.b == y.b}; }
  friend mask_type operator!=(const twice& x, const twice& y) { return {x.a != y.a, x.b != y.b}; }

  friend twice select(const mask_type& m, const twice& x, const twice& y) {
    return {select(m.a, x.a, y.a), select(m.b, x.b, y.b)};
  }
  friend twice add_where(const mask_type& m, const twice& x, const twice& y) {
    return {add_where(m.a, x.a, y.a), add_where(m.b, x.b, y.b)};
  }
  friend twice subtract_where(const mask_type& m, const twice& x, const twice& y) {
    return {subtract_where(m.a, x.a, y.a), subtract_where(m.b, x.b, y.b)};
  }
  friend twice fma(const twice& x, const twice& y, const twice& z) {
    return {fma(x.a, y.a, z.a), fma(x.b, y.b, z.b)};
  }
  friend twice sqrt(const twice& x) { return {sqrt(x.a), sqrt(x.b)}; }
  friend twice quick_sqrt(const twice& x) { return {quick_sqrt(x.a), quick_sqrt(x.b)}; }
  friend twice quick_sqrt(const twice& x, twice& near_inverse) {
    return {quick_sqrt(x.a, near_inverse.a), quick_sqrt(x.b, near_inverse.b)};
  }
  friend twice quick_divide(const twice& x, const twice& y) {
    return {quick_divide(x.a, y.a), quick_divide(x.b, y.b)};
  }
  friend twice quick_divide(const twice& x, const twice& y, const twice& near_inverse) {
    return {quick_divide(x.a, y.a, near_inverse.a), quick_divide(x.b, y.b, near_inverse.b)};
  }
  friend twice min(const twice& x, const twice& y) { return {min(x.a, y.a), min(x.b, y.b)}; }
  friend twice max(const twice& x, const twice& y) { return {max(x.a, y.a), max(x.b, y.b)}; }
  friend twice smaller(const twice& x, const twice& y) {
    return {smaller(x.a, y.a), smaller(x.b, y.b)};
  }
  friend twice larger(const twice& x, const twice& y) { return {larger(x.a, y.a), larger(x.b, y.b)}; }
  friend twice abs(const twice& x) { return {abs(x.a), abs(x.b)}; }
  friend twice copysign(const twice& x, const twice& y) {
    return {copysign(x.a, y.a), copysign(x.b, y.b)};
  }
  friend twice flip_sign(const twice& x, const twice& y) {
    return {flip_sign(x.a, y.a), flip_sign(x.b, y.b)};
  }
  friend twice round(const twice& x) { return {round(x.a), round(x.b)}; }
  friend twice round_product(const twice& x, const twice& y) {
    return {round_product(x.a, y.a), round_product(x.b, y.b)};
  }
  friend twice round_product(const twice& x, const twice& y, twice& exponent) {
    return {round_product(x.a, y.a, exponent.a), round_product(x.b, y.b, exponent.b)};
  }
  /// May be true though none is, if infinities of both signs are among them.
  friend bool any_nan(const twice& x) { return any_nan(x.a + x.b); }
  /// May be false though all are, if their sum is not.
  friend bool all_below(const twice& x, double bound) { return all_below(x.a + x.b, bound); }
  friend void scale_both_ways(const twice& x, const twice& n, twice& up, twice& down) {
    scale_both_ways(x.a, n.a, up.a, down.a);
    scale_both_ways(x.b, n.b, up.b, down.b);
  }
  friend twice power_of_2(const twice& n, int more = 0) {
    return {power_of_2(n.a, more), power_of_2(n.b, more)};
  }
  friend twice scale(const twice& x, const twice& n) { return {scale(x.a, n.a), scale(x.b, n.b)}; }
  friend twice ldexp(const twice& x, const twice& n) { return {ldexp(x.a, n.a), ldexp(x.b, n.b)}; }
  friend twice exponent(const twice& x) { return {exponent(x.a), exponent(x.b)}; }
};

}  // namespace nngp::detail

#pragma GCC visibility pop
