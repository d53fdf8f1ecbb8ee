#include "callable.hpp"

#include <nanobind/ndarray.h>

#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "plugin/differentiate.hpp"

namespace nb = nanobind;

namespace nngp::python {
namespace {

/// What the tables of both kinds have in common.
nngp_activation table_of_program(const char* formula) {
  nngp_activation table{};
  table.struct_size = sizeof table;
  table.name = "Elementwise";
  table.summary = "An activation from functions of the program";
  table.formula = formula;
  table.version = "1.0";
  table.author = "the program";
  table.license = "none";
  table.create = [](const nngp_value*, std::size_t, char*, std::size_t) -> void* { return nullptr; };
  table.destroy = [](void*) {};
  return table;
}

/// An activation of an object that has a table().
template <class Functions>
Activation activation_of(std::shared_ptr<Functions> functions, std::string text) {
  return Activation(functions, functions->table(), functions.get(), std::move(text));
}

// ---- Functions of Python -------------------------------------------------------------------------

using Values = std::vector<double>;
using Array = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

/// function(c, v1, v2) for arrays of equal length.
Values call(const nb::object& function, Values& c, Values& v1, Values& v2) {
  const nb::gil_scoped_acquire acquire;
  const std::size_t n = c.size();
  const auto array = [n](Values& values) {
    return nb::cast(Array(values.data(), {n}, nb::handle()), nb::rv_policy::copy);
  };
  const nb::object returned = function(array(c), array(v1), array(v2));
  const nb::object numpy = nb::module_::import_("numpy");
  const nb::object whole = numpy.attr("ascontiguousarray")(
      numpy.attr("broadcast_to")(returned, nb::make_tuple(n)), nb::arg("dtype") = "float64");
  const auto numbers = nb::cast<nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>>(whole);
  return {numbers.data(), numbers.data() + n};
}

double call(const nb::object& function, double x) {
  const nb::gil_scoped_acquire acquire;
  return nb::cast<double>(nb::float_(function(x)));
}

double call(const nb::object& function, double cov12, double var1, double var2) {
  Values c{cov12}, v1{var1}, v2{var2};
  return call(function, c, v1, v2)[0];
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

/// The derivatives in cov12 of nngp_fn(c, v1, v2), as the library differentiates: it takes values one
/// by one, so that it runs again and again for every entry until it finds all that it asks for.
/// In between, those that are wanted for all entries are computed in one call.
Values differentiate_all(const nb::object& nngp_fn, const Values& c, const Values& v1,
                         const Values& v2) {
  Values derivatives(c.size());
  std::vector<Recorder> recorders(c.size());
  std::vector<std::size_t> open(c.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  while (!open.empty()) {
    Values all_c, all_v1, all_v2;
    for (const std::size_t k : open) {
      recorders[k].wanted.clear();
      derivatives[k] = differentiate_kernel(&Recorder::value, &recorders[k], c[k], v1[k], v2[k]);
      for (const auto& [cov12, var1, var2] : recorders[k].wanted) {
        all_c.push_back(cov12);
        all_v1.push_back(var1);
        all_v2.push_back(var2);
      }
    }
    std::erase_if(open, [&](std::size_t k) { return recorders[k].wanted.empty(); });
    if (open.empty()) break;
    const Values values = call(nngp_fn, all_c, all_v1, all_v2);
    auto value = values.begin();
    for (const std::size_t k : open)
      for (const Recorder::Point& point : recorders[k].wanted)
        recorders[k].known.emplace_back(point, *value++);
  }
  return derivatives;
}

/// Three callables behind the table of an activation.
class Callables {
 public:
  Callables(nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn)
      : fn_(std::move(fn)), nngp_fn_(std::move(nngp_fn)), d_nngp_fn_(std::move(d_nngp_fn)) {
    if (!fn_.is_none()) table_.fn = [](const void* self, double x) { return call(at(self).fn_, x); };
    if (nngp_fn_.is_none()) return;
    table_.nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return call(at(self).nngp_fn_, cov12, var1, var2);
    };
    if (d_nngp_fn_.is_none()) {
      plain_table_ = table_;
      plain_.emplace(nullptr, plain_table_, this, "Elementwise");
    }
    table_.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
    table_.d_nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return at(self).derivative({cov12}, {var1}, {var2})[0];
    };
    table_.tile_f64 = [](const void* self, const nngp_tile_f64* tile) { at(self).fill(*tile); };
    table_.tile_f32 = [](const void* self, const nngp_tile_f32* tile) { at(self).fill(*tile); };
  }
  ~Callables() {
    const nb::gil_scoped_acquire acquire;
    fn_.reset();
    nngp_fn_.reset();
    d_nngp_fn_.reset();
  }
  Callables(const Callables&) = delete;
  Callables& operator=(const Callables&) = delete;

  const nngp_activation& table() const { return table_; }

 private:
  static const Callables& at(const void* self) { return *static_cast<const Callables*>(self); }

  Values derivative(Values c, Values v1, Values v2) const {
    if (!plain_) return call(d_nngp_fn_, c, v1, v2);
    if (plain_->derivative() == Derivative::absent) plain_->d_nngp_fn(c[0], v1[0], v2[0]);  // throws
    return differentiate_all(nngp_fn_, c, v1, v2);
  }

  /// A whole tile in one call of each function, in double precision.
  template <class Tile>
  void fill(const Tile& tile) const {
    using Real = std::remove_pointer_t<decltype(tile.nngp)>;
    const std::size_t n = tile.rows * tile.cols;
    const auto dense = [&](double x) { return double{tile.cov_scale} * x + double{tile.cov_shift}; };
    Values raw(n), c(n), v1(n), v2(n);
    for (std::size_t i = 0, k = 0; i < tile.rows; ++i)
      for (std::size_t j = 0; j < tile.cols; ++j, ++k) {
        raw[k] = tile.cov12[i * tile.cov12_ld + j];
        c[k] = dense(raw[k]);
        v1[k] = dense(tile.var1[i]);
        v2[k] = dense(tile.var2[j]);
      }
    const Values nngp = call(nngp_fn_, c, v1, v2);
    const Values d_nngp =
        tile.d_nngp || tile.ntk ? derivative(std::move(c), std::move(v1), std::move(v2)) : Values();
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

  nb::object fn_, nngp_fn_, d_nngp_fn_;
  nngp_activation table_ = table_of_program("a Python function"), plain_table_ = {};
  /// Without d_nngp_fn the same by scalar functions alone, which knows whether nngp_fn has a derivative
  /// that means something: it has none where fn jumps.
  std::optional<Activation> plain_;
};

// ---- Compiled functions --------------------------------------------------------------------------

class Natives {
 public:
  using Fn = double (*)(double);
  using KernelFn = double (*)(double, double, double);

  Natives(Fn fn, KernelFn nngp_fn, KernelFn d_nngp_fn)
      : fn_(fn), nngp_fn_(nngp_fn), d_nngp_fn_(d_nngp_fn) {
    if (fn_) table_.fn = [](const void* self, double x) { return at(self).fn_(x); };
    if (!nngp_fn_) return;
    table_.nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return at(self).nngp_fn_(cov12, var1, var2);
    };
    if (!d_nngp_fn_) return;
    table_.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
    table_.d_nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      return at(self).d_nngp_fn_(cov12, var1, var2);
    };
  }
  const nngp_activation& table() const { return table_; }

 private:
  static const Natives& at(const void* self) { return *static_cast<const Natives*>(self); }

  Fn fn_;
  KernelFn nngp_fn_, d_nngp_fn_;
  nngp_activation table_ = table_of_program("a compiled function");
};

}  // namespace

Activation callable_activation(nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn,
                               std::string text) {
  return activation_of(
      std::make_shared<Callables>(std::move(fn), std::move(nngp_fn), std::move(d_nngp_fn)),
      std::move(text));
}

Activation native_activation(std::uintptr_t fn, std::uintptr_t nngp_fn, std::uintptr_t d_nngp_fn,
                             std::string text) {
  return activation_of(std::make_shared<Natives>(reinterpret_cast<Natives::Fn>(fn),
                                                 reinterpret_cast<Natives::KernelFn>(nngp_fn),
                                                 reinterpret_cast<Natives::KernelFn>(d_nngp_fn)),
                       std::move(text));
}

}  // namespace nngp::python
