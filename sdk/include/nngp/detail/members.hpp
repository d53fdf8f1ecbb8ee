#pragma once

// Which members an activation has, and what is wrong with them, in one line that names the member.

#include <concepts>
#include <type_traits>

#include "nngp/activation.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::detail {

/// The number type that stands for all when asking what an activation offers, and that fn uses.
using probe = vec<double, baseline>;

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

// ---- What can be called ------------------------------------------------------------------------

template <class A>
concept HasFn = requires(const A& a, const probe& x) {
  a.fn(x);
};
template <class A>
concept HasDFn = requires(const A& a, const probe& x) {
  a.d_fn(x);
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
  a.finish(a.start(cov12, x, x));
};
template <class A>
concept HasBoth = HasStart<A> || requires(const A& a, const probe& cov12, const input_of<A, probe>& x) {
  a.nngp_and_d_nngp_fn(cov12, x, x);
};
template <class A>
concept HasKernel = HasNngp<A> || HasBoth<A>;
template <class A>
concept HasBreakpoints = requires(const A& a) {
  a.breakpoints().begin()->order;
};
template <class A>
concept HasPrepare = requires(A& a) {
  a.prepare();
};
template <class A>
concept HasGeneral = requires(const A& a) {
  a.general();
};

// ---- What there is, whether or not it can be called --------------------------------------------

/// has_NAME<A>: whether A has a member of that name. Where both bases have one, neither is found.
#define NNGP_FIND_MEMBER(name)              \
  struct with_##name {                      \
    int name;                               \
  };                                        \
  template <class A>                        \
  struct beside_##name : A, with_##name {}; \
  template <class A>                        \
  constexpr bool has_##name = !requires {   \
    &beside_##name<A>::name;                \
  };

NNGP_FIND_MEMBER(info)
NNGP_FIND_MEMBER(parameters)
NNGP_FIND_MEMBER(fn)
NNGP_FIND_MEMBER(d_fn)
NNGP_FIND_MEMBER(nngp_fn)
NNGP_FIND_MEMBER(d_nngp_fn)
NNGP_FIND_MEMBER(nngp_and_d_nngp_fn)
NNGP_FIND_MEMBER(breakpoints)
NNGP_FIND_MEMBER(of_variance)
NNGP_FIND_MEMBER(start)
NNGP_FIND_MEMBER(finish)
NNGP_FIND_MEMBER(prepare)
NNGP_FIND_MEMBER(general)
NNGP_FIND_MEMBER(compile_sparingly)
NNGP_FIND_MEMBER(value_alone)

/// Slips of the hand: X(wrong, right). A member with the wrong name is none of ours, so it would be
/// passed over in silence.
// clang-format off
#define NNGP_SLIPS(X)                                             \
  X(ngp_fn, nngp_fn) X(nnp_fn, nngp_fn) X(nng_fn, nngp_fn)        \
  X(nngpfn, nngp_fn) X(nngp_f, nngp_fn) X(nngp_n, nngp_fn)        \
  X(ngnp_fn, nngp_fn) X(nnpg_fn, nngp_fn) X(npgp_fn, nngp_fn)     \
  X(npng_fn, nngp_fn) X(nngp_nf, nngp_fn) X(nnngp_fn, nngp_fn)    \
  X(nngpp_fn, nngp_fn) X(nngp_fnc, nngp_fn) X(nngp_func, nngp_fn) \
  X(nngp_fun, nngp_fn) X(nngp_function, nngp_fn) X(nngp, nngp_fn) \
  X(nngp_kernel, nngp_fn) X(nngp_Fn, nngp_fn) X(nngpFn, nngp_fn)  \
  X(NNGP_fn, nngp_fn) X(kernel_fn, nngp_fn) X(nngp_fn_, nngp_fn)  \
  X(dnngp_fn, d_nngp_fn) X(d_nngpfn, d_nngp_fn)                   \
  X(d_nngp, d_nngp_fn) X(d_ngp_fn, d_nngp_fn)                     \
  X(d_nnp_fn, d_nngp_fn) X(d_nng_fn, d_nngp_fn)                   \
  X(d_nnpg_fn, d_nngp_fn) X(d_ngnp_fn, d_nngp_fn)                 \
  X(d_nngp_f, d_nngp_fn) X(d_nngp_nf, d_nngp_fn)                  \
  X(d_nngp_func, d_nngp_fn) X(d_nngp_function, d_nngp_fn)         \
  X(nngp_d_fn, d_nngp_fn) X(nngp_fn_d, d_nngp_fn)                 \
  X(ntk_fn, d_nngp_fn)                                            \
  X(nngp_and_d_nngp, nngp_and_d_nngp_fn)                          \
  X(nngp_and_dnngp_fn, nngp_and_d_nngp_fn)                        \
  X(nngp_fn_and_d_nngp_fn, nngp_and_d_nngp_fn)                    \
  X(nngp_d_nngp_fn, nngp_and_d_nngp_fn)                           \
  X(Fn, fn) X(func, fn) X(function, fn)                           \
  X(dfn, d_fn) X(d_f, d_fn) X(d_func, d_fn)                       \
  X(parameter, parameters) X(params, parameters)                  \
  X(param, parameters) X(Parameters, parameters)                  \
  X(paramters, parameters) X(parametrs, parameters)               \
  X(parameteres, parameters) X(paramaters, parameters)            \
  X(parmeters, parameters) X(paremeters, parameters)              \
  X(prameters, parameters) X(paramerters, parameters)             \
  X(breakpoint, breakpoints) X(break_points, breakpoints)         \
  X(break_point, breakpoints) X(breakpoits, breakpoints)          \
  X(breakponts, breakpoints) X(breakpints, breakpoints)           \
  X(brekpoints, breakpoints) X(Breakpoints, breakpoints)          \
  X(of_var, of_variance) X(ofvariance, of_variance)               \
  X(of_variances, of_variance) X(of_varience, of_variance)        \
  X(of_varinace, of_variance)                                     \
  X(prepair, prepare) X(prepared, prepare) X(Prepare, prepare)    \
  X(perpare, prepare) X(prepere, prepare)                         \
  X(values_alone, value_alone)                                    \
  X(compile_sparinly, compile_sparingly) X(compilesparingly, compile_sparingly)       \
  X(generel, general)
// clang-format on

#define NNGP_FIND_SLIP(wrong, right) NNGP_FIND_MEMBER(wrong)
NNGP_SLIPS(NNGP_FIND_SLIP)
#undef NNGP_FIND_SLIP
#undef NNGP_FIND_MEMBER

// ---- What is wrong -----------------------------------------------------------------------------

/// Whether `parameters` is a std::tuple of parameters of A.
template <class A, class T>
constexpr bool are_parameters = false;
template <class A, class... Owner, class... Member>
constexpr bool are_parameters<A, std::tuple<parameter<Owner, Member>...>> =
    (std::is_base_of_v<Owner, A> && ...);

constexpr bool is_identifier(const char* text) {
  if (!text || !*text || (*text >= '0' && *text <= '9')) return false;
  for (; *text; ++text) {
    const char c = *text;
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'))
      return false;
  }
  return true;
}

/// The rules of an activation. All that follows asks `sound` first, so that a mistake is one message.
template <class A>
struct members {
  template <class T>
  static constexpr bool is_info() {
    if constexpr (requires {
                    requires std::same_as<std::remove_cvref_t<decltype(T::info)>, nngp::info>;
                  })
      return true;
    return false;
  }
  static constexpr bool info = is_info<A>();
  static_assert(info, "an activation needs: static constexpr nngp::info info{.name = ..., ...}");
  static constexpr bool name = [] {
    if constexpr (info) return is_identifier(A::info.name);
    return true;
  }();
  static_assert(name, "info.name must be a C identifier, as in \"Swish\"");

#define NNGP_NO_SLIP(wrong, right)                                      \
  static constexpr bool no_##wrong = !has_##wrong<A> || has_##right<A>; \
  static_assert(no_##wrong, "the SDK knows no member '" #wrong "'; is it '" #right "'?");
  NNGP_SLIPS(NNGP_NO_SLIP)
#undef NNGP_NO_SLIP
#define NNGP_AND_NO_SLIP(wrong, right) &&no_##wrong
  static constexpr bool spelling = true NNGP_SLIPS(NNGP_AND_NO_SLIP);
#undef NNGP_AND_NO_SLIP

  static constexpr bool general = !has_general<A> || HasGeneral<A>;
  static_assert(general, "general must be: Other general() const, of which the activation is a case");
  static constexpr bool special =
      !has_general<A> || !(has_fn<A> || has_d_fn<A> || has_nngp_fn<A> || has_d_nngp_fn<A> ||
                           has_nngp_and_d_nngp_fn<A> || has_breakpoints<A> || has_start<A>);
  static_assert(special, "an activation with 'general' has no functions of its own");

  static constexpr bool fn = !has_fn<A> || HasFn<A>;
  static_assert(fn, "fn must be a const template of x: auto fn(auto x) const");
  static constexpr bool d_fn = !has_d_fn<A> || HasDFn<A>;
  static_assert(d_fn, "d_fn must be a const template of x: auto d_fn(auto x) const");
  static constexpr bool of_variance = !has_of_variance<A> || requires(const A& a, const probe& var) {
    a.of_variance(var);
  };
  static_assert(of_variance, "of_variance must be a const template: auto of_variance(auto var) const");
  static constexpr bool nngp_fn = !has_nngp_fn<A> || HasNngp<A>;
  static_assert(nngp_fn, "nngp_fn must be: auto nngp_fn(auto cov12, auto var1, auto var2) const");
  static constexpr bool d_nngp_fn = !has_d_nngp_fn<A> || HasDNngp<A>;
  static_assert(d_nngp_fn, "d_nngp_fn must be: auto d_nngp_fn(auto cov12, auto var1, auto var2) const");
  static constexpr bool steps = has_start<A> == has_finish<A> && (!has_start<A> || HasStart<A>);
  static_assert(steps,
                "two steps must be: auto start(auto cov12, auto var1, auto var2) const, and "
                "auto finish(auto started) const, which returns a kernel_pair");
  static constexpr bool both = !has_nngp_and_d_nngp_fn<A> || (HasBoth<A> && !has_start<A>);
  static_assert(both,
                "nngp_and_d_nngp_fn must be: auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) "
                "const; a second step behind start() is called finish");
  static constexpr bool derivative = !HasDNngp<A> || HasNngp<A>;
  static_assert(derivative, "d_nngp_fn comes with nngp_fn; together they may be nngp_and_d_nngp_fn");
  static constexpr bool one_kernel = !(HasNngp<A> && HasBoth<A>);
  static_assert(one_kernel, "give nngp_fn or nngp_and_d_nngp_fn, not both");
  static constexpr bool something = HasGeneral<A> || HasFn<A> || HasKernel<A> || !fn || !nngp_fn ||
                                    !steps || !both || !spelling || !general;
  static_assert(something, "an activation needs fn or nngp_fn");
  static constexpr bool breakpoints = !has_breakpoints<A> || HasBreakpoints<A>;
  static_assert(breakpoints,
                "breakpoints must be: auto breakpoints() const, which returns nngp::smooth or a "
                "std::array of nngp::breakpoint(x, order)");
  static constexpr bool prepare = !has_prepare<A> || HasPrepare<A>;
  static_assert(prepare, "prepare must be: void prepare()");

  static constexpr bool parameters = [] {
    if constexpr (has_parameters<A>)
      return are_parameters<A, std::remove_cvref_t<decltype(A::parameters)>>;
    return true;
  }();
  static_assert(parameters,
                "parameters must be: static constexpr auto parameters = std::tuple{nngp::parameter("
                "\"name\", &Activation::member, \"summary\"), ...}");
  static constexpr bool listed = has_parameters<A> || std::is_empty_v<A> || has_prepare<A> || !spelling;
  static_assert(listed,
                "the activation has members but no 'parameters': list those that are, make "
                "constants static");

  static constexpr bool sound = info && name && spelling && general && special && fn && d_fn &&
                                of_variance && nngp_fn && d_nngp_fn && steps && both && derivative &&
                                one_kernel && something && breakpoints && prepare && parameters &&
                                listed;
};

/// The activation whose functions are compiled for A: A itself unless it is a case of another.
template <class A>
struct compiled {
  using type = A;
};
template <HasGeneral A>
struct compiled<A> {
  using type = std::remove_cvref_t<decltype(std::declval<const A&>().general())>;
};
template <class A>
using compiled_t = typename compiled<A>::type;

}  // namespace nngp::detail

#pragma GCC visibility pop
