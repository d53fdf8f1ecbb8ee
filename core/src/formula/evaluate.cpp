#include "formula/evaluate.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "nngp/gram.hpp"
#include "simd/dispatch.hpp"

#pragma GCC visibility push(hidden)

namespace nngp::formula {
namespace {

template <class V>
constexpr double nan_of = std::numeric_limits<typename V::real>::quiet_NaN();

template <class V>
V truth(const typename V::mask_type& m) {
  return select(m, V(1.0), V(0.0));
}

/// The nearest whole number, ties to even, of any number.
template <class V>
V whole(const V& x) {
  constexpr double limit = std::is_same_v<typename V::real, double> ? 0x1p51 : 0x1p22;
  return select(abs(x) < limit, copysign(round(x), x), x);
}
template <class V>
V floor(const V& x) {
  const V r = whole(x);
  return select(r > x, r - 1.0, r);
}

/// Rounding may take a sine or cosine a little beyond 1; what is farther off has no angle.
template <class V>
V cosine_of_asin(const V& u) {
  constexpr double rounding = std::is_same_v<typename V::real, double> ? 1e-12 : 1e-5;
  const V square = (1.0 - u) * (1.0 + u);
  return select(abs(u) <= 1.0 + rounding, sqrt(max(V(0.0), square)), V(nan_of<V>));
}

template <class V>
V power(const V& x, const V& y) {
  typename V::real base[V::size], exponent[V::size];
  x.store(base);
  y.store(exponent);
  for (std::size_t l = 0; l < V::size; ++l) base[l] = std::pow(base[l], exponent[l]);
  return V::load(base);
}
template <class V>
V integer_power(const V& x, int n) {
  V result(1.0), square = x;
  for (int rest = std::abs(n); rest > 0; rest /= 2) {
    if (rest % 2 == 1) result = result * square;
    if (rest > 1) square = square * square;
  }
  return n < 0 ? 1.0 / result : result;
}

template <Op op, class V>
V compute(const V& a, const V& b, const V& c, [[maybe_unused]] double value) {
  if constexpr (op == Op::add) return a + b;
  if constexpr (op == Op::subtract) return a - b;
  if constexpr (op == Op::multiply) return a * b;
  if constexpr (op == Op::divide) return a / b;
  if constexpr (op == Op::negate) return -a;
  if constexpr (op == Op::power) return power(a, b);
  if constexpr (op == Op::integer_power) return integer_power(a, static_cast<int>(value));
  if constexpr (op == Op::less) return truth<V>(a < b);
  if constexpr (op == Op::less_equal) return truth<V>(a <= b);
  if constexpr (op == Op::equal) return truth<V>(a == b);
  if constexpr (op == Op::both) return truth<V>((a != 0.0) & (b != 0.0));
  if constexpr (op == Op::either) return truth<V>((a != 0.0) | (b != 0.0));
  if constexpr (op == Op::opposite) return truth<V>(a == 0.0);
  if constexpr (op == Op::select) return select(a != 0.0, b, c);
  if constexpr (op == Op::minimum) return select(a != a, a, min(a, b));
  if constexpr (op == Op::maximum) return select(a != a, a, max(a, b));
  if constexpr (op == Op::abs) return abs(a);
  if constexpr (op == Op::sign) return select(a > 0.0, V(1.0), select(a < 0.0, V(-1.0), a));
  if constexpr (op == Op::floor) return floor(a);
  if constexpr (op == Op::ceil) return -floor(-a);
  if constexpr (op == Op::round) return whole(a);
  if constexpr (op == Op::sqrt) return sqrt(a);
  if constexpr (op == Op::cbrt) return map(a, [](auto lane) { return std::cbrt(lane); });
  if constexpr (op == Op::exp) return exp(a);
  if constexpr (op == Op::expm1) return expm1(a);
  if constexpr (op == Op::log) return log(a);
  if constexpr (op == Op::log1p) return log1p(a);
  if constexpr (op == Op::sin) return sin(a);
  if constexpr (op == Op::cos) return cos(a);
  if constexpr (op == Op::asin) return asin2(a, cosine_of_asin(a));
  if constexpr (op == Op::acos) return acos2(a, cosine_of_asin(a));
  if constexpr (op == Op::atan) return atan(a);
  if constexpr (op == Op::atan2) return atan2(a, b);
  if constexpr (op == Op::sinh) return sinh(a);
  if constexpr (op == Op::cosh) return cosh(a);
  if constexpr (op == Op::tanh) return tanh(a);
  if constexpr (op == Op::asinh) return asinh(a);
  if constexpr (op == Op::acosh) return acosh(a);
  if constexpr (op == Op::atanh) return atanh(a);
  if constexpr (op == Op::erf) return erf(a);
  if constexpr (op == Op::erfc) return erfc(a);
  if constexpr (op == Op::erfcx) return erfcx(a);
  if constexpr (op == Op::sigmoid) return 1.0 / (1.0 + exp(-a));
  if constexpr (op == Op::softplus) return select(a > 0.0, a, V(0.0)) + log1p(exp(-abs(a)));
  if constexpr (op == Op::root_det) return root_det(a, b, c);
  if constexpr (op == Op::asin2) return asin2(a, b);
  if constexpr (op == Op::acos2) return acos2(a, b);
  if constexpr (op == Op::inverse_or_zero) return select(a == 0.0, a, 1.0 / a);
  return a;  // constants and variables, which are not computed
}

template <Op op, class Real, class Isa>
void run(const Real* a, const Real* b, const Real* c, Real* out, std::size_t n, double value) {
  using V = vec<Real, Isa>;
  run_on(Isa(), [&] {
    for (std::size_t i = 0; i < n; i += V::size) {
      const V x = V::load(a + i);
      V y = x, z = x;
      if constexpr (arity(op) > 1) y = V::load(b + i);
      if constexpr (arity(op) > 2) z = V::load(c + i);
      compute<op>(x, y, z, value).store(out + i);
    }
  });
}

template <class Real, class Isa>
void dense(const Real* x, Real* out, std::size_t n, Real scale, Real shift) {
  using V = vec<Real, Isa>;
  run_on(Isa(), [&] {
    for (std::size_t i = 0; i < n; i += V::size) fma(V(scale), V::load(x + i), V(shift)).store(out + i);
  });
}

template <class Real, class Isa>
void update_ntk(const Real* d_nngp, const Real* cov12, Real* ntk, std::size_t n, Real ntk_cov,
                Real ntk_scale, Real ntk_shift) {
  using V = vec<Real, Isa>;
  run_on(Isa(), [&] {
    for (std::size_t i = 0; i < n; i += V::size) {
      const V old = fma(V(ntk_scale), V::load(ntk + i), V(ntk_shift));
      (V::load(d_nngp + i) * fma(V(ntk_cov), V::load(cov12 + i), old)).store(ntk + i);
    }
  });
}

template <class Real>
using RowOperations = std::array<RowOperation<Real>, op_count>;

template <class Real>
struct Choose {
  RowOperations<Real> operations{};
  TileArithmetic<Real> arithmetic{};

  template <class Isa>
  void run() {
    arithmetic = {&formula::dense<Real, Isa>, &formula::update_ntk<Real, Isa>};
    fill<Isa>(std::make_index_sequence<op_count>());
  }
  template <class Isa, std::size_t... Index>
  void fill(std::index_sequence<Index...>) {
    operations = {&formula::run<static_cast<Op>(Index), Real, Isa>...};
  }
};

}  // namespace

template <class Real>
const Choose<Real>& chosen() {
  static const Choose<Real> choice = [] {
    Choose<Real> choose;
    dispatch(choose);
    return choose;
  }();
  return choice;
}

template <class Real>
RowOperation<Real> row_operation(Op op) {
  return chosen<Real>().operations[static_cast<std::size_t>(op)];
}
template RowOperation<double> row_operation(Op);
template RowOperation<float> row_operation(Op);

template <class Real>
const TileArithmetic<Real>& tile_arithmetic() {
  return chosen<Real>().arithmetic;
}
template const TileArithmetic<double>& tile_arithmetic();
template const TileArithmetic<float>& tile_arithmetic();

double evaluate(Op op, double a, double b, double c, double value) {
  constexpr std::size_t n = row_step<double>;
  double row[3][n];
  for (std::size_t i = 0; i < n; ++i) {
    row[0][i] = a;
    row[1][i] = b;
    row[2][i] = c;
  }
  row_operation<double>(op)(row[0], row[1], row[2], row[0], n, value);
  return row[0][0];
}

}  // namespace nngp::formula

#pragma GCC visibility pop
