// Any texts are the formulas of an activation or a FormulaError of at most three lines. An activation
// of formulas computes without a fault, is written as a model that reads back, shows derivatives that
// are what they say, and can be written as a plugin. The formulas are the parts of the input between
// '|': fn, nngp_fn, d_nngp_fn; k is a number in them.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nngp/formula.hpp"
#include "nngp/formula_source.hpp"
#include "nngp/model.hpp"
#include "nngp/registry.hpp"

namespace {

nngp::Formulas formulas_of(std::string_view text) {
  nngp::Formulas formulas;
  for (std::string* part : {&formulas.fn, &formulas.nngp_fn, &formulas.d_nngp_fn}) {
    const std::size_t end = std::min(text.find('|'), text.size());
    *part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  for (const std::string* part : {&formulas.fn, &formulas.nngp_fn, &formulas.d_nngp_fn})
    if (part->find('k') != part->npos) {
      formulas.parameters = {{"k", 1.5}};
      break;
    }
  return formulas;
}

void check_message(const std::string& message) {
  if (std::count(message.begin(), message.end(), '\n') > 2 || message.size() > 2000) std::abort();
  for (const char c : message)
    if (c != '\n' && static_cast<unsigned char>(c) < 0x20) std::abort();
}

bool same(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) ||
         std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

const nngp::Registry& plugins() {
  static const nngp::Registry none(nngp::PluginSearch{{}, {}});
  return none;
}

/// A derivative as it is shown, if it is shown whole and in the language.
void check_shown(const nngp::Activation& activation, const nngp::Formulas& formulas) {
  for (const nngp::FormulaPart& part : nngp::formula_parts(activation)) {
    if (part.name != "d_fn" || part.text.ends_with("...") ||
        part.text.find("inverse_or_zero") != std::string::npos)
      continue;
    const nngp::Activation shown = nngp::formula_activation({.fn = part.text});
    for (const double x : {-2.7, -0.3, 0.0, 0.41, 1.9})
      if (!same(shown.fn(x), activation.d_fn(x))) std::abort();
  }
  const std::string text = activation.text();
  if (nngp::parse_activation(text, plugins()).text() != text) std::abort();
  nngp::formula_source(formulas, "Fuzzed");
}

void compute(const nngp::Activation& activation) {
  for (const double x : {-1e308, -3.0, -0.0, 1e-300, 0.7, 1e9})
    if (activation.has_fn()) activation.fn(x), activation.d_fn(x);
  if (!activation.has_nngp_fn()) return;
  constexpr std::size_t rows = 3, cols = 5;
  float cov12[rows * cols], nngp[rows * cols], ntk[rows * cols];
  const float var1[rows] = {0, 1, 2.5f}, var2[cols] = {0.5f, 0, 1, 3, 1e30f};
  for (std::size_t k = 0; k < rows * cols; ++k) {
    cov12[k] = 0.3f * std::sqrt(var1[k / cols] * var2[k % cols]);
    ntk[k] = 1;
  }
  nngp_tile_f32 tile{};
  tile.struct_size = sizeof tile;
  tile.rows = rows;
  tile.cols = tile.cov12_ld = tile.nngp_ld = tile.ntk_ld = cols;
  tile.cov12 = cov12;
  tile.var1 = var1;
  tile.var2 = var2;
  tile.nngp = nngp;
  if (activation.descriptor().d_nngp_fn) tile.ntk = ntk;
  tile.cov_scale = 2.25f;
  tile.cov_shift = 0.01f;
  tile.ntk_cov = tile.ntk_scale = 1;
  activation.tile(tile);
  for (const double rho : {-1.0, 0.0, 0.3, 1.0}) activation.nngp_fn(rho * std::sqrt(2.0), 1, 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const nngp::Formulas formulas = formulas_of({reinterpret_cast<const char*>(data), size});
  try {
    const nngp::Activation activation = nngp::formula_activation(formulas);
    compute(activation);
    check_shown(activation, formulas);
  } catch (const nngp::FormulaError& error) {
    check_message(error.what());
  }
  return 0;
}
