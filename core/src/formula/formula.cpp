#include "nngp/formula.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "formula/breakpoints.hpp"
#include "formula/print.hpp"
#include "formula/program.hpp"
#include "formula/read.hpp"
#include "model/expression.hpp"
#include "nngp/numerical.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

using formula::Graph;
using formula::text_of;

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

/// As a model writes it: on one line. Formulas have no quotes.
std::string quoted(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return "'" + text + "'";
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
    formula::Reader reader(formulas_);
    if (!formulas_.fn.empty()) compile_fn(reader);
    if (!formulas_.nngp_fn.empty()) compile_kernel(reader);
    reader.check_all_used();
    fill_table();
  }

  const nngp_activation& table() const { return table_; }
  const Formulas& formulas() const { return formulas_; }

  std::vector<FormulaPart> parts() const {
    std::vector<FormulaPart> parts;
    if (fn_) {
      parts.push_back({"fn", formulas_.fn, false});
      parts.push_back({"d_fn", d_fn_text_, true});
    }
    if (kernel_) {
      parts.push_back({"nngp_fn", formulas_.nngp_fn, false});
      if (!d_nngp_fn_text_.empty()) parts.push_back({"d_nngp_fn", d_nngp_fn_text_, derived_});
    }
    for (const auto& [name, value] : formulas_.parameters)
      parts.push_back({name, format_number(value), false});
    return parts;
  }

  /// The one behind an activation; null if it was not made here.
  static const Compiled* of(const Activation& activation);

 private:
  void compile_fn(formula::Reader& reader) {
    Graph graph(false);
    const auto [x, fn, d_fn] = reader.fn(graph);
    fn_ = std::make_unique<formula::ScalarProgram>(graph, x, fn);
    d_fn_ = std::make_unique<formula::ScalarProgram>(graph, x, d_fn);
    d_fn_text_ = formula::print(graph, d_fn, reader.fn_variables());
    breakpoints_ = formula::find_breakpoints(graph, fn, x);
  }

  void compile_kernel(formula::Reader& reader) {
    Graph graph(true);
    const auto [cov12, var1, var2, nngp, d_nngp] = reader.kernel(graph, jumps());
    derived_ = formulas_.d_nngp_fn.empty();
    kernel_ = std::make_unique<formula::KernelProgram>(
        graph, formula::KernelProgram::Variables{cov12, var1, var2}, nngp, d_nngp ? &*d_nngp : nullptr);
    if (!d_nngp || (derived_ && slope_is_infinite())) return;
    d_nngp_fn_text_ =
        derived_ ? formula::print(graph, *d_nngp, reader.kernel_variables()) : formulas_.d_nngp_fn;
  }

  /// Whether the derivative of the kernel grows without bound towards parallel inputs, as 1 / sqrt(1 -
  /// rho): so it does if fn jumps.
  bool slope_is_infinite() const {
    const auto slope = [&](double distance) { return std::abs(kernel(1 - distance, 1, 1, true)); };
    return slope(1e-10) > 10 * slope(1e-6);
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
  /// Of an fn that is not known, but jumps.
  static std::size_t call_jump(const void*, nngp_breakpoint* out, std::size_t capacity) {
    if (capacity > 0) *out = {0, 0, 0};
    return 1;
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
    } else if (!fn_) {
      table_.breakpoints = call_jump;
    }
  }
}

const Compiled* Compiled::of(const Activation& activation) {
  return activation.descriptor().destroy == no_destroy
             ? static_cast<const Compiled*>(activation.instance())
             : nullptr;
}

/// The points where a kernel formula is compared with the integral.
struct Point {
  double rho, var1, var2;
};
constexpr Point points[] = {{0, 1, 1},      {0.5, 1, 1},  {-0.5, 1, 1},    {0.9, 1, 2},
                            {-0.9, 0.5, 1}, {1, 1, 1},    {0.3, 0.1, 0.2}, {0.7, 0.01, 1},
                            {-0.3, 3, 0.3}, {0.99, 2, 2}, {0.2, 5, 7},     {0.6, 10, 10}};

/// Whether a value differs from an integral by more than 1e-6 of sqrt(kernel(var1, var1) kernel(var2,
/// var2)), and the error of the integral. An integral that is not known says nothing.
template <class Kernel>
bool differ(const Kernel& kernel, double value, double var1, double var2, double integral,
            double error) {
  if (!std::isfinite(integral) || !(error < 1e-2)) return false;
  const double norm = std::sqrt(std::abs(kernel(var1, var1, var1) * kernel(var2, var2, var2)));
  const double size = std::isfinite(norm) ? std::max(norm, std::abs(integral)) : std::abs(integral);
  return !(std::abs(value - integral) <= std::max(1e-6, 10 * error) * size);
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
  const auto fn = [&](double x) { return activation.fn(x); };
  const auto nngp_fn = [&](auto... at) { return activation.nngp_fn(at...); };
  const auto d_nngp_fn = [&](auto... at) { return activation.d_nngp_fn(at...); };
  const bool derivative = activation.derivative() != Derivative::absent;
  std::optional<std::string> of_derivative;  // told if nngp_fn is right everywhere
  for (const Point& point : points) {
    const double var1 = point.var1, var2 = point.var2, cov12 = point.rho * std::sqrt(var1 * var2);
    PointValue truth;
    try {
      truth = numerical_point(fn, activation.breakpoints(), cov12, var1, var2);
    } catch (const NumericalError&) {
      continue;  // there is no expectation at such variances
    }
    const auto mismatch = [&](const char* name, const auto& kernel, double integral,
                              double error) -> std::optional<std::string> {
      const double value = kernel(cov12, var1, var2);
      if (!differ(kernel, value, var1, var2, integral, error)) return std::nullopt;
      return std::string(name) + " is not the expectation of fn: at cov12=" + format_number(cov12) +
             ", var1=" + format_number(var1) + ", var2=" + format_number(var2) + " it gives " +
             format_number(value) + ", the integral is " + format_number(integral);
    };
    if (auto found = mismatch("nngp_fn", nngp_fn, truth.nngp, truth.error.nngp)) return found;
    if (derivative && !of_derivative)
      of_derivative = mismatch("d_nngp_fn", d_nngp_fn, truth.d_nngp, truth.error.d_nngp);
  }
  return of_derivative;
}

std::vector<FormulaPart> formula_parts(const Activation& activation) {
  const Compiled* compiled = Compiled::of(activation);
  return compiled ? compiled->parts() : std::vector<FormulaPart>{};
}

}  // namespace nngp
