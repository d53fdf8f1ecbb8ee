// The rules that networks of infinite and of finite width share, and what the interface of layers
// carries for images: grids of sites, and the pairs of them that are asked for backwards.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "engine/kernel_builder.hpp"
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

// A tile of a long residual network stays as large as that of a short one.
TEST(Branches, ReuseTheSlotsOfClosedOnes) {
  const Layer block = serial(Dense(2), FanOut(3), FanInProd(), Dense(2), FanOut(2), FanInSum());
  EXPECT_EQ(compile_kernel(repeat(block, 50), 3).slots, 3u);
}

// ---- Sites --------------------------------------------------------------------------------------

template <class Real>
struct Nothing final : TileStep<Real> {
  template <class Step>
  Nothing(const Step&, Binding<Real>&) {}
  void run(KernelTile<Real>&) const override {}
};

/// A step that reads, for each pair of sites, what a convolution or a pooling reads.
struct ReadStep final : KernelStepOf<ReadStep, Nothing> {
  ReadStep(std::size_t slot_, std::vector<std::size_t> strides_, std::vector<std::size_t> window_)
      : slot(slot_), strides(std::move(strides_)), window(std::move(window_)) {}
  std::string name() const override { return "Read"; }
  void ask(std::vector<SitePairs>& wanted) override {
    wanted[slot] = wanted[slot].pooled(strides, window);
  }
  std::size_t slot;
  std::vector<std::size_t> strides, window;
};

/// A step that makes one site of all: from each with itself, or from all pairs.
struct GatherStep final : KernelStepOf<GatherStep, Nothing> {
  GatherStep(std::size_t slot_, SitePairs pairs_) : slot(slot_), pairs(std::move(pairs_)) {}
  std::string name() const override { return "Gather"; }
  void ask(std::vector<SitePairs>& wanted) override { wanted[slot] = pairs; }
  std::size_t slot;
  SitePairs pairs;
};

/// A layer of images that adds one step.
class ImageLayer final : public LayerType {
 public:
  explicit ImageLayer(std::function<void(KernelBuilder&)> add) : add_(std::move(add)) {}
  std::string text() const override { return "ImageLayer()"; }
  void infinite(KernelBuilder& builder) const override { add_(builder); }
  void finite(NetworkBuilder&) const override {}

 private:
  std::function<void(KernelBuilder&)> add_;
};

Layer image_layer(std::function<void(KernelBuilder&)> add) {
  return make_layer<ImageLayer>(std::move(add));
}
Layer images(std::vector<std::size_t> extents) {
  return image_layer([=](KernelBuilder& builder) { builder.only_branch().sites = {extents}; });
}
Layer read(std::size_t stride, std::size_t window) {
  return image_layer([=](KernelBuilder& builder) {
    KernelBranch& branch = builder.only_branch();
    const std::size_t dimensions = branch.sites.dimensions();
    builder.step<ReadStep>(branch.operand.slot, std::vector(dimensions, stride),
                           std::vector(dimensions, window));
    for (std::size_t& extent : branch.sites.extents) extent /= stride;
  });
}
Layer conv() { return read(1, 1); }  // both sites of a pair with the same tap
Layer pool() { return read(2, 2); }
Layer flatten() {
  return image_layer([](KernelBuilder& builder) {
    KernelBranch& branch = builder.only_branch();
    builder.step<GatherStep>(branch.operand.slot, SitePairs::same(branch.sites.dimensions()));
    branch.sites = {};
  });
}
Layer global_pool() {
  return image_layer([](KernelBuilder& builder) {
    KernelBranch& branch = builder.only_branch();
    builder.step<GatherStep>(branch.operand.slot, SitePairs::all());
    branch.sites = {};
  });
}

std::size_t wanted(const Layer& network, const Sites& sites) {
  return compile_kernel(network, 3).wanted_of_input.count(sites);
}

TEST(Sites, ARowOfFeaturesIsOne) {
  const Program program = compile_kernel(serial(Dense(2), FanOut(2), FanInSum()), 3);
  EXPECT_EQ(program.wanted_of_input, SitePairs::same(0));
  EXPECT_EQ(Sites{}.count(), 1u);
  EXPECT_EQ(SitePairs::same(0).count({}), 1u);
}

// Convolutions of stride 1 keep the offset of a pair, each pooling by 2 doubles it and adds -1, 0 or 1:
// by hand, on each axis the sum of 32 - |offset| over -1 ... 1, -3 ... 3 and -7 ... 7.
TEST(Sites, AreAskedForBackwards) {
  const Sites grid = {{32, 32}};
  const Layer begin = serial(images({32, 32}), conv(), conv());
  EXPECT_EQ(wanted(serial(begin, flatten()), grid), 1024u);
  EXPECT_EQ(wanted(serial(begin, pool(), conv(), flatten()), grid), 94u * 94u);
  EXPECT_EQ(wanted(serial(begin, pool(), conv(), pool(), flatten()), grid), 212u * 212u);
  EXPECT_EQ(wanted(serial(begin, pool(), pool(), conv(), pool(), flatten()), grid), 424u * 424u);
  EXPECT_EQ(wanted(serial(begin, pool(), global_pool()), grid), 1024u * 1024u);
  EXPECT_EQ(wanted(serial(begin, read(2, 1), pool(), flatten()), grid), 92u * 92u);  // -2, 0, 2
}

TEST(Sites, OfBranchesAreAskedForTogether) {
  const Layer network = serial(images({8}), FanOut(2), parallel(pool(), read(2, 1)), FanInConcat());
  EXPECT_EQ(compile_kernel(network, 3).wanted_of_input.offsets(),
            (std::set<SitePairs::Offset>{{-1}, {0}, {1}}));
  const Layer joined =
      serial(images({8}), FanOut(2), parallel(global_pool(), serial(pool(), flatten())), FanInConcat());
  EXPECT_TRUE(compile_kernel(joined, 3).wanted_of_input.is_all());
}

// ---- LayerNorm ----------------------------------------------------------------------------------

TEST(LayerNorm, AddsEpsToVariances) {
  constexpr double eps = 0.7;
  Matrix<double> x(3, 4);
  x << 1, 2, 3, 4, -1, 0.5, 0.25, 2, 0.1, 0.2, -0.3, 0.4;
  const MatrixView<double> view(x.data(), 3, 4, Eigen::OuterStride<>(4));

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
