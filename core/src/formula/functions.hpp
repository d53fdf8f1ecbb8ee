#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formula/graph.hpp"

namespace nngp::formula {

/// A function of the language: how many arguments it takes and what it becomes.
struct Function {
  std::string_view name;
  std::size_t least, most;    ///< arguments
  std::string_view keywords;  ///< of the arguments, separated by blanks; empty: none have any
  Term (*build)(std::span<const Term> arguments);
};

/// The function of a name without its module; null if there is none.
const Function* find_function(std::string_view name);

/// All names, aliases too.
std::vector<std::string> function_names();

}  // namespace nngp::formula
