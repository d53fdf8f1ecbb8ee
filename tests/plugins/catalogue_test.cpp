// plugins/README.md lists what the libraries in the plugin folder say of themselves.
// After a change: NNGP_UPDATE_CATALOGUE=1 build/PRESET/tests/catalogue_test

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "catalogue.hpp"
#include "plugin_files.hpp"

namespace nngp::test {
namespace {

std::string number(double x) {
  std::ostringstream text;
  text << x;
  return text.str();
}

std::string value(const nngp_parameter& p, double x) {
  return p.kind == NNGP_BOOLEAN ? (x != 0 ? "True" : "False") : number(x);
}

/// As a model writes it: "Erf(a=1, b=1, c=0)".
std::string call(const nngp_activation& t) {
  std::string text = std::string(t.name) + "(";
  for (std::size_t i = 0; i < t.parameter_count; ++i) {
    const nngp_parameter& p = *t.parameters[i];
    text += (i ? ", " : "") + std::string(p.name);
    if (p.default_value) text += "=" + value(p, *p.default_value);
  }
  return text + ")";
}

std::string range(const nngp_parameter& p) {
  std::string text = p.kind == NNGP_LIST      ? "list of numbers"
                     : p.kind == NNGP_BOOLEAN ? "True or False"
                     : p.kind == NNGP_INTEGER ? "integer"
                                              : "number";
  if (p.kind != NNGP_BOOLEAN && std::isfinite(p.minimum)) {
    text += (p.flags & NNGP_MINIMUM_EXCLUDED ? ", > " : ", >= ") + number(p.minimum);
  }
  if (p.kind != NNGP_BOOLEAN && std::isfinite(p.maximum)) {
    text += (p.flags & NNGP_MAXIMUM_EXCLUDED ? ", < " : ", <= ") + number(p.maximum);
  }
  return text;
}

std::string entries(const nngp_activation& t) {
  std::string text;
  const auto add = [&](bool offered, const char* name) {
    if (offered) text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add(t.fn, "fn");
  add(t.nngp_fn, "nngp");
  add(t.d_nngp_fn, "d_nngp");
  add(t.tile_f64 && t.tile_f32, "tiles");
  return text;
}

std::string derivative(const nngp_activation& t) {
  if (!t.nngp_fn) return "";
  return t.derivative == NNGP_DERIVATIVE_HANDWRITTEN ? "by hand"
         : t.derivative == NNGP_DERIVATIVE_AUTOMATIC ? "automatic"
                                                     : "numerical";
}

std::string tables() {
  std::ostringstream out;
  out << "| activation | fn | offers | d_nngp | library |\n|---|---|---|---|---|\n";
  for (const PluginActivation& a : shipped_activations()) {
    const nngp_activation& t = *a.table;
    out << "| `" << call(t) << "` | `" << t.formula << "` | " << entries(t) << " | " << derivative(t)
        << " | " << a.plugin->name << " |\n";
  }
  out << "\n| parameter | meaning | values |\n|---|---|---|\n";
  for (const PluginActivation& a : shipped_activations()) {
    for (std::size_t i = 0; i < a.table->parameter_count; ++i) {
      const nngp_parameter& p = *a.table->parameters[i];
      out << "| " << a.table->name << " `" << p.name << "` | " << p.summary << " | " << range(p)
          << (p.default_value ? "" : "; required") << " |\n";
    }
  }
  return out.str();
}

TEST(Catalogue, ReadmeIsUpToDate) {
  expect_section(NNGP_TEST_DATA "/../plugins/README.md", "tests/plugins/catalogue_test.cpp", tables());
}

}  // namespace
}  // namespace nngp::test
