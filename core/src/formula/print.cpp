#include "formula/print.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "nngp/text.hpp"

namespace nngp::formula {
namespace {

constexpr std::size_t max_text = 2000;

/// How tightly an operation binds, as in Python.
enum Precedence {
  conditional,
  disjunction,
  conjunction,
  negation,
  comparison,
  sum,
  product,
  sign,
  power,
  atom
};

struct Form {
  const char* symbol;  ///< of an infix operator; null: a function
  Precedence precedence;
  const char* name;  ///< of a function
};

constexpr std::pair<Op, Form> forms[] = {
    {Op::add, {" + ", sum, nullptr}},
    {Op::subtract, {" - ", sum, nullptr}},
    {Op::multiply, {" * ", product, nullptr}},
    {Op::divide, {" / ", product, nullptr}},
    {Op::power, {"**", power, nullptr}},
    {Op::less, {" < ", comparison, nullptr}},
    {Op::less_equal, {" <= ", comparison, nullptr}},
    {Op::equal, {" == ", comparison, nullptr}},
    {Op::both, {" and ", conjunction, nullptr}},
    {Op::either, {" or ", disjunction, nullptr}},
    {Op::select, {nullptr, atom, "where"}},
    {Op::minimum, {nullptr, atom, "minimum"}},
    {Op::maximum, {nullptr, atom, "maximum"}},
    {Op::abs, {nullptr, atom, "abs"}},
    {Op::sign, {nullptr, atom, "sign"}},
    {Op::floor, {nullptr, atom, "floor"}},
    {Op::ceil, {nullptr, atom, "ceil"}},
    {Op::round, {nullptr, atom, "round"}},
    {Op::sqrt, {nullptr, atom, "sqrt"}},
    {Op::cbrt, {nullptr, atom, "cbrt"}},
    {Op::exp, {nullptr, atom, "exp"}},
    {Op::expm1, {nullptr, atom, "expm1"}},
    {Op::log, {nullptr, atom, "log"}},
    {Op::log1p, {nullptr, atom, "log1p"}},
    {Op::sin, {nullptr, atom, "sin"}},
    {Op::cos, {nullptr, atom, "cos"}},
    {Op::asin, {nullptr, atom, "arcsin"}},
    {Op::acos, {nullptr, atom, "arccos"}},
    {Op::atan, {nullptr, atom, "arctan"}},
    {Op::atan2, {nullptr, atom, "arctan2"}},
    {Op::sinh, {nullptr, atom, "sinh"}},
    {Op::cosh, {nullptr, atom, "cosh"}},
    {Op::tanh, {nullptr, atom, "tanh"}},
    {Op::asinh, {nullptr, atom, "arcsinh"}},
    {Op::acosh, {nullptr, atom, "arccosh"}},
    {Op::atanh, {nullptr, atom, "arctanh"}},
    {Op::erf, {nullptr, atom, "erf"}},
    {Op::erfc, {nullptr, atom, "erfc"}},
    {Op::erfcx, {nullptr, atom, "erfcx"}},
    {Op::sigmoid, {nullptr, atom, "sigmoid"}},
    {Op::softplus, {nullptr, atom, "softplus"}},
    {Op::root_det, {nullptr, atom, "root_det"}},
    {Op::asin2, {nullptr, atom, "asin2"}},
    {Op::acos2, {nullptr, atom, "acos2"}},
    {Op::inverse_or_zero, {nullptr, atom, "inverse_or_zero"}},
};

Form form_of(Op op) {
  const auto found = std::find_if(std::begin(forms), std::end(forms),
                                  [&](const auto& form) { return form.first == op; });
  return found == std::end(forms) ? Form{nullptr, atom, nullptr} : found->second;
}

class Printer {
 public:
  Printer(const Graph& graph, const std::vector<std::string>& variables)
      : graph_(graph), variables_(variables) {}

  std::string print(Id id) {
    node(id, conditional);
    return text_.size() > max_text ? text_.substr(0, max_text) + "..." : text_;
  }

 private:
  /// Parentheses where the surroundings bind more tightly than `least`.
  void node(Id id, Precedence least) {
    if (text_.size() > max_text) return;
    const Node& n = graph_[id];
    const Precedence own = precedence(n);
    if (own < least) text_ += '(';
    inside(n, own);
    if (own < least) text_ += ')';
  }

  static Precedence precedence(const Node& n) {
    if (n.op == Op::constant) return n.value < 0 ? sign : atom;
    if (n.op == Op::negate) return sign;
    if (n.op == Op::integer_power) return power;
    if (n.op == Op::opposite) return negation;
    return form_of(n.op).precedence;
  }

  void inside(const Node& n, Precedence own) {
    const Form form = form_of(n.op);
    if (n.op == Op::constant) {
      text_ += format_integer(n.value);
    } else if (n.op == Op::variable) {
      text_ += variables_[static_cast<std::size_t>(n.value)];
    } else if (n.op == Op::negate) {
      text_ += '-';
      node(n.arg[0], sign);
    } else if (n.op == Op::opposite) {
      text_ += "not ";
      node(n.arg[0], negation);
    } else if (n.op == Op::integer_power) {
      node(n.arg[0], atom);
      text_ += "**" + format_integer(n.value);
    } else if (form.symbol) {
      const auto tighter = static_cast<Precedence>(own + 1);
      const bool left_first = own != power && own != comparison;
      node(n.arg[0], left_first ? own : tighter);
      text_ += form.symbol;
      node(n.arg[1], own == power ? sign : tighter);
    } else {
      text_ += std::string(form.name) + "(";
      for (std::size_t k = 0; k < arity(n.op); ++k) {
        if (k > 0) text_ += ", ";
        node(n.arg[k], conditional);
      }
      text_ += ')';
    }
  }

  const Graph& graph_;
  const std::vector<std::string>& variables_;
  std::string text_;
};

}  // namespace

std::string print(const Graph& graph, Id id, const std::vector<std::string>& variables) {
  return Printer(graph, variables).print(id);
}

}  // namespace nngp::formula
