// Sin of extreme amplitudes, whose kernel does not go by the exponents of products of envelopes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "plugin_files.hpp"

namespace nngp::test {
namespace {

/// E[sin(x1) sin(x2)] and E[cos(x1) cos(x2)], by the characteristic function of the normal
/// distribution.
long double sines(long double cov12, long double var1, long double var2) {
  return std::exp(-(var1 + var2) / 2) * std::sinh(cov12);
}
long double cosines(long double cov12, long double var1, long double var2) {
  return std::exp(-(var1 + var2) / 2) * std::cosh(cov12);
}

template <class Real, class Tile>
void expect_closed_form(const nngp_activation& table, void (*entry)(const void*, const Tile*),
                        double amplitude, Real var) {
  const Instance f(table, {{"a", {amplitude}}});
  const Real cov12[] = {0, var / 2, -var, var, var * Real(0.75)};
  constexpr std::size_t count = std::size(cov12);
  Real var2[count], nngp[count], d_nngp[count];
  std::fill_n(var2, count, var);
  Tile tile{};
  tile.struct_size = sizeof tile;
  tile.rows = 1;
  tile.cols = tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = count;
  tile.cov12 = cov12;
  tile.var1 = &var;
  tile.var2 = var2;
  tile.nngp = nngp;
  tile.d_nngp = d_nngp;
  tile.cov_scale = 1;
  entry(f.get(), &tile);
  const auto expect_near = [](Real value, long double truth) {
    const auto epsilon = static_cast<long double>(std::numeric_limits<Real>::epsilon());
    const auto least = static_cast<long double>(std::numeric_limits<Real>::min());
    EXPECT_LE(std::abs(value - truth), 40 * epsilon * std::abs(truth) + least)
        << value << " for " << truth;
  };
  for (std::size_t j = 0; j < count; ++j) {
    SCOPED_TRACE(cov12[j]);
    const long double square = static_cast<long double>(amplitude) * amplitude;
    expect_near(nngp[j], square * sines(cov12[j], var, var));
    expect_near(d_nngp[j], square * cosines(cov12[j], var, var));
  }
}

TEST(Sin, ExtremeAmplitudesAndVariances) {
  const nngp_activation& table = *find_activation("Sin");
  for (const nngp_tile_variant& variant : tile_variants(table)) {
    SCOPED_TRACE(variant.instruction_set);
    for (const double var : {1e-3, 1.0, 31.0, 33.0, 63.0, 65.0, 200.0})
      for (const double amplitude : {0.0, 1e-150, 1e-99, 1e-9, 1.0, -3.0, 1e99, 1e150}) {
        SCOPED_TRACE(testing::Message() << "a = " << amplitude << ", var = " << var);
        expect_closed_form<double>(table, variant.tile_f64, amplitude, var);
      }
    for (const float var : {1e-3F, 1.0F, 7.9F, 8.1F, 15.9F, 16.1F, 30.0F})
      for (const double amplitude : {0.0, 1e-18, 1e-9, 1e-7, 1.0, -3.0, 1e7, 1e9}) {
        SCOPED_TRACE(testing::Message() << "a = " << amplitude << ", var = " << var);
        expect_closed_form<float>(table, variant.tile_f32, amplitude, var);
      }
  }
}

}  // namespace
}  // namespace nngp::test
