#pragma once

// The arithmetic on tiles that is not an activation: inner products of the inputs, and the small
// passes that join branches and write results. One table of functions for each instruction set;
// tile_ops() returns that of the one in use (simd/instruction_set.hpp). K and Theta, nngp and ntk in
// the code, are the covariance and the tangent kernel, as in the equations of layers.

#include <cstddef>

#include "simd/affine.hpp"

namespace nngp {

/// Where the entries of one slot begin; nngp and ntk share rows, columns and leading dimension.
template <class Real>
struct KernelEntries {
  Real* nngp;
  Real* ntk;  ///< null when no NTK is wanted

  KernelEntries at(std::size_t entry) const { return {nngp + entry, ntk ? ntk + entry : nullptr}; }
};

template <class Real>
struct TileOps {
  /// Columns that one packed panel of x2 holds; tiles are multiples of it wide.
  std::size_t panel_cols;
  /// Tiles are multiples of it high.
  std::size_t panel_rows;

  /// Packs `cols` <= panel_cols rows of x2 (leading dimension ld) for inner_products; missing ones are
  /// zero. `packed` holds features * panel_cols numbers.
  void (*pack)(const Real* x2, std::size_t ld, std::size_t cols, std::size_t features, Real* packed);

  /// k = x1 x2^T (first) or k += x1 x2^T for panel_rows rows of x1, given by pointers, and one packed
  /// panel of x2, of one feature or more. Every entry is the same chain of operations whatever its
  /// place, so equal rows have equal covariance and variance.
  /// `zero`, null or of the shape of k, is set to 0, which costs nothing beside the arithmetic.
  void (*inner_products)(const Real* const* x1, const Real* packed, std::size_t features, bool first,
                         Real* k, std::size_t ld, Real* zero);

  /// k + rest += part for one panel: what k loses by rounding goes to rest (Knuth's sum of two). part
  /// and rest are panel_cols wide, ld is the leading dimension of k.
  void (*add_with_rest)(const Real* part, Real* k, std::size_t ld, Real* rest);

  /// to = the entries `from` with `in` applied; n entries.
  void (*copy)(const Affine& in, KernelEntries<Real> from, KernelEntries<Real> to, std::size_t n);
  /// to = weight * from (first) or to += weight * from.
  void (*accumulate)(const Affine& in, Real weight, bool first, KernelEntries<Real> from,
                     KernelEntries<Real> to, std::size_t n);
  /// out = (first) or out += the sum of `count` arrays of n entries, each times its factor; factors may
  /// be null: ones.
  void (*sum)(const Real* const* in, const Real* factors, std::size_t count, bool first, Real* out,
              std::size_t n);
  /// out(y, x) = the sum of in(y', x') where |y' - y| <= 1 and |x' - x| <= 1, of `lines` x `positions`
  /// places of n entries, of which the first `wanted` ones, in whole panels, are summed; in and out may
  /// be the same. scratch holds 6 * positions * panel_cols numbers.
  void (*filter)(const Real* in, std::size_t lines, std::size_t positions, std::size_t n,
                 std::size_t wanted, Real* out, Real* scratch);
  /// to = from (first), or to.ntk = to.ntk from.nngp + to.nngp from.ntk and to.nngp *= from.nngp.
  void (*multiply)(const Affine& in, bool first, KernelEntries<Real> from, KernelEntries<Real> to,
                   std::size_t n);
  /// to = from transposed: from is rows x cols with leading dimension ld, to has leading dimension
  /// to_ld. In squares of a vector's size, so that up to 15 rows and columns more are read and written.
  void (*transpose)(const Real* from, std::size_t rows, std::size_t cols, std::size_t ld, Real* to,
                    std::size_t to_ld);
  /// One row of results, out = `in` applied to `from`; out.nngp or out.ntk may be null. Returns false
  /// if a result is not finite. Results bypass the caches: they are not read again soon.
  bool (*write_row)(const Affine& in, KernelEntries<Real> from, KernelEntries<Real> out,
                    std::size_t cols);
};

template <class Real>
const TileOps<Real>& tile_ops();

}  // namespace nngp
