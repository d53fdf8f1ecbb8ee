// The layers that join branches: FanInSum, FanInConcat, FanInProd.

#include <algorithm>

#include "engine/kernel_builder.hpp"
#include "engine/site_map.hpp"
#include "finite/gather_op.hpp"
#include "finite/join_ops.hpp"
#include "finite/network_builder.hpp"
#include "finite/pass.hpp"
#include "layers/all.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

// ---- Infinite width -----------------------------------------------------------------------------

/// A step that reads all branches.
template <class Step, template <class> class Tile>
struct Join : KernelStepOf<Step, Tile> {
  explicit Join(std::vector<Operand> branches_) : branches(std::move(branches_)) {}
  std::vector<Operand> operands() const override { return branches; }
  KernelStep::Writes writes() const override { return KernelStep::Writes::anywhere; }

  std::vector<Operand> branches;
};

template <class Real>
class SumTile;

/// K = sum w_b K_b, NTK = sum w_b NTK_b: FanInSum with weights 1, FanInConcat with the shares of the
/// branches in the width.
struct WeightedSum final : Join<WeightedSum, SumTile> {
  WeightedSum(std::string name, std::vector<Operand> branches_, std::vector<double> weights_)
      : Join(std::move(branches_)), weights(std::move(weights_)), name_(std::move(name)) {}
  std::string name() const override { return name_; }

  std::vector<double> weights;

 private:
  std::string name_;
};

template <class Real>
class SumTile final : public TileStep<Real> {
 public:
  SumTile(const WeightedSum& step, Binding<Real>&) : branches_(step.branches), weights_(step.weights) {}
  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    tile_ops<Real>().accumulate(branches_[part.operand].pending,
                                static_cast<Real>(weights_[part.operand]), part.first, part.in.entries,
                                part.out.entries, part.out.box->count() * tile.size());
  }

 private:
  std::vector<Operand> branches_;
  std::vector<double> weights_;
};

template <class Real>
class ProductTile;

/// K = prod K_b, and the NTK by the product rule.
struct Product final : Join<Product, ProductTile> {
  using Join::Join;
  std::string name() const override { return "FanInProd"; }
};

template <class Real>
class ProductTile final : public TileStep<Real> {
 public:
  ProductTile(const Product& step, Binding<Real>&) : branches_(step.branches) {}
  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    tile_ops<Real>().multiply(branches_[part.operand].pending, part.first, part.in.entries,
                              part.out.entries, part.out.box->count() * tile.size());
  }

 private:
  std::vector<Operand> branches_;
};

// ---- Finite width -------------------------------------------------------------------------------

class ProductOp final : public FiniteOpOf<ProductOp> {
 public:
  ProductOp(std::size_t out, std::vector<std::size_t> in) : FiniteOpOf(out), in_(std::move(in)) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    pass.value(out) = pass.value(in_[0]);
    for (std::size_t b = 1; b < in_.size(); ++b) pass.value(out).array() *= pass.value(in_[b]).array();
  }
  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    for (std::size_t b = 0; b < in_.size(); ++b)
      pass.add_rows(out, in_[b], [&](Eigen::Index r, auto&& in, const auto& by_out) {
        Eigen::Matrix<Real, 1, Eigen::Dynamic> product = by_out;
        for (std::size_t other = 0; other < in_.size(); ++other)
          if (other != b) product.array() *= pass.value(in_[other]).row(r).array();
        in += product;
      });
  }

 private:
  std::vector<std::size_t> in_;
};

// ---- Layers -------------------------------------------------------------------------------------

class FanInSumType final : public LayerType {
 public:
  std::string text() const override { return "FanInSum()"; }

  void infinite(KernelBuilder& builder) const override {
    builder.require_equal_widths();
    const std::vector<KernelBranch>& branches = builder.branches();
    for (std::size_t b = 0; b < branches.size() && branches.size() > 1; ++b)
      if (!branches[b].is_gaussian)
        builder.fail(
            fmt::format("only implemented for Gaussian branches, and branch {} is not; end "
                        "it with Dense(...)",
                        b + 1));
    builder.require_equal_sites();
    builder.join<WeightedSum>("FanInSum", builder.operands(),
                              std::vector<double>(branches.size(), 1.0));
  }

  void finite(NetworkBuilder& builder) const override {
    builder.require_equal_widths();
    builder.require_equal_sites();
    builder.op<SumOp>(builder.branches()[0].width, builder.slots());
  }
};

/// Channels of all branches side by side, or positions along an axis.
class FanInConcatType final : public LayerType {
 public:
  explicit FanInConcatType(std::ptrdiff_t axis) : axis_(axis) {
    if (axis == 0) throw ParameterError("FanInConcat", "axis", "must not be 0, the examples");
  }

  std::string text() const override {
    return axis_ == -1 ? "FanInConcat()" : "FanInConcat(axis=" + std::to_string(axis_) + ")";
  }

  void infinite(KernelBuilder& builder) const override {
    const std::optional<std::size_t> axis = builder.axis_of_positions(axis_);
    if (axis) return concatenate_positions(builder, *axis);
    double total = 0;
    for (const KernelBranch& branch : builder.branches()) total += branch.width;
    std::vector<double> shares;
    for (const KernelBranch& branch : builder.branches()) shares.push_back(branch.width / total);
    builder.require_equal_sites();
    builder.join<WeightedSum>("FanInConcat", builder.operands(), std::move(shares));
    builder.only_branch().width = total;
    builder.only_branch().is_gaussian = false;
  }

  void finite(NetworkBuilder& builder) const override {
    if (const std::optional<std::size_t> axis = builder.axis_of_positions(axis_)) {
      std::vector<SiteTaps> taps = side_by_side(builder, *axis);
      NetworkBranch& first = builder.branches()[0];
      first.sites = taps[0].extents(first.sites.dimensions());
      return builder.op<GatherOp>(first.width, Patches{builder.slots(), std::move(taps)});
    }
    builder.require_equal_sites();
    std::size_t total = 0;
    for (const NetworkBranch& branch : builder.branches()) total += branch.width;
    builder.op<ConcatOp>(total, builder.slots(), builder.branches()[0].sites.count());
  }

 private:
  /// Pairs of positions of different branches are independent.
  void concatenate_positions(KernelBuilder& builder, std::size_t axis) const {
    std::vector<SiteTaps> taps = side_by_side(builder, axis);
    const bool is_gaussian = std::all_of(builder.branches().begin(), builder.branches().end(),
                                         [](const KernelBranch& branch) { return branch.is_gaussian; });
    std::vector<Operand> operands = builder.operands();
    Sites& sites = builder.branches()[0].sites;
    sites = taps[0].extents(sites.dimensions());
    builder.join<SiteMap>("FanInConcat", std::move(operands), std::move(taps), TapPairs::same);
    builder.only_branch().is_gaussian = is_gaussian;
  }

  /// The taps of each branch; what it does not have reads nothing of it.
  template <class Builder>
  std::vector<SiteTaps> side_by_side(const Builder& builder, std::size_t axis) const {
    builder.require_equal_widths();
    const auto& branches = builder.branches();
    std::size_t total = 0;
    for (const auto& branch : branches) {
      if (branch.sites.dimensions() != branches[0].sites.dimensions()) builder.require_equal_sites();
      Sites aligned = branch.sites;
      aligned.extents[axis] = branches[0].sites.extents[axis];
      if (!(aligned == branches[0].sites))
        builder.fail(fmt::format("branches may differ in positions along axis {} alone, got {} and {}",
                                 axis_, branches[0].sites.text(), branch.sites.text()));
      total += branch.sites.extents[axis];
    }
    std::vector<SiteTaps> taps(branches.size());
    std::size_t first = 0;
    for (std::size_t b = 0; b < branches.size(); ++b) {
      for (std::size_t a = 0; a < branches[b].sites.dimensions(); ++a)
        taps[b].axes[a] = identity_taps(branches[b].sites.extents[a]);
      AxisTaps& along = taps[b].axes[axis];
      along.sites.insert(along.sites.begin(), first, {});
      first += along.sources;
      along.sites.resize(total);
    }
    return taps;
  }

  std::ptrdiff_t axis_;
};

class FanInProdType final : public LayerType {
 public:
  std::string text() const override { return "FanInProd()"; }

  void infinite(KernelBuilder& builder) const override {
    builder.require_equal_widths();
    const std::vector<KernelBranch>& branches = builder.branches();
    const bool is_gaussian = branches.size() == 1 && branches[0].is_gaussian;
    builder.require_equal_sites();
    builder.join<Product>(builder.operands());
    builder.only_branch().is_gaussian = is_gaussian;
  }

  void finite(NetworkBuilder& builder) const override {
    builder.require_equal_widths();
    builder.require_equal_sites();
    builder.op<ProductOp>(builder.branches()[0].width, builder.slots());
  }
};

constexpr LayerParameter axis[] = {{"axis", "-1"}};

}  // namespace

Layer FanInSum() { return make_layer<FanInSumType>(); }
Layer FanInConcat(std::ptrdiff_t axis) { return make_layer<FanInConcatType>(axis); }
Layer FanInProd() { return make_layer<FanInProdType>(); }

extern const LayerEntry fan_in_sum_entry = {
    "FanInSum", {}, "the sum of all branches", [](const LayerCall&) { return FanInSum(); }};
extern const LayerEntry fan_in_prod_entry = {
    "FanInProd", {}, "the product of all branches, unit by unit", [](const LayerCall&) {
      return FanInProd();
    }};
extern const LayerEntry fan_in_concat_entry = {
    "FanInConcat", axis, "the channels of all branches side by side, or their positions along an axis",
    [](const LayerCall& call) { return FanInConcat(static_cast<std::ptrdiff_t>(call.axis("axis"))); }};

}  // namespace nngp
