#pragma once

// The tables of nngp/activation.h for activations written with nngp/activation.hpp.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "nngp/activation.h"
#include "nngp/detail/members.hpp"
#include "nngp/detail/tile.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::detail {

// ---- The functions of the C table --------------------------------------------------------------

/// Makes instances: sets the parameters, and takes the general activation of a special case.
template <class A>
struct making {
  template <class Owner, class Member>
  static void set(A& a, const parameter<Owner, Member>& p, const nngp_value& value) {
    constexpr bool is_list = std::is_same_v<Member, std::vector<double>>;
    const std::string name = std::string(A::info.name) + ": parameter " + p.name;
    if (!value.data || value.count == 0 || (!is_list && value.count != 1)) {
      throw std::invalid_argument(name +
                                  (is_list ? " must have at least one value" : " must be one value"));
    }
    for (std::size_t i = 0; i < value.count; ++i) {
      const double x = value.data[i];
      const bool low_ok = p.flags & NNGP_MINIMUM_EXCLUDED ? x > p.minimum : x >= p.minimum;
      const bool high_ok = p.flags & NNGP_MAXIMUM_EXCLUDED ? x < p.maximum : x <= p.maximum;
      const bool in_type = !std::is_integral_v<Member> ||
                           (x == std::floor(x) && std::abs(x) <= std::numeric_limits<int>::max());
      if (!std::isfinite(x) || !low_ok || !high_ok || !in_type ||
          (std::is_same_v<Member, bool> && x != 0 && x != 1)) {
        char text[32];
        std::snprintf(text, sizeof text, "%.9g", x);
        throw std::invalid_argument(name + " does not take the value " + text);
      }
    }
    if constexpr (is_list) {
      (a.*p.member).assign(value.data, value.data + value.count);
    } else {
      a.*p.member = static_cast<Member>(*value.data);
    }
  }

  static void* create(const nngp_value* values, std::size_t count, char* error,
                      std::size_t error_size) noexcept {
    try {
      A a;
      if constexpr (has_parameters<A>) {
        if (count != std::tuple_size_v<decltype(A::parameters)>) {
          throw std::invalid_argument(std::string(A::info.name) + ": wrong number of parameters");
        }
        std::apply([&](const auto&... p) { (set(a, p, *values++), ...); }, A::parameters);
      } else if (count != 0) {
        throw std::invalid_argument(std::string(A::info.name) + " has no parameters");
      }
      if constexpr (HasPrepare<A>) a.prepare();
      if constexpr (HasGeneral<A>) {
        auto general = a.general();
        if constexpr (HasPrepare<compiled_t<A>>) general.prepare();
        return new compiled_t<A>(std::move(general));
      } else {
        return new A(std::move(a));
      }
    } catch (const std::exception& e) {
      report(e.what(), error, error_size);
    } catch (...) {
      report("unknown error", error, error_size);
    }
    return nullptr;
  }

  static void report(const char* text, char* error, std::size_t error_size) noexcept {
    if (error && error_size) std::snprintf(error, error_size, "%s", text);
  }
};

/// Those that work on an instance.
template <class A>
struct callbacks {
  static const A& self(const void* instance) { return *static_cast<const A*>(instance); }

  static void destroy(void* instance) noexcept { delete static_cast<A*>(instance); }

  static double fn(const void* instance, double x) noexcept {
    const probe y = self(instance).fn(probe(x));
    return y[0];
  }

  static double d_fn(const void* instance, double x) noexcept {
    if constexpr (HasDFn<A>) {
      const probe y = self(instance).d_fn(probe(x));
      return y[0];
    } else {
      const dual_number<probe> y = self(instance).fn(dual_number<probe>(probe(x), probe(1.0)));
      return y.slope[0];
    }
  }

  /// The scalar functions are tiles of one entry.
  static kernel_pair<double> one(const void* instance, double cov12, double var1, double var2,
                                 bool derivative) noexcept {
    kernel_pair<double> y{};
    nngp_tile_f64 tile{};
    tile.struct_size = sizeof tile;
    tile.rows = tile.cols = tile.cov12_ld = tile.nngp_ld = tile.d_nngp_ld = 1;
    tile.cov12 = &cov12;
    tile.var1 = &var1;
    tile.var2 = &var2;
    tile.nngp = &y.nngp;
    tile.d_nngp = derivative ? &y.d_nngp : nullptr;
    tile.cov_scale = 1;
    best_tile_entry<A, double>()(instance, &tile);
    return y;
  }
  static double nngp_fn(const void* instance, double cov12, double var1, double var2) noexcept {
    return one(instance, cov12, var1, var2, false).nngp;
  }
  static double d_nngp_fn(const void* instance, double cov12, double var1, double var2) noexcept {
    return one(instance, cov12, var1, var2, true).d_nngp;
  }

  static void tile_f64(const void* instance, const nngp_tile_f64* tile) noexcept {
    best_tile_entry<A, double>()(instance, tile);
  }
  static void tile_f32(const void* instance, const nngp_tile_f32* tile) noexcept {
    best_tile_entry<A, float>()(instance, tile);
  }

  static std::size_t breakpoints(const void* instance, nngp_breakpoint* out,
                                 std::size_t capacity) noexcept {
    std::size_t count = 0;
    for (const nngp_breakpoint& point : self(instance).breakpoints()) {
      if (count < capacity) out[count] = point;
      ++count;
    }
    return count;
  }

  template <class Isa>
  static int is_supported() noexcept {
    return supported<Isa>();
  }
  template <class Isa>
  static constexpr void append(nngp_tile_variant*& end) {
    if constexpr (has_tiles<A, Isa>)
      *end++ = {Isa::name, is_supported<Isa>, tile_entry<A, double, Isa>, tile_entry<A, float, Isa>};
  }
  template <class... Isa>
  static constexpr std::size_t count_variants(instruction_set_list<Isa...>) {
    return (std::size_t{has_tiles<A, Isa>} + ...);
  }
  using variant_array = std::array<nngp_tile_variant, count_variants(instruction_sets_here())>;
  template <class... Isa>
  static constexpr variant_array variants_for(instruction_set_list<Isa...>) {
    variant_array all{};
    nngp_tile_variant* end = all.data();
    (append<Isa>(end), ...);
    return all;
  }
  static constexpr variant_array variant_list = variants_for(instruction_sets_here());
  static constexpr nngp_tile_variants variants{sizeof(nngp_tile_variants), variant_list.size(),
                                               variant_list.data()};

  static const void* get_extension(const char* id) noexcept {
    if constexpr (HasKernel<A>) {
      if (id && std::strcmp(id, NNGP_EXT_TILE_VARIANTS) == 0) return &variants;
    }
    return nullptr;
  }
};

// ---- The C tables ------------------------------------------------------------------------------

template <class Member>
constexpr std::uint32_t kind_of() {
  if constexpr (std::is_same_v<Member, std::vector<double>>) {
    return NNGP_LIST;
  } else if constexpr (std::is_same_v<Member, bool>) {
    return NNGP_BOOLEAN;
  } else if constexpr (std::is_integral_v<Member>) {
    return NNGP_INTEGER;
  } else {
    static_assert(std::is_same_v<Member, double>,
                  "a parameter is a double, int, bool or vector<double>");
    return NNGP_NUMBER;
  }
}

/// The C description of the parameters of A; defaults are read off a default-made A.
template <class A, class = void>
struct parameter_tables {
  static constexpr std::size_t count = 0;
  static constexpr const nngp_parameter* const* pointers = nullptr;
};

template <class A>
struct parameter_tables<A, std::enable_if_t<has_parameters<A>>> {
  static constexpr std::size_t count = std::tuple_size_v<decltype(A::parameters)>;

  template <std::size_t I>
  static constexpr std::size_t default_count() {
    constexpr auto p = std::get<I>(A::parameters);
    if constexpr (!p.has_default) {
      return 0;
    } else if constexpr (std::is_same_v<std::decay_t<decltype(A().*p.member)>, std::vector<double>>) {
      return (A().*p.member).size();
    } else {
      return 1;
    }
  }
  template <std::size_t I>
  static constexpr auto default_values() {
    constexpr auto p = std::get<I>(A::parameters);
    std::array<double, std::max<std::size_t>(default_count<I>(), 1)> values{};
    if constexpr (default_count<I>() != 0) {
      if constexpr (std::is_arithmetic_v<std::decay_t<decltype(A().*p.member)>>) {
        values[0] = static_cast<double>(A().*p.member);
      } else {
        const A a;
        std::copy((a.*p.member).begin(), (a.*p.member).end(), values.begin());
      }
    }
    return values;
  }
  template <std::size_t I>
  static constexpr auto defaults = default_values<I>();

  template <std::size_t I>
  static constexpr nngp_parameter make() {
    constexpr auto p = std::get<I>(A::parameters);
    return {sizeof(nngp_parameter),
            kind_of<std::decay_t<decltype(A().*p.member)>>(),
            p.name,
            p.summary,
            default_count<I>() ? defaults<I>.data() : nullptr,
            default_count<I>(),
            p.minimum,
            p.maximum,
            p.flags,
            0};
  }
  template <std::size_t I>
  static constexpr nngp_parameter table = make<I>();

  template <std::size_t... I>
  static constexpr std::array<const nngp_parameter*, count> list(std::index_sequence<I...>) {
    return {&table<I>...};
  }
  static constexpr std::array<const nngp_parameter*, count> array =
      list(std::make_index_sequence<count>());
  static constexpr const nngp_parameter* const* pointers = array.data();
};

template <class A>
constexpr nngp_activation describe(const library& lib) {
  nngp_activation t{};
  if constexpr (members<A>::sound) {
    using Compiled = compiled_t<A>;
    using C = callbacks<Compiled>;
    t.struct_size = sizeof t;
    t.derivative = !HasKernel<Compiled>                      ? NNGP_DERIVATIVE_ABSENT
                   : HasDNngp<Compiled> || HasBoth<Compiled> ? NNGP_DERIVATIVE_HANDWRITTEN
                                                             : NNGP_DERIVATIVE_AUTOMATIC;
    t.name = A::info.name;
    t.summary = A::info.summary;
    t.formula = A::info.formula;
    t.reference = A::info.reference;
    t.version = lib.version;
    t.author = lib.author;
    t.license = lib.license;
    t.parameters = parameter_tables<A>::pointers;
    t.parameter_count = parameter_tables<A>::count;
    t.create = making<A>::create;
    t.destroy = C::destroy;
    if constexpr (HasFn<Compiled>) {
      t.fn = C::fn;
      t.d_fn = C::d_fn;
    }
    if constexpr (HasKernel<Compiled>) {
      t.nngp_fn = C::nngp_fn;
      t.d_nngp_fn = C::d_nngp_fn;
      t.tile_f64 = C::tile_f64;
      t.tile_f32 = C::tile_f32;
    }
    if constexpr (HasBreakpoints<Compiled>) t.breakpoints = C::breakpoints;
    t.get_extension = C::get_extension;
  }
  return t;
}

template <class Library, class... A>
struct tables {
  template <class Activation>
  static constexpr nngp_activation table = describe<Activation>(Library::value);
  static constexpr const nngp_activation* pointers[] = {&table<A>...};
  static constexpr nngp_plugin plugin{
      NNGP_MAGIC,          sizeof(nngp_plugin),    NNGP_ABI_MAJOR, NNGP_ABI_MINOR, 0,
      Library::value.name, Library::value.version, pointers,       sizeof...(A)};
};

}  // namespace nngp::detail

#pragma GCC visibility pop
