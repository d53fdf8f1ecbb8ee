#pragma once

// Formulas whose plugins are compared with what is computed of them: every function and construct of
// the language, kinks and conditions, numbers.

#include <string>
#include <vector>

#include "nngp/formula.hpp"

inline const std::vector<nngp::Formulas>& formula_cases() {
  static const std::string root = "sqrt(var1 * var2 - cov12**2)",
                           larger = "sqrt((1 + var1) * (1 + var2) - cov12**2)",
                           angle = "cov12 / sqrt(var1 * var2)";
  static const std::vector<nngp::Formulas> cases = {
      {.fn = "x"},
      {.fn = "2"},
      {.fn = "a", .parameters = {{"a", 1.5}}},
      {.fn = "-x ** 2 + 3 * x - 1e-3"},
      {.fn = "a * tanh(x / a)", .parameters = {{"a", 1.5}}},
      {.fn = "class * x + int / (double + x ** 2) - x1 ** 2",
       .parameters = {{"class", 1.25}, {"int", -2}, {"double", 3}, {"x1", 0.1}}},
      {.fn = "x ** 3 - x ** -2 + (1 + x ** 2) ** 0.7 + 2 ** x + abs(x) ** abs(x / 9)"},
      {.fn = "(x ** 2) ** p + q ** x", .parameters = {{"p", 0.3}, {"q", 1.2}}},
      {.fn = "where(x > 0, x, a * x)", .parameters = {{"a", 0.1}}},
      {.fn = "x if x >= 1 else 0.5 * x ** 2 + 0.5 if x > -1 else -x"},
      {.fn = "(x > 0) * x + (x < -1 or x > 2) - (x > -2 and not x > 3)"},
      {.fn = "where(x > 0 and a > 1, x, -x) + where(a < 1 or x < 0, 1, 2) + where(a, x, 3)",
       .parameters = {{"a", 2}}},
      {.fn = "where(a > 1, x, -x) * (a == 2) + (not a != 2)", .parameters = {{"a", 2}}},
      {.fn = "0 < x <= 1 < a", .parameters = {{"a", 2}}},
      {.fn = "minimum(x, 1) + maximum(x, -1) * min(a, x) - max(x, 3) + min(a, 2) * max(a, 3)",
       .parameters = {{"a", 0.4}}},
      {.fn = "clip(x, -1, 2) + sign(x) * abs(x - 1) + heaviside(x, 0.5)"},
      {.fn = "sign(a) * abs(a) * x + floor(a) + ceil(a) + round(a) + cbrt(a)",
       .parameters = {{"a", -1.3}}},
      {.fn = "floor(x) + ceil(2 * x) - round(x / 2)"},
      {.fn = "sqrt(abs(x)) + cbrt(x) + square(x) + reciprocal(2 + x ** 2) + power(2, x)"},
      {.fn = "exp(-x ** 2) + exp2(-x / 9) + expm1(-x / 50)"},
      {.fn = "log(1 + x ** 2) + log1p(x ** 2) + log2(2 + abs(x)) + log10(3 + abs(x))"},
      {.fn = "sin(x) + cos(2 * x) + tan(x / 50)"},
      {.fn = "arcsin(x / 60) + arccos(x / 60) + arctan(x) + arctan2(x, 2) + arctan2(1, x)"},
      {.fn = "arcsin(a) + arccos(a) * x + arctan(a) + arctan2(a, 2) + power(2, a) + erfcx(a)",
       .parameters = {{"a", 0.3}}},
      {.fn = "sinh(x / 20) + cosh(x / 20) + tanh(x)"},
      {.fn = "arcsinh(x) + arccosh(1 + abs(x)) + arctanh(x / 60)"},
      {.fn = "erf(x) + erfc(x) + erfcx(abs(x)) + ndtr(x)"},
      {.fn = "sigmoid(x) + softplus(x) + log_sigmoid(x) + sigmoid(a) + softplus(a)",
       .parameters = {{"a", 0.3}}},
      {.fn = "relu(x) + relu6(x) + leaky_relu(x) + leaky_relu(x, 0.3)"},
      {.fn = "gelu(x) + jax.nn.gelu(x) + silu(x) + swish(2 * x) + mish(x)"},
      {.fn = "elu(x) + elu(x, 2) + celu(x, 1.5) + selu(x) + hard_tanh(x) + soft_sign(x)"},
      {.fn = "celu(x, alpha) + elu(x, beta)", .parameters = {{"alpha", 1.5}, {"beta", 1}}},
      {.fn = "x * sigmoid(1.702 * x) + tanh(softplus(x)) * tanh(softplus(x)) + softplus(x) / 3"},
      {.fn = "pi * x - e + (x == inf) * 3"},
      {.nngp_fn = "(" + root + " + (pi - arccos(" + angle + ")) * cov12) / (2 * pi)"},
      {.nngp_fn = "2 / pi * (" + root + " + cov12 * arcsin(" + angle + "))"},
      {.nngp_fn = "2 / pi * arcsin(" + angle + ")", .d_nngp_fn = "0"},
      {.fn = "a * erf(b * x) + c",
       .nngp_fn =
           "a**2 * 2 / pi * arcsin(2*b**2*cov12 / sqrt((1 + 2*b**2*var1) * (1 + 2*b**2*var2))) + "
           "c**2",
       .parameters = {{"a", 1.2}, {"b", 0.8}, {"c", -0.3}}},
      {.nngp_fn = "a**2 / sqrt((1 - 2*b*var1) * (1 - 2*b*var2) - 4 * b**2 * cov12**2)",
       .parameters = {{"a", 1.2}, {"b", -0.8}}},
      {.nngp_fn = "a**2 / 2 * (exp(-b**2 * (var1 + var2 - 2*cov12) / 2) - exp(-b**2 * (var1 + var2 + "
                  "2*cov12) / 2) * cos(2*c))",
       .parameters = {{"a", 1.2}, {"b", 0.8}, {"c", -0.3}}},
      {.nngp_fn = "sqrt(var1 * var2) * exp(gamma * (cov12 / sqrt(var1 * var2) + shift))",
       .parameters = {{"gamma", 0.6}, {"shift", -0.5}}},
      {.fn = "where(x > t, 1, 0)",
       .nngp_fn = "cov12 + t",
       .d_nngp_fn = "0",
       .parameters = {{"t", 0.5}}},
      {.nngp_fn = "arctan(cov12 / " + larger + ") + arctan2(" + larger + ", cov12) + arctan2(cov12, " +
                  larger + ")"},
      {.nngp_fn = "2 / pi * arcsin(" + angle + ")", .d_nngp_fn = "arccos(cov12 / (1 + var1 * var2))"},
      {.nngp_fn = "where(cov12 > 0, cov12, -cov12) + maximum(cov12, var1) * min(var2, 2) + 3"},
      {.nngp_fn = "var1 * var2"},
      {.nngp_fn = "1"},
  };
  return cases;
}
