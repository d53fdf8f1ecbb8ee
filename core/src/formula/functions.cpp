#include "formula/functions.hpp"

#include <algorithm>
#include <iterator>
#include <numbers>

namespace nngp::formula {
namespace {

using Arguments = std::span<const Term>;

template <Op op>
Term plain(Arguments a) {
  if constexpr (arity(op) == 1) return a[0].with(op);
  if constexpr (arity(op) == 2) return a[0].with(op, a[1]);
  if constexpr (arity(op) == 3) return a[0].with(op, a[1], a[2]);
}

template <Op op>
constexpr Function function(std::string_view name, std::string_view keywords = {}) {
  return {name, arity(op), arity(op), keywords, plain<op>};
}

Term argument(Arguments a, std::size_t k, double preset) {
  return k < a.size() ? a[k] : a[0].number(preset);
}

Term relu(Term x) { return x.with(Op::maximum, x.number(0)); }
Term ndtr(Term x) { return 0.5 * (x * -(1 / std::numbers::sqrt2)).with(Op::erfc); }
Term gelu(Term x) { return x * ndtr(x); }
Term gelu_tanh(Term x) {
  const Term inner = std::numbers::sqrt2 * std::numbers::inv_sqrtpi * (x + 0.044715 * x.to(3));
  return x * (2.0 * inner).with(Op::sigmoid);
}

// A selection computes both of its parts: `expm1` meets no number that it would overflow for.
Term elu(Term x, Term alpha) {
  return select(0.0 < x, x, alpha * x.with(Op::minimum, x.number(0)).with(Op::expm1));
}

constexpr double ln_2 = std::numbers::ln2, ln_10 = std::numbers::ln10;

// Modules are told apart by their prefix where they disagree: jax.nn.gelu is the approximation unless
// approximate=False.
const Function functions[] = {
    function<Op::select>("where", "condition x y"),
    function<Op::minimum>("minimum"),
    function<Op::minimum>("min"),
    function<Op::maximum>("maximum"),
    function<Op::maximum>("max"),
    {"clip", 3, 3, "a a_min a_max",
     [](Arguments a) { return a[0].with(Op::maximum, a[1]).with(Op::minimum, a[2]); }},
    function<Op::abs>("abs"),
    function<Op::abs>("absolute"),
    function<Op::abs>("fabs"),
    function<Op::sign>("sign"),
    {"heaviside", 2, 2, "x1 x2",
     [](Arguments a) {
       return select(a[0] < 0.0, a[0].number(0), select(0.0 < a[0], a[0].number(1), a[1]));
     }},
    function<Op::sqrt>("sqrt"),
    function<Op::cbrt>("cbrt"),
    {"square", 1, 1, "", [](Arguments a) { return a[0].to(2); }},
    {"reciprocal", 1, 1, "", [](Arguments a) { return 1.0 / a[0]; }},
    function<Op::power>("power"),
    function<Op::power>("pow"),
    function<Op::power>("float_power"),
    function<Op::exp>("exp"),
    {"exp2", 1, 1, "", [](Arguments a) { return (ln_2 * a[0]).with(Op::exp); }},
    function<Op::expm1>("expm1"),
    function<Op::log>("log"),
    function<Op::log1p>("log1p"),
    {"log2", 1, 1, "", [](Arguments a) { return a[0].with(Op::log) * (1 / ln_2); }},
    {"log10", 1, 1, "", [](Arguments a) { return a[0].with(Op::log) * (1 / ln_10); }},
    function<Op::sin>("sin"),
    function<Op::cos>("cos"),
    {"tan", 1, 1, "", [](Arguments a) { return a[0].with(Op::sin) / a[0].with(Op::cos); }},
    function<Op::asin>("arcsin"),
    function<Op::asin>("asin"),
    function<Op::acos>("arccos"),
    function<Op::acos>("acos"),
    function<Op::atan>("arctan"),
    function<Op::atan>("atan"),
    function<Op::atan2>("arctan2"),
    function<Op::atan2>("atan2"),
    function<Op::sinh>("sinh"),
    function<Op::cosh>("cosh"),
    function<Op::tanh>("tanh"),
    function<Op::asinh>("arcsinh"),
    function<Op::asinh>("asinh"),
    function<Op::acosh>("arccosh"),
    function<Op::acosh>("acosh"),
    function<Op::atanh>("arctanh"),
    function<Op::atanh>("atanh"),
    function<Op::erf>("erf"),
    function<Op::erfc>("erfc"),
    function<Op::erfcx>("erfcx"),
    {"ndtr", 1, 1, "", [](Arguments a) { return ndtr(a[0]); }},
    function<Op::sigmoid>("sigmoid"),
    function<Op::sigmoid>("expit"),
    function<Op::softplus>("softplus"),
    {"log_sigmoid", 1, 1, "", [](Arguments a) { return -(-a[0]).with(Op::softplus); }},
    {"relu", 1, 1, "", [](Arguments a) { return relu(a[0]); }},
    {"relu6", 1, 1, "", [](Arguments a) { return relu(a[0]).with(Op::minimum, a[0].number(6)); }},
    {"leaky_relu", 1, 2, "x negative_slope",
     [](Arguments a) { return select(a[0] < 0.0, argument(a, 1, 0.01) * a[0], a[0]); }},
    {"gelu", 1, 2, "x approximate",
     [](Arguments a) { return select(argument(a, 1, 0), gelu_tanh(a[0]), gelu(a[0])); }},
    {"silu", 1, 1, "", [](Arguments a) { return a[0] * a[0].with(Op::sigmoid); }},
    {"swish", 1, 1, "", [](Arguments a) { return a[0] * a[0].with(Op::sigmoid); }},
    {"mish", 1, 1, "", [](Arguments a) { return a[0] * a[0].with(Op::softplus).with(Op::tanh); }},
    {"elu", 1, 2, "x alpha", [](Arguments a) { return elu(a[0], argument(a, 1, 1)); }},
    {"celu", 1, 2, "x alpha",
     [](Arguments a) {
       const Term alpha = argument(a, 1, 1);
       return alpha * elu(a[0] / alpha, alpha.number(1));
     }},
    {"selu", 1, 1, "",
     [](Arguments a) { return 1.0507009873554804934 * elu(a[0], a[0].number(1.6732632423543772848)); }},
    {"hard_tanh", 1, 1, "",
     [](Arguments a) {
       return a[0].with(Op::maximum, a[0].number(-1)).with(Op::minimum, a[0].number(1));
     }},
    {"soft_sign", 1, 1, "", [](Arguments a) { return a[0] / (1.0 + a[0].with(Op::abs)); }},
    function<Op::floor>("floor"),
    function<Op::ceil>("ceil"),
    function<Op::round>("round"),
    function<Op::round>("rint"),
};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto found = std::find_if(std::begin(functions), std::end(functions),
                                  [&](const Function& f) { return f.name == name; });
  return found == std::end(functions) ? nullptr : found;
}

std::vector<std::string> function_names() {
  std::vector<std::string> names;
  for (const Function& f : functions) names.emplace_back(f.name);
  return names;
}

}  // namespace nngp::formula
