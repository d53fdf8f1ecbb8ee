// Global self-attention at infinitely many heads (Hron et al., arXiv 2006.10540).

#include <algorithm>
#include <cmath>

#include "engine/kernel_builder.hpp"
#include "finite/attention_ops.hpp"
#include "finite/dense_op.hpp"
#include "finite/join_ops.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "layers/weights.hpp"
#include "layers/window.hpp"
#include "network/parameter.hpp"
#include "nngp/formula.hpp"
#include "nngp/simd.hpp"
#include "nngp/text.hpp"
#include "simd/dispatch.hpp"

// As in simd.hpp: vectors never cross a call, so notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace nngp {
namespace {

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
Affine embedding(const Affine& pending, const PositionTerm& term, const Offset& offset) {
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

// ---- The layer ----------------------------------------------------------------------------------

enum class PositionEmbedding { none, sum, concat };

struct AttentionOptions {
  std::size_t n_chan_out, n_chan_key, n_chan_val, n_heads;
  bool linear_scaling;
  double W_key_std, W_value_std, W_query_std, W_out_std;
  std::optional<double> b_std;
  Mechanism mechanism;
  PositionEmbedding embedding;
  std::optional<std::size_t> n_chan_pos_emb;
  double W_pos_emb_std;
  bool val_pos_emb;
  double p_norm;
  std::string decay_text;           ///< a formula of the distance x; empty: none
  std::optional<Activation> decay;  ///< whose fn it is
};

class AttentionType final : public LayerType {
 public:
  explicit AttentionType(const AttentionOptions& options) : options_(options) {
    const auto check = [&](std::string_view parameter, double value) {
      not_negative("GlobalSelfAttention", parameter, value);
    };
    check("W_key_std", options.W_key_std);
    check("W_value_std", options.W_value_std);
    check("W_query_std", options.W_query_std);
    check("W_out_std", options.W_out_std);
    check("W_pos_emb_std", options.W_pos_emb_std);
    if (options.b_std) check("b_std", *options.b_std);
    if (!options.linear_scaling && options.mechanism != Mechanism::identity)
      throw ParameterError("GlobalSelfAttention", "attention_mechanism",
                           "must be 'identity' for linear_scaling=False, which has no other limit");
  }

  std::string text() const override {
    constexpr const char* mechanisms[] = {"SOFTMAX", "IDENTITY", "ABS", "RELU"};
    constexpr const char* embeddings[] = {"NONE", "SUM", "CONCAT"};
    const AttentionOptions& o = options_;
    const auto truth = [](bool value) { return value ? "True" : "False"; };
    return fmt::format(
        "GlobalSelfAttention({}, {}, {}, {}, linear_scaling={}, W_key_std={}, W_value_std={}, "
        "W_query_std={}, W_out_std={}, b_std={}, attention_mechanism='{}', pos_emb_type='{}', "
        "pos_emb_p_norm={}, pos_emb_decay_fn={}, n_chan_pos_emb={}, W_pos_emb_std={}, val_pos_emb={})",
        o.n_chan_out, o.n_chan_key, o.n_chan_val, o.n_heads, truth(o.linear_scaling),
        format_number(o.W_key_std), format_number(o.W_value_std), format_number(o.W_query_std),
        format_number(o.W_out_std), o.b_std ? format_number(*o.b_std) : "None",
        mechanisms[static_cast<std::size_t>(o.mechanism)],
        embeddings[static_cast<std::size_t>(o.embedding)], format_number(o.p_norm),
        o.decay ? "'" + o.decay_text + "'" : "None",
        o.n_chan_pos_emb ? std::to_string(*o.n_chan_pos_emb) : "None", format_number(o.W_pos_emb_std),
        truth(o.val_pos_emb));
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.spatial_branch();
    const std::size_t positions = branch.sites.count();
    if (positions > max_positions)
      builder.fail(
          fmt::format("{} positions are too many, at most {}: it needs all pairs of them for "
                      "each example",
                      branch.sites.text(), max_positions));
    const PositionTerm term = this->term(branch.width);
    check_decay(builder, term, branch.sites);
    if (!branch.operand.pending.is_identity()) builder.step<Embed>(branch, PositionTerm{});
    const double ov = options_.W_out_std * options_.W_value_std, b = options_.b_std.value_or(0);
    const double qk = options_.W_query_std * options_.W_key_std;
    if (options_.linear_scaling)
      mix(builder, branch, term, {branch.sites, options_.mechanism, qk, term});
    else
      scale_by_product(builder, branch, term);
    const double scale = options_.linear_scaling ? ov * ov : qk * qk * ov * ov;
    branch.operand.pending = {
        .cov_scale = scale, .cov_shift = b * b, .ntk_scale = scale, .ntk_shift = b * b};
    if (options_.linear_scaling) branch.operand.pending.ntk_cov = 2 * scale;
    branch.width = static_cast<double>(options_.n_chan_out);
    branch.is_gaussian = true;
    branch.is_input = false;
  }

  void finite(NetworkBuilder& builder) const override {
    const NetworkBranch in = builder.spatial_branch();
    const AttentionOptions& o = options_;
    const std::size_t positions = in.sites.count();
    if (std::max({o.n_chan_out, o.n_chan_key, o.n_chan_val}) > NetworkBuilder::max_units / o.n_heads)
      builder.fail(
          fmt::format("a finite network cannot have {} heads of that many channels", o.n_heads));
    const NetworkBranch embedded = embed(builder);
    const NetworkBranch keys = project(builder, embedded, o.n_heads * o.n_chan_key);
    const NetworkBranch queries =
        o.linear_scaling ? keys : project(builder, embedded, o.n_heads * o.n_chan_key);
    const NetworkBranch values =
        project(builder, o.val_pos_emb ? embedded : in, o.n_heads * o.n_chan_val);
    const auto channels = static_cast<double>(o.n_chan_key);
    builder.branches() = {values, keys, queries};
    builder.op<AttentionOp>(
        values.width, AttentionSlots{queries.slot, keys.slot, values.slot}, positions, o.n_heads,
        o.mechanism, o.W_query_std * o.W_key_std / (o.linear_scaling ? channels : std::sqrt(channels)));
    add_weights(builder, {.W_std = o.W_out_std * o.W_value_std, .b_std = o.b_std}, o.n_chan_out);
  }

  std::optional<Layer> with_hidden_width(std::size_t width, bool& hidden) const override {
    if (!std::exchange(hidden, true)) return std::nullopt;
    AttentionOptions wider = options_;
    wider.n_chan_out = width;
    return make_layer<AttentionType>(wider);
  }

 private:
  static constexpr std::size_t max_positions = 1024;

  /// Makes the branch that has embeddings of positions with it.
  NetworkBranch embed(NetworkBuilder& builder) const {
    const NetworkBranch in = builder.only_branch();
    if (options_.embedding == PositionEmbedding::none) return in;
    if (options_.decay) builder.fail("pos_emb_decay_fn is there for networks of infinite width alone");
    const std::size_t positions = in.sites.count();
    const bool adds = options_.embedding == PositionEmbedding::sum;
    const std::size_t channels = options_.n_chan_pos_emb.value_or(in.width);
    if (adds && channels != in.width)
      builder.fail(
          fmt::format("embeddings of {} channels cannot be added to {}, leave n_chan_pos_emb "
                      "out or use 'concat'",
                      channels, in.width));
    builder.op<EmbeddingOp>(
        channels, Weights{.rows = positions, .cols = channels, .index = builder.new_weights()},
        options_.W_pos_emb_std);
    builder.branches() = {in, builder.only_branch()};
    if (adds)
      builder.op<SumOp>(channels, builder.slots());
    else
      builder.op<ConcatOp>(in.width + channels, builder.slots(), positions);
    return builder.only_branch();
  }

  /// Makes the branch of `units` channels that weights make of another's; W ~ N(0, 1), over the root of
  /// its channels.
  static NetworkBranch project(NetworkBuilder& builder, const NetworkBranch& from, std::size_t units) {
    builder.branches() = {from};
    add_weights(builder, {}, units);
    return builder.only_branch();
  }

  /// What falls with distance is a covariance only if it is largest at distance 0.
  void check_decay(const KernelBuilder& builder, const PositionTerm& term, const Sites& sites) const {
    if (!term.decay) return;
    const double largest = term.shift_at({});
    for (const Offset& offset : all_pairs(sites))
      if (const double shift = term.shift_at(offset);
          !(std::abs(shift) <= largest && std::isfinite(largest)))
        builder.fail(
            fmt::format("pos_emb_decay_fn '{}' is no covariance: times W_pos_emb_std^2 it is {} at "
                        "distance 0 and {} "
                        "farther",
                        options_.decay_text, format_number(largest), format_number(shift)));
  }

  PositionTerm term(double channels) const {
    const double w2 = options_.W_pos_emb_std * options_.W_pos_emb_std;
    if (options_.embedding == PositionEmbedding::none) return {};
    if (options_.embedding == PositionEmbedding::sum) return {1, w2, options_.decay, options_.p_norm};
    const double positions =
        options_.n_chan_pos_emb ? static_cast<double>(*options_.n_chan_pos_emb) : channels;
    return {channels / (channels + positions), positions * w2 / (channels + positions), options_.decay,
            options_.p_norm};
  }

  void mix(KernelBuilder& builder, KernelBranch& branch, const PositionTerm& term,
           const Attention& attention) const {
    const Operand keys = branch.operand;
    if (options_.val_pos_emb) builder.step<Embed>(branch, term);
    builder.step<Mix>(branch, keys, attention, Side::first);
    builder.step<Mix>(branch, keys, attention, Side::second);
  }

  void scale_by_product(KernelBuilder& builder, KernelBranch& branch, const PositionTerm& term) const {
    KernelBranch product = branch;
    product.sites = {};
    builder.step<InnerProduct>(product, branch.sites, term,
                               options_.val_pos_emb ? term : PositionTerm{});
    builder.step<Embed>(branch, term);
    builder.step<ScaleByProduct>(branch, product.operand);
  }

  AttentionOptions options_;
};

constexpr LayerParameter parameters[] = {{"n_chan_out"},
                                         {"n_chan_key"},
                                         {"n_chan_val"},
                                         {"n_heads"},
                                         {"linear_scaling", "True"},
                                         {"W_key_std", "1.0"},
                                         {"W_value_std", "1.0"},
                                         {"W_query_std", "1.0"},
                                         {"W_out_std", "1.0"},
                                         {"b_std", "None"},
                                         {"attention_mechanism", "'SOFTMAX'"},
                                         {"pos_emb_type", "'NONE'"},
                                         {"pos_emb_p_norm", "2"},
                                         {"pos_emb_decay_fn", "None"},
                                         {"n_chan_pos_emb", "None"},
                                         {"W_pos_emb_std", "1.0"},
                                         {"val_pos_emb", "False"},
                                         {"batch_axis", "0"},
                                         {"channel_axis", "-1"}};

Layer make(const LayerCall& call) {
  check_axes(call);
  AttentionOptions o{};
  o.p_norm = positive("GlobalSelfAttention", "pos_emb_p_norm", call.number("pos_emb_p_norm"));
  if (const std::vector<std::string> decay = call.strings("pos_emb_decay_fn"); !decay.empty()) {
    o.decay_text = decay.front();
    o.decay = formula_activation({.fn = decay.front()});
  }
  o.n_chan_out = call.integer("n_chan_out", 1);
  o.n_chan_key = call.integer("n_chan_key", 1);
  o.n_chan_val = call.integer("n_chan_val", 1);
  o.n_heads = call.integer("n_heads", 1);
  o.linear_scaling = call.truth("linear_scaling");
  o.W_key_std = call.number("W_key_std");
  o.W_value_std = call.number("W_value_std");
  o.W_query_std = call.number("W_query_std");
  o.W_out_std = call.number("W_out_std");
  o.b_std = call.optional_number("b_std");
  o.mechanism = static_cast<Mechanism>(
      call.choice("attention_mechanism", {"softmax", "identity", "abs", "relu"}));
  o.embedding = static_cast<PositionEmbedding>(call.choice("pos_emb_type", {"none", "sum", "concat"}));
  if (call.optional_number("n_chan_pos_emb")) o.n_chan_pos_emb = call.integer("n_chan_pos_emb", 1);
  o.W_pos_emb_std = call.number("W_pos_emb_std");
  o.val_pos_emb = call.truth("val_pos_emb");
  return make_layer<AttentionType>(o);
}

}  // namespace

extern const LayerEntry attention_entry = {"GlobalSelfAttention", parameters,
                                           "attention of each position to all", make};

}  // namespace nngp
