#pragma once

// The tile entries of an activation: its formulas over rows and columns, for every instruction set.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>

#include "nngp/activation.h"
#include "nngp/detail/members.hpp"
#include "nngp/detail/twice.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::detail {

template <class A, class T, class Input>
kernel_pair<T> differentiate(const A& a, const T& cov12, const Input& input1, const Input& input2) {
  const dual_number<T> c(cov12, T(1.0));
  if constexpr (requires { a.nngp_fn(c, input1, input2); }) {
    const dual_number<T> y = a.nngp_fn(c, input1, input2);
    return {y.value, y.slope};
  } else {
    const dual_number<T> y = a.nngp_fn(c, dual_number<T>(input1), dual_number<T>(input2));
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
  return a.finish(started);
}

template <class Real>
using tile_of = std::conditional_t<std::is_same_v<Real, double>, nngp_tile_f64, nngp_tile_f32>;
template <class Real>
using output_of = std::conditional_t<std::is_same_v<Real, double>, nngp_output_f64, nngp_output_f32>;

/// True for formulas that are compiled in fewer versions.
template <class A>
constexpr bool compiles_sparingly() {
  if constexpr (has_compile_sparingly<A>) return A::compile_sparingly;
  return false;
}

/// True for kernels whose value is compiled alone, too, though it comes with the derivative.
template <class A>
constexpr bool is_value_alone() {
  if constexpr (has_value_alone<A>) return A::value_alone;
  return false;
}

/// True for kernels as one first writes them: in one step, of the variances themselves.
template <class A>
constexpr bool is_plain = !HasStart<A> && !has_of_variance<A>;

/// True if the value comes with its derivative anyway: a version without would differ in dead code
/// only.
template <class A>
constexpr bool always_both = compiles_sparingly<A>() || (HasBoth<A> && !is_value_alone<A>());

/// True if tiles of A are compiled for Isa: a long formula not once more for the same instructions.
template <class A, class Isa>
constexpr bool has_tiles =
    !compiles_sparingly<A>() || Isa::vectors_in_step == baseline::vectors_in_step;

/// The numbers that a row is computed in: several vectors in step, which hide latency without spilling
/// registers; `rest_lanes` serve the rest of a row, which is not worth a version with one vector. Of
/// plain kernels more: their quotients and roots wait for each other longer than spilling takes. With
/// two vectors most of them took 5 to 25 % longer, polynomials 5 to 15 % less.
template <class Real, class Isa>
using rest_lanes = twice<vec<Real, Isa>>;
template <class A, class Real, class Isa>
using lanes = std::conditional_t<!compiles_sparingly<A>() && (Isa::vectors_in_step > 2 || is_plain<A>),
                                 twice<rest_lanes<Real, Isa>>, rest_lanes<Real, Isa>>;

/// A part of a V, padded to all of it.
template <class Real, std::size_t size>
struct padded {
  Real data[size];

  /// The rest repeats the last entry, so that it takes the same rare paths only.
  padded(const Real* from, std::size_t count) {
    for (std::size_t j = 0; j < size; ++j) data[j] = from[std::min(j, count - 1)];
  }
  void copy_to(Real* to, std::size_t count) const { std::copy_n(data, count, to); }
};

/// True for inputs, as kernels see them, that their author says hold vectors and nothing else.
template <class Input>
constexpr bool holds_only_vectors() {
  if constexpr (requires { Input::only_vectors; }) return Input::only_vectors;
  return false;
}

/// How many vectors of an input that holds only vectors kernels may look at, the first ones: what its
/// author says, or all.
template <class V, class Input>
std::size_t vectors_in(const Input& x) {
  if constexpr (requires { x.vectors(); }) return x.vectors();
  return sizeof(Input) / sizeof(V);
}

/// What kernels see of the rows of a tile, the same in all lanes, one row after the other. If that is
/// vectors only, it is made for as many rows at a time as a vector has lanes.
template <class A, class V>
class row_inputs {
 public:
  using Real = typename V::real;
  using Input = input_of<A, V>;

  row_inputs(const A& a, const tile_of<Real>& tile) : a_(a), tile_(tile) {}

  /// Of row i; valid until the next call.
  decltype(auto) at(std::size_t i) {
    if constexpr (!holds_only_vectors<Input>()) {
      return of(V(tile_.var1[i]));
    } else {
      const std::size_t lane = i % V::size;
      if (lane == 0) {
        const padded<Real, V::size> var1(tile_.var1 + i, std::min(V::size, tile_.rows - i));
        const Input several = of(V::load(var1.data));
        if constexpr (!fits_registers) count_ = vectors_in<V>(several);
        std::memcpy(lanes_, &several, count() * sizeof(V));
      }
      if constexpr (fits_registers) {
        alignas(64) std::byte row[sizeof(Input)];
        return Input(spread(lane, row));
      } else {
        return spread(lane, row_);
      }
    }
  }

 private:
  static_assert(!holds_only_vectors<Input>() || sizeof(Input) % sizeof(V) == 0);
  /// Then it is a value, of which the compiler sees that all lanes are one number.
  static constexpr bool fits_registers = sizeof(Input) <= 4 * sizeof(V);

  Input of(const V& var) const {
    return of_variance(a_, fma(V(tile_.cov_scale), var, V(tile_.cov_shift)));
  }
  /// Vectors of an input that are looked at.
  std::size_t count() const {
    if constexpr (fits_registers) return sizeof(Input) / sizeof(V);
    return count_;
  }
  /// The input of one lane in all of them, made where `to` points.
  const Input& spread(std::size_t lane, std::byte* to) const {
    for (std::size_t k = 0; k < count(); ++k) new (to + k * sizeof(V)) V(lanes_[k * V::size + lane]);
    return *reinterpret_cast<const Input*>(to);
  }

  const A& a_;
  const tile_of<Real>& tile_;
  static constexpr std::size_t size = holds_only_vectors<Input>() ? sizeof(Input) : sizeof(Real);
  Real lanes_[size / sizeof(Real)];
  alignas(64) std::byte row_[size];
  std::size_t count_ = 0;
};

/// What start() gave for the next V, put here before finish() of the one that is taken.
template <class Started, class V>
class one_ahead {
 public:
  explicit one_ahead(const Started& first) : next_(first) {}
  Started take() { return next_; }
  void put(const Started& next) { next_ = next; }

 private:
  Started next_;
};
/// Where it fills more than a third of the registers, in two places in turn: it would be copied from
/// one part of the stack to another for every V, which takes 2 to 9 % of the time.
template <class Started, class V>
requires(3 * sizeof(Started) > V::isa::registers * sizeof(vec<typename V::real, typename V::isa>))  //
    class one_ahead<Started, V> {
 public:
  explicit one_ahead(const Started& first) { put(first); }
  const Started& take() {
    put_at_ ^= 1;
    return *reinterpret_cast<const Started*>(places_[put_at_ ^ 1]);
  }
  void put(const Started& next) { new (places_[put_at_]) Started(next); }

 private:
  // Vectors say that they need less than their instructions do (16 bytes, where AVX is not enabled).
  alignas(64) std::byte places_[2][sizeof(Started)];
  std::size_t put_at_ = 0;
};

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
    row_inputs<A, V> inputs1(a, t);
    for (std::size_t i = 0; i < t.rows; ++i) {
      const Real* cov12 = t.cov12 + i * t.cov12_ld;
      Real* nngp = t.nngp + i * t.nngp_ld;
      Real* d_nngp = t.d_nngp ? t.d_nngp + i * t.d_nngp_ld : nullptr;
      Real* ntk = t.ntk ? t.ntk + i * t.ntk_ld : nullptr;
      const auto& input1 = inputs1.at(i);
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
      if constexpr (HasStart<A>) {
        one_ahead<decltype(started_at(begin)), V> ahead(started_at(begin));
        for (std::size_t j = begin; j < end; j += V::size) {
          const auto& started = ahead.take();
          if (j + V::size < end) ahead.put(started_at(j + V::size));
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

/// The tile's output, or null if it cannot be written by whole V's, each of several vectors.
template <class V>
output_of<typename V::real>* output_for(const tile_of<typename V::real>& tile) {
  using Tile = tile_of<typename V::real>;
  using Vector = vec<typename V::real, typename V::isa>;
  if (!NNGP_HAS_FIELD(Tile, &tile, output) || !tile.output) return nullptr;
  const auto aligned = [](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % sizeof(Vector) == 0;
  };
  const auto& to = *tile.output;
  const bool whole = tile.cols % V::size == 0 && to.ld % Vector::size == 0;
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
  using Wide = lanes<A, Real, Isa>;
  using Rest = rest_lanes<Real, Isa>;
  constexpr std::size_t size = Rest::size;
  tile_of<Real> tile;  // the host's may lack the last fields
  std::memcpy(&tile, &of_host, offsetof(tile_of<Real>, output));
  tile.output = output_for<Rest>(of_host);
  std::size_t whole = fill_columns<Wide, Derivative>(a, tile, 0);
  if constexpr (!std::is_same_v<Wide, Rest>) whole = fill_columns<Rest, Derivative>(a, tile, whole);
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
    fill_columns<Rest, Derivative>(a, one, 0);
    nngp.copy_to(tile.nngp + i * tile.nngp_ld + whole, rest);
    if (tile.d_nngp) d_nngp.copy_to(tile.d_nngp + i * tile.d_nngp_ld + whole, rest);
    if (tile.ntk) ntk.copy_to(tile.ntk + i * tile.ntk_ld + whole, rest);
  }
}

template <class A, class Real, class Isa>
void tile_entry(const void* instance, const tile_of<Real>* tile) noexcept {
  const A& a = *static_cast<const A*>(instance);
  if (always_both<A> || tile->d_nngp || tile->ntk) {
    fill<A, Real, Isa, true>(a, *tile);
  } else if constexpr (!always_both<A>) {
    fill<A, Real, Isa, false>(a, *tile);
  }
}

template <class Real>
using tile_function = void (*)(const void*, const tile_of<Real>*);

template <class A, class Real, class Isa>
void prefer(tile_function<Real>& best) {
  if constexpr (has_tiles<A, Isa>)
    if (inlined<Isa>() && preferred<Isa>()) best = tile_entry<A, Real, Isa>;
}
template <class A, class Real, class... Isa>
tile_function<Real> last_preferred(instruction_set_list<Isa...>) {
  tile_function<Real> best = nullptr;
  (prefer<A, Real, Isa>(best), ...);
  return best;
}

/// The entry for the best instruction set of this machine.
template <class A, class Real>
tile_function<Real> best_tile_entry() {
  static const tile_function<Real> best = last_preferred<A, Real>(instruction_sets_here());
  return best;
}

}  // namespace nngp::detail

#pragma GCC visibility pop
