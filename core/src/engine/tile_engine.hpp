#pragma once

// A network bound to its inputs: everything that costs O(rows) is done once, here, and kernels are then
// computed tile by tile, each tile passing through all layers while it is in cache.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/kernel_builder.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"
#include "simd/tile_ops.hpp"

namespace nngp {

/// Scratch memory of one thread.
template <class Real>
struct Workspace {
  AlignedVector<Real> packed;                   ///< a block of columns of x2, packed panel by panel
  std::size_t packed_col = 0, packed_cols = 0;  ///< the columns it holds
  std::vector<AlignedVector<Real>> nngp, ntk;   ///< one tile for each slot
  std::vector<ColumnMemory<Real>> columns;      ///< for each step
  KernelTile<Real> tile;                        ///< the one on its way
  AlignedVector<Real> rest;                     ///< what sums over many features lost by rounding
  AlignedVector<Real> flipped_k, flipped_t;     ///< a transposed tile
};

/// Which entries of the kernels a tile is: at most max_rows x ld of KernelTile.
struct TileAt {
  std::size_t row, rows, col, cols;
  bool ntk;  ///< whether the NTK is wanted too
};

template <class Real>
class TileEngine {
 public:
  static constexpr std::size_t tile_rows = KernelTile<Real>::max_rows;
  static constexpr std::size_t tile_cols = KernelTile<Real>::ld;

  /// Propagates the variances of all rows. Without x2 the kernels are those of x1 with itself.
  TileEngine(Program program, const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2);
  TileEngine(const TileEngine&) = delete;
  TileEngine& operator=(const TileEngine&) = delete;

  std::size_t rows() const { return static_cast<std::size_t>(x1_.rows()); }
  std::size_t cols() const { return static_cast<std::size_t>(x2().rows()); }
  bool symmetric() const { return !x2_; }
  const std::vector<NumericalLayer>& numerical_layers() const { return numerical_layers_; }

  Workspace<Real> workspace() const;

  /// Computes a tile. Leaves it in `work`, in the slot of the returned operand, with leading dimension
  /// tile_cols; apply the operand's pending layers to read it. If `output` is given, with its pointers
  /// and ld set, and the last layer accepts it, the results are there already (output->taken).
  const Operand& evaluate(const TileAt& at, Workspace<Real>& work,
                          typename TileOf<Real>::output* output = nullptr) const;

  /// The tile that evaluate() left in a slot.
  static Block<Real> block(const Workspace<Real>& work, std::size_t slot) {
    return work.tile.slots[slot];
  }

  /// Says which layer first makes the kernel of rows i and j NaN or infinite. For error messages.
  std::string explain_not_finite(std::size_t i, std::size_t j) const;

 private:
  const MatrixView<Real>& x2() const { return x2_ ? *x2_ : x1_; }

  RowVariances<Real> input_variances(const MatrixView<Real>& x) const;
  void bind();
  /// The Dense layers that wait for a step keep variances finite.
  void check_pending(const KernelStep& step, Binding<Real>& inputs) const;
  void check_variances(const std::string& layer, const RowVariances<Real>& variances,
                       const char* name) const;
  void prepare(const TileAt& at, Workspace<Real>& work) const;
  /// The first slot: inner products and, if it is wanted, an NTK of zeros.
  void multiply_inputs(const TileAt& at, Workspace<Real>& work) const;
  void run(std::size_t step, Workspace<Real>& work,
           typename TileOf<Real>::output* output = nullptr) const;

  Program program_;
  MatrixView<Real> x1_;
  std::optional<MatrixView<Real>> x2_;
  const TileOps<Real>& ops_ = tile_ops<Real>();
  std::vector<std::unique_ptr<const TileStep<Real>>> steps_;  ///< bound, in the order of the program
  std::vector<NumericalLayer> numerical_layers_;
};

extern template class TileEngine<double>;
extern template class TileEngine<float>;

}  // namespace nngp
