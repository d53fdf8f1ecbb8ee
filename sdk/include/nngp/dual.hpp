#pragma once

// Forward-mode automatic differentiation: a number with its derivative in one variable.

#include <concepts>

#include "nngp/scalar.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// value + slope e with e^2 = 0. Arithmetic with a plain number treats that as a constant, so what does
/// not depend on the variable costs nothing extra.
template <class T>
struct dual_number {
  T value;
  T slope;

  dual_number(const T& value_, const T& slope_) : value(value_), slope(slope_) {}
  template <std::convertible_to<T> Constant>
  dual_number(const Constant& c) : value(c), slope(0.0) {}

  friend dual_number operator+(const dual_number& a, const dual_number& b) {
    return {a.value + b.value, a.slope + b.slope};
  }
  friend dual_number operator-(const dual_number& a, const dual_number& b) {
    return {a.value - b.value, a.slope - b.slope};
  }
  friend dual_number operator*(const dual_number& a, const dual_number& b) {
    return {a.value * b.value, fma(a.slope, b.value, a.value * b.slope)};
  }
  friend dual_number operator/(const dual_number& a, const dual_number& b) {
    const T quotient = a.value / b.value;
    return {quotient, (a.slope - quotient * b.slope) / b.value};
  }
  friend dual_number operator-(const dual_number& a) { return {-a.value, -a.slope}; }

  template <std::convertible_to<T> Constant>
  friend dual_number operator+(const dual_number& a, const Constant& b) {
    return {a.value + b, a.slope};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator+(const Constant& a, const dual_number& b) {
    return {a + b.value, b.slope};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator-(const dual_number& a, const Constant& b) {
    return {a.value - b, a.slope};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator-(const Constant& a, const dual_number& b) {
    return {a - b.value, -b.slope};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator*(const dual_number& a, const Constant& b) {
    return {a.value * b, a.slope * b};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator*(const Constant& a, const dual_number& b) {
    return {a * b.value, a * b.slope};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator/(const dual_number& a, const Constant& b) {
    return {a.value / b, a.slope / b};
  }
  template <std::convertible_to<T> Constant>
  friend dual_number operator/(const Constant& a, const dual_number& b) {
    const T quotient = a / b.value;
    return {quotient, -quotient * b.slope / b.value};
  }

  friend auto operator<(const dual_number& a, const dual_number& b) { return a.value < b.value; }
  friend auto operator<=(const dual_number& a, const dual_number& b) { return a.value <= b.value; }
  friend auto operator>(const dual_number& a, const dual_number& b) { return a.value > b.value; }
  friend auto operator>=(const dual_number& a, const dual_number& b) { return a.value >= b.value; }
  friend auto operator==(const dual_number& a, const dual_number& b) { return a.value == b.value; }

  template <class Mask>
  friend dual_number select(const Mask& m, const dual_number& a, const dual_number& b) {
    return {select(m, a.value, b.value), select(m, a.slope, b.slope)};
  }
  /// NaN where either is. Of two equal ones the slope is that of the second; of a constant, where one
  /// is: max(x, 0.0) and max(0.0, x) have the slope 0 at 0.
  friend dual_number min(const dual_number& a, const dual_number& b) {
    return select((a < b) | (a.value != a.value), a, b);
  }
  friend dual_number max(const dual_number& a, const dual_number& b) {
    return select((a > b) | (a.value != a.value), a, b);
  }
  template <std::convertible_to<T> Constant>
  friend dual_number min(const dual_number& a, const Constant& b) {
    return select(a >= b, dual_number(b), a);
  }
  template <std::convertible_to<T> Constant>
  friend dual_number min(const Constant& a, const dual_number& b) {
    return min(b, a);
  }
  template <std::convertible_to<T> Constant>
  friend dual_number max(const dual_number& a, const Constant& b) {
    return select(a <= b, dual_number(b), a);
  }
  template <std::convertible_to<T> Constant>
  friend dual_number max(const Constant& a, const dual_number& b) {
    return max(b, a);
  }
  friend dual_number abs(const dual_number& a) {
    return {abs(a.value), select(a.value < 0.0, -a.slope, a.slope)};
  }
  friend dual_number fma(const dual_number& a, const dual_number& b, const dual_number& c) {
    return {fma(a.value, b.value, c.value), fma(a.slope, b.value, fma(a.value, b.slope, c.slope))};
  }
  friend dual_number copysign(const dual_number& a, const dual_number& b) {
    return {copysign(a.value, b.value), flip_sign(flip_sign(a.slope, a.value), b.value)};
  }
  friend dual_number quick_divide(const dual_number& a, const dual_number& b) {
    const T quotient = quick_divide(a.value, b.value);
    return {quotient, quick_divide(a.slope - quotient * b.slope, b.value)};
  }
  friend dual_number quick_sqrt(const dual_number& a) {
    const T root = quick_sqrt(a.value);
    return {root, quick_divide(0.5 * a.slope, root)};
  }
  /// At 0, where the slope is infinite, it is taken as 0: kernels meet sqrt(0) only on the boundary
  /// |cov12| = sqrt(var1 var2), where it multiplies another zero.
  friend dual_number sqrt(const dual_number& a) {
    const T root = sqrt(a.value);
    return {root, select(root > 0.0, a.slope / (root + root), T(0.0))};
  }
};

/// The part that is not differentiated.
template <class T>
const T& value_of(const T& x) {
  return x;
}
template <class T>
const T& value_of(const dual_number<T>& x) {
  return x.value;
}

}  // namespace nngp

#pragma GCC visibility pop
