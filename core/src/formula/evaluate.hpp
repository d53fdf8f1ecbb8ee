#pragma once

// The operations of formulas on numbers and on rows of numbers, with the widest vectors of the machine.

#include <cstddef>

#include "formula/graph.hpp"

namespace nngp::formula {

/// Rows are padded to a multiple of this many elements.
template <class Real>
constexpr std::size_t row_step = 64 / sizeof(Real);

/// out[i] = op(a[i], b[i], c[i]) for i < n, a multiple of row_step; `value` is the node's. out may be
/// any of the arguments.
template <class Real>
using RowOperation = void (*)(const Real* a, const Real* b, const Real* c, Real* out, std::size_t n,
                              double value);

template <class Real>
RowOperation<Real> row_operation(Op op);

/// The arithmetic of tiles (nngp/activation.h) on rows whose length n is a multiple of row_step.
template <class Real>
struct TileArithmetic {
  /// out[i] = scale x[i] + shift, the Dense layer in front; out may be x.
  void (*dense)(const Real* x, Real* out, std::size_t n, Real scale, Real shift);
  /// ntk[i] = d_nngp[i] (ntk_cov cov12[i] + (ntk_scale ntk[i] + ntk_shift)).
  void (*ntk)(const Real* d_nngp, const Real* cov12, Real* ntk, std::size_t n, Real ntk_cov,
              Real ntk_scale, Real ntk_shift);
};

template <class Real>
const TileArithmetic<Real>& tile_arithmetic();

/// One operation on numbers, as on rows.
double evaluate(Op op, double a, double b, double c, double value = 0);

}  // namespace nngp::formula
