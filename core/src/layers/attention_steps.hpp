#pragma once

// The steps of global self-attention at infinitely many heads (Hron et al., arXiv 2006.10540).

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/kernel_step.hpp"
#include "finite/attention_ops.hpp"
#include "nngp/plugin.hpp"
#include "nngp/simd.hpp"
#include "simd/dispatch.hpp"

// As in simd.hpp: vectors never cross a call, so notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace nngp::attention {

/// C~ = scale C + shift R(s, s'): the covariance of embeddings of positions falls with the sum of
/// |s - s'|^norm over axes; without a decay they agree at a position with itself alone.
struct PositionTerm {
  double scale = 1, shift = 0;
  std::optional<Activation> decay = {};
  double norm = 2;

  double shift_at(const Offset& offset) const {
    if (shift == 0) return 0;
    if (!decay) return offset == Offset{} ? shift : 0;
    double distance = 0;
    for (const std::ptrdiff_t length : offset)
      if (length != 0) distance += std::pow(std::abs(static_cast<double>(length)), norm);
    return shift * decay->fn(distance);
  }
};

// ---- C~ of all pairs of positions ---------------------------------------------------------------

template <class Real>
class EmbeddedTile;

/// K~ and NTK~ of what is pending on an operand.
struct Embed final : KernelStepOf<Embed, EmbeddedTile> {
  Embed(const Operand& operand_, const PositionTerm& term_) : operand(operand_), term(term_) {}
  std::string name() const override { return "GlobalSelfAttention"; }
  std::vector<Operand> operands() const override { return {operand}; }

  Operand operand;
  PositionTerm term;
};

/// The affine map of a plane: that which is pending, then the term of positions.
inline Affine embedding(const Affine& pending, const PositionTerm& term, const Offset& offset) {
  const double shift = term.shift_at(offset);
  return {.cov_scale = term.scale * pending.cov_scale,
          .cov_shift = term.scale * pending.cov_shift + shift,
          .ntk_cov = term.scale * pending.ntk_cov,
          .ntk_scale = term.scale * pending.ntk_scale,
          .ntk_shift = term.scale * pending.ntk_shift + shift};
}

template <class Real>
class EmbeddedTile final : public TileStep<Real> {
 public:
  EmbeddedTile(const Embed& step, Binding<Real>&) : step_(step) {}
  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    tile_ops<Real>().copy(embedding(step_.operand.pending, step_.term, part.out.box->offset),
                          part.in.entries, part.out.entries, part.out.box->count() * tile.size());
  }

 private:
  const Embed step_;
};

// ---- Weights of attention -----------------------------------------------------------------------

/// What attention is paid by: zeta(scale C~) of an example's own covariances.
struct Attention {
  Sites sites;
  Mechanism mechanism;
  double scale;  ///< W_query_std W_key_std
  PositionTerm term;
};

/// G of each example of both inputs, from the site s to the site u.
template <class Real>
class AttentionWeights {
 public:
  AttentionWeights(const Attention& attention, const Binding<Real>& inputs)
      : attention_(attention),
        sites_(attention.sites.count()),
        weights_(sites_ * sites_, inputs.rows1, inputs.rows2) {}

  /// All planes of the own covariances come one after the other.
  void keep(const KernelTile<Real>& own, const Plane<Real>& plane, const Offset& last) {
    const auto scale = static_cast<Real>(attention_.scale * attention_.term.scale);
    const auto shift =
        static_cast<Real>(attention_.scale * attention_.term.shift_at(plane.box->offset));
    plane.box->for_each([&](std::size_t place, std::size_t s, std::size_t u) {
      Real* const to = weights_.of(*own.own, s * sites_ + u, own.col);
      for (std::size_t i = 0; i < own.cols; ++i)
        to[i] = scale * plane.entries.nngp[place * own.ld + i] + shift;
    });
    if (plane.box->offset == last)
      for (std::size_t s = 0; s < sites_; ++s) apply_mechanism(own, s);
  }

  const Real* from_row(std::size_t s, std::size_t u, std::size_t row) const {
    return weights_.from_row(s * sites_ + u, row);
  }
  const Real* from_col(std::size_t s, std::size_t u, std::size_t col) const {
    return weights_.from_col(s * sites_ + u, col);
  }
  const Real* of(Input input, std::size_t s, std::size_t u, std::size_t example) const {
    return weights_.of(input, s * sites_ + u, example);
  }

 private:
  void apply_mechanism(const KernelTile<Real>& own, std::size_t s) {
    const auto at = [&](std::size_t u, std::size_t i) -> Real& {
      return weights_.of(*own.own, s * sites_ + u, own.col)[i];
    };
    for (std::size_t i = 0; i < own.cols; ++i) {
      Real largest = at(0, i), sum = 0;
      for (std::size_t u = 0; u < sites_; ++u) largest = std::max(largest, at(u, i));
      for (std::size_t u = 0; u < sites_; ++u) {
        Real& weight = at(u, i);
        if (attention_.mechanism == Mechanism::softmax) sum += weight = std::exp(weight - largest);
        if (attention_.mechanism == Mechanism::abs) weight = std::abs(weight);
        if (attention_.mechanism == Mechanism::relu) weight = std::max(weight, Real(0));
      }
      for (std::size_t u = 0; u < sites_ && attention_.mechanism == Mechanism::softmax; ++u)
        at(u, i) /= sum;
    }
  }

  Attention attention_;
  std::size_t sites_;
  KeptVariances<Real> weights_;
};

// ---- Linear scaling: K' = G1 V G2^T, one side after the other -----------------------------------

/// Which of the two sites of a pair is mixed.
enum class Side { first, second };

template <class Real>
class MixedTile;

/// V' (s, u') = sum over u of G1(s, u) V(u, u'), or V' (s, s') = sum over u' of V(s, u') G2(s', u').
/// The first operand is what G is made of, the second V.
struct Mix final : KernelStepOf<Mix, MixedTile> {
  Mix(const Operand& value, const Operand& keys_, const Attention& attention_, Side side_)
      : keys(keys_),
        mixed(value),
        attention(attention_),
        side(side_),
        all(all_pairs(attention.sites)) {}
  std::string name() const override { return "GlobalSelfAttention"; }
  std::vector<Operand> operands() const override { return {keys, mixed}; }
  Writes writes() const override { return Writes::elsewhere; }
  SitePairs reads(std::size_t operand, const Offset&) const override {
    return operand == 0 ? SitePairs{} : all;
  }
  SitePairs keeps() const override { return all; }
  bool makes_variances() const override { return side == Side::second; }

  Operand keys, mixed;
  Attention attention;
  Side side;
  SitePairs all;
};

/// to += weight * from for a tile; weights of rows, of columns or of entries.
template <class Real>
struct AddWeighted {
  const Real *rows_weights, *cols_weights;  ///< one of them
  const Real* from;
  Real* to;
  std::size_t from_stride, to_stride, rows, ld;

  template <class Isa>
  void run() {
    using V = vec<Real, Isa>;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < ld; j += V::size) {
        const V weight =
            rows_weights ? V(static_cast<double>(rows_weights[i])) : V::load(cols_weights + j);
        Real* const sum = to + i * to_stride + j;
        fma(weight, V::load(from + i * from_stride + j), V::load(sum)).store(sum);
      }
  }
};

template <class Real>
class MixedTile final : public TileStep<Real> {
 public:
  MixedTile(const Mix& step, Binding<Real>& inputs) : step_(step), weights_(step.attention, inputs) {}

  void keep(const KernelTile<Real>& own, const Plane<Real>& plane) override {
    weights_.keep(own, plane, *step_.all.rbegin());
  }

  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    const std::size_t size = tile.size();
    const KernelEntries<Real> out = part.out.entries;
    if (part.first) {
      std::fill_n(out.nngp, part.out.box->count() * size, Real(0));
      if (out.ntk) std::fill_n(out.ntk, part.out.box->count() * size, Real(0));
    }
    // The sites that are read at an offset, by the one that stays.
    const std::size_t sites = step_.attention.sites.count();
    std::vector<std::size_t> place(sites, sites), partner(sites);
    part.in.box->for_each([&](std::size_t p, std::size_t u1, std::size_t u2) {
      const std::size_t stays = step_.side == Side::first ? u2 : u1;
      place[stays] = p;
      partner[stays] = step_.side == Side::first ? u1 : u2;
    });
    part.out.box->for_each([&](std::size_t p, std::size_t s1, std::size_t s2) {
      const std::size_t stays = step_.side == Side::first ? s2 : s1;
      if (place[stays] == sites) return;
      const std::size_t mixed = step_.side == Side::first ? s1 : s2;
      const KernelEntries<Real> from = part.in.tile(place[stays], tile), to = part.out.tile(p, tile);
      const Real *rows = nullptr, *cols = nullptr;
      if (tile.own)
        cols = weights_.of(*tile.own, mixed, partner[stays], tile.col);
      else if (step_.side == Side::first)
        rows = weights_.from_row(mixed, partner[stays], tile.row);
      else
        cols = weights_.from_col(mixed, partner[stays], tile.col);
      const std::size_t from_stride = part.in.stride(tile), to_stride = part.out.stride(tile);
      add({rows, cols, from.nngp, to.nngp, from_stride, to_stride, tile.rows, tile.ld});
      if (from.ntk) add({rows, cols, from.ntk, to.ntk, from_stride, to_stride, tile.rows, tile.ld});
    });
  }

 private:
  static void add(AddWeighted<Real> body) { dispatch(body); }

  const Mix& step_;
  AttentionWeights<Real> weights_;
};

// ---- Square-root scaling: K' = g <K~, V> K~ -----------------------------------------------------

template <class Real>
class InnerProductTile;

/// <K~, V> summed over all pairs of positions, and its NTK <NTK~, V> + <K~, V's NTK>, V being K~ or K.
struct InnerProduct final : KernelStepOf<InnerProduct, InnerProductTile> {
  InnerProduct(const Operand& operand_, const Sites& sites, const PositionTerm& key_,
               const PositionTerm& value_)
      : operand(operand_), key(key_), value(value_), all(all_pairs(sites)) {}
  std::string name() const override { return "GlobalSelfAttention"; }
  std::vector<Operand> operands() const override { return {operand}; }
  Writes writes() const override { return Writes::elsewhere; }
  SitePairs reads(std::size_t, const Offset&) const override { return all; }

  Operand operand;
  PositionTerm key, value;
  SitePairs all;
};

template <class Real>
class InnerProductTile final : public TileStep<Real> {
 public:
  InnerProductTile(const InnerProduct& step, Binding<Real>&) : step_(step) {}

  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    const std::size_t size = tile.size();
    const KernelEntries<Real> to = part.out.entries;
    if (part.first) {
      std::fill_n(to.nngp, size, Real(0));
      if (to.ntk) std::fill_n(to.ntk, size, Real(0));
    }
    const Offset& offset = part.in.box->offset;
    const Affine key = embedding({}, step_.key, offset), value = embedding({}, step_.value, offset);
    const auto a1 = static_cast<Real>(key.cov_scale), b1 = static_cast<Real>(key.cov_shift),
               a2 = static_cast<Real>(value.cov_scale), b2 = static_cast<Real>(value.cov_shift);
    for (std::size_t row = 0; row < tile.rows; ++row) {
      KernelEntries<Real> from = part.in.row(row, tile);
      const KernelEntries<Real> sum = part.out.row(row, tile);
      for (std::size_t place = 0; place < part.in.box->count(); ++place) {
        for (std::size_t j = 0; j < tile.ld; ++j) {
          const Real k1 = a1 * from.nngp[j] + b1, k2 = a2 * from.nngp[j] + b2;
          sum.nngp[j] += k1 * k2;
          if (sum.ntk) sum.ntk[j] += (a1 * from.ntk[j] + b1) * k2 + k1 * (a2 * from.ntk[j] + b2);
        }
        from = from.at(tile.ld);
      }
    }
  }

 private:
  const InnerProduct step_;
};

template <class Real>
class ScaledTile;

/// K' = p K~, NTK' = t K~ + p (NTK~ + 4 K~) with the inner product p and its NTK t.
struct ScaleByProduct final : KernelStepOf<ScaleByProduct, ScaledTile> {
  ScaleByProduct(const Operand& keys_, const Operand& product_) : keys(keys_), product(product_) {}
  std::string name() const override { return "GlobalSelfAttention"; }
  std::vector<Operand> operands() const override { return {keys, product}; }
  Writes writes() const override { return Writes::anywhere; }
  SitePairs reads(std::size_t operand, const Offset& offset) const override {
    return operand == 0 ? SitePairs{offset} : same_sites();
  }

  Operand keys, product;
};

template <class Real>
class ScaledTile final : public TileStep<Real> {
 public:
  ScaledTile(const ScaleByProduct&, Binding<Real>&) {}

  /// Whichever operand comes first waits in the output for the other.
  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    for (std::size_t row = 0; row < tile.rows; ++row)
      for (std::size_t place = 0; place < part.out.box->count(); ++place) {
        const KernelEntries<Real> in = entry(part.in, part.operand == 0 ? place : 0, row, tile),
                                  out = entry(part.out, place, row, tile);
        if (part.first) {
          if (in.nngp != out.nngp) tile_ops<Real>().copy({}, in, out, tile.ld);
          continue;
        }
        const KernelEntries<Real>& keys = part.operand == 0 ? in : out;
        const KernelEntries<Real>& product = part.operand == 0 ? out : in;
        for (std::size_t j = 0; j < tile.ld; ++j) {
          const Real k = keys.nngp[j], p = product.nngp[j];
          if (out.ntk) out.ntk[j] = product.ntk[j] * k + p * (keys.ntk[j] + 4 * k);
          out.nngp[j] = p * k;
        }
      }
  }

 private:
  static KernelEntries<Real> entry(const Plane<Real>& plane, std::size_t place, std::size_t row,
                                   const KernelTile<Real>& tile) {
    return plane.tile(place, tile).at(row * plane.stride(tile));
  }
};

}  // namespace nngp::attention
