#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

template <class Real>
class CopiedTile;

/// A slot into another one. Dense layers that are pending stay so on both.
struct Copy final : KernelStepOf<Copy, CopiedTile> {
  Copy(std::size_t from_, std::size_t to_) : from(from_), to(to_) {}
  std::string name() const override { return "FanOut"; }
  void ask(std::vector<SitePairs>& wanted) override {
    wanted[from] |= wanted[to];
    wanted[to] = {};
  }

  std::size_t from, to;
};

template <class Real>
class CopiedTile final : public TileStep<Real> {
 public:
  CopiedTile(const Copy& step, Binding<Real>& inputs) : from_(step.from), to_(step.to) {
    inputs.for_each_input(
        [&](RowVariances<Real>& variances) { variances.slots[to_] = variances.slots[from_]; });
  }
  void run(KernelTile<Real>& tile) const override {
    tile_ops<Real>().copy({}, tile.slots[from_], tile.slots[to_], tile.padded());
  }

 private:
  std::size_t from_, to_;
};

class FanOutType final : public LayerType {
 public:
  explicit FanOutType(std::size_t num) : num_(at_least_one("FanOut", "num", num)) {
    if (num > Layer::max_branches)
      throw ParameterError(
          "FanOut", "num",
          "must be at most " + std::to_string(Layer::max_branches) + ", got " + std::to_string(num));
  }

  std::string text() const override { return "FanOut(" + std::to_string(num_) + ")"; }

  void infinite(KernelBuilder& builder) const override {
    builder.split(num_);
    std::vector<KernelBranch>& branches = builder.branches();
    for (std::size_t b = 1; b < branches.size(); ++b) {
      branches[b].operand.slot = builder.new_slot();
      builder.step<Copy>(branches[0].operand.slot, branches[b].operand.slot);
    }
  }

  /// All branches read the same slot.
  void finite(NetworkBuilder& builder) const override { builder.split(num_); }

 private:
  std::size_t num_;
};

constexpr LayerParameter parameters[] = {{"num"}};

}  // namespace

Layer FanOut(std::size_t num) { return make_layer<FanOutType>(num); }

extern const LayerEntry fan_out_entry = {
    "FanOut", parameters, "copies its input into `num` branches",
    [](const LayerCall& call) { return FanOut(call.integer("num", 1)); }};

}  // namespace nngp
