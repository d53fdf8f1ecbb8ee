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

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "callable.hpp"
#include "nngp/error.hpp"
#include "nngp/finite.hpp"
#include "nngp/formula.hpp"
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

/// Rows of numbers; contiguous within a row.
template <class Real>
using Array = nb::ndarray<const Real, nb::ndim<2>, nb::device::cpu>;
template <class Real>
using OutArray = nb::ndarray<Real, nb::ndim<2>, nb::device::cpu>;

template <class Real>
MatrixView<Real> view(const Array<Real>& array) {
  return {array.data(), static_cast<Eigen::Index>(array.shape(0)),
          static_cast<Eigen::Index>(array.shape(1)), Eigen::OuterStride<>(array.stride(0))};
}

template <class Real>
std::optional<MatrixView<Real>> view(const std::optional<Array<Real>>& array) {
  if (!array) return std::nullopt;
  return view(*array);
}

/// Hands a matrix over to Python.
template <class Real>
nb::object to_array(KernelMatrix<Real> matrix) {
  if (matrix.size() == 0) return nb::none();
  auto* owned = new KernelMatrix<Real>(std::move(matrix));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<KernelMatrix<Real>*>(p); });
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

// ---- Long computations --------------------------------------------------------------------------

using Progress = std::function<bool(std::size_t, std::size_t)>;

/// What the thread that computes and the one that listens tell each other.
struct Exchange {
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> done = 0, total = 0;
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
};

/// Runs compute(progress), away from Python. Work of more than a moment (`size` is about its number of
/// operations) runs in another thread, so that signals are heard and `progress`, a Python function of
/// (done, total) or None, is called every tenth of a second. What either raises ends the computation.
template <class Compute>
auto run(double size, const nb::object& progress, const Compute& compute) {
  using Result = decltype(compute(Progress()));
  PendingError::clear();
  if (size < 1e7 && progress.is_none()) {
    try {
      nb::gil_scoped_release release;
      return compute([](std::size_t, std::size_t) { return !PendingError::is_set(); });
    } catch (...) {
      PendingError::rethrow();
      throw;
    }
  }
  Exchange exchange;
  std::optional<Result> result;
  std::exception_ptr error;
  std::thread worker([&] {
    try {
      result.emplace(compute([&](std::size_t done, std::size_t total) {
        exchange.done = done;
        exchange.total = total;
        return !exchange.stop && !PendingError::is_set();
      }));
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(exchange.mutex);
    exchange.finished = true;
    exchange.changed.notify_all();
  });
  const auto finish = [&] {
    nb::gil_scoped_release release;
    worker.join();
  };
  try {
    for (bool finished = false; !finished;) {
      {
        nb::gil_scoped_release release;
        std::unique_lock lock(exchange.mutex);
        finished = exchange.changed.wait_for(lock, std::chrono::milliseconds(50),
                                             [&] { return exchange.finished; });
      }
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (!progress.is_none() && exchange.total > 0)
        progress(exchange.done.load(), exchange.total.load());
    }
  } catch (...) {
    exchange.stop = true;
    finish();
    throw;
  }
  finish();
  PendingError::rethrow();
  if (error) std::rethrow_exception(error);
  return std::move(*result);
}

// ---- Kernels ------------------------------------------------------------------------------------

Get which(bool nngp, bool ntk) { return nngp ? (ntk ? Get::both : Get::nngp) : Get::ntk; }

/// The kernels of two sets of inputs, which it keeps.
template <class Real>
class Operator {
 public:
  Operator(const Layer& layer, Array<Real> x1, std::optional<Array<Real>> x2, unsigned threads,
           const nb::object& progress)
      : x1_(std::move(x1)),
        x2_(std::move(x2)),
        threads_(threads),
        operator_(run(static_cast<double>(x1_.shape(0) + (x2_ ? x2_->shape(0) : 0)) *
                          static_cast<double>(x1_.shape(1) + 10000),
                      progress, [&](const Progress& go_on) {
                        return KernelFn(layer).bind<Real>(view(x1_), view(x2_),
                                                          {.threads = threads, .progress = go_on});
                      })) {}

  std::size_t rows() const { return operator_.rows(); }
  std::size_t cols() const { return operator_.cols(); }
  bool symmetric() const { return operator_.symmetric(); }

  void compute(std::size_t row, std::size_t col, std::size_t rows, std::size_t cols,
               std::optional<OutArray<Real>> nngp, std::optional<OutArray<Real>> ntk,
               const nb::object& progress) const {
    const auto leading = [](const auto& out) {
      return out ? static_cast<std::size_t>(out->stride(0)) : std::size_t{0};
    };
    const std::size_t ld = nngp ? leading(nngp) : leading(ntk);
    const Output<Real> out{nngp ? nngp->data() : nullptr, ntk ? ntk->data() : nullptr, ld};
    run(static_cast<double>(rows) * static_cast<double>(cols) * 50, progress,
        [&](const Progress& go_on) {
          operator_.compute({row, col, rows, cols}, out, {.threads = threads_, .progress = go_on});
          return true;
        });
  }

  void stream(const std::optional<std::filesystem::path>& nngp,
              const std::optional<std::filesystem::path>& ntk, std::size_t memory, bool resume,
              const std::string& identity, const nb::object& progress) const {
    run(1e9, progress, [&](const Progress& go_on) {
      StreamOptions options;
      options.memory = memory;
      options.resume = resume;
      options.identity = identity;
      options.kernel = {.threads = threads_, .progress = go_on};
      stream_kernels<Real>(operator_, {0, 0, rows(), cols()}, nngp.value_or(""), ntk.value_or(""),
                           options);
      return true;
    });
  }

  std::vector<std::tuple<std::string, double, double>> numerical_layers() const {
    std::vector<std::tuple<std::string, double, double>> layers;
    for (const NumericalLayer& layer : operator_.numerical_layers())
      layers.emplace_back(layer.activation, layer.error_nngp, layer.error_d_nngp);
    return layers;
  }

 private:
  Array<Real> x1_;
  std::optional<Array<Real>> x2_;
  unsigned threads_;
  KernelOperator<Real> operator_;
};

template <class Real>
void bind_operator(nb::module_& module, const char* name) {
  nb::class_<Operator<Real>>(module, name)
      .def(nb::init<const Layer&, Array<Real>, std::optional<Array<Real>>, unsigned, nb::object>(),
           "layer"_a, "x1"_a, "x2"_a.none(), "threads"_a, "progress"_a.none())
      .def_prop_ro("rows", &Operator<Real>::rows)
      .def_prop_ro("cols", &Operator<Real>::cols)
      .def_prop_ro("symmetric", &Operator<Real>::symmetric)
      .def_prop_ro("numerical_layers", &Operator<Real>::numerical_layers)
      .def("compute", &Operator<Real>::compute, "row"_a, "col"_a, "rows"_a, "cols"_a, "nngp"_a.none(),
           "ntk"_a.none(), "progress"_a.none())
      .def("stream", &Operator<Real>::stream, "nngp"_a.none(), "ntk"_a.none(), "memory"_a, "resume"_a,
           "identity"_a, "progress"_a.none());
}

// ---- Networks of finite width -------------------------------------------------------------------

template <class Real>
nb::list init(const Layer& layer, std::size_t features, std::uint64_t seed, unsigned threads) {
  Parameters<Real> parameters;
  {
    nb::gil_scoped_release release;
    parameters = FiniteNetwork(layer, features).template init<Real>({.seed = seed}, threads);
  }
  nb::list all;
  for (DenseParameters<Real>& dense : parameters)
    all.append(nb::make_tuple(to_array(std::move(dense.W)), to_array(std::move(dense.b))));
  return all;
}

template <class Real>
KernelMatrix<Real> copy_of(const nb::handle& object) {
  if (object.is_none()) return {};
  const auto array = nb::cast<Array<Real>>(object);
  const MatrixView<Real> from = view(array);
  KernelMatrix<Real> copy(from.rows(), from.cols());
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
  const FiniteNetwork network(layer, x.shape(1));
  const double size = static_cast<double>(x.shape(0)) * static_cast<double>(network.parameter_count());
  return to_array(run(size, progress, [&](const Progress& go_on) {
    return network.apply<Real>(
        copies, view(x),
        {.masks = {.seed = seed}, .threads = threads, .go_on = [&] { return go_on(0, 0); }});
  }));
}

template <class Real>
nb::tuple monte_carlo(const Layer& layer, Array<Real> x1, std::optional<Array<Real>> x2, bool nngp,
                      bool ntk, std::uint64_t seed, std::size_t samples, unsigned threads,
                      const nb::object& progress) {
  KernelEstimates estimates = run(1e9, progress, [&](const Progress& go_on) {
    return monte_carlo_kernels<Real>(
        layer, view(x1), view(x2), which(nngp, ntk),
        {.seed = seed, .samples = samples, .threads = threads, .progress = go_on});
  });
  return nb::make_tuple(
      to_array(std::move(estimates.nngp.mean)), to_array(std::move(estimates.nngp.error)),
      to_array(std::move(estimates.ntk.mean)), to_array(std::move(estimates.ntk.error)));
}

// ---- Predictions --------------------------------------------------------------------------------

/// An ensemble with its training data.
template <class Real>
class Predictor {
 public:
  Predictor(const Layer& layer, Array<Real> x_train, Array<double> y_train, bool ntk, double diag_reg,
            bool absolute, double learning_rate, bool eigensystem, unsigned threads,
            const nb::object& progress)
      : x_train_(std::move(x_train)), ensemble_(run(1e9, progress, [&](const Progress& go_on) {
          EnsembleOptions options;
          options.kernel = ntk ? Get::ntk : Get::nngp;
          options.diag_reg = {.value = diag_reg, .absolute = absolute};
          options.learning_rate = learning_rate;
          options.method = eigensystem ? Method::eigensystem : Method::cholesky;
          // The ensemble keeps its options: whoever runs it says whom it tells.
          options.compute = {.threads = threads,
                             .progress = [to = go_on_](std::size_t done, std::size_t total) {
                               return !*to || (*to)(done, total);
                             }};
          *go_on_ = go_on;
          Ensemble<Real> ensemble(KernelFn(layer), view(x_train_), view(y_train), options);
          *go_on_ = nullptr;
          return ensemble;
        })) {}

  nb::tuple predict(Array<Real> x_test, const std::string& spread, std::optional<double> t,
                    const nb::object& progress) const {
    const Spread wanted = spread == "covariance" ? Spread::covariance
                          : spread == "variance" ? Spread::variance
                                                 : Spread::none;
    Gaussian predicted = run(1e9, progress, [&](const Progress& go_on) {
      *go_on_ = go_on;
      Gaussian result = ensemble_.predict(view(x_test), wanted, t);
      *go_on_ = nullptr;
      return result;
    });
    nb::object variance = nb::none();
    if (!predicted.variance.empty()) variance = to_array(std::move(predicted.variance));
    return nb::make_tuple(to_array(std::move(predicted.mean)), variance,
                          to_array(std::move(predicted.covariance)));
  }

  double log_marginal_likelihood() const { return ensemble_.scores().log_marginal_likelihood; }
  double shift() const { return ensemble_.shift(); }

 private:
  Array<Real> x_train_;
  std::shared_ptr<Progress> go_on_ = std::make_shared<Progress>();
  Ensemble<Real> ensemble_;
};

template <class Real>
void bind_predictor(nb::module_& module, const char* name) {
  nb::class_<Predictor<Real>>(module, name)
      .def(nb::init<const Layer&, Array<Real>, Array<double>, bool, double, bool, double, bool,
                    unsigned, nb::object>(),
           "layer"_a, "x_train"_a, "y_train"_a, "ntk"_a, "diag_reg"_a, "absolute"_a, "learning_rate"_a,
           "eigensystem"_a, "threads"_a, "progress"_a.none())
      .def("predict", &Predictor<Real>::predict, "x_test"_a, "spread"_a, "t"_a.none(),
           "progress"_a.none())
      .def_prop_ro("log_marginal_likelihood", &Predictor<Real>::log_marginal_likelihood)
      .def_prop_ro("shift", &Predictor<Real>::shift);
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

Formulas formulas(const std::string& fn, const std::string& nngp_fn, const std::string& d_nngp_fn,
                  const std::vector<std::pair<std::string, double>>& parameters) {
  return {.fn = fn, .nngp_fn = nngp_fn, .d_nngp_fn = d_nngp_fn, .parameters = parameters};
}

/// Python's exception for one of the library.
void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const NotImplemented& error) {
    PyErr_SetString(PyExc_NotImplementedError, error.what());
  } catch (const Interrupted& error) {
    PyErr_SetString(PyExc_KeyboardInterrupt, error.what());
  } catch (const PluginError& error) {
    PyErr_SetString(PyExc_OSError, error.what());
  } catch (const Error& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
}

}  // namespace

NB_MODULE(_core, module) {
  nb::register_exception_translator(translate);
  module.attr("instruction_set") = instruction_set();

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

  nb::class_<Layer>(module, "Layer").def_prop_ro("text", [](const Layer& layer) {
    return model_text(layer);
  });
  module.def("parse_model", [](const std::string& text, const Registry& registry) {
    return parse_model(text, registry);
  });
  module.def("serial", [](const std::vector<Layer>& layers) { return serial(layers); });
  module.def("parallel", [](const std::vector<Layer>& layers) { return parallel(layers); });
  module.def("repeat", [](const Layer& layer, std::size_t n) { return repeat(layer, n); });
  module.def("formula_layer",
             [](const std::string& fn, const std::string& nngp_fn, const std::string& d_nngp_fn,
                const std::vector<std::pair<std::string, double>>& parameters) {
               return Elementwise(formulas(fn, nngp_fn, d_nngp_fn, parameters));
             });
  module.def(
      "callable_layer",
      [](nb::object fn, nb::object nngp_fn, nb::object d_nngp_fn, const std::string& text) {
        return Elementwise(callable_activation(fn, nngp_fn, d_nngp_fn, text));
      },
      "fn"_a.none(), "nngp_fn"_a.none(), "d_nngp_fn"_a.none(), "text"_a);

  bind_operator<double>(module, "Operator64");
  bind_operator<float>(module, "Operator32");
  bind_predictor<double>(module, "Predictor64");
  bind_predictor<float>(module, "Predictor32");
  module.def("output_shape", [](const Layer& layer, std::size_t features) {
    return FiniteNetwork(layer, features).out_dim();
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

}  // namespace nngp::python
