#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <mutex>
#include <optional>
#include <type_traits>

#include "nngp/error.hpp"
#include "nngp/plugin.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "numerical/scalar_function.hpp"
#include "plugin/arguments.hpp"
#include "plugin/differentiate.hpp"
#include "plugin/tile_entries.hpp"

namespace nngp {
namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();
}  // namespace

/// What a plugin made, with all that must outlive it. Members are destroyed in reverse order.
struct Activation::Instance {
  Instance(std::shared_ptr<const void> library_, const nngp_activation& table,
           const Arguments& arguments);
  Instance(std::shared_ptr<const void> owner, const nngp_activation& table, void* made,
           std::string text_)
      : library(std::move(owner)),
        descriptor(table),
        handle(made),
        text(std::move(text_)),
        entries(tile_entries(*descriptor)) {}
  ~Instance() { descriptor->destroy(handle); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  std::shared_ptr<const void> library;
  Descriptor descriptor;
  std::vector<std::vector<double>> values;
  void* handle;
  std::string text;  ///< as a model writes it; empty: by name and values
  std::vector<nngp_breakpoint> breakpoints;
  TileEntries entries = {};

  /// Whether fn jumps, as is declared or, where its plugin does not tell, as is seen. Thread-safe.
  bool jumps() const {
    std::call_once(looked_, [this] { jumps_ = look_for_jumps(); });
    return jumps_;
  }

 private:
  bool look_for_jumps() const;

  mutable std::once_flag looked_;
  mutable bool jumps_ = false;
};

Activation::Instance::Instance(std::shared_ptr<const void> library_, const nngp_activation& table,
                               const Arguments& arguments)
    : library(std::move(library_)),
      descriptor(table),
      values(bind_arguments(*descriptor, arguments)),
      entries(tile_entries(*descriptor)) {
  std::vector<nngp_value> raw;
  for (const auto& value : values) raw.push_back({value.data(), value.size()});
  std::array<char, 1024> error = {};
  const auto refuse = [&](const std::string& reason) {
    throw ArgumentError(std::string(descriptor->name) + ": cannot be made: " + reason);
  };
  try {
    handle = descriptor->create(raw.data(), raw.size(), error.data(), error.size());
  } catch (const std::exception& thrown) {
    refuse("its plugin throws: " + printable(thrown.what(), 500));
  } catch (...) {
    refuse("its plugin throws");
  }
  error.back() = '\0';
  if (!handle) refuse(error[0] ? printable(error.data(), 500) : "its plugin gives no reason");
}

bool Activation::Instance::look_for_jumps() const {
  const auto is_jump = [](const nngp_breakpoint& point) { return point.order == 0; };
  if (descriptor->breakpoints || !descriptor->fn)
    return std::any_of(breakpoints.begin(), breakpoints.end(), is_jump);
  constexpr double deviation = 3;  // of inputs, among which jumps are looked for
  try {
    const numerical::ScalarFunction function([this](double x) { return descriptor->fn(handle, x); },
                                             std::nullopt, deviation);
    const auto& found = function.breakpoints();
    return std::any_of(found.begin(), found.end(), is_jump);
  } catch (const NumericalError&) {
    return false;  // what fn grows to at such inputs says nothing of its jumps
  }
}

namespace {

std::vector<nngp_breakpoint> read_breakpoints(const nngp_activation& activation, const void* instance) {
  // The first call counts, the second reads; more than this many are a fault of the plugin.
  constexpr std::size_t max_count = 1'000'000;
  const std::size_t count = activation.breakpoints(instance, nullptr, 0);
  if (count > max_count) {
    throw PluginError(std::string(activation.name) + ": its plugin declares " + std::to_string(count) +
                      " break points");
  }
  std::vector<nngp_breakpoint> points(count);
  if (count > 0) activation.breakpoints(instance, points.data(), count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(points[i].x) || (i > 0 && !(points[i - 1].x < points[i].x))) {
      throw PluginError(std::string(activation.name) +
                        ": its plugin's break points are not increasing");
    }
  }
  return points;
}

[[noreturn]] void not_implemented(const nngp_activation& activation, const std::string& what) {
  throw NotImplemented(std::string(activation.name) + " has no " + what);
}

}  // namespace

Activation::Activation(std::shared_ptr<const void> library, const nngp_activation& descriptor,
                       const Arguments& arguments) {
  auto instance = std::make_shared<Instance>(std::move(library), descriptor, arguments);
  if (instance->descriptor->breakpoints) {
    instance->breakpoints = read_breakpoints(*instance->descriptor, instance->handle);
  }
  instance_ = std::move(instance);
}

Activation::Activation(std::shared_ptr<const void> owner, const nngp_activation& descriptor,
                       void* instance, std::string text) {
  auto made = std::make_shared<Instance>(std::move(owner), descriptor, instance, std::move(text));
  if (descriptor.breakpoints) made->breakpoints = read_breakpoints(descriptor, instance);
  instance_ = std::move(made);
}

const void* Activation::instance() const { return instance_->handle; }

const nngp_activation& Activation::descriptor() const { return *instance_->descriptor; }

std::string Activation::name() const { return descriptor().name; }

std::string Activation::text() const {
  if (!instance_->text.empty()) return instance_->text;
  std::string out = name() + "(";
  for (std::size_t i = 0; i < instance_->values.size(); ++i) {
    const nngp_parameter& parameter = *descriptor().parameters[i];
    out += (i > 0 ? ", " : "") + std::string(parameter.name) + "=" +
           format_value(parameter, instance_->values[i]);
  }
  return out + ")";
}

bool Activation::has_fn() const { return descriptor().fn; }

bool Activation::has_nngp_fn() const { return descriptor().nngp_fn; }

Derivative Activation::derivative() const {
  if (descriptor().d_nngp_fn) {
    return descriptor().derivative == NNGP_DERIVATIVE_AUTOMATIC ? Derivative::automatic
                                                                : Derivative::handwritten;
  }
  return has_nngp_fn() && !instance_->jumps() ? Derivative::numerical : Derivative::absent;
}

double Activation::fn(double x) const {
  if (!has_fn()) not_implemented(descriptor(), "fn");
  return descriptor().fn(instance_->handle, x);
}

double Activation::d_fn(double x) const {
  if (descriptor().d_fn) return descriptor().d_fn(instance_->handle, x);
  if (!has_fn()) not_implemented(descriptor(), "fn");
  // Between the break points around x; at one of them, the derivative from the right.
  const auto& points = instance_->breakpoints;
  const auto above =
      std::find_if(points.begin(), points.end(), [&](const auto& point) { return point.x > x; });
  const double lower = above == points.begin() ? -infinity : std::prev(above)->x;
  const double upper = above == points.end() ? infinity : above->x;
  return differentiate(descriptor().fn, instance_->handle, x, lower, upper);
}

double Activation::nngp_fn(double cov12, double var1, double var2) const {
  if (!has_nngp_fn()) not_implemented(descriptor(), "nngp_fn");
  if (const TileEntries& entries = instance_->entries; entries.forced)
    return kernels_at(entries, instance_->handle, cov12, var1, var2, false).nngp;
  return descriptor().nngp_fn(instance_->handle, cov12, var1, var2);
}

double Activation::d_nngp_fn(double cov12, double var1, double var2) const {
  const nngp_activation& activation = descriptor();
  if (const TileEntries& entries = instance_->entries; entries.forced && activation.d_nngp_fn)
    return kernels_at(entries, instance_->handle, cov12, var1, var2, true).d_nngp;
  if (activation.d_nngp_fn) return activation.d_nngp_fn(instance_->handle, cov12, var1, var2);
  if (!has_nngp_fn()) not_implemented(activation, "d_nngp_fn and no nngp_fn to differentiate");
  if (instance_->jumps()) {
    not_implemented(activation, "d_nngp_fn, and the derivative of nngp_fn differs from it: fn jumps");
  }
  return differentiate_kernel(activation.nngp_fn, instance_->handle, cov12, var1, var2);
}

std::optional<std::vector<nngp_breakpoint>> Activation::breakpoints() const {
  if (!descriptor().breakpoints) return std::nullopt;
  return instance_->breakpoints;
}

namespace {

// A tile by scalar calls, in double precision whatever the tile's. Goes by blocks of columns, so that
// the Dense layer is applied once to each of their variances and not once an entry. Without
// std::fma: on machines whose baseline lacks it, the calls took longer than all else here.
template <class Tile, class NngpFn, class DNngpFn>
void fill_tile(const Tile& tile, NngpFn nngp_fn, DNngpFn d_nngp_fn) {
  using Real = std::remove_pointer_t<decltype(tile.nngp)>;
  constexpr std::size_t block = 256;
  std::array<double, block> var2;
  const double cov_scale = tile.cov_scale, cov_shift = tile.cov_shift;
  const double ntk_cov = tile.ntk_cov, ntk_scale = tile.ntk_scale, ntk_shift = tile.ntk_shift;
  const auto dense = [&](double x) { return cov_scale * x + cov_shift; };
  for (std::size_t first = 0; first < tile.cols; first += block) {
    const std::size_t cols = std::min(block, tile.cols - first);
    for (std::size_t j = 0; j < cols; ++j) var2[j] = dense(tile.var2[first + j]);

    for (std::size_t i = 0; i < tile.rows; ++i) {
      const double var1 = dense(tile.var1[i]);
      const Real* cov12 = tile.cov12 + i * tile.cov12_ld + first;
      Real* nngp = tile.nngp + i * tile.nngp_ld + first;
      Real* d_nngp = tile.d_nngp ? tile.d_nngp + i * tile.d_nngp_ld + first : nullptr;
      Real* ntk = tile.ntk ? tile.ntk + i * tile.ntk_ld + first : nullptr;
      for (std::size_t j = 0; j < cols; ++j) {
        const double k = cov12[j];  // read before it may be overwritten
        const double c = dense(k);
        nngp[j] = static_cast<Real>(nngp_fn(c, var1, var2[j]));
        if (!d_nngp && !ntk) continue;
        const double d = d_nngp_fn(c, var1, var2[j]);
        if (d_nngp) d_nngp[j] = static_cast<Real>(d);
        if (ntk) ntk[j] = static_cast<Real>(d * (ntk_cov * k + (ntk_scale * ntk[j] + ntk_shift)));
      }
    }
  }
}

template <class Tile, class Entry>
void run_tile(const Activation& activation, const void* handle, Entry entry, const Tile& tile) {
  const nngp_activation& table = activation.descriptor();
  const bool derivative = tile.d_nngp || tile.ntk;
  if (entry && (table.d_nngp_fn || !derivative)) return entry(handle, &tile);
  if (!table.nngp_fn) not_implemented(table, "nngp_fn");

  const auto nngp_fn = [f = table.nngp_fn, handle](double c, double var1, double var2) {
    return f(handle, c, var1, var2);
  };
  if (table.d_nngp_fn) {
    fill_tile(tile, nngp_fn, [f = table.d_nngp_fn, handle](double c, double var1, double var2) {
      return f(handle, c, var1, var2);
    });
  } else {
    fill_tile(tile, nngp_fn, [&activation](double c, double var1, double var2) {
      return activation.d_nngp_fn(c, var1, var2);
    });
  }
}

}  // namespace

void Activation::tile(const nngp_tile_f64& tile) const {
  run_tile(*this, instance_->handle, instance_->entries.f64, tile);
}

void Activation::tile(const nngp_tile_f32& tile) const {
  run_tile(*this, instance_->handle, instance_->entries.f32, tile);
}

}  // namespace nngp
