#pragma once

// Functions of the standard normal distribution that neither overflow nor cancel.

#include "nngp/math.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// The density of the standard normal distribution.
template <Vector V>
V normal_density(const V& x) {
  return exp(-0.5 * x * x) * (1 / (sqrt_2 * sqrt_pi));
}

namespace detail {

/// (x - 4) / (x + 4): takes [0, inf) to [-1, 1], where the functions below, times 1 + x, are
/// polynomials but for 1e-16 (float: 1e-8) of their size. Fitted at Chebyshev points with 50 digits.
template <Vector V>
V mills_variable(const V& x) {
  return (x - 4.0) / (x + 4.0);
}

}  // namespace detail

/// Mills' ratio P(X > x) / density(x) of a standard normal X, for x >= 0.
template <Vector V>
V mills_ratio(const V& x) {
  const V t = detail::mills_variable(x);
  if constexpr (std::is_same_v<typename V::real, double>) {
    return polynomial(t, 1.1832619145678034, -0.24239967052180811, 0.035091880234748007,
                      0.07169048120143743, -0.080708009679052299, 0.044959129077069808,
                      -0.01253910362039814, -0.00071595090528381209, 0.0017418487737325851,
                      -0.00023670175882712258, -0.0002202155756957516, 5.3266970938315367e-5,
                      3.4158814331838206e-5, -8.606187876096939e-6, -6.5533544552582505e-6,
                      1.0194890870987358e-6, 1.390762707984928e-6, -3.1010836097575838e-9,
                      -2.8692999652079424e-7, -4.4949163820386125e-8, 5.0778441223320479e-8,
                      1.3723059452459651e-8, -6.5624402369464742e-9, -1.6952996818880583e-9,
                      4.4802333820991688e-10) /
           (1.0 + x);
  } else {
    return polynomial(t, 1.183261905003296, -0.24239965322841212, 0.035092579442418159,
                      0.071689990127441092, -0.080716345379201809, 0.04496313583061264,
                      -0.012502345564494057, -0.00073009933903245641, 0.0016668794578253972,
                      -0.0002119454919302005, -0.00014561313280773365, 3.150467452294298e-5) /
           (1.0 + x);
  }
}

/// (m(0) - m(x)) / x with Mills' ratio m, for x >= 0; at 0 its limit 1.
template <Vector V>
V mills_decline(const V& x) {
  const V t = detail::mills_variable(x);
  if constexpr (std::is_same_v<typename V::real, double>) {
    return polynomial(t, 1.2708271930024245, 0.025573806256603277, -0.094946693945742758,
                      0.085797043704101746, -0.047697420983957863, 0.016280636293961953,
                      -0.0019060781199953784, -0.001049710044992019, 0.00043526012909903929,
                      5.9377393711411722e-5, -6.3498961459734818e-5, -4.8711295693738411e-6,
                      9.6482479298465167e-6, 1.0412398194342348e-6, -1.5546361868673273e-6,
                      -3.3474689856675809e-7, 2.422261793656256e-7, 1.0061065065780873e-7,
                      -2.9964728072314207e-8, -2.5000118681502287e-8, 1.2746622149195523e-9,
                      4.5129560487018901e-9, 4.7977323770910171e-10, -4.3247576589415499e-10,
                      -9.0247383140248891e-11) /
           (1.0 + x);
  } else {
    return polynomial(t, 1.2708271901247275, 0.025573805037722981, -0.094946483850112576,
                      0.085797078820892207, -0.047699920756274518, 0.016280343658422864,
                      -0.0018950898449292363, -0.0010486418933834973, 0.00041297908364348028,
                      5.7397335742752729e-5, -4.1608771722877321e-5, -2.9143826360949621e-6) /
           (1.0 + x);
  }
}

}  // namespace nngp

#pragma GCC visibility pop
