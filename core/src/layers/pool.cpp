// Means and sums over windows and over all positions.

#include "engine/kernel_builder.hpp"
#include "finite/gather_op.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "layers/window.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

enum class Pooling { mean, sum };

/// K and NTK of a pair are means or sums over all pairs of positions in the two windows.
class PoolType final : public LayerType {
 public:
  PoolType(Pooling pooling, SlidingWindow window, bool normalize_edges)
      : pooling_(pooling),
        window_(checked(name(), "window_shape", std::move(window))),
        normalize_edges_(normalize_edges) {}

  std::string name() const override { return pooling_ == Pooling::mean ? "AvgPool" : "SumPool"; }
  std::string text() const override {
    return name() + "(" + window_.text() + (normalize_edges_ ? ", normalize_edges=True" : "") + ")";
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.spatial_branch();
    SiteTaps taps = this->taps(builder, branch.sites);
    branch.sites = taps.extents(branch.sites.dimensions());
    builder.linear_step<SiteMap>(branch, factor() * factor(), name(), std::move(taps), TapPairs::any);
  }

  void finite(NetworkBuilder& builder) const override {
    NetworkBranch& branch = builder.spatial_branch();
    SiteTaps taps = this->taps(builder, branch.sites);
    branch.sites = taps.extents(branch.sites.dimensions());
    builder.op<GatherOp>(branch.width, Patches{{branch.slot}, {std::move(taps).scaled(factor())}});
  }

 private:
  bool by_edge() const {
    return pooling_ == Pooling::mean && normalize_edges_ && window_.padding == Padding::same;
  }
  /// Of all sums over a window.
  double factor() const {
    return pooling_ == Pooling::sum || by_edge() ? 1 : 1 / static_cast<double>(window_.size());
  }

  template <class Builder>
  SiteTaps taps(const Builder& builder, const Sites& sites) const {
    if (const std::string fault = window_fault(window_, sites, "window"); !fault.empty())
      builder.fail(fault);
    SiteTaps taps = taps_of(window_, sites);
    if (by_edge())
      for (AxisTaps& axis : taps.axes)
        for (std::vector<Tap>& site : axis.sites)
          for (Tap& tap : site) tap.factor = 1 / static_cast<double>(site.size());
    return taps;
  }

  Pooling pooling_;
  SlidingWindow window_;
  bool normalize_edges_;
};

/// The same over all positions.
class GlobalPoolType final : public LayerType {
 public:
  explicit GlobalPoolType(Pooling pooling) : pooling_(pooling) {}

  std::string name() const override {
    return pooling_ == Pooling::mean ? "GlobalAvgPool" : "GlobalSumPool";
  }
  std::string text() const override { return name() + "()"; }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.spatial_branch();
    const auto pairs =
        static_cast<double>(branch.sites.count()) * static_cast<double>(branch.sites.count());
    SiteTaps taps = gathering(branch.sites);
    branch.sites = {};
    builder.linear_step<SiteMap>(branch, pooling_ == Pooling::mean ? 1 / pairs : 1, name(),
                                 std::move(taps), TapPairs::any);
  }

  void finite(NetworkBuilder& builder) const override {
    NetworkBranch& branch = builder.spatial_branch();
    const double factor = pooling_ == Pooling::mean ? 1 / static_cast<double>(branch.sites.count()) : 1;
    SiteTaps taps = gathering(branch.sites).scaled(factor);
    branch.sites = {};
    builder.op<GatherOp>(branch.width, Patches{{branch.slot}, {std::move(taps)}});
  }

 private:
  Pooling pooling_;
};

/// All positions side by side: K is the mean over positions of those with themselves.
class FlattenType final : public LayerType {
 public:
  std::string text() const override { return "Flatten()"; }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.only_branch();
    if (branch.sites.dimensions() == 0 || builder.flatten_input()) return;
    const auto positions = static_cast<double>(branch.sites.count());
    SiteTaps taps = gathering(branch.sites);
    branch.sites = {};
    builder.linear_step<SiteMap>(branch, 1 / positions, name(), std::move(taps), TapPairs::same);
    branch.width *= positions;
    branch.is_gaussian = false;
  }

  /// The units of a row are side by side already.
  void finite(NetworkBuilder& builder) const override {
    NetworkBranch& branch = builder.only_branch();
    branch.width *= branch.sites.count();
    branch.sites = {};
  }
};

constexpr LayerParameter window_parameters[] = {{"window_shape"},       {"strides", "None"},
                                                {"padding", "'VALID'"}, {"normalize_edges", "False"},
                                                {"batch_axis", "0"},    {"channel_axis", "-1"}};
constexpr LayerParameter sum_parameters[] = {{"window_shape"},
                                             {"strides", "None"},
                                             {"padding", "'VALID'"},
                                             {"batch_axis", "0"},
                                             {"channel_axis", "-1"}};
constexpr LayerParameter axes[] = {{"batch_axis", "0"}, {"channel_axis", "-1"}};
constexpr LayerParameter flatten[] = {{"batch_axis", "0"}, {"batch_axis_out", "0"}};

}  // namespace

Layer AvgPool(std::vector<std::size_t> window_shape, const PoolOptions& options) {
  return make_layer<PoolType>(Pooling::mean,
                              SlidingWindow{std::move(window_shape), options.strides, options.padding},
                              options.normalize_edges);
}
Layer SumPool(std::vector<std::size_t> window_shape, const PoolOptions& options) {
  return make_layer<PoolType>(
      Pooling::sum, SlidingWindow{std::move(window_shape), options.strides, options.padding}, false);
}
Layer GlobalAvgPool() { return make_layer<GlobalPoolType>(Pooling::mean); }
Layer GlobalSumPool() { return make_layer<GlobalPoolType>(Pooling::sum); }
Layer Flatten() { return make_layer<FlattenType>(); }

extern const LayerEntry avg_pool_entry = {
    "AvgPool", window_parameters, "the mean over a window at each position", [](const LayerCall& call) {
      check_axes(call);
      return make_layer<PoolType>(Pooling::mean, sliding_window(call, "window_shape"),
                                  call.truth("normalize_edges"));
    }};
extern const LayerEntry sum_pool_entry = {
    "SumPool", sum_parameters, "the sum over a window at each position", [](const LayerCall& call) {
      check_axes(call);
      return make_layer<PoolType>(Pooling::sum, sliding_window(call, "window_shape"), false);
    }};
extern const LayerEntry global_avg_pool_entry = {"GlobalAvgPool", axes, "the mean over all positions",
                                                 [](const LayerCall& call) {
                                                   check_axes(call);
                                                   return GlobalAvgPool();
                                                 }};
extern const LayerEntry global_sum_pool_entry = {"GlobalSumPool", axes, "the sum over all positions",
                                                 [](const LayerCall& call) {
                                                   check_axes(call);
                                                   return GlobalSumPool();
                                                 }};
extern const LayerEntry flatten_entry = {
    "Flatten", flatten, "the channels of all positions side by side; rows of features are flat already",
    [](const LayerCall& call) {
      for (const char* axis : {"batch_axis", "batch_axis_out"}) call.only(axis, {0}, channels_last);
      return Flatten();
    }};

}  // namespace nngp
