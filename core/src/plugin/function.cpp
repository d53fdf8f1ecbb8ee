#include "nngp/function.hpp"

#include <memory>

#include "nngp/error.hpp"

namespace nngp {
namespace {

/// What the C interface points to: functions of the program, with the table of an activation.
struct Functions {
  std::function<double(double)> fn;
  KernelFunction nngp_fn, d_nngp_fn;
  nngp_activation table = {};

  Functions(std::function<double(double)> fn_, KernelFunction nngp_fn_, KernelFunction d_nngp_fn_)
      : fn(std::move(fn_)), nngp_fn(std::move(nngp_fn_)), d_nngp_fn(std::move(d_nngp_fn_)) {
    table.struct_size = sizeof table;
    table.name = "Elementwise";
    table.summary = "An activation from C++ functions";
    table.formula = "a C++ function";
    table.version = "1.0";
    table.author = "the program";
    table.license = "none";
    table.create = [](const nngp_value*, std::size_t, char*, std::size_t) -> void* { return nullptr; };
    table.destroy = [](void*) {};
    if (fn) table.fn = [](const void* self, double x) { return at(self).fn(x); };
    if (nngp_fn)
      table.nngp_fn = [](const void* self, double cov12, double var1, double var2) {
        return at(self).nngp_fn(cov12, var1, var2);
      };
    if (!nngp_fn || !d_nngp_fn) return;
    table.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
    table.d_nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return at(self).d_nngp_fn(cov12, var1, var2);
    };
  }

  static const Functions& at(const void* self) { return *static_cast<const Functions*>(self); }

  /// For people: a model cannot have it.
  std::string text() const {
    std::string text;
    const auto add = [&](const char* name, bool given) {
      if (given) text += std::string(text.empty() ? "" : ", ") + name + "=<C++ function>";
    };
    add("fn", fn != nullptr);
    add("nngp_fn", nngp_fn != nullptr);
    add("d_nngp_fn", d_nngp_fn != nullptr);
    return "Elementwise(" + text + ")";
  }
};

}  // namespace

Activation function_activation(std::function<double(double)> fn, KernelFunction nngp_fn,
                               KernelFunction d_nngp_fn) {
  if (!fn && !nngp_fn)
    throw ModelError("Elementwise needs fn, a function of x, or nngp_fn, one of cov12, var1 and var2");
  if (!nngp_fn && d_nngp_fn) throw ModelError("d_nngp_fn is of no use without nngp_fn");
  const auto functions =
      std::make_shared<Functions>(std::move(fn), std::move(nngp_fn), std::move(d_nngp_fn));
  return Activation(functions, functions->table, functions.get(), functions->text());
}

}  // namespace nngp
