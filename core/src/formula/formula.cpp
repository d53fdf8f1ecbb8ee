#include "nngp/formula.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <span>

#include "formula/breakpoints.hpp"
#include "formula/derivative.hpp"
#include "formula/print.hpp"
#include "formula/program.hpp"
#include "formula/syntax.hpp"
#include "model/expression.hpp"
#include "nngp/numerical.hpp"
#include "nngp/text.hpp"
#include "plugin/differentiate.hpp"

namespace nngp {
namespace {

using formula::Graph;
using formula::Id;

const std::string& text_of(const Formulas& formulas, std::string_view argument) {
  static const std::string none;
  if (argument == "fn") return formulas.fn;
  if (argument == "nngp_fn") return formulas.nngp_fn;
  if (argument == "d_nngp_fn") return formulas.d_nngp_fn;
  return none;
}

std::string with_place(const Formulas& formulas, const std::string& argument, std::size_t offset,
                       const std::string& message) {
  const std::string& text = text_of(formulas, argument);
  if (text.empty()) return argument + ": " + message;
  try {
    fail_at(text, offset, message);
  } catch (const ModelError& error) {
    return argument + ": " + error.what();
  }
}

/// As a model writes it; a quote that the text does not have.
std::string quoted(const std::string& text) {
  const char quote = text.find('\'') == text.npos ? '\'' : '"';
  return quote + text + quote;
}

std::string model_text(const Formulas& formulas) {
  std::string text;
  const auto add = [&](const std::string& name, const std::string& value) {
    text += (text.empty() ? "" : ", ") + name + "=" + value;
  };
  for (const char* argument : {"fn", "nngp_fn", "d_nngp_fn"})
    if (const std::string& value = text_of(formulas, argument); !value.empty())
      add(argument, quoted(value));
  for (const auto& [name, value] : formulas.parameters) add(name, format_number(value));
  return "Elementwise(" + text + ")";
}

/// What the C interface points to: formulas compiled, with the table of an activation.
class Compiled {
 public:
  explicit Compiled(const Formulas& formulas) : formulas_(formulas) {
    if (formulas.fn.empty() && formulas.nngp_fn.empty())
      throw FormulaError(formulas_, formulas.d_nngp_fn.empty() ? "fn" : "d_nngp_fn", 0,
                         "Elementwise needs fn='...', a formula of x, or nngp_fn='...', one of cov12, "
                         "var1 and var2");
    check_parameters();
    std::set<std::string> used;
    if (!formulas.fn.empty()) compile_fn(used);
    if (!formulas.nngp_fn.empty())
      compile_kernel(used);
    else if (!formulas.d_nngp_fn.empty())
      throw FormulaError(formulas_, "d_nngp_fn", 0, "d_nngp_fn is of no use without nngp_fn");
    for (const auto& [name, value] : formulas.parameters)
      if (!used.contains(name))
        throw FormulaError(formulas_, name, 0, "no formula uses " + name + "; leave it out");
    fill_table();
  }

  const nngp_activation& table() const { return table_; }
  const Formulas& formulas() const { return formulas_; }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    if (fn_) {
      lines.push_back("fn = " + formulas_.fn);
      lines.push_back("d_fn = " + d_fn_text_);
    }
    if (kernel_) {
      lines.push_back("nngp_fn = " + formulas_.nngp_fn);
      if (!d_nngp_fn_text_.empty()) lines.push_back("d_nngp_fn = " + d_nngp_fn_text_);
    }
    for (const auto& [name, value] : formulas_.parameters)
      lines.push_back(name + " = " + format_number(value));
    return lines;
  }

  /// The one behind an activation; null if it was not made here.
  static const Compiled* of(const Activation& activation);

 private:
  void check_parameters() const {
    std::set<std::string> seen;
    for (const auto& [name, value] : formulas_.parameters) {
      if (!is_name(name.c_str()))
        throw FormulaError(formulas_, name, 0,
                           "'" + printable(name) + "' cannot be the name of a number");
      if (formula::is_reserved(name))
        throw FormulaError(
            formulas_, name, 0,
            "'" + name + "' means something else in formulas; call the number otherwise");
      if (!std::isfinite(value))
        throw FormulaError(formulas_, name, 0, name + " must be finite, got " + format_number(value));
      if (!seen.insert(name).second)
        throw FormulaError(formulas_, name, 0, "'" + name + "' is given twice");
    }
  }

  /// The names that a formula with these variables may use.
  formula::Names names(Graph& graph, const std::vector<std::string>& variables) const {
    formula::Names names;
    for (std::size_t i = 0; i < variables.size(); ++i) names.nodes[variables[i]] = graph.variable(i);
    for (const auto& [name, value] : formulas_.parameters) names.nodes[name] = graph.constant(value);
    if (!names.nodes.contains("x"))
      names.elsewhere["x"] = "x belongs in fn; a kernel is of cov12, var1 and var2";
    for (const char* variable : {"cov12", "var1", "var2"})
      if (!names.nodes.contains(variable))
        names.elsewhere[variable] = std::string(variable) + " belongs in nngp_fn; fn is of x";
    return names;
  }

  Id parse(const char* argument, const formula::Names& names, Graph& graph,
           std::set<std::string>& used) const {
    try {
      return formula::parse(text_of(formulas_, argument), names, graph, used);
    } catch (const formula::SyntaxError& error) {
      throw FormulaError(formulas_, argument, error.offset, error.message);
    }
  }

  void compile_fn(std::set<std::string>& used) {
    Graph graph(false);
    const formula::Names names = this->names(graph, {"x"});
    const Id x = names.nodes.at("x"), fn = parse("fn", names, graph, used);
    try {
      const Id d_fn = formula::differentiate(graph, fn, x);
      fn_ = std::make_unique<formula::ScalarProgram>(graph, x, fn);
      d_fn_ = std::make_unique<formula::ScalarProgram>(graph, x, d_fn);
      d_fn_text_ = formula::print(graph, d_fn, {"x"});
      breakpoints_ = formula::find_breakpoints(graph, fn, x);
    } catch (const formula::TooLarge&) {
      throw FormulaError(formulas_, "fn", 0,
                         "the derivative of this formula is too large; write a plugin instead");
    }
  }

  void compile_kernel(std::set<std::string>& used) {
    Graph graph(true);
    const std::vector<std::string> variables{"cov12", "var1", "var2"};
    const formula::Names names = this->names(graph, variables);
    const formula::KernelProgram::Variables inputs{names.nodes.at("cov12"), names.nodes.at("var1"),
                                                   names.nodes.at("var2")};
    const Id nngp = parse("nngp_fn", names, graph, used);
    std::optional<Id> d_nngp;
    derived_ = formulas_.d_nngp_fn.empty();
    if (!derived_) {
      d_nngp = parse("d_nngp_fn", names, graph, used);
    } else if (!jumps()) {
      try {
        d_nngp = formula::differentiate(graph, nngp, inputs.cov12);
      } catch (const formula::TooLarge&) {
        throw FormulaError(formulas_, "nngp_fn", 0,
                           "the derivative of this formula is too large; give d_nngp_fn too");
      }
    }
    if (d_nngp) d_nngp_fn_text_ = formula::print(graph, *d_nngp, variables);
    kernel_ =
        std::make_unique<formula::KernelProgram>(graph, inputs, nngp, d_nngp ? &*d_nngp : nullptr);
  }

  /// The derivative of the kernel of an fn with jumps is not E[fn'(x1) fn'(x2)].
  bool jumps() const {
    return breakpoints_ && std::any_of(breakpoints_->begin(), breakpoints_->end(),
                                       [](const nngp_breakpoint& point) { return point.order == 0; });
  }

  void fill_table();

  double kernel(double cov12, double var1, double var2, bool derivative) const {
    nngp_tile_f64 tile{};
    double nngp = 0, d_nngp = 0;
    tile.struct_size = sizeof tile;
    tile.rows = tile.cols = tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = 1;
    tile.cov12 = &cov12;
    tile.var1 = &var1;
    tile.var2 = &var2;
    tile.nngp = &nngp;
    tile.d_nngp = derivative ? &d_nngp : nullptr;
    tile.cov_scale = 1;
    kernel_->fill(tile);
    return derivative ? d_nngp : nngp;
  }

  static const Compiled& at(const void* instance) { return *static_cast<const Compiled*>(instance); }
  static double call_fn(const void* instance, double x) { return (*at(instance).fn_)(x); }
  static double call_d_fn(const void* instance, double x) { return (*at(instance).d_fn_)(x); }
  static double call_nngp_fn(const void* instance, double cov12, double var1, double var2) {
    return at(instance).kernel(cov12, var1, var2, false);
  }
  static double call_d_nngp_fn(const void* instance, double cov12, double var1, double var2) {
    return at(instance).kernel(cov12, var1, var2, true);
  }
  static std::size_t call_breakpoints(const void* instance, nngp_breakpoint* out,
                                      std::size_t capacity) {
    const auto& points = *at(instance).breakpoints_;
    std::copy_n(points.begin(), std::min(capacity, points.size()), out);
    return points.size();
  }
  static void call_tile_f64(const void* instance, const nngp_tile_f64* tile) {
    at(instance).kernel_->fill(*tile);
  }
  static void call_tile_f32(const void* instance, const nngp_tile_f32* tile) {
    at(instance).kernel_->fill(*tile);
  }
  static void no_destroy(void*) {}

  Formulas formulas_;
  std::unique_ptr<formula::ScalarProgram> fn_, d_fn_;
  std::unique_ptr<formula::KernelProgram> kernel_;
  std::optional<std::vector<nngp_breakpoint>> breakpoints_;
  std::string d_fn_text_, d_nngp_fn_text_;
  bool derived_ = false;
  nngp_activation table_{};
};

void Compiled::fill_table() {
  table_.struct_size = sizeof table_;
  table_.name = "Elementwise";
  table_.summary = "An activation from formulas";
  table_.formula = formulas_.fn.empty() ? "not given" : formulas_.fn.c_str();
  table_.version = "1.0";
  table_.author = "the model";
  table_.license = "none";
  table_.create = [](const nngp_value*, std::size_t, char*, std::size_t) -> void* { return nullptr; };
  table_.destroy = no_destroy;
  if (fn_) {
    table_.fn = call_fn;
    table_.d_fn = call_d_fn;
    if (breakpoints_) table_.breakpoints = call_breakpoints;
  }
  if (kernel_) {
    table_.nngp_fn = call_nngp_fn;
    table_.tile_f64 = call_tile_f64;
    table_.tile_f32 = call_tile_f32;
    if (!d_nngp_fn_text_.empty()) {
      table_.d_nngp_fn = call_d_nngp_fn;
      table_.derivative = derived_ ? NNGP_DERIVATIVE_AUTOMATIC : NNGP_DERIVATIVE_HANDWRITTEN;
    }
  }
}

const Compiled* Compiled::of(const Activation& activation) {
  return activation.descriptor().destroy == no_destroy
             ? static_cast<const Compiled*>(activation.instance())
             : nullptr;
}

/// A kernel formula at a point, beside the integral; they differ if by more than 1e-6 of
/// sqrt(kernel(var1, var1) kernel(var2, var2)).
struct Comparison {
  double value, integral, norm;
  bool differ() const {
    return !(std::abs(value - integral) <= 1e-6 * std::max(norm, std::abs(integral)));
  }
};

template <class Kernel>
Comparison compare(const Kernel& kernel, double cov12, double var1, double var2, double integral) {
  return {kernel(cov12, var1, var2), integral,
          std::sqrt(std::abs(kernel(var1, var1, var1) * kernel(var2, var2, var2)))};
}

}  // namespace

FormulaError::FormulaError(const Formulas& formulas, std::string argument_, std::size_t offset_,
                           std::string message_)
    : ModelError(with_place(formulas, argument_, offset_, message_)),
      argument(std::move(argument_)),
      offset(offset_),
      message(std::move(message_)) {}

Activation formula_activation(const Formulas& formulas) {
  const auto compiled = std::make_shared<Compiled>(formulas);
  return Activation(compiled, compiled->table(), compiled.get(), model_text(formulas));
}

std::optional<std::string> formula_mismatch(const Activation& activation) {
  if (!Compiled::of(activation) || !activation.has_fn() || !activation.has_nngp_fn())
    return std::nullopt;
  struct Point {
    double rho, var1, var2;
  };
  static constexpr Point points[] = {{0, 1, 1},      {0.5, 1, 1},  {-0.5, 1, 1},    {0.9, 1, 2},
                                     {-0.9, 0.5, 1}, {1, 1, 1},    {0.3, 0.1, 0.2}, {0.7, 0.01, 1},
                                     {-0.3, 3, 0.3}, {0.99, 2, 2}, {0.2, 5, 7},     {0.6, 10, 10}};
  const auto fn = [&](double x) { return activation.fn(x); };
  for (const auto& [rho, var1, var2] : points) {
    const double cov12 = rho * std::sqrt(var1 * var2);
    const PointValue truth = numerical_point(fn, activation.breakpoints(), cov12, var1, var2);
    const auto report = [&](const char* name, const Comparison& compared) {
      return std::string(name) + " is not the expectation of fn: at cov12=" + format_number(cov12) +
             ", var1=" + format_number(var1) + ", var2=" + format_number(var2) + " it gives " +
             format_number(compared.value) + ", the integral is " + format_number(compared.integral);
    };
    const Comparison nngp =
        compare([&](auto... at) { return activation.nngp_fn(at...); }, cov12, var1, var2, truth.nngp);
    if (nngp.differ()) return report("nngp_fn", nngp);
    if (activation.derivative() == Derivative::absent) continue;
    const Comparison d_nngp = compare([&](auto... at) { return activation.d_nngp_fn(at...); }, cov12,
                                      var1, var2, truth.d_nngp);
    if (d_nngp.differ()) return report("d_nngp_fn", d_nngp);
  }
  return std::nullopt;
}

std::vector<std::string> formula_lines(const Activation& activation) {
  const Compiled* compiled = Compiled::of(activation);
  return compiled ? compiled->lines() : std::vector<std::string>{};
}

}  // namespace nngp
