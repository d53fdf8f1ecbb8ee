// The error function and its relatives.
#include "shipped.hpp"

using nngp::pi;

// C. K. I. Williams: E[erf(x1) erf(x2)] = 2/pi asin(2 c / sqrt((1 + 2 v1)(1 + 2 v2))). With c, v1, v2
// scaled by b^2 that is the angle of (s, c), s^2 = (v1 + 1/2)(v2 + 1/2) - c^2, whose derivative in c is
// 1/s.
struct Erf {
  double a = 1, b = 1, c = 0;

  static constexpr nngp::info info{
      .name = "Erf",
      .summary = "Error function",
      .formula = "a erf(b x) + c",
      .reference = "C. K. I. Williams, Computing with Infinite Networks, NIPS 1996"};
  static constexpr auto parameters = std::tuple{nngp::parameter("a", &Erf::a, "factor of the output"),
                                                nngp::parameter("b", &Erf::b, "factor of the input"),
                                                nngp::parameter("c", &Erf::c, "shift of the output")};

  auto fn(auto x) const { return a * erf(b * x) + c; }
  auto breakpoints() const { return std::array<nngp_breakpoint, 0>(); }

  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const double b2 = b * b, scale = a * a * (2 / pi);
    const auto bc = b2 * cov12;
    const auto s = root_det(bc, b2 * var1, b2 * var2, 0.5);
    return nngp::kernel_pair{fma(asin2(bc, s), scale, c * c), (b2 * scale) / s};
  }
};

NNGP_PLUGIN(shipped("erf"), Erf);
