#include "solve/compensated.hpp"

#include <cmath>

#include "simd/dispatch.hpp"

// This file is compiled without contraction to fused operations, which would lose what is kept here.

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#pragma GCC visibility push(hidden)

namespace nngp {
namespace {

/// high + low = a + b exactly, high the rounded sum (Knuth).
template <class V>
struct Sum {
  V high, low;
  Sum(V a, V b) : high(a + b) {
    const V part = high - a;
    low = (a - (high - part)) + (b - part);
  }
};

/// a b - product exactly.
double product_error(double a, double b, double product) { return std::fma(a, b, -product); }
template <class Isa>
vec<double, Isa> product_error(const vec<double, Isa>& a, const vec<double, Isa>& b,
                               const vec<double, Isa>& product) {
  using V = vec<double, Isa>;
  if constexpr (V::has_fma) {
    return fma(a, b, -product);
  } else {
    // That of the C library: splitting the factors would overflow for large ones.
    double errors[V::size];
    for (std::size_t lane = 0; lane < V::size; ++lane)
      errors[lane] = product_error(a[lane], b[lane], product[lane]);
    return V::load(errors);
  }
}

/// The inner product of a row with n numbers in two parts, added to (high, low).
struct Dot {
  const double *a, *x, *x_low;
  Eigen::Index n;
  double *high, *low;

  template <class Isa>
  void run() {
    using V = vec<double, Isa>;
    constexpr auto lanes = static_cast<Eigen::Index>(V::size);
    V sum(0.0), rest(0.0);
    Eigen::Index j = 0;
    for (; j + lanes <= n; j += lanes) {
      const V factor = V::load(a + j), value = V::load(x + j);
      const V product = factor * value;
      const Sum<V> next(sum, product);
      rest = rest + (next.low + product_error(factor, value, product) + factor * V::load(x_low + j));
      sum = next.high;
    }
    for (std::size_t lane = 0; lane < V::size; ++lane) add(sum[lane], rest[lane]);
    for (; j < n; ++j) {
      const double product = a[j] * x[j];
      add(product, product_error(a[j], x[j], product) + a[j] * x_low[j]);
    }
  }

  void add(double value, double value_low) {
    const Sum<double> next(*high, value);
    *high = next.high;
    *low += next.low + value_low;
  }
};

}  // namespace

void DoubleDouble::add(const MatrixView<double>& change) {
  for (Eigen::Index i = 0; i < rows(); ++i)
    for (Eigen::Index j = 0; j < cols(); ++j) {
      double &h = high.data()[i * cols() + j], &l = low.data()[i * cols() + j];
      const Sum<double> first(h, change(i, j));
      const Sum<double> second(first.high, first.low + l);
      h = second.high;
      l = second.low;
    }
}

void add_products(const MatrixView<double>& a, const DoubleDouble& x, Eigen::Index col,
                  DoubleDouble& sum, Eigen::Index row) {
  for (Eigen::Index i = 0; i < a.rows(); ++i)
    for (Eigen::Index k = 0; k < x.rows(); ++k) {
      const Eigen::Index from = k * x.cols() + col, to = (row + i) * sum.cols() + k;
      Dot dot{a.data() + i * a.outerStride(), x.high.data() + from, x.low.data() + from, a.cols(),
              sum.high.data() + to,           sum.low.data() + to};
      dispatch(dot);
    }
}

double subtract(double value, std::pair<double, double> product, double factor,
                std::pair<double, double> x) {
  const double scaled = factor * x.first;
  const Sum<double> first(value, -product.first), second(first.high, -scaled);
  return second.high + (second.low + first.low - product.second -
                        product_error(factor, x.first, scaled) - factor * x.second);
}

}  // namespace nngp

#pragma GCC visibility pop
