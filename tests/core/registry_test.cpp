#include "nngp/registry.hpp"

#include <cmath>

#include "expect_error.hpp"
#include "nngp/model.hpp"

namespace nngp {
namespace {

TEST(Registry, LoadsAnActivationWrittenInC) {
  const Registry plugins(PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  const Activation erf = plugins.activation("ArcsinErf");
  EXPECT_EQ(erf.text(), "ArcsinErf()");
  EXPECT_DOUBLE_EQ(erf.fn(0.5), std::erf(0.5));
  EXPECT_DOUBLE_EQ(erf.nngp_fn(0.3, 1.2, 0.7), 2 / M_PI * std::asin(0.6 / std::sqrt(3.4 * 2.4)));
}

TEST(Model, ReadsANetwork) {
  const Registry plugins(PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  const Layer net = parse_model("serial(Dense(512, W_std=1.5), ArcsinErf(), Dense(1))", plugins);
  EXPECT_EQ(std::get<Serial>(net.node()).layers.size(), 3u);
}

}  // namespace
}  // namespace nngp
