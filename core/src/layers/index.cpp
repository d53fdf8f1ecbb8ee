// Some of the positions: Index(Slice[...]).

#include <cstdint>

#include "engine/kernel_builder.hpp"
#include "engine/site_map.hpp"
#include "finite/gather_op.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "layers/window.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

template <class Real>
class SqueezedTile;

/// Axes of one site are left out of a grid: the same entries, of pairs with another offset.
struct Squeeze final : KernelStepOf<Squeeze, SqueezedTile> {
  Squeeze(const Operand& operand_, std::vector<std::size_t> kept_)
      : operand(operand_), kept(std::move(kept_)) {}
  std::string name() const override { return "Index"; }
  std::vector<Operand> operands() const override { return {operand}; }
  Writes writes() const override { return Writes::anywhere; }
  SitePairs reads(std::size_t, const Offset& offset) const override {
    Offset in = {};
    for (std::size_t axis = 0; axis < kept.size(); ++axis) in[kept[axis]] = offset[axis];
    return {in};
  }

  Operand operand;
  std::vector<std::size_t> kept;  ///< the axes that stay, in order
};

template <class Real>
class SqueezedTile final : public TileStep<Real> {
 public:
  SqueezedTile(const Squeeze& step, Binding<Real>&) : pending_(step.operand.pending) {}
  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    if (part.in.entries.nngp == part.out.entries.nngp && pending_.is_identity()) return;
    tile_ops<Real>().copy(pending_, part.in.entries, part.out.entries,
                          part.out.box->count() * tile.size());
  }

 private:
  Affine pending_;
};

/// The positions that numpy's x[...] chooses along one axis of `extent`.
struct Chosen {
  std::vector<std::size_t> positions;
  bool drops_axis = false;
};

/// Python's slice.indices.
std::vector<std::size_t> range(const IndexItem& slice, std::size_t extent) {
  const auto n = static_cast<std::ptrdiff_t>(extent);
  const std::ptrdiff_t step = slice.step.value_or(1);
  const auto bound = [&](const std::optional<std::ptrdiff_t>& given, std::ptrdiff_t preset) {
    if (!given) return preset;
    const std::ptrdiff_t least = step < 0 ? -1 : 0, most = step < 0 ? n - 1 : n;
    return std::clamp(*given < 0 ? *given + n : *given, least, most);
  };
  const std::ptrdiff_t start = bound(slice.start, step < 0 ? n - 1 : 0),
                       stop = bound(slice.stop, step < 0 ? -1 : n);
  std::vector<std::size_t> positions;
  for (std::ptrdiff_t s = start; step < 0 ? s > stop : s < stop; s += step)
    positions.push_back(static_cast<std::size_t>(s));
  return positions;
}

/// numpy's x[idx]: slices choose positions, integers one position and drop the axis.
class IndexType final : public LayerType {
 public:
  explicit IndexType(std::vector<IndexItem> items) : items_(std::move(items)) {
    std::size_t ellipses = 0;
    for (const IndexItem& item : items_) {
      ellipses += item.kind == IndexItem::Kind::ellipsis;
      if (item.kind == IndexItem::Kind::slice && item.step == 0)
        throw ParameterError("Index", "idx", "must have steps other than 0");
    }
    if (ellipses > 1) throw ParameterError("Index", "idx", "may have one '...' only");
  }

  std::string text() const override {
    std::string text;
    for (const IndexItem& item : items_) text += (text.empty() ? "" : ", ") + item.text();
    return "Index(Slice[" + text + "])";
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.spatial_branch();
    const std::vector<Chosen> chosen = choose(builder, branch.sites);
    SiteTaps taps = taps_of(chosen, branch.sites);
    branch.sites = taps.extents(branch.sites.dimensions());
    builder.linear_step<SiteMap>(branch, 1, name(), std::move(taps), TapPairs::any);
    std::vector<std::size_t> kept;
    for (std::size_t axis = 0; axis < chosen.size(); ++axis)
      if (!chosen[axis].drops_axis) kept.push_back(axis);
    if (kept.size() == chosen.size()) return;
    branch.sites = squeezed(chosen);
    builder.linear_step<Squeeze>(branch, 1, std::move(kept));
  }

  void finite(NetworkBuilder& builder) const override {
    NetworkBranch& branch = builder.spatial_branch();
    const std::vector<Chosen> chosen = choose(builder, branch.sites);
    SiteTaps taps = taps_of(chosen, branch.sites);
    branch.sites = squeezed(chosen);
    builder.op<GatherOp>(branch.width, Patches{{branch.slot}, {std::move(taps)}});
  }

 private:
  using Kind = IndexItem::Kind;

  /// What is chosen along each axis of positions.
  template <class Builder>
  std::vector<Chosen> choose(const Builder& builder, const Sites& sites) const {
    const std::size_t rank = sites.dimensions() + 2;
    const std::vector<IndexItem> all = complete(builder, rank, sites);
    if (!all.front().is_all())
      builder.fail("examples cannot be chosen in a network, begin with ':': choose them in the inputs");
    if (!all.back().is_all())
      builder.fail("channels are infinitely many, ':' is all that can be chosen of them");
    std::vector<Chosen> chosen;
    for (std::size_t axis = 0; axis < sites.dimensions(); ++axis)
      chosen.push_back(choose(builder, all[axis + 1], sites.extents[axis]));
    return chosen;
  }

  template <class Builder>
  static Chosen choose(const Builder& builder, const IndexItem& item, std::size_t extent) {
    if (item.kind == Kind::slice) {
      Chosen chosen{range(item, extent)};
      if (chosen.positions.empty())
        builder.fail(fmt::format("{} chooses none of {} positions", item.text(), extent));
      return chosen;
    }
    const auto n = static_cast<std::ptrdiff_t>(extent);
    const std::ptrdiff_t at = *item.start < 0 ? *item.start + n : *item.start;
    if (at < 0 || at >= n)
      builder.fail(fmt::format("{} is not among {} positions, -{} to {}", item.text(), extent, extent,
                               extent - 1));
    return {{static_cast<std::size_t>(at)}, true};
  }

  /// The items of all axes: '...' stands for as many ':' as are missing, at the end too.
  template <class Builder>
  std::vector<IndexItem> complete(const Builder& builder, std::size_t rank, const Sites& sites) const {
    const auto is_ellipsis = [](const IndexItem& item) { return item.kind == Kind::ellipsis; };
    std::vector<IndexItem> all = items_;
    auto rest = std::find_if(all.begin(), all.end(), is_ellipsis);
    if (rest == all.end()) rest = all.insert(all.end(), IndexItem{Kind::ellipsis});
    if (all.size() - 1 > rank)
      builder.fail(fmt::format("idx has {} items, its input has {} axes: examples, {}, channels",
                               all.size() - 1, rank, sites.text()));
    rest = all.erase(rest);
    all.insert(rest, rank - all.size(), IndexItem{});
    return all;
  }

  static SiteTaps taps_of(const std::vector<Chosen>& chosen, const Sites& sites) {
    SiteTaps taps;
    for (std::size_t axis = 0; axis < chosen.size(); ++axis) {
      taps.axes[axis] = {sites.extents[axis], {}};
      for (const std::size_t source : chosen[axis].positions)
        taps.axes[axis].sites.push_back({{0, source}});
    }
    return taps;
  }

  static Sites squeezed(const std::vector<Chosen>& chosen) {
    Sites sites;
    for (const Chosen& axis : chosen)
      if (!axis.drops_axis) sites.extents.push_back(axis.positions.size());
    return sites;
  }

  std::vector<IndexItem> items_;
};

constexpr LayerParameter index_parameters[] = {{"idx"}, {"batch_axis", "0"}, {"channel_axis", "-1"}};

}  // namespace

extern const LayerEntry index_entry = {
    "Index", index_parameters,
    "some of the positions, as numpy chooses them: `Index(Slice[:, 1:-1, ::2])`",
    [](const LayerCall& call) {
      check_axes(call);
      return make_layer<IndexType>(call.index("idx"));
    }};

}  // namespace nngp
