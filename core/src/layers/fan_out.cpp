#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

template <class Real>
class CopiedTile;

/// A copy of its own for a branch. Dense layers that are pending stay so on all.
struct Copy final : KernelStepOf<Copy, CopiedTile> {
  explicit Copy(const Operand& operand) : value(operand.value) {}
  std::string name() const override { return "FanOut"; }
  std::vector<Operand> operands() const override { return {{value, {}}}; }

  std::size_t value;
};

/// Steps that work in place get a plane of their own wherever others read it too.
template <class Real>
class CopiedTile final : public TileStep<Real> {
 public:
  CopiedTile(const Copy&, Binding<Real>&) {}
  void run(const KernelTile<Real>&, const Contribution<Real>&) const override {}
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
    for (KernelBranch& branch : builder.branches()) {
      const Affine pending = branch.operand.pending;
      builder.step<Copy>(branch);
      branch.operand.pending = pending;
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
