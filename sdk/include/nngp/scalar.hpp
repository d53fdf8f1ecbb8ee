#pragma once

// The functions of formulas for plain numbers, such as parameters: those of the C++ library where it
// has them. What vectors alone define gets its plain form in math.hpp and gram.hpp.

#include <cmath>
#include <concepts>
#include <type_traits>

#pragma GCC visibility push(hidden)

namespace nngp {

template <class T>
concept Scalar = std::same_as<T, double> || std::same_as<T, float>;

using std::abs;
using std::acos;
using std::acosh;
using std::asin;
using std::asinh;
using std::atan;
using std::atan2;
using std::atanh;
using std::copysign;
using std::cos;
using std::cosh;
using std::erf;
using std::erfc;
using std::exp;
using std::expm1;
using std::fma;
using std::log;
using std::log1p;
using std::pow;
using std::sin;
using std::sinh;
using std::sqrt;
using std::tan;
using std::tanh;

template <class T>
concept Arithmetic = std::is_arithmetic_v<T>;

/// m ? a : b
template <Arithmetic A, Arithmetic B>
auto select(bool m, A a, B b) {
  return m ? a : b;
}

/// The smaller and the larger; NaN where either is.
template <Arithmetic A, Arithmetic B>
auto min(A a, B b) {
  return a < b || a != a ? a : b;
}
template <Arithmetic A, Arithmetic B>
auto max(A a, B b) {
  return a > b || a != a ? a : b;
}

inline double quick_sqrt(double a) { return std::sqrt(a); }
inline double quick_divide(double a, double b) { return a / b; }

}  // namespace nngp

#pragma GCC visibility pop
