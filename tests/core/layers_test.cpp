// The rules that networks of infinite and of finite width share, and what the interface of layers
// carries for images: grids of sites, and the pairs of them that are asked for backwards.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "engine/schedule.hpp"
#include "expect_error.hpp"
#include "finite/network_builder.hpp"
#include "network/layer_type.hpp"
#include "network/sites.hpp"
#include "nngp/finite.hpp"
#include "nngp/kernel.hpp"

namespace nngp {
namespace {

void expect_refused(const Layer& network, const std::string& message) {
  expect_error<ModelError>([&] { compile_kernel(network, 3); }, message);
  expect_error<ModelError>([&] { compile_finite(network, 3); }, message);
}

TEST(Branches, AreBoundedForBothWidths) {
  std::vector<Layer> branches(Layer::max_branches, Identity());
  branches[0] = serial(FanOut(Layer::max_branches), FanInConcat());
  expect_refused(serial(Dense(1), FanOut(Layer::max_branches), parallel(branches), FanInConcat()),
                 "layer 3, FanOut: 1999 branches at a time are too many, at most 1000");
  const Layer many = serial(FanOut(Layer::max_branches), FanInConcat(), Dense(1));
  expect_refused(repeat(many, 101), "the network has more than 100000 branches in all");
  compile_finite(repeat(many, 100), 3);
}

TEST(Branches, AreCheckedAlikeForBothWidths) {
  expect_refused(serial(FanOut(2), Dense(1)),
                 "layer 2, Dense: its input has 2 branches; put it inside");
  expect_refused(serial(FanOut(2), LayerNorm()), "layer 2, LayerNorm: its input has 2 branches");
  expect_refused(serial(FanOut(2), FanOut(2)), "layer 2, FanOut: its input has 2 branches");
  expect_refused(FanOut(2), "the network ends in 2 branches; end it with FanInSum()");
  expect_refused(serial(FanOut(2), parallel(Dense(1), Dense(2)), FanInSum()),
                 "layer 4, FanInSum: all branches need the same width, got 1 and 2");
  expect_refused(serial(FanOut(2), parallel(Dense(1), Dense(2)), FanInProd()),
                 "layer 4, FanInProd: all branches need the same width, got 1 and 2");
  expect_refused(serial(FanOut(3), parallel(Dense(1), Dense(2))),
                 "after layer 1: parallel(...) has 2 layers but its input has 3 branches; put "
                 "FanOut(2) before it");
  expect_refused(serial(FanOut(2), parallel(Identity(), FanOut(2)), FanInSum()),
                 "branch 2 of parallel(...) ends in 2 branches; close it with");
}

// A tile of a long residual network needs as much memory as that of a short one.
TEST(Branches, ReuseTheMemoryOfClosedOnes) {
  const Layer block = serial(Dense(2), FanOut(3), FanInProd(), Dense(2), FanOut(2), FanInSum());
  EXPECT_LE(schedule(compile_kernel(repeat(block, 50), 3)).pairs.buffers.size(), 3u);
}

// ---- Sites --------------------------------------------------------------------------------------

SitePairs wanted(const Layer& network, const Sites& sites) {
  return schedule(compile_kernel(network, sites, 3)).wanted[0];
}
std::size_t count(const Layer& network, const Sites& sites) {
  return count_pairs(wanted(network, sites), sites);
}

Layer conv(std::size_t stride, std::size_t axes = 2, Padding padding = Padding::same) {
  return Conv(1, std::vector<std::size_t>(axes, 3),
              {.strides = std::vector(axes, stride), .padding = padding});
}
Layer pool(std::size_t axes = 2) {
  return AvgPool(std::vector<std::size_t>(axes, 2), {.strides = std::vector<std::size_t>(axes, 2)});
}

TEST(Sites, ARowOfFeaturesIsOne) {
  EXPECT_EQ(wanted(serial(Dense(2), FanOut(2), FanInSum()), {}), same_sites());
  EXPECT_EQ(Sites{}.count(), 1u);
  EXPECT_EQ(count_pairs(same_sites(), {}), 1u);
}

// Convolutions of stride 1 keep the offset of a pair, each pooling by 2 doubles it and adds -1, 0 or 1:
// by hand, on each axis the sum of 32 - |offset| over -1 ... 1, -3 ... 3 and -7 ... 7.
TEST(Sites, AreAskedForBackwards) {
  const Sites grid = {{32, 32}};
  const Layer begin = serial(conv(1), conv(1));
  EXPECT_EQ(count(serial(begin, Flatten()), grid), 1024u);
  EXPECT_EQ(count(serial(begin, pool(), conv(1), Flatten()), grid), 94u * 94u);
  EXPECT_EQ(count(serial(begin, pool(), conv(1), pool(), Flatten()), grid), 212u * 212u);
  EXPECT_EQ(count(serial(begin, pool(), pool(), conv(1), pool(), Flatten()), grid), 424u * 424u);
  EXPECT_EQ(count(serial(begin, pool(), GlobalAvgPool()), grid), 1024u * 1024u);
  EXPECT_EQ(count(serial(begin, conv(2), pool(), Flatten()), grid), 92u * 92u);  // -2, 0, 2
}

// On a circle of 8, neighbours at offset 1 are at offset -7 where the axis begins again.
TEST(Sites, OfCirclesAreAskedForOnBothWays) {
  const Layer network = serial(conv(1, 1, Padding::circular), pool(1), Flatten());
  EXPECT_EQ(wanted(network, {{8}}), (SitePairs{{-7}, {-1}, {0}, {1}, {7}}));
}

TEST(Sites, OfBranchesAreAskedForTogether) {
  const Layer network = serial(FanOut(2), parallel(pool(1), conv(2, 1)), FanInConcat(), Flatten());
  EXPECT_EQ(wanted(network, {{8}}), (SitePairs{{-1}, {0}, {1}}));
  const Layer joined =
      serial(FanOut(2), parallel(GlobalAvgPool(), serial(pool(1), Flatten())), FanInConcat());
  EXPECT_EQ(wanted(joined, {{8}}), all_pairs({{8}}));
}

// Planes are passed on as soon as they are done: of 961 that a global pooling adds up, few are kept.
TEST(Sites, FewPlanesAreKeptAtATime) {
  const Schedule pairs =
      schedule(compile_kernel(serial(conv(1), conv(1), GlobalAvgPool()), {{16, 16}}, 3)).pairs;
  EXPECT_LE(pairs.buffers.size(), 3u);
  EXPECT_LE(pairs.tiles(), 2u * 256 + 1);
}

// ---- LayerNorm ----------------------------------------------------------------------------------

TEST(LayerNorm, AddsEpsToVariances) {
  constexpr double eps = 0.7;
  Matrix<double> x(3, 4);
  x << 1, 2, 3, 4, -1, 0.5, 0.25, 2, 0.1, 0.2, -0.3, 0.4;
  const MatrixView<double> view(x);

  const auto kernels = KernelFn(serial(Dense(10, {.W_std = 2, .b_std = 0.5}), LayerNorm(eps)))(view);
  const Matrix<double> k = ((x * x.transpose()).array() + 0.25).matrix();  // 4 / 4 x.x + 0.5^2
  for (Eigen::Index i = 0; i < 3; ++i)
    for (Eigen::Index j = 0; j < 3; ++j) {
      const double expected = k(i, j) / std::sqrt((eps + k(i, i)) * (eps + k(j, j)));
      EXPECT_NEAR(kernels.nngp(i, j), expected, 1e-14);
      EXPECT_NEAR(kernels.ntk(i, j), expected, 1e-14);  // of one Dense layer: the same
    }

  const FiniteNetwork network(LayerNorm(eps), 4);
  const auto out = network.apply(network.init<double>({}), view);
  for (Eigen::Index i = 0; i < 3; ++i) {
    const double mean = x.row(i).mean();
    const double variance = (x.row(i).array() - mean).square().mean();
    for (Eigen::Index j = 0; j < 4; ++j)
      EXPECT_NEAR(out(i, j), (x(i, j) - mean) / std::sqrt(eps + variance), 1e-14);
  }
}

}  // namespace
}  // namespace nngp
