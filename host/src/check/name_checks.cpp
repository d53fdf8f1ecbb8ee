// The words of a plugin, read from its file without running it.

#include "check/checks.hpp"
#include "command/names.hpp"
#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

/// judge(tables) of a file that is a plugin; what is none is found by other checks.
template <class Judge>
Result of_tables(const std::filesystem::path& file, Judge judge) try {
  const PluginFile plugin(file);
  return judge(plugin.tables());
} catch (const PluginError&) {
  return skipped("its tables cannot be read without loading it");
}

/// What models read `name` as instead of an activation; empty if they do not.
std::string other_meaning(const std::string& name) {
  if (is_layer(name)) return "the layer of that name";
  if (name == "float" || name == "int") return "the conversion of a number";
  for (const char* value : {"True", "False", "None", "inf", "nan", "Slice"})
    if (name == value) return "a value";
  return "";
}

Result check_names(const std::filesystem::path& file) {
  return of_tables(file, [&](const PluginTables& tables) {
    std::string shadows;
    for (const Descriptor& activation : tables.activations()) {
      const std::string name = activation->name;
      if (const std::string meaning = other_meaning(name); !meaning.empty())
        return failed("models read '" + name + "' as " + meaning + "; call the activation otherwise");
      if (shadows.empty()) shadows = shadowing(name, tables.name(), file);
    }
    if (!shadows.empty()) return Result{Status::warning, shadows};
    return passed("none is a layer's or a value's, or that of an activation that comes with nngp");
  });
}

/// "its summary" of the first text that is not one line of visible UTF-8; empty if all are.
std::string odd_text(const nngp_activation& table) {
  const auto is_odd = [](const char* text) {
    return text && std::string_view(text) != printable(text, 100'000);
  };
  const std::pair<const char*, const char*> texts[] = {
      {"summary", table.summary}, {"formula", table.formula}, {"reference", table.reference},
      {"version", table.version}, {"author", table.author},   {"license", table.license}};
  for (const auto& [field, text] : texts)
    if (is_odd(text)) return std::string("its ") + field;
  for (std::size_t i = 0; i < table.parameter_count; ++i)
    if (is_odd(table.parameters[i]->summary))
      return std::string("the summary of parameter '") + table.parameters[i]->name + "'";
  return "";
}

Result check_texts(const std::filesystem::path& file) {
  constexpr const char* rule =
      " is not one line of UTF-8 that can be seen: it has other bytes, control characters, or some "
      "that "
      "change the direction of writing";
  return of_tables(file, [&](const PluginTables& tables) {
    if (tables.version() != printable(tables.version(), 100'000))
      return failed(std::string("the library's version") + rule);
    for (const Descriptor& activation : tables.activations())
      if (const std::string odd = odd_text(*activation); !odd.empty())
        return failed(std::string(activation->name) + ": " + odd + rule);
    return passed("one line of UTF-8 each");
  });
}

}  // namespace

std::vector<FileCheck> name_checks() {
  return {{"names", "activations are not called as layers or values, or as those that come with nngp",
           check_names},
          {"texts", "texts are lines of UTF-8 that a terminal shows as they are", check_texts}};
}

}  // namespace nngp::host
