#pragma once

#include <optional>
#include <vector>

#include "formula/graph.hpp"
#include "nngp/activation.h"

namespace nngp::formula {

/// The points where a formula of one variable is not smooth, in increasing order, with the lowest
/// derivative that jumps there, up to the third: the roots of what its comparisons, |x|, minima, roots
/// and powers switch at. Nothing if there are too many to tell (a staircase, |sin x|).
std::optional<std::vector<nngp_breakpoint>> find_breakpoints(Graph& graph, Id fn, Id x);

/// What a formula switches at, functions whose roots are places where it may not be smooth. Nothing if
/// one has roots without end.
std::optional<std::vector<Id>> switch_functions(Graph& graph, Id fn, Id x);

}  // namespace nngp::formula
