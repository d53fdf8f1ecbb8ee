#pragma once

#include <string>
#include <vector>

#include "formula/graph.hpp"

namespace nngp::formula {

/// A node as text that a person reads and, but for root_det, asin2, acos2 and inverse_or_zero, parse()
/// does too. Long ones are cut.
std::string print(const Graph& graph, Id id, const std::vector<std::string>& variables);

}  // namespace nngp::formula
