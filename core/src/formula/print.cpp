#include "formula/print.hpp"

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

Form form_of(Op op) {
  switch (op) {
    case Op::add:
      return {" + ", sum, nullptr};
    case Op::subtract:
      return {" - ", sum, nullptr};
    case Op::multiply:
      return {" * ", product, nullptr};
    case Op::divide:
      return {" / ", product, nullptr};
    case Op::power:
      return {"**", power, nullptr};
    case Op::less:
      return {" < ", comparison, nullptr};
    case Op::less_equal:
      return {" <= ", comparison, nullptr};
    case Op::equal:
      return {" == ", comparison, nullptr};
    case Op::both:
      return {" and ", conjunction, nullptr};
    case Op::either:
      return {" or ", disjunction, nullptr};
    case Op::select:
      return {nullptr, atom, "where"};
    case Op::minimum:
      return {nullptr, atom, "minimum"};
    case Op::maximum:
      return {nullptr, atom, "maximum"};
    case Op::abs:
      return {nullptr, atom, "abs"};
    case Op::sign:
      return {nullptr, atom, "sign"};
    case Op::floor:
      return {nullptr, atom, "floor"};
    case Op::ceil:
      return {nullptr, atom, "ceil"};
    case Op::round:
      return {nullptr, atom, "round"};
    case Op::sqrt:
      return {nullptr, atom, "sqrt"};
    case Op::cbrt:
      return {nullptr, atom, "cbrt"};
    case Op::exp:
      return {nullptr, atom, "exp"};
    case Op::expm1:
      return {nullptr, atom, "expm1"};
    case Op::log:
      return {nullptr, atom, "log"};
    case Op::log1p:
      return {nullptr, atom, "log1p"};
    case Op::sin:
      return {nullptr, atom, "sin"};
    case Op::cos:
      return {nullptr, atom, "cos"};
    case Op::asin:
      return {nullptr, atom, "arcsin"};
    case Op::acos:
      return {nullptr, atom, "arccos"};
    case Op::atan:
      return {nullptr, atom, "arctan"};
    case Op::atan2:
      return {nullptr, atom, "arctan2"};
    case Op::sinh:
      return {nullptr, atom, "sinh"};
    case Op::cosh:
      return {nullptr, atom, "cosh"};
    case Op::tanh:
      return {nullptr, atom, "tanh"};
    case Op::asinh:
      return {nullptr, atom, "arcsinh"};
    case Op::acosh:
      return {nullptr, atom, "arccosh"};
    case Op::atanh:
      return {nullptr, atom, "arctanh"};
    case Op::erf:
      return {nullptr, atom, "erf"};
    case Op::erfc:
      return {nullptr, atom, "erfc"};
    case Op::erfcx:
      return {nullptr, atom, "erfcx"};
    case Op::sigmoid:
      return {nullptr, atom, "sigmoid"};
    case Op::softplus:
      return {nullptr, atom, "softplus"};
    case Op::root_det:
      return {nullptr, atom, "root_det"};
    case Op::asin2:
      return {nullptr, atom, "asin2"};
    case Op::acos2:
      return {nullptr, atom, "acos2"};
    case Op::inverse_or_zero:
      return {nullptr, atom, "inverse_or_zero"};
    default:
      return {nullptr, atom, nullptr};
  }
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
