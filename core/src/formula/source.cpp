#include "nngp/formula_source.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "formula/breakpoints.hpp"
#include "formula/read.hpp"
#include "nngp/text.hpp"

namespace nngp::formula {
namespace {

constexpr std::size_t width = 80;      ///< beyond which parts of an expression get names
constexpr std::size_t max_depth = 20;  ///< the same

/// What the SDK lacks, as members of the activation, by the operation that needs it.
struct Helper {
  Op op;
  const char* name;
  const char* source;
};

const Helper helpers[] = {
    {Op::sign, "sign",
     "  static auto sign(const auto& x) { return select(x > 0.0, 1.0, select(x < 0.0, -1.0, x)); }\n"},
    {Op::round, "round_even",
     "  static auto round_even(const auto& x) {\n"
     "    return nngp::map(x, [](auto lane) { return std::nearbyint(lane); });\n"
     "  }\n"},
    {Op::floor, "round_down",
     "  static auto round_down(const auto& x) {\n"
     "    return nngp::map(x, [](auto lane) { return std::floor(lane); });\n"
     "  }\n"},
    {Op::ceil, "round_up",
     "  static auto round_up(const auto& x) {\n"
     "    return nngp::map(x, [](auto lane) { return std::ceil(lane); });\n"
     "  }\n"},
    {Op::cbrt, "cube_root",
     "  static auto cube_root(const auto& x) {\n"
     "    return nngp::map(x, [](auto lane) { return std::cbrt(lane); });\n"
     "  }\n"},
    {Op::sigmoid, "sigmoid",
     "  static auto sigmoid(const auto& x) { return 1.0 / (1.0 + nngp::exp(-x)); }\n"},
    {Op::softplus, "softplus",
     "  static auto softplus(const auto& x) {\n"
     "    return nngp::max(x, 0.0) + nngp::log1p(nngp::exp(-abs(x)));\n"
     "  }\n"},
    {Op::inverse_or_zero, "inverse_or_zero",
     "  /// The slope of a root is taken as 0 where the root is 0.\n"
     "  static auto inverse_or_zero(const auto& x) { return select(x == 0.0, x, 1.0 / x); }\n"},
    {Op::asin, "arc_sine",
     "  /// Rounding may take a sine a little beyond 1.\n"
     "  template <class T>\n"
     "  static T arc_sine(const T& x) {\n"
     "    const double most = sizeof(nngp::value_of(x)[0]) == 8 ? 1 + 1e-12 : 1 + 1e-5;\n"
     "    return select(abs(x) <= most, nngp::asin(nngp::min(nngp::max(x, -1.0), 1.0)), T(NAN));\n"
     "  }\n"},
    {Op::acos, "arc_cosine",
     "  /// Rounding may take a cosine a little beyond 1.\n"
     "  template <class T>\n"
     "  static T arc_cosine(const T& x) {\n"
     "    const double most = sizeof(nngp::value_of(x)[0]) == 8 ? 1 + 1e-12 : 1 + 1e-5;\n"
     "    return select(abs(x) <= most, nngp::acos(nngp::min(nngp::max(x, -1.0), 1.0)), T(NAN));\n"
     "  }\n"},
    {Op::power, "power_of",
     "  /// x^y, lane by lane.\n"
     "  template <class T>\n"
     "  static T power_of(const T& x, const T& y) {\n"
     "    typename T::real base[T::size], exponent[T::size];\n"
     "    x.store(base);\n"
     "    y.store(exponent);\n"
     "    for (std::size_t i = 0; i < T::size; ++i) base[i] = std::pow(base[i], exponent[i]);\n"
     "    return T::load(base);\n"
     "  }\n"},
};

const Helper* helper_of(Op op) {
  const auto found = std::find_if(std::begin(helpers), std::end(helpers),
                                  [&](const Helper& helper) { return helper.op == op; });
  return found == std::end(helpers) ? nullptr : found;
}

/// Functions of the SDK and of plain numbers.
constexpr std::pair<Op, const char*> sdk_functions[] = {
    {Op::asin, "asin"},         {Op::acos, "acos"},   {Op::power, "pow"},   {Op::minimum, "min"},
    {Op::maximum, "max"},       {Op::abs, "abs"},     {Op::sqrt, "sqrt"},   {Op::exp, "exp"},
    {Op::expm1, "expm1"},       {Op::log, "log"},     {Op::log1p, "log1p"}, {Op::sin, "sin"},
    {Op::cos, "cos"},           {Op::atan, "atan"},   {Op::atan2, "atan2"}, {Op::sinh, "sinh"},
    {Op::cosh, "cosh"},         {Op::tanh, "tanh"},   {Op::asinh, "asinh"}, {Op::acosh, "acosh"},
    {Op::atanh, "atanh"},       {Op::erf, "erf"},     {Op::erfc, "erfc"},   {Op::erfcx, "erfcx"},
    {Op::root_det, "root_det"}, {Op::asin2, "asin2"}, {Op::acos2, "acos2"},
};

/// Null if there is none.
const char* function_of(Op op) {
  const auto found = std::find_if(std::begin(sdk_functions), std::end(sdk_functions),
                                  [&](const auto& function) { return function.first == op; });
  return found == std::end(sdk_functions) ? nullptr : found->second;
}

bool is_condition(Op op) {
  return op == Op::less || op == Op::less_equal || op == Op::equal || op == Op::both ||
         op == Op::either || op == Op::opposite;
}

std::string literal(double value) {
  if (std::isnan(value)) return "NAN";
  if (std::isinf(value)) return value > 0 ? "INFINITY" : "-INFINITY";
  const std::string text = format_number(value);
  return text.find_first_of(".e") == text.npos ? text + ".0" : text;
}

/// How tightly an expression of C++ binds.
enum Precedence { bit_or, bit_and, equality, relation, sum, product, unary, atom };

/// An expression of C++.
struct Code {
  std::string text;
  Precedence precedence;

  /// In parentheses where its surroundings bind more tightly.
  std::string in(Precedence surroundings) const {
    return precedence < surroundings ? "(" + text + ")" : text;
  }
};

// One function of the activation. What is used more than once, or long, gets a name.
class FunctionSource {
 public:
  /// The first `arguments` of the variables are arguments of the function, vectors; the others are
  /// plain numbers.
  FunctionSource(const Graph& graph, Id root, const std::vector<std::string>& variables,
                 std::size_t arguments, std::set<Op>& helpers_used)
      : graph_(graph), variables_(variables), arguments_(arguments), helpers_(helpers_used) {
    const std::vector<Id> needed = graph.needed_by(std::vector<Id>{root});
    is_vector_.resize(graph.size(), false);
    uses_.resize(graph.size(), 0);
    for (const Id id : needed) {
      const Node& node = graph[id];
      is_vector_[id] = node.op == Op::variable && static_cast<std::size_t>(node.value) < arguments;
      if (is_vector_[id]) used_.insert(variables[static_cast<std::size_t>(node.value)]);
      for (std::size_t k = 0; k < arity(node.op); ++k) {
        if (is_vector_[node.arg[k]]) is_vector_[id] = true;
        ++uses_[node.arg[k]];
      }
    }
    std::vector<std::size_t> depth(graph.size(), 0);
    for (const Id id : needed) {
      const Node& node = graph[id];
      for (std::size_t k = 0; k < arity(node.op); ++k)
        if (!names_.contains(node.arg[k])) depth[id] = std::max(depth[id], depth[node.arg[k]] + 1);
      if (arity(node.op) > 0 && (uses_[id] > 1 || depth[id] > max_depth)) name_it(id);
    }
    const std::string value = number(root).text;
    body_ += "    return " + (is_vector_[root] ? value : "number(" + value + ")") + ";\n";
    needs_type_ = needs_type_ || !is_vector_[root];
  }

  /// The function called `name`.
  std::string text(const std::string& name) const {
    std::string arguments;
    for (std::size_t k = 0; k < arguments_; ++k) {
      const bool used = used_.contains(variables_[k]);
      arguments +=
          (k > 0 ? ", " : "") + std::string(used ? "auto " : "[[maybe_unused]] auto ") + variables_[k];
    }
    return "  auto " + name + "(" + arguments + ") const {\n" + type() + body_ + "  }\n";
  }

 private:
  std::string type() const {
    return needs_type_ ? "    using number = decltype(" + variables_[0] + ");\n" : "";
  }

  void name_it(Id id) {
    if (names_.contains(id)) return;
    const Code code = number(id);
    const std::string name = "t" + std::to_string(names_.size() + 1);
    body_ += "    const auto " + name + " = " + code.text + ";\n";
    names_[id] = name;
  }

  /// A node as a number; a condition is 1 or 0.
  Code number(Id id) {
    if (const auto name = names_.find(id); name != names_.end()) return {name->second, atom};
    const Node& node = graph_[id];
    if (is_condition(node.op))
      return {"select(" + condition(id, is_vector_[id]).text + ", 1.0, 0.0)", atom};
    const Code code = operation(id, node);
    if (code.text.size() <= width || arity(node.op) == 0) return code;
    // Its longest argument gets a name.
    Id longest = node.arg[0];
    std::size_t length = 0;
    for (std::size_t k = 0; k < arity(node.op); ++k) {
      const Id argument = node.arg[k];
      if (names_.contains(argument) || arity(graph_[argument].op) == 0) continue;
      if (const std::size_t size = number(argument).text.size(); size > length) {
        length = size;
        longest = argument;
      }
    }
    if (length < 10) return code;
    name_it(longest);
    return number(id);
  }

  Code operation(Id id, const Node& node) {
    const auto a = [&](Precedence least) { return number(node.arg[0]).in(least); };
    const auto b = [&](Precedence least) { return number(node.arg[1]).in(least); };
    switch (node.op) {
      case Op::constant:
        return {literal(node.value), std::signbit(node.value) ? unary : atom};
      case Op::variable:
        return {variables_[static_cast<std::size_t>(node.value)], atom};
      case Op::add:
        return {a(sum) + " + " + b(product), sum};
      case Op::subtract:
        return {a(sum) + " - " + b(product), sum};
      case Op::multiply:
        return {a(product) + " * " + b(unary), product};
      case Op::divide:
        return {a(product) + " / " + b(unary), product};
      case Op::negate:
        return {"-" + a(atom), unary};
      case Op::integer_power: {
        const auto n = static_cast<int>(node.value);
        const std::string power = (is_vector_[id] ? "power(" : "nngp::power(") + a(bit_or) + ", " +
                                  std::to_string(std::abs(n)) + ")";
        return n < 0 ? Code{"1.0 / " + power, product} : Code{power, atom};
      }
      case Op::power:
        if (is_vector_[id] && !is_vector_[node.arg[1]])
          return {"pow(" + a(bit_or) + ", " + b(bit_or) + ")", atom};
        if (is_vector_[id] && !is_vector_[node.arg[0]]) {
          needs_type_ = true;
          helpers_.insert(Op::power);
          return {"power_of(number(" + a(bit_or) + "), " + b(bit_or) + ")", atom};
        }
        break;
      case Op::select:
        if (!is_vector_[id])
          return {"(" + condition(node.arg[0], false).text + " ? " + b(bit_or) + " : " +
                      number(node.arg[2]).text + ")",
                  atom};
        return {"select(" + condition(node.arg[0], true).text + ", " + b(bit_or) + ", " +
                    number(node.arg[2]).text + ")",
                atom};
      default:
        break;
    }
    std::string name;
    if (const Helper* helper = helper_of(node.op);
        helper && (is_vector_[id] || !function_of(node.op))) {
      helpers_.insert(node.op);
      name = helper->name;
    } else {
      name = (is_vector_[id] ? "" : "nngp::") + std::string(function_of(node.op));
    }
    std::string arguments;
    for (std::size_t k = 0; k < arity(node.op); ++k)
      arguments += (k > 0 ? ", " : "") + number(node.arg[k]).text;
    return {name + "(" + arguments + ")", atom};
  }

  /// A node as a condition: of vectors, or of plain numbers.
  Code condition(Id id, bool vector) {
    if (const auto name = names_.find(id); name != names_.end())
      return {(vector && !is_vector_[id] ? as_vector(name->second) : name->second) + " != 0.0",
              equality};
    const Node& node = graph_[id];
    const auto compare = [&](const char* symbol, Precedence precedence) {
      const auto tighter = static_cast<Precedence>(precedence + 1);
      std::string left = number(node.arg[0]).in(tighter);
      if (vector && !is_vector_[id]) left = as_vector(left);
      return Code{left + symbol + number(node.arg[1]).in(tighter), precedence};
    };
    switch (node.op) {
      case Op::less:
        return compare(" < ", relation);
      case Op::less_equal:
        return compare(" <= ", relation);
      case Op::equal:
        return compare(" == ", equality);
      case Op::both:
        return {
            condition(node.arg[0], vector).in(atom) + " & " + condition(node.arg[1], vector).in(atom),
            bit_and};
      case Op::either:
        return {
            condition(node.arg[0], vector).in(atom) + " | " + condition(node.arg[1], vector).in(atom),
            bit_or};
      case Op::opposite:
        return {"!" + condition(node.arg[0], vector).in(atom), unary};
      default: {
        const std::string value = number(id).in(relation);
        return {(vector && !is_vector_[id] ? as_vector(value) : value) + " != 0.0", equality};
      }
    }
  }

  std::string as_vector(const std::string& value) {
    needs_type_ = true;
    return "number(" + value + ")";
  }

  const Graph& graph_;
  const std::vector<std::string>& variables_;
  std::size_t arguments_;
  std::set<Op>& helpers_;
  std::vector<bool> is_vector_;
  std::vector<std::size_t> uses_;
  std::set<std::string> used_;  ///< arguments
  std::map<Id, std::string> names_;
  std::string body_;
  bool needs_type_ = false;
};

/// In a string literal of C++, without control characters.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += std::isspace(static_cast<unsigned char>(c)) ? ' ' : c;
  }
  return out + '"';
}

/// `name`, or with '_' behind it where C++ or the SDK may know it otherwise: only names are kept that
/// are certain to be free.
std::string member_name(const std::string& name, const std::string& activation) {
  static const std::set<std::string, std::less<>> free = {
      "a",     "b",     "c",    "d",     "k",     "n",     "p",     "q",        "r",     "s",
      "u",     "w",     "A",    "B",     "C",     "alpha", "beta",  "gamma",    "delta", "epsilon",
      "kappa", "omega", "mu",   "nu",    "rho",   "sigma", "tau",   "theta",    "slope", "scale",
      "shift", "width", "rate", "order", "phase", "cut",   "bound", "threshold"};
  return free.contains(name) && name != activation ? name : name + "_";
}

bool needs_numbers(const Graph& graph, Id root, Id x) {
  const std::vector<Id> needed = graph.needed_by(std::vector<Id>{root});
  return std::any_of(needed.begin(), needed.end(),
                     [&](Id id) { return graph[id].op == Op::variable && id != x; });
}

/// Whether the places where fn switches are the same whatever the numbers are.
bool switches_are_fixed(const Formulas& formulas) {
  Graph graph(false);
  const FnNodes nodes = Reader(formulas, Reader::Numbers::variable).fn(graph);
  const auto functions = switch_functions(graph, nodes.fn, nodes.x);
  return functions && std::none_of(functions->begin(), functions->end(), [&](Id function) {
           return needs_numbers(graph, function, nodes.x);
         });
}

std::optional<std::vector<nngp_breakpoint>> breakpoints_of(const Formulas& formulas) {
  Graph graph(false);
  const auto [x, fn, d_fn] = Reader(formulas).fn(graph);
  return find_breakpoints(graph, fn, x);
}

/// The break points of fn with the lowest orders that they have for several values of the numbers.
std::map<double, std::uint32_t> lowest_orders(Formulas formulas) {
  std::map<double, std::uint32_t> orders;
  for (int k = 0; k < 4; ++k) {
    if (const auto points = breakpoints_of(formulas))
      for (const nngp_breakpoint& point : *points) {
        const auto [known, is_new] = orders.emplace(point.x, point.order);
        known->second = std::min(known->second, point.order);
      }
    for (auto& [name, value] : formulas.parameters) value = 1.37 * value + 0.11;
  }
  return orders;
}

std::string breakpoints_source(const Formulas& formulas) {
  if (!switches_are_fixed(formulas) || !breakpoints_of(formulas)) return "";
  std::string list;
  for (const auto& [x, order] : lowest_orders(formulas))
    list += (list.empty() ? "" : ",\n                      ") + std::string("nngp::breakpoint(") +
            literal(x) + ", " + std::to_string(order) + ")";
  if (list.empty()) return "  auto breakpoints() const { return nngp::smooth; }\n";
  return "  auto breakpoints() const {\n    return std::array{" + list + "};\n  }\n";
}

/// The SDK would differentiate nngp_fn, whose derivative is not E[fn'(x1) fn'(x2)] if fn jumps.
void check_derivative(const Formulas& formulas) {
  const Activation activation = formula_activation(formulas);
  if (activation.has_nngp_fn() && !activation.descriptor().d_nngp_fn)
    throw FormulaError(formulas, "nngp_fn", 0,
                       "fn jumps, so that d_nngp_fn is not the derivative of this; give d_nngp_fn too");
}

}  // namespace
}  // namespace nngp::formula

namespace nngp {

std::string formula_source(const Formulas& formulas, const std::string& name) {
  using namespace formula;
  check_derivative(formulas);
  Reader reader(formulas, Reader::Numbers::variable);
  std::set<Op> used;
  std::string functions;
  std::size_t operations = 0;
  const auto renamed = [&](std::vector<std::string> variables, std::size_t arguments) {
    for (std::size_t k = arguments; k < variables.size(); ++k)
      variables[k] = member_name(variables[k], name);
    return variables;
  };
  const auto add = [&](const char* function, const Graph& graph, Id root,
                       const std::vector<std::string>& variables, std::size_t arguments) {
    operations = std::max(operations, graph.needed_by(std::vector<Id>{root}).size());
    functions += FunctionSource(graph, root, variables, arguments, used).text(function);
  };
  if (!formulas.fn.empty()) {
    Graph graph(false);
    const auto [x, fn, d_fn] = reader.fn(graph);
    const std::vector<std::string> variables = renamed(reader.fn_variables(), 1);
    add("fn", graph, fn, variables, 1);
    add("d_fn", graph, d_fn, variables, 1);
    functions += breakpoints_source(formulas);
  }
  if (!formulas.nngp_fn.empty()) {
    Graph graph(true);
    const KernelNodes nodes = reader.kernel(graph, false);
    const std::vector<std::string> variables = renamed(reader.kernel_variables(), 3);
    add("nngp_fn", graph, nodes.nngp, variables, 3);
    add("d_nngp_fn", graph, *nodes.d_nngp, variables, 3);
  }
  reader.check_all_used();

  std::string members, parameters;
  for (const auto& [parameter, value] : formulas.parameters) {
    const std::string member = member_name(parameter, name);
    members += "  double " + member + " = " + literal(value) + ";\n";
    parameters += std::string(parameters.empty() ? "" : ",\n                 ") + "nngp::parameter(\"" +
                  parameter + "\", &" + name + "::" + member + ", \"a number of the formula\")";
  }
  std::string source = "struct " + name + " {\n" + members + (members.empty() ? "" : "\n");
  source += "  static constexpr nngp::info info{\n      .name = \"" + name +
            "\",\n      .summary = \"An activation from a formula\",\n      .formula = " +
            quoted(formulas.fn.empty() ? "not given" : formulas.fn) + "};\n";
  if (!parameters.empty())
    source += "  static constexpr auto parameters =\n      std::tuple{" + parameters + "};\n";
  if (operations > 150) source += "  static constexpr bool compile_sparingly = true;\n";
  std::string private_functions;  // in front of what calls them: their types are deduced
  for (const Helper& helper : helpers)
    if (used.contains(helper.op)) private_functions += helper.source;
  if (!private_functions.empty()) source += "\n private:\n" + private_functions + "\n public:";
  return source + "\n" + functions + "};\n";
}

}  // namespace nngp
