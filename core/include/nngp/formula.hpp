#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/error.hpp"
#include "nngp/plugin.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The functions of neural_tangents.stax.Elementwise as text, in the language of
/// core/src/formula/formula.md: Python's arithmetic with the elementary functions of numpy,
/// scipy.special and jax.nn.
struct Formulas {
  std::string fn = {};         ///< of x; empty: not given
  std::string nngp_fn = {};    ///< E[fn(x1) fn(x2)] of cov12, var1, var2; empty: not given
  std::string d_nngp_fn = {};  ///< E[fn'(x1) fn'(x2)] of the same; empty: derived
  /// Numbers that the formulas use by name.
  std::vector<std::pair<std::string, double>> parameters = {};
};

/// A formula that cannot be used.
class FormulaError : public ModelError {
 public:
  /// `argument` is "fn", "nngp_fn", "d_nngp_fn" or the name of a parameter; `offset` counts bytes of
  /// its text.
  FormulaError(const Formulas& formulas, std::string argument, std::size_t offset, std::string message);

  std::string argument;
  std::size_t offset;
  std::string message;  ///< without the place, which what() shows under the formula
};

/// An activation from formulas, which runs at about the speed of a plugin: the formulas are compiled to
/// a short program on rows of numbers. Kinks and jumps are found from `fn`. Where d_nngp_fn is missing
/// it is the exact derivative of nngp_fn in cov12; where nngp_fn is missing the numerical layer
/// integrates fn. Throws FormulaError for a formula that cannot be read or uses what is not there, for
/// a parameter that no formula uses, and if neither fn nor nngp_fn is given.
Activation formula_activation(const Formulas& formulas);

/// What is wrong if nngp_fn or d_nngp_fn of an activation made of formulas is not the expectation of
/// its fn: one line with the point and both values. Compares at a dozen points with numerical
/// integration, which takes milliseconds. Nothing if they agree, or if there is nothing to compare.
std::optional<std::string> formula_mismatch(const Activation& activation);

/// A formula of an activation, or one of its numbers.
struct FormulaPart {
  std::string name;  ///< "fn", "d_fn", "nngp_fn", "d_nngp_fn", or that of a number
  std::string text;
  bool derived;  ///< and not given
};

/// The formulas that an activation is made of, with those that were derived from them, and its numbers.
/// Empty for activations that are not made of formulas.
std::vector<FormulaPart> formula_parts(const Activation& activation);
inline bool is_formula(const Activation& activation) { return !formula_parts(activation).empty(); }

}  // namespace nngp
NNGP_API_END
