// nngp plugins show: what one activation offers.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "command/plugin_search.hpp"
#include "command/process_guard.hpp"
#include "command/terminal.hpp"
#include "nngp/error.hpp"
#include "nngp/formula.hpp"
#include "nngp/model.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "plugins/actions.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

/// One function of an activation, as shown.
struct FunctionInfo {
  std::string name;
  std::string source;  ///< "plugin", ..., or empty: absent
};

std::string derivative_source(const nngp_activation& activation) {
  if (!activation.nngp_fn && activation.d_nngp_fn)
    return std::string("written by the author, not used without nngp_fn") +
           (activation.fn ? ": numerical integration of fn" : "");
  if (!activation.nngp_fn) return activation.fn ? "numerical integration of fn" : "";
  if (!activation.d_nngp_fn) return "numerical differentiation of nngp_fn, where fn does not jump";
  return activation.derivative == NNGP_DERIVATIVE_AUTOMATIC ? "automatic differentiation of nngp_fn"
                                                            : "written by the author";
}

std::vector<FunctionInfo> functions_of(const nngp_activation& activation) {
  const auto given = [](bool present) { return std::string(present ? "written by the author" : ""); };
  return {{"fn", given(activation.fn)},
          {"d_fn", activation.d_fn ? "written by the author"
                   : activation.fn ? "numerical differentiation of fn"
                                   : ""},
          {"nngp_fn", activation.nngp_fn ? "written by the author"
                      : activation.fn    ? "numerical integration of fn"
                                         : ""},
          {"d_nngp_fn", derivative_source(activation)}};
}

std::string kind_of(const nngp_parameter& parameter) {
  switch (parameter.kind) {
    case NNGP_NUMBER:
      return "number";
    case NNGP_INTEGER:
      return "integer";
    case NNGP_BOOLEAN:
      return "boolean";
    default:
      return "list";
  }
}

std::vector<double> default_of(const nngp_parameter& parameter) {
  if (!parameter.default_value) return {};
  return {parameter.default_value, parameter.default_value + parameter.default_count};
}

std::string default_text(const nngp_parameter& parameter) {
  if (!parameter.default_value) return "must be given";
  std::string text;
  for (const double value : default_of(parameter))
    text += (text.empty() ? "" : ", ") + format_number(value);
  return parameter.kind == NNGP_LIST ? "[" + text + "]" : text;
}

/// "a >= 0, a < 1"; empty without bounds.
std::string range_text(const nngp_parameter& parameter) {
  std::string text;
  if (std::isfinite(parameter.minimum))
    text = (parameter.flags & NNGP_MINIMUM_EXCLUDED ? "> " : ">= ") + format_number(parameter.minimum);
  if (std::isfinite(parameter.maximum))
    text += std::string(text.empty() ? "" : ", ") +
            (parameter.flags & NNGP_MAXIMUM_EXCLUDED ? "< " : "<= ") + format_number(parameter.maximum);
  return text;
}

std::vector<const nngp_parameter*> parameters_of(const nngp_activation& activation) {
  return {activation.parameters, activation.parameters + activation.parameter_count};
}

std::string safe(const char* text) { return text ? printable(text, 1000) : ""; }

void show_as_json(const ActivationInfo& info, const nngp_activation& activation) {
  const auto bound = [](double value) {
    return std::isfinite(value) ? ordered_json(value) : ordered_json();
  };
  const auto text = [](const char* value) { return value ? ordered_json(value) : ordered_json(); };
  ordered_json parameters = ordered_json::array();
  for (const nngp_parameter* parameter : parameters_of(activation)) {
    ordered_json preset;
    if (parameter->kind == NNGP_LIST && parameter->default_value)
      preset = default_of(*parameter);
    else if (parameter->default_value)
      preset = parameter->default_value[0];
    parameters.push_back({{"name", parameter->name},
                          {"kind", kind_of(*parameter)},
                          {"summary", text(parameter->summary)},
                          {"default", preset},
                          {"minimum", bound(parameter->minimum)},
                          {"minimum_excluded", (parameter->flags & NNGP_MINIMUM_EXCLUDED) != 0},
                          {"maximum", bound(parameter->maximum)},
                          {"maximum_excluded", (parameter->flags & NNGP_MAXIMUM_EXCLUDED) != 0}});
  }
  ordered_json functions = ordered_json::object();
  for (const FunctionInfo& function : functions_of(activation))
    functions[function.name] = function.source.empty() ? ordered_json() : ordered_json(function.source);
  print_json(
      {{"name", info.name},
       {"summary", info.summary},
       {"formula", text(activation.formula)},
       {"reference", text(activation.reference)},
       {"version", info.version},
       {"author", text(activation.author)},
       {"license", text(activation.license)},
       {"library", info.library},
       {"abi", info.abi},
       {"file", info.file.empty() ? ordered_json() : ordered_json(info.file.string())},
       {"parameters", parameters},
       {"functions", functions},
       {"tiles",
        {{"float64", activation.tile_f64 != nullptr}, {"float32", activation.tile_f32 != nullptr}}}});
}

std::string tiles_text(const nngp_activation& activation) {
  if (activation.tile_f64 && activation.tile_f32) return "float64 and float32";
  if (activation.tile_f64) return "float64";
  if (activation.tile_f32) return "float32";
  if (!activation.nngp_fn) return activation.fn ? "by numerical integration of fn" : "none";
  return "none: computed point by point";
}

void show_as_text(const ActivationInfo& info, const nngp_activation& activation) {
  output() << bold(info.name) << ": " << safe(activation.summary) << "\n\n";
  Table facts(2);
  const auto fact = [&](const char* name, const std::string& value) {
    if (!value.empty()) facts.add({name, value});
  };
  fact("formula", safe(activation.formula));
  fact("reference", safe(activation.reference));
  fact("version", safe(activation.version));
  fact("author", safe(activation.author));
  fact("license", safe(activation.license));
  fact("library", info.library + ", ABI " + info.abi);
  fact("file", printable(info.place(), 1000));
  fact("tiles", tiles_text(activation));
  output() << facts.text();

  output() << "\n" << bold("Functions") << '\n';
  Table functions(2);
  for (const FunctionInfo& function : functions_of(activation))
    functions.add({function.name, function.source.empty() ? "not offered" : function.source});
  output() << functions.text();

  if (activation.parameter_count == 0) return;
  output() << "\n" << bold("Parameters") << '\n';
  Table parameters(2);
  parameters.add({"NAME", "KIND", "DEFAULT", "RANGE", "MEANING"});
  for (const nngp_parameter* parameter : parameters_of(activation))
    parameters.add({parameter->name, kind_of(*parameter), default_text(*parameter),
                    range_text(*parameter), safe(parameter->summary)});
  output() << parameters.text();
}

/// "0 (kink)", "1 (jump)", ...
std::string breakpoints_text(const Activation& activation) {
  const auto points = activation.breakpoints();
  if (!points) return "not known: looked for where fn is integrated";
  std::string text;
  for (const nngp_breakpoint& point : *points) {
    constexpr const char* what[] = {"jump", "kink"};
    text += (text.empty() ? "" : ", ") + format_integer(point.x) + " (" +
            (point.order < 2 ? what[point.order] : "of derivative " + std::to_string(point.order)) +
            ")";
  }
  return text.empty() ? "none: fn is smooth" : text;
}

/// What is said of an activation that is made of formulas, by name.
std::vector<std::pair<std::string, std::string>> formula_facts(const Activation& activation) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const FormulaPart& part : formula_parts(activation))
    facts.emplace_back(part.name, part.text + (part.derived ? "   (derived)" : ""));
  if (activation.has_fn()) facts.emplace_back("breaks", breakpoints_text(activation));
  if (!activation.has_nngp_fn()) {
    facts.emplace_back("nngp_fn", "by numerical integration of fn");
    facts.emplace_back("d_nngp_fn", "by numerical integration of d_fn");
  } else if (activation.derivative() == Derivative::absent) {
    facts.emplace_back("d_nngp_fn",
                       "not offered: fn jumps, so that it is not the derivative of nngp_fn");
  }
  if (activation.has_fn() && activation.has_nngp_fn())
    facts.emplace_back(
        "agreement",
        formula_mismatch(activation).value_or("nngp_fn is the integral of fn at 12 points"));
  return facts;
}

void show_formulas(const Activation& activation, bool json) {
  const auto facts = formula_facts(activation);
  if (json) {
    ordered_json formulas = ordered_json::object();
    for (const FormulaPart& part : formula_parts(activation))
      formulas[part.name] = {{"text", part.text}, {"derived", part.derived}};
    ordered_json breakpoints;
    if (const auto points = activation.breakpoints()) {
      breakpoints = ordered_json::array();
      for (const nngp_breakpoint& point : *points)
        breakpoints.push_back({{"x", point.x}, {"order", point.order}});
    }
    const auto mismatch = formula_mismatch(activation);
    return print_json({{"activation", activation.text()},
                       {"formulas", formulas},
                       {"breakpoints", breakpoints},
                       {"mismatch", mismatch ? ordered_json(*mismatch) : ordered_json()}});
  }
  output() << bold("Elementwise") << ": an activation from formulas\n\n";
  Table table(2);
  for (const auto& [name, text] : facts) table.add({name, text});
  output() << table.text();
}

}  // namespace

void show_plugin(const po::variables_map& arguments) {
  const std::string name = text_of(arguments, "name");
  const Registry plugins = find_plugins(arguments);
  if (name.find('(') != name.npos) {
    const Activation activation = parse_activation(name, plugins);
    if (!is_formula(activation))
      throw UsageError("show takes the name of an activation, or formulas as in Elementwise(fn='...')");
    return show_formulas(activation, arguments.count("json") > 0);
  }
  const ActivationInfo& info = plugins.find(name);
  // As its file has it: nothing is loaded.
  const PluginFile file(info.file);
  const auto& all = file.tables().activations();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one->name == info.name; });
  if (found == all.end())
    throw PluginError(printable(info.file.string(), 300) + ": no longer offers " + info.name +
                      "; the file was changed while in use");
  const nngp_activation& activation = **found;
  if (arguments.count("json")) return show_as_json(info, activation);
  show_as_text(info, activation);
}

}  // namespace nngp::host
