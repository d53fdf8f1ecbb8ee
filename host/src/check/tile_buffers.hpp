#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

#include "nngp/activation.h"

namespace nngp::host {

template <class Real>
using TileOf = std::conditional_t<std::is_same_v<Real, double>, nngp_tile_f64, nngp_tile_f32>;
template <class Real>
using OutputOf = std::conditional_t<std::is_same_v<Real, double>, nngp_output_f64, nngp_output_f32>;

/// Memory that ends where memory begins that may not be touched: reading or writing there crashes.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t bytes);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  char* end() const { return end_; }

 private:
  char* begin_;
  char* end_;
  std::size_t mapped_;
};

/// A matrix of numbers with a leading dimension. Around its entries there is room, all of a pattern.
template <class Real>
class GuardedMatrix {
 public:
  /// `behind` numbers of room follow the last entry; behind them memory is guarded.
  GuardedMatrix(std::size_t rows, std::size_t cols, std::size_t ld, std::size_t behind)
      : rows_(rows),
        cols_(cols),
        ld_(ld),
        count_(before + (rows - 1) * ld + cols + behind),
        memory_(count_ * sizeof(Real)) {
    all_ = reinterpret_cast<Real*>(memory_.end()) - count_;
    for (std::size_t i = 0; i < count_; ++i) all_[i] = pattern;
  }

  Real* data() { return all_ + before; }
  Real& operator()(std::size_t i, std::size_t j) { return data()[i * ld_ + j]; }
  std::size_t ld() const { return ld_; }

  /// Takes what another of the same shape has, in it and around it.
  void assign(const GuardedMatrix& other) { std::memcpy(all_, other.all_, count_ * sizeof(Real)); }

  /// Whether every byte is that of another of the same shape, around the entries too.
  bool is_same(const GuardedMatrix& other) const {
    return std::memcmp(all_, other.all_, count_ * sizeof(Real)) == 0;
  }

  bool is_untouched_outside() const {
    const auto is_untouched = [&](std::size_t begin, std::size_t end) {
      for (std::size_t at = begin; at < end; ++at)
        if (std::memcmp(all_ + at, &pattern, sizeof pattern) != 0) return false;
      return true;
    };
    std::size_t outside = 0;  // from there on, up to the next row
    for (std::size_t i = 0; i < rows_; ++i) {
      const std::size_t row = before + i * ld_;
      if (!is_untouched(outside, row)) return false;
      outside = row + cols_;
    }
    return is_untouched(outside, count_);
  }

 private:
  static constexpr std::size_t before = 32;
  static constexpr Real pattern = Real(-77.25);

  std::size_t rows_, cols_, ld_, count_;
  GuardedMemory memory_;
  Real* all_;
};

struct TileShape {
  std::size_t rows, cols, ld;
  std::size_t behind = 64;  ///< numbers of room behind each array
};

/// Inputs and outputs of a tile: unlike variances from 0.1 to 2, correlations up to +-0.9.
template <class Real>
struct TileBuffers {
  explicit TileBuffers(const TileShape& shape)
      : rows(shape.rows),
        cols(shape.cols),
        cov12(rows, cols, shape.ld, shape.behind),
        var1(1, rows, rows, shape.behind),
        var2(1, cols, cols, shape.behind),
        nngp(rows, cols, shape.ld + 1, shape.behind),
        d_nngp(rows, cols, shape.ld + 3, shape.behind),
        ntk(rows, cols, shape.ld + 2, shape.behind) {
    fill();
  }

  /// All outputs, each with a leading dimension of its own, and a Dense layer that changes nothing.
  TileOf<Real> tile() {
    TileOf<Real> tile = {};
    tile.struct_size = sizeof tile;
    tile.rows = rows;
    tile.cols = cols;
    tile.cov12 = cov12.data();
    tile.var1 = var1.data();
    tile.var2 = var2.data();
    tile.nngp = nngp.data();
    tile.d_nngp = d_nngp.data();
    tile.ntk = ntk.data();
    tile.cov12_ld = cov12.ld(), tile.nngp_ld = nngp.ld();
    tile.d_nngp_ld = d_nngp.ld(), tile.ntk_ld = ntk.ld();
    tile.cov_scale = tile.ntk_scale = 1;
    return tile;
  }

  void fill();
  /// Takes what another of the same shape has.
  void assign(const TileBuffers& other);
  /// The same outputs, with equal and opposite inputs, right angles, and variances of 0 and from 1e-6
  /// to 1e4.
  void fill_extremes();

  std::size_t rows, cols;
  GuardedMatrix<Real> cov12, var1, var2, nngp, d_nngp, ntk;
};

extern template struct TileBuffers<double>;
extern template struct TileBuffers<float>;

}  // namespace nngp::host
