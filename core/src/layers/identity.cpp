#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"

namespace nngp {
namespace {

class IdentityType final : public LayerType {
 public:
  std::string text() const override { return "Identity()"; }
  void infinite(KernelBuilder& builder) const override { builder.only_branch(); }
  void finite(NetworkBuilder& builder) const override { builder.only_branch(); }
};

constexpr LayerParameter flatten[] = {{"batch_axis", "0"}, {"batch_axis_out", "0"}};

}  // namespace

Layer Identity() { return make_layer<IdentityType>(); }

extern const LayerEntry identity_entry = {
    "Identity", {}, "its input", [](const LayerCall&) { return Identity(); }};

extern const LayerEntry flatten_entry = {
    "Flatten", flatten, "its input: rows of features are flat already", [](const LayerCall& call) {
      for (const char* axis : {"batch_axis", "batch_axis_out"})
        call.only(axis, {0, -2}, rows_of_features);
      return Identity();
    }};

}  // namespace nngp
