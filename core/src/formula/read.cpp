#include "formula/read.hpp"

#include <cmath>

#include "formula/derivative.hpp"
#include "nngp/text.hpp"

namespace nngp::formula {

const std::string& text_of(const Formulas& formulas, std::string_view argument) {
  static const std::string none;
  if (argument == "fn") return formulas.fn;
  if (argument == "nngp_fn") return formulas.nngp_fn;
  if (argument == "d_nngp_fn") return formulas.d_nngp_fn;
  return none;
}

Reader::Reader(const Formulas& formulas, Numbers numbers) : formulas_(formulas), numbers_(numbers) {
  if (formulas.fn.empty() && formulas.nngp_fn.empty())
    throw FormulaError(formulas, formulas.d_nngp_fn.empty() ? "fn" : "d_nngp_fn", 0,
                       "Elementwise needs fn='...', a formula of x, or nngp_fn='...', one of cov12, "
                       "var1 and var2");
  if (formulas.nngp_fn.empty() && !formulas.d_nngp_fn.empty())
    throw FormulaError(formulas, "d_nngp_fn", 0, "d_nngp_fn is of no use without nngp_fn");
  check_numbers();
}

void Reader::check_numbers() const {
  std::set<std::string> seen;
  for (const auto& [name, value] : formulas_.parameters) {
    if (!is_name(name.c_str()))
      throw FormulaError(formulas_, name, 0,
                         "'" + printable(name) + "' cannot be the name of a number");
    if (is_reserved(name))
      throw FormulaError(formulas_, name, 0,
                         "'" + name + "' means something else in formulas; call the number otherwise");
    if (!std::isfinite(value))
      throw FormulaError(formulas_, name, 0, name + " must be finite, got " + format_number(value));
    if (!seen.insert(name).second)
      throw FormulaError(formulas_, name, 0, "'" + name + "' is given twice");
  }
}

FnNodes Reader::fn(Graph& graph) {
  const Names names = this->names(graph, {"x"});
  const Id x = names.nodes.at("x"), fn = parse("fn", names, graph);
  try {
    return {x, fn, differentiate(graph, fn, x)};
  } catch (const TooLarge&) {
    throw FormulaError(formulas_, "fn", 0,
                       "the derivative of this formula is too large; write a plugin instead");
  }
}

KernelNodes Reader::kernel(Graph& graph, bool jumps) {
  const Names names = this->names(graph, {"cov12", "var1", "var2"});
  KernelNodes nodes{names.nodes.at("cov12"),
                    names.nodes.at("var1"),
                    names.nodes.at("var2"),
                    parse("nngp_fn", names, graph),
                    {}};
  if (!formulas_.d_nngp_fn.empty()) {
    nodes.d_nngp = parse("d_nngp_fn", names, graph);
  } else if (!jumps) {
    try {
      nodes.d_nngp = differentiate(graph, nodes.nngp, nodes.cov12);
    } catch (const TooLarge&) {
      throw FormulaError(formulas_, "nngp_fn", 0,
                         "the derivative of this formula is too large; give d_nngp_fn too");
    }
  }
  return nodes;
}

void Reader::check_all_used() const {
  for (const auto& [name, value] : formulas_.parameters)
    if (!used_.contains(name))
      throw FormulaError(formulas_, name, 0, "no formula uses " + name + "; leave it out");
}

std::vector<std::string> Reader::variables(std::vector<std::string> names) const {
  if (numbers_ == Numbers::variable)
    for (const auto& [name, value] : formulas_.parameters) names.push_back(name);
  return names;
}

Names Reader::names(Graph& graph, const std::vector<std::string>& variables) const {
  Names names;
  const std::vector<std::string> all = this->variables(variables);
  for (std::size_t i = 0; i < all.size(); ++i) names.nodes[all[i]] = graph.variable(i);
  if (numbers_ == Numbers::constant)
    for (const auto& [name, value] : formulas_.parameters) names.nodes[name] = graph.constant(value);
  if (!names.nodes.contains("x"))
    names.elsewhere["x"] = "x belongs in fn; a kernel is of cov12, var1 and var2";
  for (const char* variable : {"cov12", "var1", "var2"})
    if (!names.nodes.contains(variable))
      names.elsewhere[variable] = std::string(variable) + " belongs in nngp_fn; fn is of x";
  return names;
}

Id Reader::parse(const char* argument, const Names& names, Graph& graph) {
  try {
    return formula::parse(text_of(formulas_, argument), names, graph, used_);
  } catch (const SyntaxError& error) {
    throw FormulaError(formulas_, argument, error.offset, error.message);
  }
}

}  // namespace nngp::formula
