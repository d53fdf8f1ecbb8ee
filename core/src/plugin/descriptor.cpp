#include "plugin/descriptor.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>
#include <string_view>

#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "plugin/arguments.hpp"

namespace nngp {
namespace {

// The part of `*from` that its author and this host both know; the rest is zero.
template <class Table>
Table resized(const Table& from) {
  Table table = {};
  std::memcpy(&table, &from, std::min<std::size_t>(from.struct_size, sizeof table));
  table.struct_size = sizeof table;
  return table;
}

std::string check_default(const nngp_parameter& parameter) {
  if (!parameter.default_value) return "";
  if (parameter.default_count > Descriptor::max_default_count) return "has a damaged default value";
  const std::vector<double> values(parameter.default_value,
                                   parameter.default_value + parameter.default_count);
  const std::string wrong = check_values(parameter, values);
  return wrong.empty() ? "" : "has an unsuitable default: it " + wrong;
}

// What is wrong with a parameter's table, or nothing.
std::string check(const nngp_parameter& parameter) {
  if (!parameter.summary) return "has no summary";
  if (!(parameter.minimum <= parameter.maximum)) return "has no values in its range";
  return check_default(parameter);
}

std::string check_texts(const nngp_activation& table) {
  const std::pair<const char*, const char*> texts[] = {{"summary", table.summary},
                                                       {"formula", table.formula},
                                                       {"version", table.version},
                                                       {"author", table.author},
                                                       {"license", table.license}};
  for (const auto& [field, text] : texts) {
    if (!text) return std::string("has no ") + field;
  }
  return "";
}

}  // namespace

std::string host_abi() { return std::to_string(NNGP_ABI_MAJOR) + "." + std::to_string(NNGP_ABI_MINOR); }

std::string unknown_features(std::uint64_t required) {
  constexpr std::uint64_t known = 0;  // none are defined in ABI 1.0
  const std::uint64_t unknown = required & ~known;
  if (unknown == 0) return "";
  char bits[17] = {};
  std::to_chars(bits, bits + 16, unknown, 16);
  return "features this nngp does not know (bits 0x" + std::string(bits) + ")";
}

Descriptor::Descriptor(const nngp_activation& table) {
  const auto refuse = [](const std::string& what) { throw PluginError("activation " + what); };
  if (!NNGP_HAS_FIELD(nngp_activation, &table, destroy)) {
    refuse("table of " + std::to_string(table.struct_size) + " bytes is too small");
  }
  auto tables = std::make_shared<Tables>();
  nngp_activation& known = tables->activation = resized(table);
  if (!is_name(known.name)) refuse("has no name, or one that is not a C identifier");
  const std::string name = known.name;
  if (const auto unknown = unknown_features(known.required_features); !unknown.empty()) {
    throw Unsupported("activation " + name + " needs " + unknown);
  }
  if (const auto wrong = check_texts(known); !wrong.empty()) refuse(name + " " + wrong);
  if (!known.create || !known.destroy) refuse(name + " has no create or no destroy function");
  if (known.parameter_count > max_parameters || (known.parameter_count > 0 && !known.parameters)) {
    refuse(name + " has a damaged parameter table (" + std::to_string(known.parameter_count) +
           " parameters)");
  }

  std::set<std::string_view> names;
  for (std::size_t i = 0; i < known.parameter_count; ++i) {
    const nngp_parameter* parameter = known.parameters[i];
    if (!parameter || !NNGP_HAS_FIELD(nngp_parameter, parameter, flags) || !is_name(parameter->name)) {
      refuse(name + ": parameter " + std::to_string(i + 1) + " has no table or no name");
    }
    tables->parameters.push_back(resized(*parameter));
    const std::string parameter_name = name + ": parameter '" + parameter->name + "' ";
    if (!names.insert(parameter->name).second) refuse(parameter_name + "occurs twice");
    if (parameter->kind > NNGP_LIST) {
      throw Unsupported("activation " + parameter_name + "is of a kind this nngp does not know (" +
                        std::to_string(parameter->kind) + ")");
    }
    const auto wrong = check(tables->parameters.back());
    if (!wrong.empty()) refuse(parameter_name + wrong);
  }
  for (const nngp_parameter& parameter : tables->parameters) tables->pointers.push_back(&parameter);
  known.parameters = tables->pointers.data();
  tables_ = std::move(tables);
}

}  // namespace nngp
