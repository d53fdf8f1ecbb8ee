#pragma once

#include <string>

#include "nngp/formula.hpp"

namespace nngp::formula {

/// The struct of the C++ SDK (nngp/activation.hpp) that computes the formulas, called `name`, with
/// their numbers as parameters. Derivatives are written out, as the formulas' own are derived. Break
/// points are those of `fn`, unless they depend on parameters. Throws FormulaError.
std::string activation_source(const Formulas& formulas, const std::string& name);

}  // namespace nngp::formula
