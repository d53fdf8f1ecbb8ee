#include "engine/kernel_builder.hpp"
#include "finite/gather_op.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "layers/weights.hpp"
#include "layers/window.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

template <class Real>
class LocalTile;

/// K = W^2 k + b^2 for each position with itself; 0 stays 0 between positions, which share no weights.
struct LocalWeights final : KernelStepOf<LocalWeights, LocalTile> {
  LocalWeights(const Operand& operand_, const Affine& weights_)
      : operand(operand_), weights(weights_) {}
  std::string name() const override { return "ConvLocal"; }
  std::vector<Operand> operands() const override { return {operand}; }

  Operand operand;
  Affine weights;
};

template <class Real>
class LocalTile final : public TileStep<Real> {
 public:
  LocalTile(const LocalWeights& step, Binding<Real>&) : weights_(step.weights) {}
  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    if (part.out.box->offset == Offset{})
      tile_ops<Real>().copy(weights_, part.in.entries, part.out.entries,
                            part.out.box->count() * tile.size());
  }

 private:
  Affine weights_;
};

/// Conv, ConvLocal and ConvTranspose: K = W_std^2 times the mean over the taps of the filter, which
/// both positions of a pair share, + b_std^2.
class ConvType final : public LayerType {
 public:
  enum class Kind { conv, local, transpose };
  static std::string_view name_of(Kind kind) {
    return kind == Kind::conv ? "Conv" : kind == Kind::local ? "ConvLocal" : "ConvTranspose";
  }

  ConvType(Kind kind, std::size_t out_chan, SlidingWindow filter, const DenseOptions& options)
      : kind_(kind),
        out_chan_(at_least_one(name_of(kind), "out_chan", out_chan)),
        filter_(checked(name_of(kind), "filter_shape", std::move(filter))),
        options_(options) {
    check_weights(name(), options);
  }

  std::string name() const override { return std::string(name_of(kind_)); }
  std::string text() const override {
    return name() + "(" + std::to_string(out_chan_) + ", " + filter_.text() + weights_text(options_) +
           ")";
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.spatial_branch();
    const SiteTaps taps = this->taps(builder, branch.sites);
    branch.sites = taps.extents(branch.sites.dimensions());
    const auto size = static_cast<double>(filter_.size());
    builder.linear_step<SiteMap>(branch, 1 / size, name(), taps, TapPairs::same, kind_ == Kind::local);
    apply_weights(branch, options_, size, out_chan_);
    if (kind_ != Kind::local) return;
    const Affine weights = std::exchange(branch.operand.pending, Affine{});
    builder.step<LocalWeights>(branch, weights);
  }

  void finite(NetworkBuilder& builder) const override {
    NetworkBranch& branch = builder.spatial_branch();
    if (filter_.size() > NetworkBuilder::max_units / branch.width)
      builder.fail(fmt::format("a finite network cannot have a {} filter of {} channels",
                               filter_.shape_text(), branch.width));
    const Patches patches{{branch.slot}, {taps(builder, branch.sites)}, filter_.shape};
    branch.sites = patches.taps[0].extents(branch.sites.dimensions());
    builder.op<GatherOp>(branch.width * filter_.size(), patches);
    add_weights(builder, options_, out_chan_, kind_ == Kind::local);
  }

  std::optional<Layer> with_hidden_width(std::size_t width, bool& hidden) const override {
    const bool widened = hidden;
    hidden = true;
    if (!widened) return std::nullopt;
    return make_layer<ConvType>(kind_, width, filter_, options_);
  }

 private:
  template <class Builder>
  SiteTaps taps(const Builder& builder, const Sites& sites) const {
    SlidingWindow fitting = filter_;
    if (kind_ == Kind::transpose) fitting.padding = Padding::same;  // fits any grid
    if (const std::string fault = window_fault(fitting, sites, "filter"); !fault.empty())
      builder.fail(fault);
    if (kind_ != Kind::transpose) return taps_of(filter_, sites);
    double positions = 1;
    for (std::size_t axis = 0; axis < sites.dimensions(); ++axis)
      positions *= static_cast<double>(transposed_extent(sites.extents[axis], filter_.shape[axis],
                                                         filter_.stride(axis), filter_.padding));
    if (positions > static_cast<double>(max_positions))
      builder.fail(
          fmt::format("makes {} positions of {}, at most {}", positions, sites.text(), max_positions));
    SiteTaps taps;
    for (std::size_t axis = 0; axis < sites.dimensions(); ++axis)
      taps.axes[axis] = transposed_taps(sites.extents[axis], filter_.shape[axis], filter_.stride(axis),
                                        filter_.padding);
    return taps;
  }

  Kind kind_;
  std::size_t out_chan_;
  SlidingWindow filter_;
  DenseOptions options_;
};

constexpr LayerParameter parameters[] = {
    {"out_chan"},     {"filter_shape"},  {"strides", "None"},           {"padding", "'VALID'"},
    {"W_std", "1.0"}, {"b_std", "None"}, {"dimension_numbers", "None"}, {"parameterization", "'ntk'"},
    {"s", "(1, 1)"}};

/// Whether dimension_numbers say what is so without them: ('NHWC', 'HWIO', 'NHWC'), with any letters
/// for the positions.
bool are_channels_last(const std::vector<std::string>& numbers, std::size_t axes) {
  if (numbers.size() != 3 || numbers[0].size() != axes + 2) return false;
  const std::string positions = numbers[0].substr(1, axes);
  return numbers[0] == "N" + positions + "C" && numbers[1] == positions + "IO" &&
         numbers[2] == numbers[0];
}

template <ConvType::Kind kind>
Layer make(const LayerCall& call) {
  if (const std::vector<std::string> numbers = call.strings("dimension_numbers");
      !numbers.empty() && !are_channels_last(numbers, call.integers("filter_shape").size()))
    call.none("dimension_numbers",
              "inputs are arrays of examples, positions, channels, as ('NHWC', 'HWIO', 'NHWC') says");
  return make_layer<ConvType>(kind, call.integer("out_chan", 1), sliding_window(call, "filter_shape"),
                              weight_options(call, ConvType::name_of(kind)));
}

SlidingWindow window(std::vector<std::size_t> shape, const ConvOptions& options) {
  return {std::move(shape), options.strides, options.padding};
}
DenseOptions weights(const ConvOptions& options) {
  return {options.W_std, options.b_std, options.parameterization, options.s};
}

}  // namespace

Layer Conv(std::size_t out_chan, std::vector<std::size_t> filter_shape, const ConvOptions& options) {
  return make_layer<ConvType>(ConvType::Kind::conv, out_chan, window(std::move(filter_shape), options),
                              weights(options));
}
Layer ConvLocal(std::size_t out_chan, std::vector<std::size_t> filter_shape,
                const ConvOptions& options) {
  return make_layer<ConvType>(ConvType::Kind::local, out_chan, window(std::move(filter_shape), options),
                              weights(options));
}
Layer ConvTranspose(std::size_t out_chan, std::vector<std::size_t> filter_shape,
                    const ConvOptions& options) {
  return make_layer<ConvType>(ConvType::Kind::transpose, out_chan,
                              window(std::move(filter_shape), options), weights(options));
}

extern const LayerEntry conv_entry = {"Conv", parameters, "a convolution: a filter at each position",
                                      make<ConvType::Kind::conv>};
extern const LayerEntry conv_local_entry = {"ConvLocal", parameters,
                                            "the same with weights of its own at each position",
                                            make<ConvType::Kind::local>};
extern const LayerEntry conv_transpose_entry = {"ConvTranspose", parameters,
                                                "the transpose of a convolution: more positions",
                                                make<ConvType::Kind::transpose>};

}  // namespace nngp
