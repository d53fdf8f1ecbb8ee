// RectifiedMonomial of high degree, to full relative accuracy also where the kernel nearly vanishes.

#include <gtest/gtest.h>

#include <cmath>

#include "plugin_files.hpp"

namespace nngp::test {
namespace {

struct Row {
  double degree, cov12, var1, var2, nngp, d_nngp;
};
// Cho and Saul's integral by quadrature with 50 digits (mpmath).
constexpr Row rows[] = {
    {8, -0.875, 1, 1, 5.73801619244536e-05, 0.0039026150348226733},
    {8, -0.9999990463256836, 1, 1, 1.8163889776801128e-48, 1.6189286077509025e-41},
    {8, -0.25, 0.5, 3, 1997.9746552312897, 17446.06836389547},
    {8, 0, 1, 2, 44100.0, 265514.0854305245},
    {8, 0.75, 1, 1, 324430.5993085349, 1581015.2390246456},
    {8, 0.9999999990686774, 1, 1, 1013512.4959726632, 4324319.984820038},
    {10, -0.875, 1, 1, 7.278273761928336e-05, 0.006114549016031672},
    {10, -0.9999990463256836, 1, 1, 1.3414705562330162e-58, 1.4769655229293413e-51},
    {10, -0.25, 0.5, 3, 153849.3517237512, 1658733.0988366758},
    {10, 0, 1, 2, 7144200.0, 53102817.08610489},
    {10, 0.75, 1, 1, 80298635.75565991, 482818430.82571024},
    {10, 0.9999999990686774, 1, 1, 327364535.89535797, 1722971242.3543527},
    {20, -0.875, 1, 1, 0.03269276448819541, 5.3618045088763635},
    {20, -0.9999990463256836, 1, 1, 4.028855229301117e-107, 8.660349849227636e-100},
    {20, -0.25, 0.5, 3, 5.7249002718604856e+16, 1.2042938966728323e+18},
    {20, 0, 1, 2, 1.0973956138249105e+20, 1.5912230802488843e+21},
    {20, 0.75, 1, 1, 1.0336281014790364e+22, 1.2114752573962229e+23},
    {20, 0.9999999990686774, 1, 1, 1.5991549185892188e+23, 1.6401588916239664e+24},
};

TEST(RectifiedMonomial, HighDegrees) {
  for (const Row& row : rows) {
    SCOPED_TRACE("degree " + std::to_string(row.degree) + ", cov12 " + std::to_string(row.cov12));
    const Instance f(*find_activation("RectifiedMonomial"), {{"degree", {row.degree}}});
    EXPECT_NEAR(f.nngp_fn(row.cov12, row.var1, row.var2), row.nngp, 2e-14 * row.nngp);
    EXPECT_NEAR(f.d_nngp_fn(row.cov12, row.var1, row.var2), row.d_nngp, 2e-14 * row.d_nngp);
  }
}

TEST(RectifiedMonomial, IsHomogeneousAtExtremeVariances) {
  const Instance f(*find_activation("RectifiedMonomial"), {{"degree", {2}}});
  for (const double cov12 : {0.5, -0.5, 1.0, -1.0}) {
    for (const double unit : {0x1p-340, 0x1p-200, 0x1p200, 0x1p500}) {
      const double expected = f.nngp_fn(cov12, 1, 1) * unit * unit;
      EXPECT_NEAR(f.nngp_fn(cov12 * unit, unit, unit), expected, 1e-14 * expected) << unit;
    }
  }
}

TEST(Heaviside, TakesOneHalfAtZero) {
  const Instance f(*find_activation("Heaviside"), {});
  EXPECT_EQ(f.nngp_fn(0, 0, 1), 0.25);
  EXPECT_EQ(f.nngp_fn(0, 0, 0), 0.25);
  EXPECT_EQ(find_activation("Heaviside")->fn(f.get(), 0), 0.5);
}

}  // namespace
}  // namespace nngp::test
