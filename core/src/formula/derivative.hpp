#pragma once

#include "formula/graph.hpp"

namespace nngp::formula {

/// The derivative of a node in one variable, almost everywhere: steps and comparisons have slope 0, a
/// selection that of the part that is selected. The slope of a root is taken as 0 where the root is 0:
/// kernels meet that on the boundary |cov12| = sqrt(var1 var2), where a finite derivative multiplies
/// such slopes by another zero, or has terms that cancel. Terms that cancel are removed.
Id differentiate(Graph& graph, Id of, Id variable);

}  // namespace nngp::formula
