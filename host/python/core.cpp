// The library as the Python module nngp._core: what nngp/*.py makes its interface of. Arrays come and
// go without copies. Long computations run in a thread of their own while this one listens for Ctrl-C.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <exception>
#include <mutex>

#include "callable.hpp"
#include "computation.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/finite.hpp"
#include "nngp/formula.hpp"
#include "nngp/inexact.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/monte_carlo.hpp"
#include "nngp/predict.hpp"
#include "nngp/registry.hpp"
#include "nngp/stax.hpp"
#include "nngp/stream.hpp"
#include "nngp/text.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace nngp::python {
namespace {

// ---- Arrays -------------------------------------------------------------------------------------

/// Examples, positions, channels: of rank 2 to 5, contiguous within an example.
template <class Real>
using Array = nb::ndarray<const Real, nb::device::cpu>;
template <class Real>
using OutArray = nb::ndarray<Real, nb::ndim<2>, nb::device::cpu>;

/// The numbers that an example has.
template <class Real>
std::size_t features_of(const Array<Real>& array) {
  std::size_t features = 1;
  for (std::size_t axis = 1; axis < array.ndim(); ++axis) features *= array.shape(axis);
  return features;
}

/// The axes between the first, of examples, and the last, of channels.
template <class Real>
Sites sites_of(const Array<Real>& array) {
  Sites sites;
  for (std::size_t axis = 1; axis + 1 < array.ndim(); ++axis)
    sites.extents.push_back(array.shape(axis));
  return sites;
}

/// One example a row.
template <class Real>
MatrixView<Real> view(const Array<Real>& array) {
  return {array.data(), static_cast<Eigen::Index>(array.shape(0)),
          static_cast<Eigen::Index>(features_of(array)), Eigen::OuterStride<>(array.stride(0))};
}

template <class Real>
std::optional<MatrixView<Real>> view(const std::optional<Array<Real>>& array) {
  if (!array) return std::nullopt;
  return view(*array);
}

/// Hands a matrix over to Python.
template <class Real>
nb::object to_array(OwnedMatrix<Real> matrix) {
  if (matrix.size() == 0) return nb::none();
  auto* owned = new OwnedMatrix<Real>(std::move(matrix));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<OwnedMatrix<Real>*>(p); });
  const std::size_t shape[] = {static_cast<std::size_t>(owned->rows()),
                               static_cast<std::size_t>(owned->cols())};
  return nb::cast(nb::ndarray<nb::numpy, Real>(owned->data(), 2, shape, owner));
}

nb::object to_array(std::vector<double> values) {
  auto* owned = new std::vector<double>(std::move(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
  const std::size_t shape[] = {owned->size()};
  return nb::cast(nb::ndarray<nb::numpy, double>(owned->data(), 1, shape, owner));
}

/// An array for results, whose rows are written quickest: it begins on a cache line, and on a huge page
/// if it is as large, which numpy's own do not.
template <class Real>
nb::object empty(std::size_t rows, std::size_t cols) {
  return to_array(OwnedMatrix<Real>(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(cols)));
}

// ---- Kernels ------------------------------------------------------------------------------------

Get which(bool nngp, bool ntk) { return nngp ? (ntk ? Get::both : Get::nngp) : Get::ntk; }

/// What to warn of: the layers that are integrated less exactly than was asked for.
std::vector<std::string> inexact_layers(const std::vector<NumericalLayer>& layers) {
  std::vector<std::string> all;
  for (const NumericalLayer& layer : layers)
    if (!(layer.error.worst() <= layer.tolerance))
      all.push_back(inexact_text(layer.activation, layer.error));
  return all;
}

/// Whether what a layer does to kernels is integrated numerically somewhere, which takes a while.
bool is_integrated(const Layer& layer) {
  const Activation* activation = layer.activation();
  if (activation && (!activation->has_nngp_fn() || layer.text() != activation->text())) return true;
  return std::ranges::any_of(layer.parts(), is_integrated);
}

/// The kernels of two sets of inputs, which it keeps. A cheap value to copy.
template <class Real>
class Operator {
 public:
  Operator(const Layer& layer, Array<Real> x1, std::optional<Array<Real>> x2, unsigned threads,
           double allowed_error, const nb::object& progress)
      : x1_(std::move(x1)),
        x2_(std::move(x2)),
        threads_(threads),
        operator_(
            run(size_of_binding(layer), progress,
                [layer, threads, allowed_error, x1 = x1_, x2 = x2_](const Progress& keep_going) {
                  return KernelFn(layer, sites_of(x1))
                      .bind<Real>(
                          view(x1), view(x2),
                          {.threads = threads, .progress = keep_going, .allowed_error = allowed_error});
                })) {
    if (x1_.ndim() > 2)
      for (const LayerWork& layer_work : operator_.work()) pairs_ += layer_work.pairs;
  }

  std::size_t rows() const { return operator_.rows(); }
  std::size_t cols() const { return operator_.cols(); }
  bool symmetric() const { return operator_.symmetric(); }

  void compute(std::size_t row, std::size_t col, std::size_t rows, std::size_t cols,
               std::optional<OutArray<Real>> nngp, std::optional<OutArray<Real>> ntk,
               const nb::object& progress) const {
    const double size = static_cast<double>(rows) * static_cast<double>(cols);
    run(size * 50 * static_cast<double>(pairs_), progress,
        [all = *this, window = KernelWindow{row, col, rows, cols}, nngp,
         ntk](const Progress& keep_going) {
          const auto& one = nngp ? nngp : ntk;
          const KernelOutput<Real> out{nngp ? nngp->data() : nullptr, ntk ? ntk->data() : nullptr,
                                       static_cast<std::size_t>(one->stride(0))};
          all.operator_.compute(window, out, {.threads = all.threads_, .progress = keep_going});
          return true;
        });
  }

  void stream(const std::filesystem::path& nngp, const std::filesystem::path& ntk, std::size_t memory,
              bool resume, const std::string& identity, const nb::object& progress) const {
    run(long_size, progress,
        [all = *this, nngp, ntk, memory, resume, identity](const Progress& keep_going) {
          StreamOptions options;
          options.memory = memory;
          options.resume = resume;
          options.identity = identity;
          options.kernel = {.threads = all.threads_, .progress = keep_going};
          stream_kernels<Real>(all.operator_, {0, 0, all.rows(), all.cols()}, nngp, ntk, options);
          return true;
        });
  }

  std::vector<std::string> inexact_layers() const {
    return python::inexact_layers(operator_.numerical_layers());
  }

 private:
  double size_of_binding(const Layer& layer) const {
    if (x1_.ndim() > 2 || is_integrated(layer)) return long_size;
    const std::size_t rows = x1_.shape(0) + (x2_ ? x2_->shape(0) : 0);
    return static_cast<double>(rows) * static_cast<double>(features_of(x1_) + 10000);
  }

  Array<Real> x1_;
  std::optional<Array<Real>> x2_;
  unsigned threads_;
  KernelOperator<Real> operator_;
  std::size_t pairs_ = 1;  ///< of positions in all layers, for a pair of examples
};

template <class Real>
void bind_operator(nb::module_& module, const char* name) {
  nb::class_<Operator<Real>>(module, name)
      .def(nb::init<const Layer&, Array<Real>, std::optional<Array<Real>>, unsigned, double,
                    nb::object>(),
           "layer"_a, "x1"_a, "x2"_a.none(), "threads"_a, "allowed_error"_a, "progress"_a.none())
      .def_prop_ro("rows", &Operator<Real>::rows)
      .def_prop_ro("cols", &Operator<Real>::cols)
      .def_prop_ro("symmetric", &Operator<Real>::symmetric)
      .def_prop_ro("inexact_layers", &Operator<Real>::inexact_layers)
      .def("compute", &Operator<Real>::compute, "row"_a, "col"_a, "rows"_a, "cols"_a, "nngp"_a.none(),
           "ntk"_a.none(), "progress"_a.none())
      .def("stream", &Operator<Real>::stream, "nngp"_a, "ntk"_a, "memory"_a, "resume"_a, "identity"_a,
           "progress"_a.none());
}

// ---- Networks of finite width -------------------------------------------------------------------

/// The network for examples of `shape`: positions, channels.
FiniteNetwork finite_network(const Layer& layer, std::vector<std::size_t> shape) {
  std::size_t features = 1;
  for (const std::size_t extent : shape) features *= extent;
  shape.pop_back();
  return {layer, features, {std::move(shape)}};
}

template <class Real>
nb::list init(const Layer& layer, const std::vector<std::size_t>& shape, std::uint64_t seed,
              unsigned threads) {
  const FiniteNetwork network = finite_network(layer, shape);
  Parameters<Real> parameters =
      run(static_cast<double>(network.parameter_count()) * 10, nb::none(),
          [=](const Progress&) { return network.template init<Real>({.seed = seed}, threads); });
  nb::list all;
  for (DenseParameters<Real>& dense : parameters)
    all.append(nb::make_tuple(to_array(std::move(dense.W)), to_array(std::move(dense.b))));
  return all;
}

template <class Real>
OwnedMatrix<Real> copy_of(const nb::handle& object) {
  if (object.is_none()) return {};
  const auto array = nb::cast<Array<Real>>(object);
  const MatrixView<Real> from = view(array);
  OwnedMatrix<Real> copy(from.rows(), from.cols());
  copy.map() = from;
  return copy;
}

template <class Real>
nb::object apply(const Layer& layer, const nb::list& parameters, Array<Real> x, std::uint64_t seed,
                 unsigned threads, const nb::object& progress) {
  Parameters<Real> copies;
  for (const nb::handle dense : parameters) {
    const auto pair = nb::cast<std::pair<nb::object, nb::object>>(dense);
    copies.push_back({copy_of<Real>(pair.first), copy_of<Real>(pair.second)});
  }
  const FiniteNetwork network(layer, features_of(x), sites_of(x));
  const double size = static_cast<double>(x.shape(0)) * static_cast<double>(network.parameter_count());
  return to_array(
      run(size, progress,
          [network, x, seed, threads, copies = std::move(copies)](const Progress& keep_going) {
            std::function<bool()> asked;
            if (keep_going) asked = [&] { return keep_going(0, 0); };
            return network.apply<Real>(
                copies, view(x), {.masks = {.seed = seed}, .threads = threads, .keep_going = asked});
          }));
}

template <class Real>
nb::tuple monte_carlo(const Layer& layer, Array<Real> x1, std::optional<Array<Real>> x2, bool nngp,
                      bool ntk, std::uint64_t seed, std::size_t samples, unsigned threads,
                      const nb::object& progress) {
  const Get get = which(nngp, ntk);
  KernelEstimates estimates = run(long_size, progress, [=](const Progress& keep_going) {
    return monte_carlo_kernels<Real>(layer, view(x1), view(x2), get,
                                     {.sites = sites_of(x1),
                                      .seed = seed,
                                      .samples = samples,
                                      .threads = threads,
                                      .progress = keep_going});
  });
  return nb::make_tuple(
      to_array(std::move(estimates.nngp.mean)), to_array(std::move(estimates.nngp.error)),
      to_array(std::move(estimates.ntk.mean)), to_array(std::move(estimates.ntk.error)));
}

// ---- Predictions --------------------------------------------------------------------------------

/// Whom an ensemble, which keeps its options, tells what it has done: whoever runs it. One at a time.
class Listener {
 public:
  bool keep_going(double done, double total) const { return !progress_ || progress_(done, total); }

  /// Calls function() while `progress` listens.
  template <class Function>
  auto during(const Progress& progress, const Function& function) {
    const std::lock_guard lock(mutex_);
    progress_ = progress;
    return function();
  }

 private:
  std::mutex mutex_;
  Progress progress_;
};

/// An ensemble with its training data. A cheap value to copy.
template <class Real>
class Predictor {
 public:
  Predictor(const Layer& layer, Array<Real> x_train, Array<double> y_train, bool ntk, double diag_reg,
            bool absolute, double learning_rate, bool eigensystem, unsigned threads,
            double allowed_error, const nb::object& progress)
      : x_train_(x_train) {
    EnsembleOptions options;
    options.kernel = ntk ? Get::ntk : Get::nngp;
    options.diag_reg = {.value = diag_reg, .absolute = absolute};
    options.learning_rate = learning_rate;
    options.method = eigensystem ? SolveMethod::eigensystem : SolveMethod::cholesky;
    options.compute = {
        .threads = threads,
        .progress = [listener = listener_](double done,
                                           double total) { return listener->keep_going(done, total); },
        .allowed_error = allowed_error};
    ensemble_ = run(long_size, progress, [=, listener = listener_](const Progress& keep_going) {
      return listener->during(keep_going, [&] {
        return std::make_shared<const Ensemble<Real>>(KernelFn(layer, sites_of(x_train)), view(x_train),
                                                      view(y_train), options);
      });
    });
  }

  nb::tuple predict(Array<Real> x_test, const std::string& spread, std::optional<double> t,
                    const nb::object& progress) const {
    const Uncertainty wanted = spread == "covariance" ? Uncertainty::covariance
                               : spread == "variance" ? Uncertainty::variance
                                                      : Uncertainty::none;
    Gaussian predicted = run(long_size, progress, [=, all = *this](const Progress& keep_going) {
      return all.listener_->during(keep_going,
                                   [&] { return all.ensemble_->predict(view(x_test), wanted, t); });
    });
    nb::object variance = nb::none();
    if (!predicted.variance.empty()) variance = to_array(std::move(predicted.variance));
    return nb::make_tuple(to_array(std::move(predicted.mean)), variance,
                          to_array(std::move(predicted.covariance)));
  }

  double log_marginal_likelihood() const { return ensemble_->scores().log_marginal_likelihood; }
  double shift() const { return ensemble_->shift(); }
  std::vector<std::string> inexact_layers() const {
    return python::inexact_layers(ensemble_->numerical_layers());
  }

 private:
  Array<Real> x_train_;
  std::shared_ptr<Listener> listener_ = std::make_shared<Listener>();
  std::shared_ptr<const Ensemble<Real>> ensemble_;
};

template <class Real>
void bind_predictor(nb::module_& module, const char* name) {
  nb::class_<Predictor<Real>>(module, name)
      .def(nb::init<const Layer&, Array<Real>, Array<double>, bool, double, bool, double, bool,
                    unsigned, double, nb::object>(),
           "layer"_a, "x_train"_a, "y_train"_a, "ntk"_a, "diag_reg"_a, "absolute"_a, "learning_rate"_a,
           "eigensystem"_a, "threads"_a, "allowed_error"_a, "progress"_a.none())
      .def("predict", &Predictor<Real>::predict, "x_test"_a, "spread"_a, "t"_a.none(),
           "progress"_a.none())
      .def_prop_ro("log_marginal_likelihood", &Predictor<Real>::log_marginal_likelihood)
      .def_prop_ro("inexact_layers", &Predictor<Real>::inexact_layers)
      .def_prop_ro("shift", &Predictor<Real>::shift);
}

// ---- What models may contain ---------------------------------------------------------------------

/// The layers of the language: name, summary, and names and presets of the parameters; none for those
/// that take layers.
nb::list layers() {
  nb::list all;
  for (const LayerHelp& layer : layer_help()) {
    nb::list parameters;
    for (const auto& [name, preset] : layer.parameters) parameters.append(nb::make_tuple(name, preset));
    all.append(nb::make_tuple(layer.name, layer.summary, parameters));
  }
  return all;
}

// ---- Plugins ------------------------------------------------------------------------------------

nb::dict describe(const ActivationInfo& info, const nngp_activation& table) {
  nb::dict description;
  description["name"] = info.name;
  description["summary"] = info.summary;
  description["version"] = info.version;
  description["library"] = info.library;
  description["file"] = info.file.string();
  description["source"] = name_of(info.source);
  description["shadowed"] = !info.shadowed_by.empty();
  description["formula"] = std::string(table.formula ? table.formula : "");
  description["reference"] = std::string(table.reference ? table.reference : "");
  description["has_fn"] = table.fn != nullptr;
  description["has_nngp_fn"] = table.nngp_fn != nullptr;
  nb::list parameters;
  for (std::size_t i = 0; i < table.parameter_count; ++i) {
    const nngp_parameter& parameter = *table.parameters[i];
    nb::dict p;
    p["name"] = std::string(parameter.name);
    p["summary"] = std::string(parameter.summary ? parameter.summary : "");
    p["kind"] = parameter.kind;
    if (parameter.default_value)
      p["default"] = std::vector<double>(parameter.default_value,
                                         parameter.default_value + parameter.default_count);
    else
      p["default"] = nb::none();
    parameters.append(p);
  }
  description["parameters"] = parameters;
  return description;
}

nb::list activations(const Registry& registry) {
  nb::list all;
  for (const ActivationInfo& info : registry.activations())
    all.append(describe(info, *registry.descriptor(info)));
  return all;
}

using NamedNumbers = std::vector<std::pair<std::string, double>>;

Formulas formulas(const std::string& fn, const std::string& nngp_fn, const std::string& d_nngp_fn,
                  const NamedNumbers& parameters) {
  return {.fn = fn, .nngp_fn = nngp_fn, .d_nngp_fn = d_nngp_fn, .parameters = parameters};
}

Layer elementwise(Activation activation, std::optional<double> tolerance) {
  return tolerance ? ElementwiseNumerical(std::move(activation), *tolerance)
                   : Elementwise(std::move(activation));
}

/// Python's exception for one of the library.
void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const NotImplemented& error) {
    PyErr_SetString(PyExc_NotImplementedError, error.what());
  } catch (const Interrupted& error) {
    PyErr_SetString(PyExc_KeyboardInterrupt, error.what());
  } catch (const FileError& error) {
    // As Python's own: errno, which chooses the class, the library's words, and the file.
    const nb::tuple arguments =
        nb::make_tuple(error.code(), std::string(error.what()), error.path().string());
    PyErr_SetObject(PyExc_OSError, arguments.ptr());
  } catch (const PluginError& error) {
    PyErr_SetString(PyExc_OSError, error.what());
  } catch (const Error& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
}

void bind_registry(nb::module_& module) {
  nb::class_<Registry>(module, "Registry")
      .def(
          "__init__",
          [](Registry* self, const std::vector<std::filesystem::path>& named,
             const std::vector<std::filesystem::path>& folders,
             const std::filesystem::path& installed) {
            PluginSearch search = PluginSearch::standard(named, installed);
            search.folders.insert(search.folders.begin(), folders.begin(), folders.end());
            new (self) Registry(std::move(search));
          },
          "named"_a, "folders"_a, "installed"_a)
      .def_prop_ro("warnings", &Registry::warnings)
      .def("activations", activations);
}

void bind_layers(nb::module_& module) {
  nb::class_<Layer>(module, "Layer").def_prop_ro("text", [](const Layer& layer) {
    return model_text(layer);
  });
  module.def("parse_model", [](const std::string& text, const Registry& registry) {
    return parse_model(text, registry);
  });
  module.def("serial", [](const std::vector<Layer>& layers) { return serial(layers); });
  module.def("parallel", [](const std::vector<Layer>& layers) { return parallel(layers); });
  module.def("repeat", [](const Layer& layer, std::size_t n) { return repeat(layer, n); });
  module.def("layers", layers);
  module.def("absent_layer", [](const std::string& name) { return absent_layer(name); });
}

/// Layers of functions that the caller brings.
void bind_elementwise(nb::module_& module) {
  module.def("formula_layer",
             [](const std::string& fn, const std::string& nngp_fn, const std::string& d_nngp_fn,
                const NamedNumbers& parameters, std::optional<double> tolerance) {
               const Formulas all = formulas(fn, nngp_fn, d_nngp_fn, parameters);
               return tolerance ? elementwise(formula_activation(all), tolerance) : Elementwise(all);
             });
  module.def(
      "callable_layer",
      [](nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn, const std::string& text,
         std::optional<double> tolerance) {
        return elementwise(callable_activation(fn, nngp_fn, d_nngp_fn, text), tolerance);
      },
      "fn"_a.none(), "nngp_fn"_a.none(), "d_nngp_fn"_a.none(), "text"_a, "tolerance"_a.none());
  module.def("native_layer", [](std::uintptr_t fn, std::uintptr_t nngp_fn, std::uintptr_t d_nngp_fn,
                                const std::string& text, std::optional<double> tolerance) {
    return elementwise(native_activation(fn, nngp_fn, d_nngp_fn, text), tolerance);
  });
  module.def("activation_value",
             [](const Layer& layer, const std::string& function, double a, double b, double c) {
               const Activation& activation = *layer.activation();
               return function == "fn"        ? activation.fn(a)
                      : function == "nngp_fn" ? activation.nngp_fn(a, b, c)
                                              : activation.d_nngp_fn(a, b, c);
             });
}

/// Networks of finite width.
void bind_networks(nb::module_& module) {
  module.def("out_dim", [](const Layer& layer, const std::vector<std::size_t>& shape) {
    return finite_network(layer, shape).out_dim();
  });
  module.def("output_positions", [](const Layer& layer, std::vector<std::size_t> shape) {
    std::size_t features = 1;
    for (const std::size_t extent : shape) features *= extent;
    shape.pop_back();
    return output_sites(layer, features, {std::move(shape)}).extents;
  });
  module.def("init64", init<double>);
  module.def("init32", init<float>);
  module.def("apply64", apply<double>, "layer"_a, "parameters"_a, "x"_a, "seed"_a, "threads"_a,
             "progress"_a.none());
  module.def("apply32", apply<float>, "layer"_a, "parameters"_a, "x"_a, "seed"_a, "threads"_a,
             "progress"_a.none());
  module.def("monte_carlo64", monte_carlo<double>, "layer"_a, "x1"_a, "x2"_a.none(), "nngp"_a, "ntk"_a,
             "seed"_a, "samples"_a, "threads"_a, "progress"_a.none());
  module.def("monte_carlo32", monte_carlo<float>, "layer"_a, "x1"_a, "x2"_a.none(), "nngp"_a, "ntk"_a,
             "seed"_a, "samples"_a, "threads"_a, "progress"_a.none());
}

}  // namespace

NB_MODULE(_core, module) {
  // A layer keeps the function that it calls, whose module may keep the layer: no fault to report at
  // exit.
  nb::set_leak_warnings(false);
  nb::register_exception_translator(translate);
  module.attr("instruction_set") = instruction_set();
  nb::module_::import_("atexit").attr("register")(nb::cpp_function(&Workers::end));
  nb::module_::import_("os").attr("register_at_fork")("after_in_child"_a =
                                                          nb::cpp_function(&Workers::forget));
  bind_registry(module);
  bind_layers(module);
  bind_elementwise(module);
  module.def("empty64", empty<double>);
  module.def("empty32", empty<float>);
  bind_operator<double>(module, "Operator64");
  bind_operator<float>(module, "Operator32");
  bind_predictor<double>(module, "Predictor64");
  bind_predictor<float>(module, "Predictor32");
  bind_networks(module);
}

}  // namespace nngp::python
