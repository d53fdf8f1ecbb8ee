// Global self-attention at infinitely many heads (Hron et al., arXiv 2006.10540).

#include <algorithm>
#include <cmath>

#include "engine/kernel_builder.hpp"
#include "finite/attention_ops.hpp"
#include "finite/dense_op.hpp"
#include "finite/join_ops.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "layers/attention_steps.hpp"
#include "layers/weights.hpp"
#include "layers/window.hpp"
#include "network/parameter.hpp"
#include "nngp/formula.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

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
    const attention::PositionTerm term = this->term(branch.width);
    check_decay(builder, term, branch.sites);
    if (!branch.operand.pending.is_identity())
      builder.step<attention::Embed>(branch, attention::PositionTerm{});
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
  void check_decay(const KernelBuilder& builder, const attention::PositionTerm& term,
                   const Sites& sites) const {
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

  attention::PositionTerm term(double channels) const {
    const double w2 = options_.W_pos_emb_std * options_.W_pos_emb_std;
    if (options_.embedding == PositionEmbedding::none) return {};
    if (options_.embedding == PositionEmbedding::sum) return {1, w2, options_.decay, options_.p_norm};
    const double positions =
        options_.n_chan_pos_emb ? static_cast<double>(*options_.n_chan_pos_emb) : channels;
    return {channels / (channels + positions), positions * w2 / (channels + positions), options_.decay,
            options_.p_norm};
  }

  void mix(KernelBuilder& builder, KernelBranch& branch, const attention::PositionTerm& term,
           const attention::Attention& weights) const {
    const Operand keys = branch.operand;
    if (options_.val_pos_emb) builder.step<attention::Embed>(branch, term);
    builder.step<attention::Mix>(branch, keys, weights, attention::Side::first);
    builder.step<attention::Mix>(branch, keys, weights, attention::Side::second);
  }

  void scale_by_product(KernelBuilder& builder, KernelBranch& branch,
                        const attention::PositionTerm& term) const {
    KernelBranch product = branch;
    product.sites = {};
    builder.step<attention::InnerProduct>(product, branch.sites, term,
                                          options_.val_pos_emb ? term : attention::PositionTerm{});
    builder.step<attention::Embed>(branch, term);
    builder.step<attention::ScaleByProduct>(branch, product.operand);
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
