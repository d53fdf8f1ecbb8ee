#pragma once

// Mills' ratio m(x) = P(X > x) / density(x) of a standard normal variable X, for x >= 0. Unlike the
// probability it neither overflows nor underflows; what kernels need of it is formed without
// cancellation.

#include <array>

#include "nngp/detail/twice.hpp"
#include "nngp/math.hpp"

#pragma GCC visibility push(hidden)

namespace nngp {

/// m(x) = int_0^inf exp(-u^2 / 2 - x u) du.
template <Vector V>
V mills_ratio(const V& x) {
  return detail::erfcx_right(x * (1 / sqrt_2)) * (sqrt_pi / sqrt_2);
}

/// m(x) for what exp(-x^2 / 2) multiplies, in fewer terms: x + sqrt(1/2) times it is nearly
/// constant, and fitted in (x - k) / (x + k) with a relative error of 1.5e-18 (16 + x^2), float 2.4e-10
/// (16 + x^2), up to x = 9.2. Beyond, the product is below 1e-19.
template <Vector V>
V short_mills_ratio(const V& x) {
  constexpr double middle = per_type<V>(5.5, 4);
  const V q = (x - middle) / (x + middle), y = x + 1 / sqrt_2;
  if constexpr (std::is_same_v<typename V::real, double>) {
    return polynomial(q, 1.09445560057197122, -0.124057915119635857, 0.00922749779164568907,
                      0.0657976336708115975, -0.0927155131259910421, 0.0827872123848707135,
                      -0.0560276303732119554, 0.0295607071353121042, -0.0117515346087637379,
                      0.00304952481350183066, -0.000164614678376492051, -0.00025358671654301125,
                      0.000101040346111465298, 1.49982312013773539e-6, -0.0000103005708751344532,
                      5.81020380304155507e-6, 3.8517637157588663e-6, 5.85468227221390926e-7) /
           y;
  } else {
    return polynomial(q, 1.11394803201510079, -0.117298148024385526, -0.056223863884087978,
                      0.124342472975034231, -0.103364597715777371, 0.0511228668865832662,
                      -0.0130498748835230985, -0.00105017406208843352, 0.00252471539740647819,
                      0.000490464373824532753) /
           y;
  }
}

/// Of two numbers, whose chains of operations go side by side.
template <Vector V>
std::array<V, 2> short_mills_ratios(const V& x, const V& y) {
  const detail::twice<V> both = short_mills_ratio(detail::twice<V>(x, y));
  return {both.a, both.b};
}

/// -m'(x) = 1 - x m(x) = int_0^inf u exp(-u^2 / 2 - x u) du.
///
/// Divided by r^2, r = 8 / (x + 4), it is bounded from both sides, and smooth in 1 - r: fitted in that
/// at Chebyshev points, with a relative error of 6e-17, float 7e-8.
template <Vector V>
V mills_slope(const V& x) {
  const V r = 8.0 / (x + 4.0);
  if constexpr (std::is_same_v<typename V::real, double>) {
    return r * r *
           polynomial(1.0 - r, 0.053390468345757317, -0.077943139552736586, 0.06740393052496742,
                      -0.038683295331928583, 0.013304079154108681, -0.00095420208611800097,
                      -0.0014011102583103157, 0.00046920137948653661, 0.00012846286999437797,
                      -8.9763409151434347e-5, -1.5963425452728634e-5, 1.6180926118907338e-5,
                      3.3793539860779555e-6, -2.9008795849625779e-6, -9.7062235884372971e-7,
                      4.6966427197692909e-7, 2.8537154693243976e-7, -4.8490973259813393e-8,
                      -7.5262305283563112e-8, -5.9433088242930805e-9, 1.625956534480575e-8,
                      4.8561491357999449e-9, -2.5167717707409761e-9, -1.2776577760514818e-9,
                      2.0527279086238986e-10, 1.4543287137255762e-10);
  } else {
    return r * r *
           polynomial(1.0 - r, 0.05339046761375262, -0.077943134335991627, 0.067403984421039994,
                      -0.038683443883204515, 0.013303429950143683, -0.00095298512196461967,
                      -0.0013982010022513562, 0.00046487683111046256, 0.00012236209071070038,
                      -8.2112441364038522e-5, -9.543726275367033e-6, 9.2993177180917319e-6);
  }
}

/// (m(0) - m(x)) / x, at 0 its limit 1: the mean of -m' over [0, x]. Fitted likewise, with r for r^2:
/// 9e-18, float 2e-9.
template <Vector V>
V mills_mean_slope(const V& x) {
  const V r = 8.0 / (x + 4.0);
  if constexpr (std::is_same_v<typename V::real, double>) {
    return r * polynomial(1.0 - r, 0.25416543860048489, -0.14738450190897028, 0.069441362356233858,
                          -0.024505408672920365, 0.005163761006949025, 0.00015787065463334321,
                          -0.00047593801656215158, 7.5620800814475936e-5, 4.1679543239297069e-5,
                          -1.3132246371887809e-5, -4.8204325686529811e-6, 1.9180302493640812e-6,
                          7.7878852364799636e-7, -2.5901631565580193e-7, -1.5541558925671626e-7,
                          2.6284828732994266e-8, 3.2513062321487503e-8, 6.312196237276895e-10,
                          -6.203022422068284e-9, -1.2900887988899741e-9, 9.171408497098551e-10,
                          3.570581062466598e-10, -7.5672645688827041e-11, -4.1917897301568657e-11);
  } else {
    return r * polynomial(1.0 - r, 0.25416543838880031, -0.14738450135702645, 0.069441377846646521,
                          -0.024505424317992166, 0.0051635760775868302, 0.00015799798055556846,
                          -0.00047512081298397346, 7.5172919575184625e-5, 4.0007029479956581e-5,
                          -1.2353561000923416e-5, -3.145141740795903e-6, 1.2419577759858269e-6);
  }
}

}  // namespace nngp

#pragma GCC visibility pop
