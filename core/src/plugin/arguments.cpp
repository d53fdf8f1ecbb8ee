#include "plugin/arguments.hpp"

#include <cmath>
#include <optional>

#include "nngp/text.hpp"

namespace nngp {
namespace {

bool in_range(const nngp_parameter& parameter, double value) {
  const bool above =
      parameter.flags & NNGP_MINIMUM_EXCLUDED ? value > parameter.minimum : value >= parameter.minimum;
  const bool below =
      parameter.flags & NNGP_MAXIMUM_EXCLUDED ? value < parameter.maximum : value <= parameter.maximum;
  return above && below;
}

// "> 0.0", "in [0.0, 1.0)", ... for a bound or two.
std::string describe_range(const nngp_parameter& parameter) {
  const bool open_below = parameter.flags & NNGP_MINIMUM_EXCLUDED;
  const bool open_above = parameter.flags & NNGP_MAXIMUM_EXCLUDED;
  const auto format = parameter.kind == NNGP_INTEGER ? format_integer : format_number;
  const std::string minimum = format(parameter.minimum), maximum = format(parameter.maximum);
  if (std::isinf(parameter.maximum)) return (open_below ? "> " : ">= ") + minimum;
  if (std::isinf(parameter.minimum)) return (open_above ? "< " : "<= ") + maximum;
  return std::string("in ") + (open_below ? "(" : "[") + minimum + ", " + maximum +
         (open_above ? ")" : "]");
}

// What a parameter wants, for "must be ...".
std::string describe_kind(const nngp_parameter& parameter) {
  switch (parameter.kind) {
    case NNGP_INTEGER:
      return "an integer";
    case NNGP_BOOLEAN:
      return "True or False";
    case NNGP_LIST:
      return "a list of one or more numbers";
    default:
      return "a number";
  }
}

bool of_kind(const nngp_parameter& parameter, const std::vector<double>& values) {
  if (parameter.kind == NNGP_LIST) return !values.empty();
  if (values.size() != 1) return false;
  if (parameter.kind == NNGP_INTEGER) return values[0] == std::trunc(values[0]);
  if (parameter.kind == NNGP_BOOLEAN) return values[0] == 0 || values[0] == 1;
  return true;
}

std::string format_list(const std::vector<double>& values) {
  if (values.size() == 1) return format_number(values[0]);
  std::string out = "[";
  for (const double value : values) {
    if (out.size() > 60) return out + ", ...]";
    out += (out.size() > 1 ? ", " : "") + format_number(value);
  }
  return out + "]";
}

// Names the activation's parameters: "; its parameters are a, b, c".
std::string list_parameters(const nngp_activation& activation) {
  if (activation.parameter_count == 0) return "; it has none";
  std::string out = activation.parameter_count == 1 ? "; its parameter is" : "; its parameters are";
  for (std::size_t i = 0; i < activation.parameter_count; ++i) {
    out += (i == 0 ? " " : ", ") + std::string(activation.parameters[i]->name);
  }
  return out;
}

std::optional<std::size_t> find(const nngp_activation& activation, std::string_view name) {
  for (std::size_t i = 0; i < activation.parameter_count; ++i) {
    if (name == activation.parameters[i]->name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::string check_values(const nngp_parameter& parameter, const std::vector<double>& values) {
  for (const double value : values) {
    if (!std::isfinite(value)) return "must be finite, got " + format_list(values);
  }
  if (!of_kind(parameter, values)) {
    return "must be " + describe_kind(parameter) + ", got " + format_list(values);
  }
  for (const double value : values) {
    if (!in_range(parameter, value)) {
      const auto format = parameter.kind == NNGP_INTEGER ? format_integer : format_number;
      return "must be " + describe_range(parameter) + ", got " + format(value);
    }
  }
  return "";
}

std::vector<std::vector<double>> bind_arguments(const nngp_activation& activation,
                                                const Arguments& arguments) {
  const std::string name = activation.name;
  const std::size_t count = activation.parameter_count;
  std::vector<std::optional<std::vector<double>>> given(count);

  const auto give = [&](std::size_t i, const std::vector<double>& values, ArgumentError::Place place) {
    const nngp_parameter& parameter = *activation.parameters[i];
    const std::string what = name + ": parameter '" + parameter.name + "' ";
    if (given[i]) throw ArgumentError(what + "is given twice", place);
    const std::string wrong = check_values(parameter, values);
    if (!wrong.empty()) throw ArgumentError(what + wrong, place);
    given[i] = values;
  };

  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i >= count) {
      throw ArgumentError(name + " takes at most " + std::to_string(count) + " parameters, got " +
                              std::to_string(arguments.positional.size()) + list_parameters(activation),
                          i);
    }
    give(i, arguments.positional[i], i);
  }
  for (const auto& [keyword, values] : arguments.keyword) {
    const auto i = find(activation, keyword);
    if (!i) {
      throw ArgumentError(
          name + " has no parameter '" + printable(keyword) + "'" + list_parameters(activation),
          keyword);
    }
    give(*i, values, keyword);
  }

  std::vector<std::vector<double>> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const nngp_parameter& parameter = *activation.parameters[i];
    if (given[i]) {
      values[i] = std::move(*given[i]);
    } else if (parameter.default_value) {
      values[i].assign(parameter.default_value, parameter.default_value + parameter.default_count);
    } else {
      throw ArgumentError(name + ": parameter '" + parameter.name + "' has no default; write " + name +
                          "(" + parameter.name + "=...)");
    }
  }
  return values;
}

std::string format_value(const nngp_parameter& parameter, const std::vector<double>& values) {
  switch (parameter.kind) {
    case NNGP_INTEGER:
      return format_integer(values[0]);
    case NNGP_BOOLEAN:
      return values[0] != 0 ? "True" : "False";
    case NNGP_LIST: {
      std::string out = "[";
      for (const double value : values) out += (out.size() > 1 ? ", " : "") + format_number(value);
      return out + "]";
    }
    default:
      return format_number(values[0]);
  }
}

}  // namespace nngp
