#pragma once

#include <string>

#include "nngp/formula.hpp"

namespace nngp {

/// The struct of the C++ SDK (nngp/activation.hpp) that computes formulas, called `name`, with their
/// numbers as parameters. Derivatives are written out, as those of the formulas are derived. Break
/// points are those of `fn`, unless they depend on parameters. Throws FormulaError, also if d_nngp_fn
/// is neither given nor the derivative of nngp_fn, as where fn jumps.
std::string formula_source(const Formulas& formulas, const std::string& name);

}  // namespace nngp
