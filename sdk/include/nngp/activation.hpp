#pragma once

// The C++ SDK: an activation is a struct with its formulas, written once for any number type; what the
// C ABI wants is generated from it.
//
//   struct Bump {
//     double width = 1;                                        // a parameter and its default
//
//     static constexpr nngp::info info{.name = "Bump", .summary = "Gaussian bump",
//                                      .formula = "exp(-x^2 / (2 width^2))"};
//     static constexpr auto parameters =
//         std::tuple{nngp::parameter("width", &Bump::width, "standard deviation").above(0)};
//
//     auto fn(auto x) const { return exp(-0.5 / (width * width) * (x * x)); }
//     auto nngp_fn(auto cov12, auto var1, auto var2) const {
//       const double w = width * width;
//       return w / root_det(cov12, var1, var2, w);
//     }
//   };
//   constexpr nngp::library library{
//       .name = "bump", .version = "1.0", .author = "You", .license = "MIT"};
//   NNGP_PLUGIN(library, Bump);
//
// All members but `info` are optional:
//   parameters                        a std::tuple of parameters, in positional order. A member may be
//                                     double, int, bool or std::vector<double>.
//   fn(x)                             the non-linearity
//   nngp_fn(cov12, var1, var2)        E[fn(x1) fn(x2)]
//   d_nngp_fn(cov12, var1, var2)      E[fn'(x1) fn'(x2)]; derived from nngp_fn if not given, which is
//                                     right unless fn has jumps
//   nngp_and_d_nngp_fn(cov12, var1, var2)    both at once as nngp::kernel_pair, where they share work
//   breakpoints()                     a range of nngp::breakpoint, the kinks and jumps of fn
//   of_variance(var)                  what the kernels get of an input in place of its variance:
//   computed
//                                     once for a row or column of a tile, not for every entry
//   start(cov12, var1, var2)          the first step of the kernels, whose result is then the only
//                                     argument of nngp_and_d_nngp_fn. With roots and quotients in the
//                                     first and polynomials in the second step, the processor does the
//                                     second of some entries while it waits for the first of others.
//   prepare()                         called once when the parameters are set; may throw std::exception
//   long_formula = true               for hundreds of operations: compiled less often, a little slower
//
// The functions are const templates. They meet vectors (nngp/simd.hpp) and vectors with a derivative
// (nngp/dual.hpp), so they use the functions of nngp/math.hpp, unqualified, and select(x < 0, a, b) in
// place of branches. They must not throw.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "nngp/activation.h"
#include "nngp/detail/twice.hpp"
#include "nngp/dual.hpp"
#include "nngp/gram.hpp"
#include "nngp/math.hpp"
#include "nngp/simd.hpp"

// Nothing but the entry symbol is exported, also when the author's flags do not say so: an exported
// template instantiation could be merged with that of another plugin and would keep it from unloading.
#pragma GCC visibility push(hidden)

namespace nngp {

// ---- What an author writes ---------------------------------------------------------------------

/// One line each; `name` is a C identifier, the name used in models.
struct info {
  const char* name;
  const char* summary;
  const char* formula;              ///< of fn
  const char* reference = nullptr;  ///< where the closed form comes from
};

/// What all activations of one shared library have in common.
struct library {
  const char* name;  ///< a C identifier, as in "name:Activation"
  const char* version;
  const char* author;
  const char* license;  ///< SPDX identifier
};

/// A parameter: a member of an activation, whose initial value is the default.
template <class Owner, class Member>
struct parameter {
  const char* name;
  Member Owner::*member;
  const char* summary;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  unsigned flags = 0;
  bool has_default = true;

  constexpr parameter(const char* name_, Member Owner::*member_, const char* summary_)
      : name(name_), member(member_), summary(summary_) {}

  constexpr parameter at_least(double bound) const { return with_minimum(bound, 0); }
  constexpr parameter above(double bound) const { return with_minimum(bound, NNGP_MINIMUM_EXCLUDED); }
  constexpr parameter at_most(double bound) const { return with_maximum(bound, 0); }
  constexpr parameter below(double bound) const { return with_maximum(bound, NNGP_MAXIMUM_EXCLUDED); }
  /// The user has to give a value.
  constexpr parameter required() const {
    parameter copy = *this;
    copy.has_default = false;
    return copy;
  }

 private:
  constexpr parameter with_minimum(double bound, unsigned flag) const {
    parameter copy = *this;
    copy.minimum = bound;
    copy.flags |= flag;
    return copy;
  }
  constexpr parameter with_maximum(double bound, unsigned flag) const {
    parameter copy = *this;
    copy.maximum = bound;
    copy.flags |= flag;
    return copy;
  }
};

/// nngp_fn and d_nngp_fn of the same arguments.
template <class T>
struct kernel_pair {
  T nngp;
  T d_nngp;
};
template <class T>
kernel_pair(T, T) -> kernel_pair<T>;

/// `order` is that of the lowest derivative of fn that jumps at x: 0 a jump, 1 a kink.
constexpr nngp_breakpoint breakpoint(double x, std::uint32_t order) { return {x, order, 0}; }
/// What breakpoints() returns for an fn without any.
inline constexpr std::array<nngp_breakpoint, 0> smooth{};

// ---- What is made of it ------------------------------------------------------------------------

namespace detail {

/// The number type that stands for all when asking what an activation offers, and that fn uses.
using probe = vec<double, sse2>;

/// What kernels see of an input with this variance: the variance, or what the author makes of it.
template <class A, class T>
auto of_variance(const A& a, const T& var) {
  if constexpr (requires { a.of_variance(var); }) {
    return a.of_variance(var);
  } else {
    return var;
  }
}
template <class A, class T>
using input_of = decltype(of_variance(std::declval<const A&>(), std::declval<const T&>()));

template <class A>
concept HasFn = requires(const A& a, const probe& x) {
  a.fn(x);
};
template <class A>
concept HasNngp = requires(const A& a, const probe& cov12, const input_of<A, probe>& x) {
  a.nngp_fn(cov12, x, x);
};
template <class A>
concept HasDNngp = requires(const A& a, const probe& cov12, const input_of<A, probe>& x) {
  a.d_nngp_fn(cov12, x, x);
};
template <class A>
concept HasStart = requires(const A& a, const probe& cov12, const input_of<A, probe>& x) {
  a.start(cov12, x, x);
};
template <class A>
concept HasBoth = HasStart<A> || requires(const A& a, const probe& cov12, const input_of<A, probe>& x) {
  a.nngp_and_d_nngp_fn(cov12, x, x);
};
template <class A>
concept HasKernel = HasNngp<A> || HasBoth<A>;
template <class A>
concept HasBreakpoints = requires(const A& a) {
  a.breakpoints();
};
template <class A>
concept HasPrepare = requires(A& a) {
  a.prepare();
};
template <class A>
concept HasParameters = requires {
  A::parameters;
};

/// A member that is not a template would silently count as missing.
template <class A>
constexpr bool templates_only = !requires {
  &A::fn;
}
&&!requires { &A::of_variance; }
&&!requires { &A::start; }
&&!requires { &A::nngp_fn; }
&&!requires { &A::d_nngp_fn; }
&&!requires { &A::nngp_and_d_nngp_fn; };

template <class A, class T>
T fn(const A& a, const T& x) {
  return a.fn(x);
}

/// The derivative of what an activation returned when given a dual, which may be a constant.
template <class T>
T slope_of(const dual<T>& y) {
  return y.slope;
}
template <class T>
T slope_of(const T&) {
  return T(0.0);
}

template <class A, class T, class Input>
kernel_pair<T> differentiate(const A& a, const T& cov12, const Input& input1, const Input& input2) {
  const dual<T> c(cov12, T(1.0));
  if constexpr (requires { a.nngp_fn(c, input1, input2); }) {
    const dual<T> y = a.nngp_fn(c, input1, input2);
    return {y.value, y.slope};
  } else {
    const dual<T> y = a.nngp_fn(c, dual<T>(input1), dual<T>(input2));
    return {y.value, y.slope};
  }
}

/// The arguments of kernels that are computed in one step.
template <class T, class Input>
struct arguments {
  T cov12;
  const Input &input1, &input2;
};

/// The first step of kernels(), which the author may give: what takes long.
template <class A, class T, class Input>
auto start(const A& a, const T& cov12, const Input& input1, const Input& input2) {
  if constexpr (HasStart<A>) {
    return a.start(cov12, input1, input2);
  } else {
    return arguments<T, Input>{cov12, input1, input2};
  }
}

/// nngp_fn and, if Derivative, d_nngp_fn.
template <bool Derivative, class A, class T, class Input>
kernel_pair<T> kernels(const A& a, const arguments<T, Input>& x) {
  const auto& [cov12, input1, input2] = x;
  if constexpr (HasBoth<A>) {
    return a.nngp_and_d_nngp_fn(cov12, input1, input2);
  } else if constexpr (!Derivative) {
    return {a.nngp_fn(cov12, input1, input2), T(0.0)};
  } else if constexpr (HasDNngp<A>) {
    return {a.nngp_fn(cov12, input1, input2), a.d_nngp_fn(cov12, input1, input2)};
  } else {
    return differentiate(a, cov12, input1, input2);
  }
}
template <bool Derivative, class A, class Started>
auto kernels(const A& a, const Started& started) {
  return a.nngp_and_d_nngp_fn(started);
}

template <class Real>
using tile_of = std::conditional_t<std::is_same_v<Real, double>, nngp_tile_f64, nngp_tile_f32>;
template <class Real>
using output_of = std::conditional_t<std::is_same_v<Real, double>, nngp_output_f64, nngp_output_f32>;

/// True for formulas that are compiled in fewer versions.
template <class A>
constexpr bool is_long() {
  if constexpr (requires { A::long_formula; }) return A::long_formula;
  return false;
}

/// avx512_wide, where that is worth the time to compile it.
template <class A>
using wide = std::conditional_t<is_long<A>(), avx512, avx512_wide>;

/// What a row is computed in: vectors side by side, as many as keep the processor busy and leave
/// registers.
template <class A, class Real, class Isa>
constexpr auto side_by_side() {
  using V = vec<Real, Isa>;
  if constexpr (is_long<A>()) {
    return std::type_identity<V>();
  } else if constexpr (std::is_same_v<Isa, avx512_wide>) {
    return std::type_identity<twice<twice<V>>>();
  } else {
    return std::type_identity<twice<V>>();
  }
}
template <class A, class Real, class Isa>
using lanes = typename decltype(side_by_side<A, Real, Isa>())::type;

/// Fills a tile of whole V's. All entries of all tiles go through this one function of an instruction
/// set, so that the same inputs give the same result to the last bit everywhere: every lane of every V
/// does the same.
template <class A, class V, bool Derivative>
struct fill_whole {
  using Real = typename V::real;
  /// A copy where that is cheap: the compiler need not fear that an output overwrites a parameter.
  using Activation = std::conditional_t<std::is_trivially_copyable_v<A>, const A, const A&>;

  const A* activation;
  const tile_of<Real>* tile;

  void operator()() const {
    for (std::size_t j = 0; j < tile->cols; j += block) columns(j, std::min(tile->cols, j + block));
  }

 private:
  using Input = input_of<A, V>;
  static constexpr std::size_t block = 16 * V::size;  ///< columns whose inputs are at hand at a time

  void columns(std::size_t begin, std::size_t end) const {
    Activation a = *activation;
    const tile_of<Real> t = *tile;
    const V cov_scale = t.cov_scale, cov_shift = t.cov_shift;
    const V ntk_cov = t.ntk_cov, ntk_scale = t.ntk_scale, ntk_shift = t.ntk_shift;
    output_of<Real>* const output = t.output;
    alignas(64) std::byte room[block / V::size * sizeof(Input)];
    Input* const input2 = reinterpret_cast<Input*>(room);
    for (std::size_t j = begin; j < end; j += V::size)
      new (input2 + (j - begin) / V::size)
          Input(of_variance(a, fma(cov_scale, V::load(t.var2 + j), cov_shift)));
    for (std::size_t i = 0; i < t.rows; ++i) {
      const Real* cov12 = t.cov12 + i * t.cov12_ld;
      Real* nngp = t.nngp + i * t.nngp_ld;
      Real* d_nngp = t.d_nngp ? t.d_nngp + i * t.d_nngp_ld : nullptr;
      Real* ntk = t.ntk ? t.ntk + i * t.ntk_ld : nullptr;
      const Input input1 = of_variance(a, fma(cov_scale, V(t.var1[i]), cov_shift));
      const auto started_at = [&](std::size_t j) {
        return start(a, fma(cov_scale, V::load(cov12 + j), cov_shift), input1,
                     input2[(j - begin) / V::size]);
      };
      const auto finish = [&](const auto& started, std::size_t j) {
        const kernel_pair<V> y = kernels<Derivative>(a, started);
        V new_ntk(0.0);
        if constexpr (Derivative) {
          if (ntk) {
            const V before = fma(ntk_scale, V::load(ntk + j), ntk_shift);
            new_ntk = y.d_nngp * fma(ntk_cov, V::load(cov12 + j), before);
          }
        }
        if (output) return write(*output, i, j, y.nngp, new_ntk);
        if constexpr (Derivative) {
          if (ntk) new_ntk.store(ntk + j);
          if (d_nngp) y.d_nngp.store(d_nngp + j);
        }
        y.nngp.store(nngp + j);  // the last, for it may take the place of cov12
      };
      if constexpr (HasStart<A>) {  // one ahead
        auto next = started_at(begin);
        for (std::size_t j = begin; j < end; j += V::size) {
          const auto started = next;
          if (j + V::size < end) next = started_at(j + V::size);
          finish(started, j);
        }
      } else {
        for (std::size_t j = begin; j < end; j += V::size) finish(started_at(j), j);
      }
    }
  }

  static void write(output_of<Real>& to, std::size_t i, std::size_t j, const V& nngp, const V& ntk) {
    const V k = fma(V(to.cov_scale), nngp, V(to.cov_shift));
    const V t = fma(V(to.ntk_cov), nngp, fma(V(to.ntk_scale), ntk, V(to.ntk_shift)));
    if (to.nngp) k.stream(to.nngp + i * to.ld + j);
    if (to.ntk) t.stream(to.ntk + i * to.ld + j);
    if (any_nan(fma(k, V(0.0), t * 0.0))) [[unlikely]]
      to.not_finite = 1;
  }
};

/// Fewer entries than a vector holds, in room for one.
template <class Real, std::size_t size>
struct padded {
  Real data[size];

  /// The rest repeats the last entry, so that it takes the same rare paths only.
  padded(const Real* from, std::size_t count) {
    for (std::size_t j = 0; j < size; ++j) data[j] = from[std::min(j, count - 1)];
  }
  void copy_to(Real* to, std::size_t count) const { std::copy_n(data, count, to); }
};

/// The tile's output, or null if it cannot be written vector by vector.
template <class V>
output_of<typename V::real>* output_for(const tile_of<typename V::real>& tile) {
  using Tile = tile_of<typename V::real>;
  if (!NNGP_HAS_FIELD(Tile, &tile, output) || !tile.output) return nullptr;
  const auto aligned = [](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % sizeof(V) == 0;
  };
  const auto& to = *tile.output;
  const bool whole = tile.cols % V::size == 0 && to.ld % V::size == 0;
  return whole && aligned(to.nngp) && aligned(to.ntk) ? tile.output : nullptr;
}

/// Fills the columns from `begin` on as far as whole V's go, and returns where that is.
template <class V, bool Derivative, class A, class Tile>
std::size_t fill_columns(const A& a, const Tile& tile, std::size_t begin) {
  const std::size_t count = (tile.cols - begin) / V::size * V::size;
  if (count == 0) return begin;
  Tile part = tile;
  part.cols = count;
  part.cov12 += begin;
  part.var2 += begin;
  part.nngp += begin;
  if (part.d_nngp) part.d_nngp += begin;
  if (part.ntk) part.ntk += begin;
  if (!tile.output) {
    run_on(typename V::isa(), fill_whole<A, V, Derivative>{&a, &part});
    return begin + count;
  }
  auto output = *tile.output;
  if (output.nngp) output.nngp += begin;
  if (output.ntk) output.ntk += begin;
  part.output = &output;
  run_on(typename V::isa(), fill_whole<A, V, Derivative>{&a, &part});
  tile.output->taken = 1;
  tile.output->not_finite |= output.not_finite;
  return begin + count;
}

template <class A, class Real, class Isa, bool Derivative>
void fill(const A& a, const tile_of<Real>& of_host) {
  using Narrow = vec<Real, Isa>;
  constexpr std::size_t size = Narrow::size;
  tile_of<Real> tile;  // the host's may lack the last fields
  std::memcpy(&tile, &of_host, offsetof(tile_of<Real>, output));
  tile.output = output_for<Narrow>(of_host);
  std::size_t whole = fill_columns<lanes<A, Real, Isa>, Derivative>(a, tile, 0);
  if constexpr (!std::is_same_v<lanes<A, Real, Isa>, Narrow>)
    whole = fill_columns<Narrow, Derivative>(a, tile, whole);
  const std::size_t rest = tile.cols - whole;
  if (!rest) return;

  tile_of<Real> one = tile;
  one.rows = 1;
  one.cols = size;
  const padded<Real, size> var2(tile.var2 + whole, rest);
  one.var2 = var2.data;
  for (std::size_t i = 0; i < tile.rows; ++i) {
    const padded<Real, size> k(tile.cov12 + i * tile.cov12_ld + whole, rest);
    padded<Real, size> nngp = k, d_nngp = k, ntk = k;
    one.cov12 = k.data;
    one.var1 = tile.var1 + i;
    one.nngp = nngp.data;
    if (tile.d_nngp) one.d_nngp = d_nngp.data;
    if (tile.ntk) {
      ntk = padded<Real, size>(tile.ntk + i * tile.ntk_ld + whole, rest);
      one.ntk = ntk.data;
    }
    fill_columns<Narrow, Derivative>(a, one, 0);
    nngp.copy_to(tile.nngp + i * tile.nngp_ld + whole, rest);
    if (tile.d_nngp) d_nngp.copy_to(tile.d_nngp + i * tile.d_nngp_ld + whole, rest);
    if (tile.ntk) ntk.copy_to(tile.ntk + i * tile.ntk_ld + whole, rest);
  }
}

template <class A, class Real, class Isa>
void tile_entry(const void* instance, const tile_of<Real>* tile) noexcept {
  const A& a = *static_cast<const A*>(instance);
  if (is_long<A>() || tile->d_nngp || tile->ntk) {
    fill<A, Real, Isa, true>(a, *tile);
  } else if constexpr (!is_long<A>()) {
    fill<A, Real, Isa, false>(a, *tile);
  }
}

template <class Real>
using tile_function = void (*)(const void*, const tile_of<Real>*);

/// The entry for the best instruction set of this machine.
template <class A, class Real>
tile_function<Real> best_tile_entry() {
  static const tile_function<Real> best =
      inlined<avx512>() && supported<avx512>()
          ? prefers_wide() ? tile_entry<A, Real, wide<A>> : tile_entry<A, Real, avx512>
      : inlined<avx2>() && supported<avx2>() ? tile_entry<A, Real, avx2>
                                             : tile_entry<A, Real, sse2>;
  return best;
}

// ---- The functions of the C table --------------------------------------------------------------

template <class A>
struct callbacks {
  static const A& self(const void* instance) { return *static_cast<const A*>(instance); }

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
      if constexpr (HasParameters<A>) {
        if (count != std::tuple_size_v<decltype(A::parameters)>) {
          throw std::invalid_argument(std::string(A::info.name) + ": wrong number of parameters");
        }
        std::apply([&](const auto&... p) { (set(a, p, *values++), ...); }, A::parameters);
      } else if (count != 0) {
        throw std::invalid_argument(std::string(A::info.name) + " has no parameters");
      }
      if constexpr (HasPrepare<A>) a.prepare();
      return new A(std::move(a));
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

  static void destroy(void* instance) noexcept { delete static_cast<A*>(instance); }

  static double fn(const void* instance, double x) noexcept {
    const probe y = self(instance).fn(probe(x));
    return y[0];
  }

  static double d_fn(const void* instance, double x) noexcept {
    const dual<probe> y = self(instance).fn(dual<probe>(probe(x), probe(1.0)));
    return y.slope[0];
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
  static constexpr nngp_tile_variant variant{Isa::name, is_supported<Isa>, tile_entry<A, double, Isa>,
                                             tile_entry<A, float, Isa>};
  static constexpr nngp_tile_variant variant_list[] = {variant<sse2>, variant<avx2>, variant<avx512>,
                                                       variant<wide<A>>};
  static constexpr nngp_tile_variants variants{sizeof(nngp_tile_variants),
                                               std::size(variant_list) - is_long<A>(), variant_list};

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
struct parameter_tables<A, std::enable_if_t<HasParameters<A>>> {
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
  static_assert(templates_only<A>, "write fn, nngp_fn, ... as templates: auto fn(auto x) const");
  static_assert(HasFn<A> || HasKernel<A>, "an activation needs fn or nngp_fn");
  static_assert(!(HasNngp<A> && HasBoth<A>), "give nngp_fn or nngp_and_d_nngp_fn, not both");
  using C = callbacks<A>;
  nngp_activation t{};
  t.struct_size = sizeof t;
  t.derivative = !HasKernel<A>               ? NNGP_DERIVATIVE_ABSENT
                 : HasDNngp<A> || HasBoth<A> ? NNGP_DERIVATIVE_HANDWRITTEN
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
  t.create = C::create;
  t.destroy = C::destroy;
  if constexpr (HasFn<A>) {
    t.fn = C::fn;
    t.d_fn = C::d_fn;
  }
  if constexpr (HasKernel<A>) {
    t.nngp_fn = C::nngp_fn;
    t.d_nngp_fn = C::d_nngp_fn;
    t.tile_f64 = C::tile_f64;
    t.tile_f32 = C::tile_f32;
  }
  if constexpr (HasBreakpoints<A>) t.breakpoints = C::breakpoints;
  t.get_extension = C::get_extension;
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

}  // namespace detail
}  // namespace nngp

/// Exports activations: NNGP_PLUGIN(library, First, Second, ...), once in a shared library.
#define NNGP_PLUGIN(library_, ...)                                       \
  struct nngp_plugin_library {                                           \
    static constexpr nngp::library value = library_;                     \
  };                                                                     \
  extern "C" NNGP_EXPORT constinit const nngp_plugin nngp_plugin_entry = \
      nngp::detail::tables<nngp_plugin_library, __VA_ARGS__>::plugin

#pragma GCC visibility pop
