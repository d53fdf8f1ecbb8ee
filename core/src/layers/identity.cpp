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

}  // namespace

Layer Identity() { return make_layer<IdentityType>(); }

extern const LayerEntry identity_entry = {
    "Identity", {}, "its input", [](const LayerCall&) { return Identity(); }};

}  // namespace nngp
