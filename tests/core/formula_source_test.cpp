// The plugins that are written of formulas compute what the formulas do.

#include <gtest/gtest.h>

#include <cmath>

#include "expect_error.hpp"
#include "formula_cases.hpp"
#include "nngp/activation.hpp"
#include "nngp/formula_source.hpp"
#include "nngp/plugin.hpp"

#include "formula_sources.inc"

namespace {

using V = nngp::vec<double, nngp::baseline>;

void expect_equal(double found, double expected, const std::string& what) {
  if (std::isnan(expected))
    EXPECT_TRUE(std::isnan(found)) << what << ": " << found;
  else if (std::isinf(expected))
    EXPECT_EQ(found, expected) << what;
  else
    EXPECT_NEAR(found, expected, 1e-13 * std::max(1.0, std::abs(expected))) << what;
}

template <class Case>
void compare(const nngp::Formulas& formulas) {
  const Case plugin{};
  const nngp::Activation formula = nngp::formula_activation(formulas);
  ASSERT_EQ((nngp::detail::has_fn<Case>), formula.has_fn()) << formula.text();
  ASSERT_EQ((nngp::detail::has_nngp_fn<Case>), formula.has_nngp_fn()) << formula.text();
  if constexpr (nngp::detail::has_fn<Case>)
    for (double x = -40; x < 40; x += 0.53) {
      const std::string at = formula.text() + " at " + std::to_string(x);
      expect_equal(plugin.fn(V(x))[0], formula.fn(x), "fn of " + at);
      expect_equal(plugin.d_fn(V(x))[0], formula.d_fn(x), "d_fn of " + at);
    }
  if constexpr (nngp::detail::has_nngp_fn<Case>)
    for (const double rho : {-1.0, -0.9999, -0.8, -0.3, 0.0, 0.1, 0.6, 0.999, 1.0})
      for (const auto& [var1, var2] : {std::pair(1.0, 1.0), {0.3, 2.0}, {5.0, 0.01}, {9.0, 16.0}}) {
        const double cov12 = rho * std::sqrt(var1 * var2);
        const std::string at = formula.text() + " at " + std::to_string(rho) + ", " +
                               std::to_string(var1) + ", " + std::to_string(var2);
        expect_equal(plugin.nngp_fn(V(cov12), V(var1), V(var2))[0], formula.nngp_fn(cov12, var1, var2),
                     "nngp_fn of " + at);
        if constexpr (nngp::detail::has_d_nngp_fn<Case>)
          expect_equal(plugin.d_nngp_fn(V(cov12), V(var1), V(var2))[0],
                       formula.d_nngp_fn(cov12, var1, var2), "d_nngp_fn of " + at);
      }
}

template <std::size_t... Index>
void compare_all(std::index_sequence<Index...>) {
  (compare<std::tuple_element_t<Index, Cases>>(formula_cases()[Index]), ...);
}

TEST(FormulaSource, ComputesWhatTheFormulaDoes) {
  ASSERT_EQ(std::tuple_size_v<Cases>, formula_cases().size());
  compare_all(std::make_index_sequence<std::tuple_size_v<Cases>>());
}

TEST(FormulaSource, NeedsTheDerivativeOfWhatJumps) {
  const auto source = [](const nngp::Formulas& formulas) {
    return [formulas] { nngp::formula_source(formulas, "Step"); };
  };
  expect_error<nngp::FormulaError>(source({.nngp_fn = "arcsin(cov12 / sqrt(var1 * var2))"}),
                                   "give d_nngp_fn too");
  expect_error<nngp::FormulaError>(source({.fn = "sign(x)", .nngp_fn = "cov12"}), "fn jumps");
}

template <class Case>
std::vector<std::pair<double, unsigned>> breakpoints() {
  std::vector<std::pair<double, unsigned>> points;
  if constexpr (nngp::detail::has_breakpoints<Case>)
    for (const nngp_breakpoint& point : Case{}.breakpoints()) points.emplace_back(point.x, point.order);
  return points;
}

template <std::size_t... Index>
void compare_breakpoints(std::index_sequence<Index...>) {
  const auto compare = [](const nngp::Formulas& formulas, bool has, const auto& points) {
    if (!has) return;
    const auto expected = nngp::formula_activation(formulas).breakpoints();
    ASSERT_TRUE(expected) << formulas.fn;
    ASSERT_EQ(points.size(), expected->size()) << formulas.fn;
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ(points[i].first, (*expected)[i].x) << formulas.fn;
      EXPECT_LE(points[i].second, (*expected)[i].order) << formulas.fn;  // that of other numbers
    }
  };
  (compare(formula_cases()[Index], nngp::detail::has_breakpoints<std::tuple_element_t<Index, Cases>>,
           breakpoints<std::tuple_element_t<Index, Cases>>()),
   ...);
}

TEST(FormulaSource, DeclaresTheBreakPointsOfTheFormula) {
  compare_breakpoints(std::make_index_sequence<std::tuple_size_v<Cases>>());
}

}  // namespace
