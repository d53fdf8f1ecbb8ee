#pragma once

// A network bound to its inputs: everything that costs O(examples) is done once, here, and kernels are
// then computed tile by tile, each tile passing through all layers while it is in cache.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/schedule.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"
#include "simd/tile_ops.hpp"

namespace nngp {

/// Scratch memory of one thread.
template <class Real>
struct Workspace {
  AlignedVector<Real> packed;                     ///< a block of columns of x2, packed panel by panel
  std::size_t packed_col = 0, packed_cols = 0;    ///< the columns it holds
  std::vector<AlignedVector<Real>> nngp, ntk;     ///< for each buffer of the schedule
  std::vector<StepMemory<Real>> steps;            ///< for each step
  std::vector<AlignedVector<Real>> scratch;       ///< of steps
  AlignedVector<Real> panel;                      ///< of inner products, where a tile ends
  AlignedVector<Real> rest;                       ///< what sums over many features lost by rounding
  AlignedVector<Real> flipped_nngp, flipped_ntk;  ///< a transposed panel of a tile
};

/// Which entries of the kernels a tile is: at most as many as the engine's tiles have.
struct TileAt {
  std::size_t row, rows, col, cols;
  bool ntk;  ///< whether the NTK is wanted too
};

/// How many examples of x1 and x2 a tile has at most.
struct TileShape {
  std::size_t rows, cols;
};

template <class Real>
class TileEngine {
 public:
  /// The largest shape, which tiles of one site have.
  static constexpr std::size_t tile_rows = KernelTile<Real>::max_rows;
  static constexpr std::size_t tile_cols = KernelTile<Real>::max_cols;

  /// Called within long tiles with the share that is done; returning false stops the computation.
  using Pause = std::function<void(double share)>;

  /// Propagates the variances of all examples. Without x2 the kernels are those of x1 with itself.
  TileEngine(Program program, const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2);
  TileEngine(const TileEngine&) = delete;
  TileEngine& operator=(const TileEngine&) = delete;

  std::size_t rows() const { return static_cast<std::size_t>(x1_.rows()); }
  std::size_t cols() const { return static_cast<std::size_t>(x2().rows()); }
  bool symmetric() const { return !x2_; }
  const std::vector<NumericalLayer>& numerical_layers() const { return numerical_layers_; }

  TileShape shape() const { return shape_; }
  /// Whether there is more than one site, so that K(i, j) is another sum than K(j, i).
  bool is_spatial() const { return program_.sites[0].count() > 1; }
  /// Bytes of a workspace.
  std::size_t workspace_bytes() const;
  /// Of each layer, the pairs of sites that are computed for a pair of examples.
  std::vector<LayerWork> work() const;

  Workspace<Real> workspace() const;

  /// Computes a tile. Leaves it in `work`, with leading dimension shape().cols; apply pending() to read
  /// it. If `output` is given, with its pointers and ld set, and the last layer accepts it, the results
  /// are there already (output->taken).
  KernelEntries<Real> evaluate(const TileAt& at, Workspace<Real>& work,
                               typename TileOf<Real>::output* output = nullptr,
                               const Pause& pause = {}) const;
  /// The Dense layers behind the last step.
  const Affine& pending() const { return program_.output.pending; }

  /// Says which layer first makes the kernel of rows i and j NaN or infinite. For error messages.
  std::string explain_not_finite(std::size_t i, std::size_t j) const;

 private:
  class OwnPass;

  const MatrixView<Real>& x2() const { return x2_ ? *x2_ : x1_; }
  const MatrixView<Real>& input(Input which) const { return which == Input::x1 ? x1_ : x2(); }
  std::size_t channels() const {
    return static_cast<std::size_t>(x1_.cols()) / program_.sites[0].count();
  }

  std::size_t own_block() const;
  void bind();
  /// Propagates variances through the first steps; the range of those in front of the next one.
  VarianceRange propagate(std::size_t steps);
  TileShape choose_shape() const;

  Workspace<Real> workspace(const Schedule& schedule, std::size_t rows, std::size_t ld) const;
  KernelTile<Real> tile_at(const TileAt& at, Workspace<Real>& work) const;
  Plane<Real> plane(const Schedule& schedule, const PlaneAt& at, Workspace<Real>& work,
                    bool ntk) const {
    return {&schedule.boxes[at.box],
            {work.nngp[at.buffer].data(), ntk ? work.ntk[at.buffer].data() : nullptr}};
  }
  void run(const PlaneOp& op, const KernelTile<Real>& tile, Workspace<Real>& work, bool ntk) const;
  /// Inner products of the inputs at all pairs of sites of a plane and, if it is wanted, an NTK of
  /// zeros.
  void multiply_inputs(const KernelTile<Real>& tile, const Plane<Real>& to,
                       Workspace<Real>& work) const;

  Program program_;
  Schedules schedules_;
  MatrixView<Real> x1_;
  std::optional<MatrixView<Real>> x2_;
  TileShape shape_;
  const TileOps<Real>& ops_ = tile_ops<Real>();
  std::vector<std::unique_ptr<TileStep<Real>>> steps_;  ///< bound, in the order of the program
  std::vector<NumericalLayer> numerical_layers_;
};

extern template class TileEngine<double>;
extern template class TileEngine<float>;

}  // namespace nngp
