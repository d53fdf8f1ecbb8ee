#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "formula/graph.hpp"
#include "formula/syntax.hpp"
#include "nngp/formula.hpp"

namespace nngp::formula {

struct FnNodes {
  Id x, fn, d_fn;
};

struct KernelNodes {
  Id cov12, var1, var2, nngp;
  std::optional<Id> d_nngp;
};

/// Reads the formulas of an activation into graphs, with what is derived from them. Throws
/// FormulaError, also for numbers that cannot be used.
class Reader {
 public:
  enum class Numbers {
    constant,  ///< the numbers of the formulas are constants
    variable   ///< they are variables, whose names follow x, or cov12, var1 and var2
  };
  explicit Reader(const Formulas& formulas, Numbers numbers = Numbers::constant);

  /// There must be such a formula. A graph of kernels is one of angles.
  FnNodes fn(Graph& graph);
  /// With `jumps` of fn the derivative of nngp_fn is not E[fn'(x1) fn'(x2)]: d_nngp is there if given.
  KernelNodes kernel(Graph& graph, bool jumps);

  /// Throws for numbers that what was read does not use.
  void check_all_used() const;

  /// The names of the variables of a graph.
  std::vector<std::string> fn_variables() const { return variables({"x"}); }
  std::vector<std::string> kernel_variables() const { return variables({"cov12", "var1", "var2"}); }

 private:
  void check_numbers() const;
  std::vector<std::string> variables(std::vector<std::string> names) const;
  Names names(Graph& graph, const std::vector<std::string>& variables) const;
  Id parse(const char* argument, const Names& names, Graph& graph);

  const Formulas& formulas_;
  Numbers numbers_;
  std::set<std::string> used_;
};

/// The formula of an argument: "fn", "nngp_fn" or "d_nngp_fn"; empty for others.
const std::string& text_of(const Formulas& formulas, std::string_view argument);

}  // namespace nngp::formula
