#pragma once

// The language of formulas: Python's arithmetic and the elementary functions of numpy, scipy.special
// and jax.nn, so that a formula can be pasted from code. formula.md lists all of it.

#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formula/graph.hpp"

namespace nngp::formula {

/// What is wrong with a formula, and the offset of the byte where.
struct SyntaxError {
  std::size_t offset;
  std::string message;
};

/// The names that a formula may use besides functions and constants.
struct Names {
  std::map<std::string, Id, std::less<>> nodes;  ///< variables and parameters
  /// Known, but not here: "x", in an nngp_fn, with the sentence that says so.
  std::map<std::string, std::string, std::less<>> elsewhere;
};

/// Reads a formula into a graph. Adds the names that it uses to `used`. Throws SyntaxError, also for
/// formulas that are too long, too deeply nested or too large.
Id parse(std::string_view text, const Names& names, Graph& graph, std::set<std::string>& used);

/// True for the names that parameters cannot have: those of functions, constants and variables.
bool is_reserved(std::string_view name);

}  // namespace nngp::formula
