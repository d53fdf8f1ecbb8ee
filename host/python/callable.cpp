#include "callable.hpp"

#include <nanobind/ndarray.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include "nngp/error.hpp"

namespace nb = nanobind;

namespace nngp::python {
namespace {

struct Pending {
  std::mutex mutex;
  std::optional<nb::python_error> error;
  std::atomic<bool> is_set = false;
};

/// Of the process, as the interpreter is.
Pending& pending() {
  static Pending* const one = new Pending;  // outlives the interpreter
  return *one;
}

using Values = std::vector<double>;
using Array = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

/// function(arguments...) for arrays of equal length; NaN after an exception.
Values call(const nb::object& function, std::initializer_list<Values*> arguments) {
  const std::size_t n = (*arguments.begin())->size();
  Values result(n, std::numeric_limits<double>::quiet_NaN());
  if (PendingError::is_set()) return result;
  const nb::gil_scoped_acquire acquire;
  try {
    nb::list arrays;
    for (Values* values : arguments)
      arrays.append(nb::cast(Array(values->data(), {n}, nb::handle()), nb::rv_policy::copy));
    const nb::object returned = function(*nb::tuple(arrays));
    const nb::object numpy = nb::module_::import_("numpy");
    const nb::object as_array = numpy.attr("ascontiguousarray")(
        numpy.attr("broadcast_to")(returned, nb::make_tuple(n)), nb::arg("dtype") = "float64");
    const auto array = nb::cast<nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>>(as_array);
    std::copy_n(array.data(), n, result.data());
  } catch (nb::python_error& error) {
    PendingError::set(std::move(error));
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_TypeError, error.what());
    PendingError::set(nb::python_error());
  }
  return result;
}

/// Three callables behind the table of an activation.
class Callables {
 public:
  Callables(nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn)
      : fn_(std::move(fn)), nngp_fn_(std::move(nngp_fn)), d_nngp_fn_(std::move(d_nngp_fn)) {
    table_.struct_size = sizeof table_;
    table_.name = "Elementwise";
    table_.summary = "An activation from Python functions";
    table_.formula = "a Python function";
    table_.version = "1.0";
    table_.author = "the program";
    table_.license = "none";
    table_.create = [](const nngp_value*, std::size_t, char*, std::size_t) -> void* { return nullptr; };
    table_.destroy = [](void*) {};
    if (!fn_.is_none())
      table_.fn = [](const void* self, double x) {
        Values xs{x};
        return call(at(self).fn_, {&xs})[0];
      };
    if (nngp_fn_.is_none()) return;
    table_.nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      Values c{cov12}, v1{var1}, v2{var2};
      return call(at(self).nngp_fn_, {&c, &v1, &v2})[0];
    };
    if (d_nngp_fn_.is_none()) return;
    table_.derivative = NNGP_DERIVATIVE_HANDWRITTEN;
    table_.d_nngp_fn = [](const void* self, double cov12, double var1, double var2) {
      Values c{cov12}, v1{var1}, v2{var2};
      return call(at(self).d_nngp_fn_, {&c, &v1, &v2})[0];
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
    const Values nngp = call(nngp_fn_, {&c, &v1, &v2});
    Values d_nngp;
    if (tile.d_nngp || tile.ntk) d_nngp = call(d_nngp_fn_, {&c, &v1, &v2});
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
  nngp_activation table_{};
};

}  // namespace

void PendingError::clear() {
  const std::lock_guard lock(pending().mutex);
  pending().error.reset();
  pending().is_set = false;
}

bool PendingError::is_set() { return pending().is_set; }

void PendingError::set(nb::python_error&& error) {
  const std::lock_guard lock(pending().mutex);
  if (!pending().error) pending().error.emplace(std::move(error));
  pending().is_set = true;
}

void PendingError::rethrow() {
  std::optional<nb::python_error> error;
  {
    const std::lock_guard lock(pending().mutex);
    if (pending().error) error.emplace(std::move(*pending().error));
    pending().error.reset();
    pending().is_set = false;
  }
  if (error) throw std::move(*error);
}

Activation callable_activation(nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn,
                               std::string text) {
  const auto callables =
      std::make_shared<Callables>(std::move(fn), std::move(nngp_fn), std::move(d_nngp_fn));
  return Activation(callables, callables->table(), callables.get(), std::move(text));
}

}  // namespace nngp::python
