// Every shipped activation against the reference values, through every way of calling it.

#include <gtest/gtest.h>

#include <cmath>

#include "golden.hpp"
#include "one_entry.hpp"

namespace nngp::test {
namespace {

template <class Tile, class Real>
Entry<Real> one_entry(void (*entry)(const void*, const Tile*), const Instance& f, Real c, Real v1,
                      Real v2) {
  return test::one_entry<Tile>(c, v1, v2, [&](const Tile& tile) { entry(f.get(), &tile); });
}

/// sqrt(k(v1) k(v2)), the size of what a value at (c, v1, v2) may have cancelled from; 0 if not finite.
double size_of(double k1, double k2) {
  const double size = std::sqrt(k1) * std::sqrt(k2);
  return std::isfinite(size) ? size : 0.0;
}

void expect_close(double value, double truth, double size, double relative, double floor) {
  if (std::isnan(truth)) {
    EXPECT_TRUE(std::isfinite(value)) << value;
  } else {
    EXPECT_NEAR(value, truth, relative * std::abs(truth) + floor * size)
        << "relative error " << (value - truth) / truth;
  }
}

std::vector<std::string> names_with_kernel() {
  std::vector<std::string> names;
  for (const PluginActivation& a : shipped_activations()) {
    if (a.table->nngp_fn) names.push_back(a.table->name);
  }
  return names;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, KernelsAgree) {
  const nngp_activation& table = *find_activation(GetParam());
  for (const GoldenRow& row : golden_rows()) {
    if (row.activation != GetParam()) continue;
    SCOPED_TRACE(row.activation + "(" + row.params + ") at cov12=" + std::to_string(row.cov12) +
                 " var1=" + std::to_string(row.var1) + " var2=" + std::to_string(row.var2));
    const Instance f(table, row.values());
    const double c = row.cov12, v1 = row.var1, v2 = row.var2;
    const double size = size_of(f.nngp_fn(v1, v1, v1), f.nngp_fn(v2, v2, v2));
    const double d_size = size_of(f.d_nngp_fn(v1, v1, v1), f.d_nngp_fn(v2, v2, v2));
    const auto check = [&](const Entry<double>& r) {
      expect_close(r.nngp, row.nngp, size, 1e-13, 5e-16);
      expect_close(r.d_nngp, row.d_nngp, d_size, 1e-13, 5e-16);
    };
    check({f.nngp_fn(c, v1, v2), f.d_nngp_fn(c, v1, v2)});

    // In float32 the inputs are rounded, and kernels with kinks feel that near |rho| = 1: the truth for
    // the rounded inputs is the float64 result, checked above.
    const float cf = static_cast<float>(c), v1f = static_cast<float>(v1), v2f = static_cast<float>(v2);
    const Entry<double> truth{f.nngp_fn(cf, v1f, v2f), f.d_nngp_fn(cf, v1f, v2f)};
    for (const nngp_tile_variant& variant : tile_variants(table)) {
      SCOPED_TRACE(variant.instruction_set);
      check(one_entry(variant.tile_f64, f, c, v1, v2));
      const Entry<float> r = one_entry(variant.tile_f32, f, cf, v1f, v2f);
      expect_close(r.nngp, truth.nngp, size, 2e-6, 3e-7);
      expect_close(r.d_nngp, truth.d_nngp, d_size, 2e-6, 3e-7);
    }
  }
}

TEST(Catalogue, HasEveryActivationWithReferenceValues) {
  for (const GoldenRow& row : golden_rows()) {
    if (row.activation == "Identity") continue;  // a layer of its own
    const nngp_activation* table = find_activation(row.activation);
    ASSERT_NE(table, nullptr) << row.activation;
    EXPECT_NO_THROW(Instance(*table, row.values())) << row.activation << " " << row.params;
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, Golden, testing::ValuesIn(names_with_kernel()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace nngp::test
