#include "nngp/function.hpp"

#include <cstddef>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "nngp/error.hpp"
#include "plugin/differentiate.hpp"

namespace nngp {
namespace {

/// What the tables of all functions of the program have in common.
nngp_activation table_of_program() {
  nngp_activation table{};
  table.struct_size = sizeof table;
  table.name = "Elementwise";
  table.summary = "An activation from functions of the program";
  table.formula = "a function of the program";
  table.version = "1.0";
  table.author = "the program";
  table.license = "none";
  table.create = [](const nngp_value*, std::size_t, char*, std::size_t) -> void* { return nullptr; };
  table.destroy = [](void*) {};
  return table;
}

/// An activation of functions that the C interface points to.
template <class Functions>
Activation activation_of(std::shared_ptr<Functions> functions, std::string text) {
  if (!functions->fn && !functions->nngp_fn)
    throw ModelError("Elementwise needs fn, a function of x, or nngp_fn, one of cov12, var1 and var2");
  if (!functions->nngp_fn && functions->d_nngp_fn)
    throw ModelError("d_nngp_fn is of no use without nngp_fn");
  if (text.empty()) {
    const auto add = [&](const char* name, bool given) {
      if (given) text += std::string(text.empty() ? "" : ", ") + name + "=<C++ function>";
    };
    add("fn", functions->fn != nullptr);
    add("nngp_fn", functions->nngp_fn != nullptr);
    add("d_nngp_fn", functions->d_nngp_fn != nullptr);
    text = "Elementwise(" + text + ")";
  }
  return Activation(functions, functions->table, functions.get(), std::move(text));
}

// ---- Functions of one entry ----------------------------------------------------------------------

struct ScalarFunctions {
  std::function<double(double)> fn;
  KernelFunction nngp_fn, d_nngp_fn;
  nngp_activation table = table_of_program();

  ScalarFunctions(std::function<double(double)> fn_, KernelFunction nngp_fn_, KernelFunction d_nngp_fn_)
      : fn(std::move(fn_)), nngp_fn(std::move(nngp_fn_)), d_nngp_fn(std::move(d_nngp_fn_)) {
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

  static const ScalarFunctions& at(const void* self) {
    return *static_cast<const ScalarFunctions*>(self);
  }
};

// ---- Functions of many entries -------------------------------------------------------------------

/// The entries of a tile.
struct Entries {
  std::vector<double> cov12, var1, var2;

  void add(double c, double v1, double v2) {
    cov12.push_back(c);
    var1.push_back(v1);
    var2.push_back(v2);
  }
};

std::vector<double> call(const KernelArrayFunction& function, const Entries& entries) {
  std::vector<double> results(entries.cov12.size());
  function(entries.cov12, entries.var1, entries.var2, results);
  return results;
}

/// What is known of a function at some points, and where else its values are wanted.
struct Recorder {
  struct Point {
    double cov12, var1, var2;
    bool operator==(const Point&) const = default;
  };
  std::vector<std::pair<Point, double>> known;
  std::vector<Point> wanted;

  static double value(const void* self, double cov12, double var1, double var2) {
    auto& recorder = *static_cast<Recorder*>(const_cast<void*>(self));
    const Point point{cov12, var1, var2};
    for (const auto& [at, result] : recorder.known)
      if (at == point) return result;
    recorder.wanted.push_back(point);
    return std::numeric_limits<double>::quiet_NaN();
  }
};

/// The derivatives of nngp_fn in cov12. differentiate_kernel() takes values one by one, so that it runs
/// again and again for every entry until it finds all that it asks for. In between, those that are
/// wanted for all entries are computed in one call.
std::vector<double> differentiate(const KernelArrayFunction& nngp_fn, const Entries& entries) {
  std::vector<double> derivatives(entries.cov12.size());
  std::vector<Recorder> recorders(derivatives.size());
  std::vector<std::size_t> open(derivatives.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  while (!open.empty()) {
    Entries wanted;
    for (const std::size_t k : open) {
      recorders[k].wanted.clear();
      derivatives[k] = differentiate_kernel(&Recorder::value, &recorders[k], entries.cov12[k],
                                            entries.var1[k], entries.var2[k]);
      for (const auto& [cov12, var1, var2] : recorders[k].wanted) wanted.add(cov12, var1, var2);
    }
    std::erase_if(open, [&](std::size_t k) { return recorders[k].wanted.empty(); });
    if (open.empty()) break;
    const std::vector<double> values = call(nngp_fn, wanted);
    auto value = values.begin();
    for (const std::size_t k : open)
      for (const Recorder::Point& point : recorders[k].wanted)
        recorders[k].known.emplace_back(point, *value++);
  }
  return derivatives;
}

struct TileFunctions : ArrayFunctions {
  nngp_activation table = table_of_program();

  explicit TileFunctions(ArrayFunctions functions) : ArrayFunctions(std::move(functions)) {
    if (fn) table.fn = [](const void* self, double x) { return at(self).fn(x); };
    if (!nngp_fn) return;
    table.nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return call(at(self).nngp_fn, {{cov12}, {var1}, {var2}})[0];
    };
    if (!d_nngp_fn) {
      scalar_table_ = table;
      scalar_.emplace(nullptr, scalar_table_, this, "Elementwise");
    }
    table.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
    table.d_nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return at(self).derivatives({{cov12}, {var1}, {var2}})[0];
    };
    table.tile_f64 = [](const void* self, const nngp_tile_f64* tile) { at(self).fill(*tile); };
    table.tile_f32 = [](const void* self, const nngp_tile_f32* tile) { at(self).fill(*tile); };
  }
  TileFunctions(const TileFunctions&) = delete;
  TileFunctions& operator=(const TileFunctions&) = delete;

 private:
  static const TileFunctions& at(const void* self) { return *static_cast<const TileFunctions*>(self); }

  std::vector<double> derivatives(const Entries& entries) const {
    if (!scalar_) return call(d_nngp_fn, entries);
    if (scalar_->derivative() == Derivative::absent)
      scalar_->d_nngp_fn(entries.cov12[0], entries.var1[0], entries.var2[0]);  // throws
    return differentiate(nngp_fn, entries);
  }

  /// A whole tile in one call of each function, in double precision.
  template <class Tile>
  void fill(const Tile& tile) const {
    using Real = std::remove_pointer_t<decltype(tile.nngp)>;
    const auto dense = [&](double x) { return double{tile.cov_scale} * x + double{tile.cov_shift}; };
    Entries entries;
    std::vector<double> raw;  // read before it may be overwritten
    for (std::size_t i = 0; i < tile.rows; ++i)
      for (std::size_t j = 0; j < tile.cols; ++j) {
        raw.push_back(tile.cov12[i * tile.cov12_ld + j]);
        entries.add(dense(raw.back()), dense(tile.var1[i]), dense(tile.var2[j]));
      }
    const std::vector<double> nngp = call(nngp_fn, entries);
    const std::vector<double> d_nngp =
        tile.d_nngp || tile.ntk ? derivatives(entries) : std::vector<double>();
    for (std::size_t i = 0, k = 0; i < tile.rows; ++i)
      for (std::size_t j = 0; j < tile.cols; ++j, ++k) {
        tile.nngp[i * tile.nngp_ld + j] = static_cast<Real>(nngp[k]);
        if (tile.d_nngp) tile.d_nngp[i * tile.d_nngp_ld + j] = static_cast<Real>(d_nngp[k]);
        if (!tile.ntk) continue;
        Real& t = tile.ntk[i * tile.ntk_ld + j];
        t = static_cast<Real>(d_nngp[k] *
                              (tile.ntk_cov * raw[k] + (tile.ntk_scale * t + tile.ntk_shift)));
      }
  }

  nngp_activation scalar_table_ = {};
  /// Without d_nngp_fn the same by scalar functions alone, which knows whether nngp_fn has a derivative
  /// that means something: it has none where fn jumps.
  std::optional<Activation> scalar_;
};

}  // namespace

Activation function_activation(std::function<double(double)> fn, KernelFunction nngp_fn,
                               KernelFunction d_nngp_fn, std::string text) {
  return activation_of(
      std::make_shared<ScalarFunctions>(std::move(fn), std::move(nngp_fn), std::move(d_nngp_fn)),
      std::move(text));
}

Activation function_activation(ArrayFunctions functions, std::string text) {
  return activation_of(std::make_shared<TileFunctions>(std::move(functions)), std::move(text));
}

}  // namespace nngp
