#pragma once

// What a layer does to kernels. A network of infinite width is straight-line code over values: a value
// is what one branch carries between two layers, the covariances of all pairs of sites that are wanted
// (nngp) and their NTK. Step k of a program makes value k + 1 of earlier ones; value 0 is the input.
//
// A value is kept in planes. A plane holds the pairs (s, s + offset) of sites of one offset, and for
// each pair a tile: rows are examples of x1, columns examples of x2. A row of features is one site and
// one plane of one tile. Most steps make a plane of one plane, so that few planes exist at a time and
// stay in cache from the input to the output of the network (engine/schedule.hpp).

#include <oneapi/tbb/cache_aligned_allocator.h>

#include <algorithm>
#include <limits>
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

/// One input of a step: a value, and the Dense layers that were not yet applied to it.
struct Operand {
  std::size_t value = 0;
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

/// Which of the two inputs.
enum class Input { x1, x2 };

/// Of a step's KeptVariances those of one tile's examples, site after site. Where all examples are, the
/// numbers of neighbouring sites lie blocks apart, and a tile reads them again for each plane.
template <class Real>
struct TileVariances {
  std::size_t row = 0, rows = 0, col = 0, cols = 0;  ///< whose they are
  AlignedVector<Real> of_rows, of_cols;
};

/// What a thread keeps for one step, from tile to tile.
template <class Real>
struct StepMemory {
  ColumnCache<Real> columns;
  TileVariances<Real> variances;
};

/// The examples of a tile, and what all tiles of its planes share.
template <class Real>
struct KernelTile {
  static constexpr std::size_t max_rows = 64;
  static constexpr std::size_t max_cols = 1024 / sizeof(Real);

  std::size_t row, rows, col, cols;
  std::size_t ld;  ///< columns in memory, whole vectors
  bool symmetric;  ///< x1 with itself: entry (i, i) is an example with itself
  /// Set: the tile has one row, whose entries are the examples [col, col + cols) of this input, each
  /// with itself. Variances are such tiles.
  std::optional<Input> own = {};
  StepMemory<Real>* memory = nullptr;  ///< of this step
  /// Where results go, if the step is the last one and may write them there itself; else null.
  typename TileOf<Real>::output* output = nullptr;
  std::vector<AlignedVector<Real>>* scratch = nullptr;  ///< grows as steps need it

  /// Entries in memory of a tile, padding included.
  std::size_t size() const { return rows * ld; }
};

/// The tiles of all pairs of sites of one offset. Row i of all tiles comes before row i + 1; within a
/// row, the tiles come in the order of the box: what is summed over sites lies close together.
template <class Real>
struct Plane {
  const PairBox* box;
  KernelEntries<Real> entries;  ///< ntk is null if no NTK is wanted

  /// From one row of a tile to the next.
  std::size_t stride(const KernelTile<Real>& tile) const { return box->count() * tile.ld; }
  /// Where the tile of a place begins.
  KernelEntries<Real> tile(std::size_t place, const KernelTile<Real>& tile) const {
    return entries.at(place * tile.ld);
  }
  KernelEntries<Real> row(std::size_t i, const KernelTile<Real>& tile) const {
    return entries.at(i * stride(tile));
  }
};

/// What a step does at a time: adds to the plane `out` what it makes of the plane `in` of one operand.
template <class Real>
struct Contribution {
  std::size_t operand;
  Plane<Real> in, out;
  bool first;  ///< nothing was written to `out` yet
};

/// Numbers of a tile's rows and columns at each site. Of many sites the last column is repeated up to
/// the end of the tile in memory.
template <class Real>
struct TileSides {
  const Real *rows, *cols;           ///< at the first site
  std::size_t rows_step, cols_step;  ///< from one site to the next

  const Real* of_rows(std::size_t site) const { return rows + site * rows_step; }
  const Real* of_cols(std::size_t site) const { return cols + site * cols_step; }
};

/// Numbers for each site and example of both inputs that a step keeps of own tiles: variances. Those of
/// a block of examples lie together, site after site, so that tiles read them in order.
template <class Real>
class KeptVariances {
 public:
  /// `block`: the examples of own tiles, or more.
  KeptVariances(std::size_t sites, std::size_t rows1, std::optional<std::size_t> rows2,
                std::size_t block)
      : sites_(sites),
        block_(std::min(block, padded(std::max(rows1, rows2.value_or(0))))),
        x1_(size(rows1)),
        x2_(rows2 ? size(*rows2) : 0),
        symmetric_(!rows2) {}
  /// All examples of an input are a block.
  KeptVariances(std::size_t sites, std::size_t rows1, std::optional<std::size_t> rows2)
      : KeptVariances(sites, rows1, rows2, std::numeric_limits<std::size_t>::max()) {}

  /// Those of a tile of two inputs.
  TileSides<Real> of_tile(const KernelTile<Real>& tile) const {
    if (sites_ == 1) return {from_row(0, tile.row), from_col(0, tile.col), 0, 0};
    TileVariances<Real>& near = tile.memory->variances;
    if (near.row != tile.row || near.rows != tile.rows) {
      gather(x1_, tile.row, tile.rows, tile.rows, near.of_rows);
      near.row = tile.row;
      near.rows = tile.rows;
    }
    if (near.col != tile.col || near.cols != tile.cols) {
      gather(symmetric_ ? x1_ : x2_, tile.col, tile.cols, tile.ld, near.of_cols);
      near.col = tile.col;
      near.cols = tile.cols;
      tile.memory->columns = {};  // the same places hold other numbers
    }
    return {near.of_rows.data(), near.of_cols.data(), tile.rows, tile.ld};
  }

  /// Those of an example and, behind it, of the others of its block.
  const Real* from_row(std::size_t site, std::size_t row) const { return &x1_[place(site, row)]; }
  const Real* from_col(std::size_t site, std::size_t col) const {
    return symmetric_ ? from_row(site, col) : &x2_[place(site, col)];
  }
  const Real* of(Input input, std::size_t site, std::size_t example) const {
    return input == Input::x1 ? from_row(site, example) : from_col(site, example);
  }
  Real* of(Input input, std::size_t site, std::size_t example) {
    return const_cast<Real*>(std::as_const(*this).of(input, site, example));
  }

  /// Keeps the covariances of an own tile, whose plane is that of sites with themselves.
  void keep(const KernelTile<Real>& own, const Plane<Real>& plane) {
    plane.box->for_each([&](std::size_t place, std::size_t site, std::size_t) {
      std::copy_n(plane.entries.nngp + place * own.ld, own.cols, of(*own.own, site, own.col));
    });
  }

 private:
  static std::size_t padded(std::size_t rows) {
    constexpr std::size_t whole = KernelTile<Real>::max_cols;
    return (rows + whole - 1) / whole * whole;
  }
  /// With room for the vectors of tiles that begin anywhere.
  std::size_t size(std::size_t rows) const {
    return (rows + block_ - 1) / block_ * block_ * sites_ + KernelTile<Real>::max_cols;
  }
  std::size_t place(std::size_t site, std::size_t example) const {
    return (example / block_ * sites_ + site) * block_ + example % block_;
  }

  /// Site after site the numbers of `count` examples, the last one repeated up to `padded_count`.
  void gather(const AlignedVector<Real>& from, std::size_t first, std::size_t count,
              std::size_t padded_count, AlignedVector<Real>& to) const {
    to.resize(sites_ * padded_count);
    for (std::size_t done = 0; done < count;) {
      const std::size_t some = std::min(count - done, block_ - (first + done) % block_);
      for (std::size_t s = 0; s < sites_; ++s)
        std::copy_n(&from[place(s, first + done)], some, &to[s * padded_count + done]);
      done += some;
    }
    for (std::size_t s = 0; s < sites_ && count < padded_count; ++s) {
      Real* const numbers = &to[s * padded_count];
      std::fill(numbers + count, numbers + padded_count, numbers[count - 1]);
    }
  }

  std::size_t sites_, block_;
  AlignedVector<Real> x1_, x2_;
  bool symmetric_;
};

/// What a step is bound to.
template <class Real>
struct Binding {
  std::size_t rows1;
  std::optional<std::size_t> rows2;               ///< absent: x1 with itself
  Sites sites;                                    ///< of the first operand
  VarianceRange range;                            ///< of the first operand, for a step that asks for it
  std::size_t own_block;                          ///< examples of own tiles, which begin at multiples
  std::vector<NumericalLayer>& numerical_layers;  ///< layers that are integrated append themselves

  /// Variances of one site are read where they are kept.
  KeptVariances<Real> kept_variances() const {
    if (sites.count() == 1) return {1, rows1, rows2};
    return {sites.count(), rows1, rows2, own_block};
  }
};

/// A step bound to inputs. Tiles may run on any number of threads at once.
template <class Real>
class TileStep {
 public:
  virtual ~TileStep() = default;
  virtual void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const = 0;

  /// Keeps what tiles will need of an own tile's plane of the first operand, one of those that
  /// KernelStep::keeps() says; before any run() with these examples. Several threads bring different
  /// examples.
  virtual void keep(const KernelTile<Real>& /*own*/, const Plane<Real>& /*plane*/) {}
};

/// A step of a program, for inputs of both types.
class KernelStep {
 public:
  /// Where a step writes: into the plane that it reads, into another one, or as it comes.
  enum class Writes { in_place, elsewhere, anywhere };

  virtual ~KernelStep() = default;
  /// The layer that made it, for messages.
  virtual std::string name() const = 0;
  /// What it reads.
  virtual std::vector<Operand> operands() const = 0;
  virtual Writes writes() const { return Writes::in_place; }
  /// The planes of an operand of which the plane of `offset` is made; none for a plane of zeros. Steps
  /// that change entries one by one read the same one.
  virtual SitePairs reads(std::size_t /*operand*/, const Offset& offset) const { return {offset}; }
  /// The planes of the first operand that bound steps keep of examples with themselves.
  virtual SitePairs keeps() const { return {}; }
  /// Whether its results for inputs with themselves are variances, which are not negative, and not half
  /// of a product that will be one.
  virtual bool makes_variances() const { return true; }
  /// Whether it wants the range of the variances of all examples before it is bound.
  virtual bool needs_range() const { return false; }

  virtual std::unique_ptr<TileStep<double>> bind(Binding<double>& inputs) const = 0;
  virtual std::unique_ptr<TileStep<float>> bind(Binding<float>& inputs) const = 0;
};

/// Derive Step from this and give it a class template Tile<Real>, a TileStep<Real> that is constructed
/// from the step and a Binding<Real>.
template <class Step, template <class> class Tile>
class KernelStepOf : public KernelStep {
 public:
  std::unique_ptr<TileStep<double>> bind(Binding<double>& inputs) const final {
    return std::make_unique<Tile<double>>(static_cast<const Step&>(*this), inputs);
  }
  std::unique_ptr<TileStep<float>> bind(Binding<float>& inputs) const final {
    return std::make_unique<Tile<float>>(static_cast<const Step&>(*this), inputs);
  }
};

}  // namespace nngp
