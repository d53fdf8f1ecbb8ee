#pragma once

// What a layer does to kernels. A network of infinite width is straight-line code over slots: a slot is
// what one branch carries, a tile of covariances (nngp), a tile of the NTK and the variances of the
// rows and columns. A step reads slots and writes one. Steps work on tiles, so that a tile stays in
// cache from the input to the output of the network.

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network/sites.hpp"
#include "nngp/kernel.hpp"
#include "nngp/numerical.hpp"
#include "plugin/tile_of.hpp"
#include "simd/affine.hpp"
#include "simd/tile_ops.hpp"

namespace nngp {

template <class Real>
using AlignedVector = std::vector<Real, oneapi::tbb::cache_aligned_allocator<Real>>;

/// One input of a step: a slot, and the Dense layers that were not yet applied to it.
struct Operand {
  std::size_t slot = 0;
  Affine pending = {};
};

/// Writes the numbers of an affine map into a tile or an output of nngp/activation.h.
template <class Struct>
void set_affine(const Affine& map, Struct& s) {
  using Real = decltype(s.cov_scale);
  s.cov_scale = static_cast<Real>(map.cov_scale);
  s.cov_shift = static_cast<Real>(map.cov_shift);
  s.ntk_cov = static_cast<Real>(map.ntk_cov);
  s.ntk_scale = static_cast<Real>(map.ntk_scale);
  s.ntk_shift = static_cast<Real>(map.ntk_shift);
}

/// The variances of the rows of one input as far as the program got, by slot. Each vector is padded to
/// whole tiles.
template <class Real>
struct RowVariances {
  std::size_t rows;
  std::vector<AlignedVector<Real>> slots;

  std::size_t padded() const { return slots[0].size(); }
  Block<Real> block(std::size_t slot) { return {slots[slot].data(), nullptr}; }
};

/// What a step is bound to: the variances of both inputs, which it replaces by those after the step.
template <class Real>
struct Binding {
  RowVariances<Real> x1;
  std::optional<RowVariances<Real>> x2;          ///< absent: x1 with itself
  std::vector<NumericalLayer> numerical_layers;  ///< layers that are integrated append themselves

  template <class Body>
  void for_each_input(Body body) {
    body(x1);
    if (x2) body(*x2);
  }
};

/// Variances of a slot that a step keeps for its tiles.
template <class Real>
class KeptVariances {
 public:
  KeptVariances(const Binding<Real>& inputs, std::size_t slot)
      : x1_(inputs.x1.slots[slot]),
        x2_(inputs.x2 ? inputs.x2->slots[slot] : AlignedVector<Real>()),
        symmetric_(!inputs.x2) {}

  const Real* from_row(std::size_t row) const { return &x1_[row]; }
  const Real* from_col(std::size_t col) const { return symmetric_ ? &x1_[col] : &x2_[col]; }

 private:
  AlignedVector<Real> x1_, x2_;
  bool symmetric_;
};

/// A tile on its way through the program: entries [row, row + rows) x [col, col + cols) of the kernels.
template <class Real>
struct KernelTile {
  static constexpr std::size_t max_rows = 64;
  static constexpr std::size_t ld = 1024 / sizeof(Real);  ///< columns in memory, the most that cols is

  std::size_t row, rows, col, cols;
  bool symmetric;                  ///< x1 with itself: entry (i, i) is an example with itself
  std::vector<Block<Real>> slots;  ///< with leading dimension ld; ntk null if it is not wanted
  ColumnMemory<Real>* columns;     ///< of this step, kept for the tiles below
  /// Where results go, if the step is the last one and may write them there itself; else null.
  typename TileOf<Real>::output* output;

  /// Entries in memory, padding included.
  std::size_t padded() const { return rows * ld; }
};

/// A step bound to inputs. Tiles may run on any number of threads at once.
template <class Real>
class TileStep {
 public:
  virtual ~TileStep() = default;
  virtual void run(KernelTile<Real>& tile) const = 0;
};

/// A step of a program, for inputs of both types.
class KernelStep {
 public:
  virtual ~KernelStep() = default;
  /// The layer that made it, for messages.
  virtual std::string name() const = 0;
  /// What it reads, for messages: the Dense layers that wait for it may be what overflows. None: slots
  /// as they are.
  virtual std::vector<Operand> operands() const { return {}; }
  /// Applies the step to the variances, and keeps what its tiles need of them.
  virtual std::unique_ptr<const TileStep<double>> bind(Binding<double>& inputs) const = 0;
  virtual std::unique_ptr<const TileStep<float>> bind(Binding<float>& inputs) const = 0;

  /// Replaces the pairs of sites that are wanted of each slot after the step by those that the step
  /// reads of it; called once, before bind(), and a step may keep what it is asked for. Steps that
  /// change entries one by one, in place, read what they are asked for.
  virtual void ask(std::vector<SitePairs>& /*wanted*/) {}
};

/// Derive Step from this and give it a class template Tile<Real>, a TileStep<Real> that is constructed
/// from the step and a Binding<Real>.
template <class Step, template <class> class Tile>
class KernelStepOf : public KernelStep {
 public:
  std::unique_ptr<const TileStep<double>> bind(Binding<double>& inputs) const final {
    return std::make_unique<const Tile<double>>(static_cast<const Step&>(*this), inputs);
  }
  std::unique_ptr<const TileStep<float>> bind(Binding<float>& inputs) const final {
    return std::make_unique<const Tile<float>>(static_cast<const Step&>(*this), inputs);
  }
};

}  // namespace nngp
