#include "nngp/model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "model/absent_layers.hpp"
#include "model/expression.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"
#include "plugin/arguments.hpp"

namespace nngp {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double max_integer = 1e15;  // integers are exact in a double up to there

std::string in_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

// Turns expressions into layers.
class Builder {
 public:
  Builder(std::string_view text, const Registry& registry) : text_(text), registry_(registry) {}

  Layer layer(const Expression& expression) const;
  Activation activation(const Expression& expression) const;

 private:
  // Runs `make` and gives the errors it throws the place of `expression`.
  template <class Function>
  auto at(const Expression& expression, Function make) const {
    try {
      return make();
    } catch (const ModelError& error) {
      fail(expression.offset, error.what());
    }
  }

  using Call = Expression::Call;
  using Make = Layer (Builder::*)(const Expression&) const;
  static const std::map<std::string, Make, std::less<>>& builtins();

  void check_known(const Call& call, std::size_t offset) const;
  bool is_numerical_detail(const Call& call, const Argument& argument) const;

  // The arguments of a call by parameter; null where left out.
  template <std::size_t N>
  using Bound = std::array<const Expression*, N>;
  template <std::size_t N>
  Bound<N> bind(const Expression& call, const std::array<std::string_view, N>& parameters,
                std::size_t required) const;
  std::vector<Layer> layers(const Expression& call) const;

  // What an argument says, `preset` if it was left out.
  double number(const Expression* value, const char* name, double minimum, double maximum,
                double preset = 0) const;
  std::size_t count(const Expression* value, const char* name, double minimum) const;
  std::string choice(const Expression* value, const char* name, const std::string& first,
                     const std::string& second) const;
  void first_axis(const Expression* value, const char* name) const;
  void last_axis(const Expression* value, const char* name) const;
  std::vector<double> numbers(const Expression& value) const;

  template <class Combinator>
  Layer make_combinator(const Expression& call) const;
  Layer make_repeat(const Expression& call) const;
  Layer make_dense(const Expression& call) const;
  Layer make_dropout(const Expression& call) const;
  Layer make_flatten(const Expression& call) const;
  Layer make_layer_norm(const Expression& call) const;
  Layer make_fan_out(const Expression& call) const;
  Layer make_fan_in_concat(const Expression& call) const;
  Layer make_elementwise(const Expression& call) const;
  Layer make_elementwise_numerical(const Expression& call) const;
  template <class Kind>
  Layer make_plain(const Expression& call) const {
    bind<0>(call, {}, 0);
    return Kind{};
  }

  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    fail_at(text_, offset, message);
  }

  std::string_view text_;
  const Registry& registry_;
};

const std::map<std::string, Builder::Make, std::less<>>& Builder::builtins() {
  static const std::map<std::string, Make, std::less<>> table = {
      {"serial", &Builder::make_combinator<Serial>},
      {"parallel", &Builder::make_combinator<Parallel>},
      {"repeat", &Builder::make_repeat},
      {"Dense", &Builder::make_dense},
      {"Identity", &Builder::make_plain<Identity>},
      {"Flatten", &Builder::make_flatten},
      {"LayerNorm", &Builder::make_layer_norm},
      {"Dropout", &Builder::make_dropout},
      {"FanOut", &Builder::make_fan_out},
      {"FanInSum", &Builder::make_plain<FanInSum>},
      {"FanInProd", &Builder::make_plain<FanInProd>},
      {"FanInConcat", &Builder::make_fan_in_concat},
      {"Elementwise", &Builder::make_elementwise},
      {"ElementwiseNumerical", &Builder::make_elementwise_numerical},
  };
  return table;
}

Layer Builder::layer(const Expression& expression) const {
  const auto* call = std::get_if<Call>(&expression.value);
  if (!call) fail(expression.offset, "expected a layer, got " + kind_of(expression));
  if (!call->has_arguments) {
    fail(expression.offset, "a layer has parentheses: " + printable(call->name) + "()");
  }
  const auto builtin = builtins().find(call->name);
  if (builtin != builtins().end()) return (this->*builtin->second)(expression);
  return Elementwise(activation(expression));
}

Activation Builder::activation(const Expression& expression) const {
  if (const auto* name = std::get_if<std::string>(&expression.value)) {
    return at(expression, [&] { return registry_.activation(*name); });
  }
  const auto* call = std::get_if<Call>(&expression.value);
  if (!call) fail(expression.offset, "expected an activation, got " + kind_of(expression));
  if (builtins().contains(call->name)) fail(expression.offset, call->name + " is not an activation");
  check_known(*call, expression.offset);

  Arguments arguments;
  std::map<std::string, std::size_t> keyword_offset;
  for (const Argument& argument : call->arguments) {
    if (is_numerical_detail(*call, argument)) continue;
    std::vector<double> values = numbers(argument.value);
    if (!argument.keyword.empty()) {
      if (!keyword_offset.emplace(argument.keyword, argument.offset).second) {
        fail(argument.offset, in_quotes(argument.keyword) + " is given twice");
      }
      arguments.keyword.emplace(argument.keyword, std::move(values));
    } else if (!keyword_offset.empty()) {
      fail(argument.offset, "a positional argument cannot follow a keyword argument");
    } else {
      arguments.positional.push_back(std::move(values));
    }
  }

  try {
    return registry_.activation(call->name, arguments);
  } catch (const ArgumentError& error) {
    std::size_t offset = expression.offset;
    if (const auto* index = std::get_if<std::size_t>(&error.place)) {
      offset = call->arguments[*index].offset;
    } else if (const auto* keyword = std::get_if<std::string>(&error.place)) {
      offset = keyword_offset.at(*keyword);
    }
    fail(offset, error.what());
  } catch (const ModelError& error) {
    fail(expression.offset, error.what());
  }
}

// An unknown plain name may be meant as a layer or an activation; the registry knows only the latter.
void Builder::check_known(const Call& call, std::size_t offset) const {
  const auto& activations = registry_.activations();
  const std::string absent = absent_layer(call.name);
  const bool taken = std::any_of(activations.begin(), activations.end(),
                                 [&](const ActivationInfo& info) { return info.name == call.name; });
  if (!absent.empty() && !taken) fail(offset, absent);
  if (activations.empty() || call.name.find(':') != call.name.npos) return;
  std::vector<std::string> known;
  for (const ActivationInfo& info : activations) known.push_back(info.name);
  if (std::find(known.begin(), known.end(), call.name) != known.end()) return;
  for (const auto& [name, make] : builtins()) known.push_back(name);
  fail(offset, "no layer or activation is called " + in_quotes(call.name) + suggest(call.name, known));
}

// neural-tangents' do_stabilize=True or False chooses how kernels are computed, not which: kernels here
// are stable without. An activation may have a parameter of that name.
bool Builder::is_numerical_detail(const Call& call, const Argument& argument) const {
  if (argument.keyword != "do_stabilize" || !std::holds_alternative<bool>(argument.value.value))
    return false;
  try {
    const auto activation = registry_.descriptor(registry_.find(call.name));
    return std::none_of(activation->parameters, activation->parameters + activation->parameter_count,
                        [&](const nngp_parameter* one) { return one->name == argument.keyword; });
  } catch (const Error&) {
    return false;  // which the making of the activation tells
  }
}

template <std::size_t N>
Builder::Bound<N> Builder::bind(const Expression& expression,
                                const std::array<std::string_view, N>& parameters,
                                std::size_t required) const {
  const Call& call = std::get<Call>(expression.value);
  Bound<N> bound = {};
  bool keyword_seen = false;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const Argument& argument = call.arguments[i];
    std::size_t place = i;
    if (!argument.keyword.empty()) {
      keyword_seen = true;
      place = static_cast<std::size_t>(
          std::find(parameters.begin(), parameters.end(), argument.keyword) - parameters.begin());
      if (place == N) {
        const std::vector<std::string> known(parameters.begin(), parameters.end());
        fail(argument.offset, call.name + " has no parameter " + in_quotes(argument.keyword) +
                                  suggest(argument.keyword, known));
      }
    } else if (keyword_seen) {
      fail(argument.offset, "a positional argument cannot follow a keyword argument");
    } else if (place >= N) {
      fail(argument.offset,
           call.name +
               (N == 0 ? " takes no arguments" : " takes at most " + std::to_string(N) + " arguments"));
    }
    if (bound[place]) fail(argument.offset, in_quotes(parameters[place]) + " is given twice");
    bound[place] = &argument.value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!bound[i]) fail(expression.offset, call.name + " needs " + in_quotes(parameters[i]));
  }
  return bound;
}

std::vector<Layer> Builder::layers(const Expression& expression) const {
  const Call& call = std::get<Call>(expression.value);
  if (call.arguments.empty()) fail(expression.offset, call.name + " needs at least one layer");
  std::vector<Layer> result;
  for (const Argument& argument : call.arguments) {
    if (!argument.keyword.empty()) {
      fail(argument.offset, call.name + " takes layers only, not '" + argument.keyword + "='");
    }
    result.push_back(layer(argument.value));
  }
  return result;
}

double Builder::number(const Expression* value, const char* name, double minimum, double maximum,
                       double preset) const {
  if (!value) return preset;
  const auto* number = std::get_if<double>(&value->value);
  if (!number) fail(value->offset, std::string(name) + " must be a number, not " + kind_of(*value));
  if (!(*number >= minimum && *number <= maximum) || std::isinf(*number)) {
    const std::string range =
        maximum == infinity ? "at least " + format_number(minimum) + " and finite"
                            : "between " + format_number(minimum) + " and " + format_number(maximum);
    fail(value->offset, std::string(name) + " must be " + range + ", got " + format_number(*number));
  }
  return *number;
}

std::size_t Builder::count(const Expression* value, const char* name, double minimum) const {
  const auto* number = std::get_if<double>(&value->value);
  const std::string got = ", got " + (number ? format_integer(*number) : kind_of(*value));
  if (!number || *number != std::trunc(*number) || *number < minimum) {
    fail(value->offset,
         std::string(name) + " must be an integer of at least " + format_integer(minimum) + got);
  }
  if (*number > max_integer) {
    fail(value->offset, std::string(name) + " must be at most " + format_integer(max_integer) + got);
  }
  return static_cast<std::size_t>(*number);
}

std::string Builder::choice(const Expression* value, const char* name, const std::string& first,
                            const std::string& second) const {
  if (!value) return first;
  const auto* text = std::get_if<std::string>(&value->value);
  if (text && lower_case(*text) == first) return first;
  if (text && lower_case(*text) == second) return second;
  fail(value->offset, std::string(name) + " must be '" + first + "' or '" + second + "', got " +
                          (text ? in_quotes(*text) : kind_of(*value)));
}

void Builder::first_axis(const Expression* value, const char* name) const {
  if (!value) return;
  const auto* axis = std::get_if<double>(&value->value);
  if (!axis || (*axis != 0 && *axis != -2)) {
    fail(value->offset, std::string(name) + " must be 0: inputs are rows of features");
  }
}

void Builder::last_axis(const Expression* value, const char* name) const {
  if (!value) return;
  const auto* axis = std::get_if<double>(&value->value);
  if (!axis || (*axis != -1 && *axis != 1)) {
    fail(value->offset, std::string(name) + " must be -1: inputs are rows of features");
  }
}

std::vector<double> Builder::numbers(const Expression& value) const {
  if (const auto* number = std::get_if<double>(&value.value)) return {*number};
  if (const auto* truth = std::get_if<bool>(&value.value)) return {*truth ? 1.0 : 0.0};
  const auto* list = std::get_if<Expression::List>(&value.value);
  if (!list) {
    fail(value.offset, "expected a number, True, False or a list of numbers, got " + kind_of(value));
  }
  std::vector<double> result;
  for (const Expression& item : list->items) {
    const auto* number = std::get_if<double>(&item.value);
    if (!number) fail(item.offset, "expected a number, got " + kind_of(item));
    result.push_back(*number);
  }
  return result;
}

template <class Combinator>
Layer Builder::make_combinator(const Expression& call) const {
  Combinator combinator{layers(call)};
  return at(call, [&] { return Layer(std::move(combinator)); });
}

Layer Builder::make_repeat(const Expression& call) const {
  const auto [repeated, n] = bind<2>(call, {"layer", "n"}, 2);
  const Layer once = layer(*repeated);
  return at(*n, [&, n = count(n, "n", 0)] { return repeat(once, n); });
}

// Rows of features are flat already.
Layer Builder::make_flatten(const Expression& call) const {
  const auto [batch_axis, batch_axis_out] = bind<2>(call, {"batch_axis", "batch_axis_out"}, 0);
  first_axis(batch_axis, "batch_axis");
  first_axis(batch_axis_out, "batch_axis_out");
  return Identity{};
}

Layer Builder::make_dense(const Expression& call) const {
  const auto [out_dim, W_std, b_std, parameterization, s, batch_axis, channel_axis] = bind<7>(
      call, {"out_dim", "W_std", "b_std", "parameterization", "s", "batch_axis", "channel_axis"}, 1);
  first_axis(batch_axis, "batch_axis");
  last_axis(channel_axis, "channel_axis");
  Dense::Options options;
  options.W_std = number(W_std, "W_std", 0, infinity, options.W_std);
  if (b_std && !std::holds_alternative<Expression::None>(b_std->value)) {
    options.b_std = number(b_std, "b_std", 0, infinity);
  }
  if (choice(parameterization, "parameterization", "ntk", "standard") == "standard") {
    options.parameterization = Parameterization::standard;
  }
  if (s) {
    const std::vector<double> values = numbers(*s);
    if (values.size() != 2 || !(values[0] > 0 && values[1] > 0) || std::isinf(values[0] + values[1])) {
      fail(s->offset, "s must be two positive numbers, as in s=(1, 1)");
    }
    options.s = {values[0], values[1]};
  }
  return Dense(count(out_dim, "out_dim", 1), options);
}

Layer Builder::make_dropout(const Expression& call) const {
  const auto [rate, mode] = bind<2>(call, {"rate", "mode"}, 1);
  const double keep = number(rate, "rate", 0, 1);
  if (keep == 0) fail(rate->offset, "rate is the share of units that is kept; it must be above 0");
  if (choice(mode, "mode", "train", "test") == "test") return Identity{};
  return Dropout{keep};
}

Layer Builder::make_layer_norm(const Expression& call) const {
  last_axis(bind<1>(call, {"axis"}, 0)[0], "axis");
  return LayerNorm{};
}

Layer Builder::make_fan_out(const Expression& call) const {
  const auto [num] = bind<1>(call, {"num"}, 1);
  return FanOut{count(num, "num", 1)};
}

Layer Builder::make_fan_in_concat(const Expression& call) const {
  last_axis(bind<1>(call, {"axis"}, 0)[0], "axis");
  return FanInConcat{};
}

Layer Builder::make_elementwise(const Expression& call) const {
  const auto [name] = bind<1>(call, {"activation"}, 1);
  return Elementwise(activation(*name));
}

Layer Builder::make_elementwise_numerical(const Expression& call) const {
  const auto [name, tol] = bind<2>(call, {"activation", "tol"}, 1);
  Elementwise layer(activation(*name));
  layer.numerical = true;
  layer.tolerance = number(tol, "tol", 0, 1, layer.tolerance);
  if (layer.tolerance == 0) fail(tol->offset, "tol must be above 0");
  return layer;
}

}  // namespace

Layer parse_model(std::string_view text, const Registry& registry) {
  return Builder(text, registry).layer(parse_expression(text));
}

Activation parse_activation(std::string_view text, const Registry& registry) {
  return Builder(text, registry).activation(parse_expression(text));
}

}  // namespace nngp
