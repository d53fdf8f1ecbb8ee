#include "nngp/model.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "layers/all.hpp"
#include "model/expression.hpp"
#include "model/layer_arguments.hpp"
#include "network/parameter.hpp"
#include "nngp/error.hpp"
#include "nngp/formula.hpp"
#include "nngp/text.hpp"
#include "plugin/arguments.hpp"

namespace nngp {
namespace {

constexpr std::array<std::string_view, 3> formula_names = {"fn", "nngp_fn", "d_nngp_fn"};

bool is_formula_name(std::string_view keyword) {
  return std::find(formula_names.begin(), formula_names.end(), keyword) != formula_names.end();
}

/// Elementwise(fn='...'), or with a formula in the first place or two, as opposed to
/// Elementwise('Relu').
bool is_formula(const Expression::Call& call) {
  if (call.name != "Elementwise" || call.arguments.empty()) return false;
  if (std::any_of(call.arguments.begin(), call.arguments.end(),
                  [](const Argument& argument) { return is_formula_name(argument.keyword); }))
    return true;
  const auto text_of = [&](std::size_t i) {
    const Argument& argument = call.arguments[i];
    return argument.keyword.empty() ? std::get_if<std::string>(&argument.value.value) : nullptr;
  };
  const std::string* text = text_of(0);
  if (!text) return false;
  if (call.arguments.size() > 1 && text_of(1)) return true;
  return !is_name(text->c_str()) && text->find(':') == text->npos;
}

}  // namespace

Layer ModelReader::layer(const Expression& expression) const {
  const auto* call = std::get_if<Expression::Call>(&expression.value);
  if (!call) fail(expression.offset, "expected a layer, got " + kind_of(expression));
  if (!call->has_arguments) {
    fail(expression.offset, "a layer has parentheses: " + printable(call->name) + "()");
  }
  if (is_formula(*call)) return Elementwise(formula_activation(expression));
  const LayerEntry* entry = find_layer(call->name);
  if (!entry) return Elementwise(activation(expression));
  const LayerArguments arguments(*this, *entry, expression);
  try {
    return entry->make(arguments);
  } catch (const PlacedError&) {  // of a layer inside
    throw;
  } catch (const ParameterError& error) {
    fail(arguments.offset_of(error.parameter), error.reason);
  } catch (const ModelError& error) {
    fail(expression.offset, error.what());
  }
}

Activation ModelReader::activation(const Expression& expression) const {
  if (const auto* name = std::get_if<std::string>(&expression.value)) {
    try {
      return registry_.activation(*name);
    } catch (const ModelError& error) {
      fail(expression.offset, error.what());
    }
  }
  const auto* call = std::get_if<Expression::Call>(&expression.value);
  if (!call) fail(expression.offset, "expected an activation, got " + kind_of(expression));
  if (is_formula(*call)) return formula_activation(expression);
  if (find_layer(call->name)) fail(expression.offset, call->name + " is not an activation");
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

Activation ModelReader::formula_activation(const Expression& expression) const {
  const auto& call = std::get<Expression::Call>(expression.value);
  Formulas formulas;
  std::map<std::string, std::size_t> offset;  // of the text of a formula, or of a number
  bool keyword_seen = false;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const Argument& argument = call.arguments[i];
    keyword_seen = keyword_seen || !argument.keyword.empty();
    if (argument.keyword.empty() && keyword_seen)
      fail(argument.offset, "a positional argument cannot follow a keyword argument");
    if (argument.keyword.empty() && i >= formula_names.size())
      fail(argument.offset,
           "Elementwise takes fn, nngp_fn and d_nngp_fn; numbers have names, as in a=2");
    const std::string name =
        argument.keyword.empty() ? std::string(formula_names[i]) : argument.keyword;
    if (!offset.emplace(name, argument.value.offset).second)
      fail(argument.offset, in_quotes(name) + " is given twice");
    if (!is_formula_name(name)) {
      const auto* number = std::get_if<double>(&argument.value.value);
      if (!number)
        fail(argument.value.offset, name + " must be a number, not " + kind_of(argument.value));
      formulas.parameters.emplace_back(name, *number);
    } else if (const auto* text = std::get_if<std::string>(&argument.value.value)) {
      (name == "fn" ? formulas.fn : name == "nngp_fn" ? formulas.nngp_fn : formulas.d_nngp_fn) = *text;
      if (text->empty()) fail(argument.value.offset, name + " is empty");
      ++offset[name];  // behind the quote
    } else if (!std::holds_alternative<Expression::None>(argument.value.value)) {
      fail(argument.value.offset,
           name + " must be a formula in quotes, not " + kind_of(argument.value));
    }
  }
  try {
    return nngp::formula_activation(formulas);
  } catch (const FormulaError& error) {
    const auto place = offset.find(error.argument);
    fail(place == offset.end() ? expression.offset : place->second + error.offset, error.message);
  }
}

// An unknown plain name may be meant as a layer or an activation; the registry knows only the latter.
void ModelReader::check_known(const Expression::Call& call, std::size_t offset) const {
  const auto& activations = registry_.activations();
  const std::string absent = absent_layer(call.name);
  const bool taken = std::any_of(activations.begin(), activations.end(),
                                 [&](const ActivationInfo& info) { return info.name == call.name; });
  if (!absent.empty() && !taken) fail(offset, absent);
  if (activations.empty() || call.name.find(':') != call.name.npos) return;
  std::vector<std::string> known;
  for (const ActivationInfo& info : activations) known.push_back(info.name);
  if (std::find(known.begin(), known.end(), call.name) != known.end()) return;
  for (const LayerEntry* entry : all_layers()) known.emplace_back(entry->name);
  fail(offset, "no layer or activation is called " + in_quotes(call.name) + suggest(call.name, known));
}

// neural-tangents' do_stabilize=True or False chooses how kernels are computed, not which: kernels here
// are stable without. An activation may have a parameter of that name.
bool ModelReader::is_numerical_detail(const Expression::Call& call, const Argument& argument) const {
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

std::vector<double> ModelReader::numbers(const Expression& value) const {
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

Layer parse_model(std::string_view text, const Registry& registry) {
  return ModelReader(text, registry).layer(parse_expression(text));
}

Activation parse_activation(std::string_view text, const Registry& registry) {
  return ModelReader(text, registry).activation(parse_expression(text));
}

std::string model_text(const Layer& network) { return network.text(); }

std::vector<LayerHelp> layer_help() {
  std::vector<LayerHelp> help;
  for (const LayerEntry* entry : all_layers()) {
    LayerHelp one{.name = std::string(entry->name),
                  .parameters = {},
                  .takes_layers = entry->takes_layers,
                  .signature = entry->signature(),
                  .summary = std::string(entry->summary)};
    for (const LayerParameter& parameter : entry->parameters)
      one.parameters.push_back({std::string(parameter.name), std::string(parameter.preset)});
    help.push_back(std::move(one));
  }
  return help;
}

}  // namespace nngp
