#pragma once

// A network bound to its inputs: everything that costs O(rows) is done once, here, and kernels are then
// computed tile by tile, each tile passing through all layers while it is in cache.

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <memory>
#include <optional>
#include <vector>

#include "engine/dual.hpp"
#include "engine/program.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"
#include "simd/tile_ops.hpp"

namespace nngp {

template <class Real>
using AlignedVector = std::vector<Real, oneapi::tbb::cache_aligned_allocator<Real>>;

template <class Real>
struct TileOf;
template <>
struct TileOf<double> {
  using type = nngp_tile_f64;
  using output = nngp_output_f64;
};
template <>
struct TileOf<float> {
  using type = nngp_tile_f32;
  using output = nngp_output_f32;
};

/// Scratch memory of one thread.
template <class Real>
struct Workspace {
  AlignedVector<Real> packed;                   ///< a block of columns of x2, packed panel by panel
  std::size_t packed_col = 0, packed_cols = 0;  ///< the columns it holds
  std::vector<AlignedVector<Real>> k, t;        ///< one tile for each signal
  std::vector<ColumnMemory<Real>> columns;      ///< for each step
  AlignedVector<Real> flipped_k, flipped_t;     ///< a transposed tile
};

template <class Real>
class TileEngine {
 public:
  static constexpr std::size_t tile_rows = 64;
  static constexpr std::size_t tile_cols = 1024 / sizeof(Real);

  /// Propagates the variances of all rows. Without x2 the kernels are those of x1 with itself.
  TileEngine(Program program, const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2);

  std::size_t rows() const { return static_cast<std::size_t>(x1_.rows()); }
  std::size_t cols() const { return static_cast<std::size_t>(x2().rows()); }
  bool symmetric() const { return !x2_; }
  const std::vector<NumericalLayer>& numerical_layers() const { return numerical_layers_; }

  Workspace<Real> workspace() const;

  /// Computes the tile of at most tile_rows x tile_cols entries at (row, col). The result is what the
  /// returned operand's Dense layers make of the workspace's signal, with leading dimension tile_cols;
  /// unless the last layer takes the output, of which the pointers and ld are set.
  const Operand& evaluate(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                          bool ntk, Workspace<Real>& work,
                          typename TileOf<Real>::output* output = nullptr) const;

  /// The block of `signal` that `evaluate` left behind.
  static Block<Real> block(Workspace<Real>& work, std::size_t signal, bool ntk) {
    return {work.k[signal].data(), ntk ? work.t[signal].data() : nullptr};
  }

  /// Says which layer first makes the kernel of rows i and j NaN or infinite. For error messages.
  std::string explain_not_finite(std::size_t i, std::size_t j) const;

 private:
  /// The rows of one input and what the layers make of their variances.
  struct Rows {
    const MatrixView<Real>* x;
    std::vector<AlignedVector<Real>> now;      ///< by signal: variances where the program stands
    std::vector<AlignedVector<Real>> at_step;  ///< by step: variances that the step reads, or empty
  };

  const MatrixView<Real>& x2() const { return x2_ ? *x2_ : x1_; }
  const Rows& rows2() const { return x2_ ? v2_ : v1_; }

  Rows start(const MatrixView<Real>& x) const;
  void bind();
  std::shared_ptr<const Dual> make_dual(const Activate& step);
  VarianceRange variances(const Operand& operand) const;
  void propagate(const Step& step, std::size_t index, Rows& rows) const;
  void check_variances(const std::string& layer, const Rows& rows, const char* name) const;
  /// The first signal: inner products and, if ntk, zeros.
  void multiply_inputs(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols, bool ntk,
                       Workspace<Real>& work) const;
  void run(std::size_t step, std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
           bool ntk, Workspace<Real>& work, typename TileOf<Real>::output* output = nullptr) const;

  Program program_;
  MatrixView<Real> x1_;
  std::optional<MatrixView<Real>> x2_;
  const TileOps<Real>& ops_ = tile_ops<Real>();
  std::vector<std::shared_ptr<const Dual>> duals_;  ///< by activation
  std::vector<NumericalLayer> numerical_layers_;
  Rows v1_, v2_;
};

extern template class TileEngine<double>;
extern template class TileEngine<float>;

}  // namespace nngp
