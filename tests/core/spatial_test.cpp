// Networks on images, signals and volumes against tests/golden/spatial: kernels evaluated from the
// formulas of core/spatial.md on all pairs of positions at once, in 80-bit arithmetic.

#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <sstream>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/stream.hpp"
#include "temporary_folder.hpp"

namespace nngp {
namespace {

using test::largest_error;

const std::filesystem::path folder = NNGP_TEST_DATA "/golden/spatial";

const Registry& registry() {
  static const Registry all({.named = {NNGP_TEST_PLUGINS}, .folders = {}});
  return all;
}

std::vector<std::string> networks() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    all.push_back(entry.path().filename());
  std::sort(all.begin(), all.end());
  return all;
}

template <class Real>
Dataset<Real> images(const std::string& network, const char* name) {
  ReadOptions options;
  options.positions = true;
  return read_data<Real>(folder / network / (std::string(name) + ".npy"), options);
}

Layer model(const std::string& network) {
  std::ostringstream text;
  text << std::ifstream(folder / network / "model.txt").rdbuf();
  return parse_model(text.str(), registry());
}

class GoldenSpatial : public testing::TestWithParam<std::string> {
 protected:
  template <class Real>
  void agrees(double tolerance) const {
    const std::string& id = GetParam();
    const auto x1 = images<Real>(id, "x1"), x2 = images<Real>(id, "x2");
    const auto exact = [&](const char* name) { return read_data<double>(folder / id / name); };
    const KernelFn kernel_fn(model(id), x1.sites());
    const auto self = kernel_fn(x1.view()), square2 = kernel_fn(x2.view());
    const auto cross = kernel_fn(x1.view(), x2.view());
    const auto diagonal = [](const OwnedMatrix<Real>& kernel) -> Eigen::VectorXd {
      return kernel.view().diagonal().template cast<double>();
    };
    const Eigen::VectorXd nngp1 = diagonal(self.nngp), ntk1 = diagonal(self.ntk);
    EXPECT_LE(largest_error(cross.nngp, exact("nngp_exact.npy").view(), nngp1, diagonal(square2.nngp)),
              tolerance);
    EXPECT_LE(largest_error(cross.ntk, exact("ntk_exact.npy").view(), ntk1, diagonal(square2.ntk)),
              tolerance);
    EXPECT_LE(largest_error(self.nngp, exact("nngp_self_exact.npy").view(), nngp1, nngp1), tolerance);
    EXPECT_LE(largest_error(self.ntk, exact("ntk_self_exact.npy").view(), ntk1, ntk1), tolerance);
    EXPECT_EQ(self.nngp.view(), self.nngp.view().transpose());
    EXPECT_EQ(self.ntk.view(), self.ntk.view().transpose());
  }
};

TEST_P(GoldenSpatial, AgreesWithExactKernels) { agrees<double>(1e-12); }

TEST_P(GoldenSpatial, Float32IsAsGoodAsItCanBe) { agrees<float>(1e-3); }

TEST_P(GoldenSpatial, TextIsReadBack) {
  const Layer network = model(GetParam());
  EXPECT_EQ(parse_model(network.text(), registry()).text(), network.text());
}

INSTANTIATE_TEST_SUITE_P(All, GoldenSpatial, testing::ValuesIn(networks()),
                         [](const auto& info) { return info.param; });

// ---- The same bits whatever is computed with what -----------------------------------------------

Matrix<double> random_images(Eigen::Index count, Eigen::Index numbers, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Matrix<double> x(count, numbers);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = normal(generator);
  return x;
}
MatrixView<double> view(const Matrix<double>& x) {
  return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.cols())};
}

const char* const pooled_network =
    "serial(Conv(8, (3, 3), padding='SAME', b_std=0.1), Relu(), AvgPool((2, 2), strides=(2, 2)), "
    "Conv(8, (2, 3), padding='CIRCULAR'), Gelu(), GlobalAvgPool(), Dense(1))";

struct NetworkOnSites {
  const char* network;
  Sites sites;
};

class AnyWindow : public testing::TestWithParam<NetworkOnSites> {};

TEST_P(AnyWindow, TilesAndThreadsChangeNoBit) {
  const auto numbers = static_cast<Eigen::Index>(2 * GetParam().sites.count());
  const Matrix<double> x1 = random_images(70, numbers, 1), x2 = random_images(37, numbers, 2);
  const KernelFn kernel_fn(parse_model(GetParam().network, registry()), GetParam().sites);
  for (const bool self : {false, true}) {
    std::optional<MatrixView<double>> other;
    if (!self) other.emplace(view(x2));
    const auto whole = kernel_fn(view(x1), other, Get::both, {.threads = 1});
    const auto threads = kernel_fn(view(x1), other, Get::both, {.threads = 2});
    EXPECT_EQ(whole.nngp.view(), threads.nngp.view());
    EXPECT_EQ(whole.ntk.view(), threads.ntk.view());
    const auto op = kernel_fn.bind(view(x1), other);
    for (const KernelWindow& window : {KernelWindow{0, 0, 1, 1},
                                       {3, 20, 40, 9},
                                       {20, 3, 50, 33},
                                       {1, 2, 5, 35},
                                       {60, 0, 10, 30},
                                       {0, 30, 30, 7},
                                       {10, 10, 7, 7}}) {
      const auto rows = static_cast<Eigen::Index>(window.rows),
                 cols = static_cast<Eigen::Index>(window.cols);
      OwnedMatrix<double> nngp(rows, cols), ntk(rows, cols);
      op.compute(window, {nngp.data(), ntk.data(), window.cols});
      const auto part = [&](const OwnedMatrix<double>& kernel) {
        return kernel.view().block(static_cast<Eigen::Index>(window.row),
                                   static_cast<Eigen::Index>(window.col), rows, cols);
      };
      EXPECT_EQ(nngp.view(), part(whole.nngp));
      EXPECT_EQ(ntk.view(), part(whole.ntk));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Spatial, AnyWindow,
    testing::Values(NetworkOnSites{pooled_network, {{6, 5}}},
                    NetworkOnSites{"serial(Conv(4, (2, 2)), LayerNorm(axis=(1, 2, 3)), Relu(), "
                                   "GlobalSelfAttention(4, 4, 4, 2), Flatten(), Dense(1))",
                                   {{4, 3}}},
                    // So many positions that the variances of 70 examples are kept in several blocks.
                    NetworkOnSites{"serial(Conv(4, (3, 3), padding='SAME'), Relu(), Conv(4, (3, 3), "
                                   "padding='SAME'), Erf(), Flatten(), Dense(1))",
                                   {{40, 30}}}));

// What a thread keeps of a tile's columns, site after site, is not taken for that of the next tile,
// whose first pair of positions may be at the same one of x2.
TEST(Spatial, ManyColumnsAreComputedAsFew) {
  const KernelFn kernel_fn(
      parse_model("serial(Conv(4, (3,)), Tanh(), AvgPool((4,), strides=(2,), padding='CIRCULAR'), "
                  "Conv(4, (3,)), Tanh(), GlobalAvgPool())",
                  registry()),
      {{9}});
  const Matrix<double> x1 = random_images(5, 18, 1), x2 = random_images(300, 18, 2);
  const auto op = kernel_fn.bind(view(x1), view(x2));
  OwnedMatrix<double> nngp(5, 300), ntk(5, 300);
  op.compute({0, 0, 5, 300}, {nngp.data(), ntk.data(), 300}, {.threads = 1});
  for (std::size_t col = 0; col < 300; ++col) {
    OwnedMatrix<double> one_nngp(5, 1), one_ntk(5, 1);
    op.compute({0, col, 5, 1}, {one_nngp.data(), one_ntk.data(), 1}, {.threads = 1});
    const auto j = static_cast<Eigen::Index>(col);
    EXPECT_EQ(one_nngp.view(), nngp.view().col(j)) << col;
    EXPECT_EQ(one_ntk.view(), ntk.view().col(j)) << col;
  }
}

// Vectors that begin near the last of as many examples as tiles have columns reach beyond them.
TEST(Spatial, WindowsMayEndWhereWholeTilesDo) {
  const KernelFn kernel_fn(parse_model("serial(Conv(4, (2,)), LayerNorm(axis=(1, 2)), Relu(), "
                                       "GlobalSelfAttention(4, 4, 4, 2), Flatten(), Dense(1))",
                                       registry()),
                           {{3}});
  const Matrix<double> x = random_images(128, 6, 1);
  const auto op = kernel_fn.bind(view(x), std::nullopt);
  OwnedMatrix<double> whole(128, 128), part(128, 3);
  op.compute({0, 0, 128, 128}, {nullptr, whole.data(), 128});
  op.compute({0, 125, 128, 3}, {nullptr, part.data(), 3});
  EXPECT_EQ(part.view(), whole.view().rightCols(3));
}

// Of images with themselves also what lies below the diagonal of a block is counted.
TEST(Spatial, StreamsTellHowFarTheyAre) {
  const TemporaryFolder folder;
  const KernelFn kernel_fn(parse_model("serial(Conv(4, (2,)), Relu(), Flatten())", registry()), {{3}});
  const Matrix<double> x = random_images(300, 6, 1);
  StreamOptions options;
  options.memory = 1;  // least blocks
  double last = 0;
  options.kernel.progress = [&](double done, double total) {
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
    return true;
  };
  stream_kernels(kernel_fn.bind(view(x), std::nullopt), {0, 0, 300, 300}, folder / "nngp.npy", {},
                 options);
  EXPECT_EQ(last, 256 * 257 / 2 + 256 * 44 + 44 * 45 / 2);
}

// Half of a product of attention is no variance: of these inputs it is negative.
TEST(Spatial, AttentionMayMixInputsThatDisagree) {
  const KernelFn kernel_fn(
      parse_model("serial(GlobalSelfAttention(8, 4, 4, 2), Relu(), Flatten(), Dense(1))", registry()),
      {{2}});
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Matrix<double> x = random_images(6, 2, seed);
    const auto kernels = kernel_fn(view(x));
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(Eigen::MatrixXd(kernels.nngp.view()));
    EXPECT_GT(eigen.eigenvalues().minCoeff(), -1e-14 * eigen.eigenvalues().maxCoeff());
  }
}

// A tile of many positions tells its progress, and can be stopped, within.
TEST(Spatial, LongTilesAreInterruptedInside) {
  const Matrix<double> x = random_images(8, 16 * 16, 4);
  const KernelFn kernel_fn(
      parse_model("serial(Conv(1, (3, 3), padding='SAME'), Relu(), GlobalAvgPool(), Dense(1))",
                  registry()),
      Sites{{16, 16}});
  std::vector<double> told;
  KernelOptions options{.threads = 1};
  options.progress = [&](double done, double total) {
    EXPECT_LE(done, total);
    told.push_back(done);
    return true;
  };
  kernel_fn(view(x), view(x), Get::both, options);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_EQ(told.back(), 64);
  EXPECT_GT(told.front(), 0);  // parts of entries
  EXPECT_LT(told.front(), 1);
  // 8 x 32 entries in memory of 65,536 pairs in three steps, a pause after 262,144 entries or a plane.
  EXPECT_GE(told.size(), 100U);
  std::size_t calls = 0;
  options.progress = [&](double, double) { return ++calls < 3; };
  EXPECT_THROW(kernel_fn(view(x), view(x), Get::both, options), Interrupted);
  EXPECT_EQ(calls, 3U);
}

// An image with itself is at correlation 1 at every position, also behind poolings, to the last bit.
TEST(Spatial, EqualImagesHaveTheKernelOfOneWithItself) {
  Matrix<double> x = random_images(4, 6 * 5 * 2, 3);
  x.row(3) = x.row(0);
  const KernelFn kernel_fn(parse_model(pooled_network, registry()), Sites{{6, 5}});
  const auto self = kernel_fn(view(x));
  EXPECT_EQ(self.nngp(0, 3), self.nngp(0, 0));
  EXPECT_EQ(self.ntk(0, 3), self.ntk(0, 0));
  EXPECT_EQ(self.ntk(3, 3), self.ntk(0, 0));
}

// ---- By hand ------------------------------------------------------------------------------------

Kernels<double> kernels_of_ones(const std::string& text, const Sites& sites) {
  const Matrix<double> x = Matrix<double>::Ones(1, static_cast<Eigen::Index>(sites.count()));
  return KernelFn(parse_model(text, registry()), sites)(view(x));
}

/// K'(s, s') = sum of K(s + k, s' + k) over the nine neighbours k, twice, and the mean over all (s,
/// s').
double two_filters_by_definition(const double* x1, const double* x2, int height, int width) {
  const auto at = [&](int y1, int x_1, int y2, int x_2) {
    return static_cast<std::size_t>(((y1 * width + x_1) * height + y2) * width + x_2);
  };
  const int sites = height * width;
  std::vector<double> k(static_cast<std::size_t>(sites) * static_cast<std::size_t>(sites));
  for (int s = 0; s < sites; ++s)
    for (int u = 0; u < sites; ++u) k[static_cast<std::size_t>(s * sites + u)] = x1[s] * x2[u];
  const auto inside = [&](int y, int x) { return y >= 0 && y < height && x >= 0 && x < width; };
  for (int layer = 0; layer < 2; ++layer) {
    std::vector<double> sums(k.size());
    for (int y1 = 0; y1 < height; ++y1)
      for (int c1 = 0; c1 < width; ++c1)
        for (int y2 = 0; y2 < height; ++y2)
          for (int c2 = 0; c2 < width; ++c2)
            for (int dy = -1; dy <= 1; ++dy)
              for (int dx = -1; dx <= 1; ++dx)
                if (inside(y1 + dy, c1 + dx) && inside(y2 + dy, c2 + dx))
                  sums[at(y1, c1, y2, c2)] += k[at(y1 + dy, c1 + dx, y2 + dy, c2 + dx)];
    k = std::move(sums);
  }
  double sum = 0;
  for (const double entry : k) sum += entry;
  return sum / static_cast<double>(k.size());
}

TEST(Spatial, FiltersOfThreeSumTheirNeighbours) {
  struct Case {
    Sites sites;
    int height, width;
    std::string filter;
  };
  for (const Case& c : {Case{{{1, 1}}, 1, 1, "3, 3"},
                        {{{1, 4}}, 1, 4, "3, 3"},
                        {{{2, 1}}, 2, 1, "3, 3"},
                        {{{3, 2}}, 3, 2, "3, 3"},
                        {{{4, 5}}, 4, 5, "3, 3"},
                        {{{5, 3}}, 5, 3, "3, 3"},
                        {{{7}}, 7, 1, "3,"},
                        {{{3, 4, 1}}, 3, 4, "3, 3, 3"},
                        {{{1, 3, 4}}, 3, 4, "3, 3, 3"}}) {
    const std::string conv = "Conv(1, (" + c.filter + "), padding='SAME')";
    const Matrix<double> x1 = random_images(3, c.height * c.width, 5),
                         x2 = random_images(35, c.height * c.width, 6);
    const auto kernels = KernelFn(
        parse_model("serial(" + conv + ", " + conv + ", GlobalAvgPool(), Dense(1))", registry()),
        c.sites)(view(x1), view(x2));
    const double taps = c.filter == "3," ? 3 : c.filter == "3, 3" ? 9 : 27;
    for (Eigen::Index i = 0; i < x1.rows(); ++i)
      for (Eigen::Index j = 0; j < x2.rows(); ++j) {
        const double wanted =
            two_filters_by_definition(&x1(i, 0), &x2(j, 0), c.height, c.width) / (taps * taps);
        EXPECT_NEAR(kernels.nngp(i, j), wanted, 1e-13) << c.filter << " on " << c.height << c.width;
        EXPECT_NEAR(kernels.ntk(i, j), 3 * wanted, 3e-13);
      }
  }
}

// A window of 3 over four positions of ones, SAME: sums 2, 3, 3, 2. Flatten takes the mean of squares.
TEST(Spatial, PoolingOfOnesAtTheEdges) {
  const Sites line{{4}};
  EXPECT_DOUBLE_EQ(
      kernels_of_ones("serial(SumPool((3,), padding='SAME'), Flatten(), Dense(1))", line).nngp(0, 0),
      (4 + 9 + 9 + 4) / 4.0);
  EXPECT_DOUBLE_EQ(
      kernels_of_ones("serial(AvgPool((3,), padding='SAME'), Flatten(), Dense(1))", line).nngp(0, 0),
      (4 + 9 + 9 + 4) / 4.0 / 9);
  const char* const edges =
      "serial(AvgPool((3,), padding='SAME', normalize_edges=True), Flatten(), Dense(1))";
  EXPECT_DOUBLE_EQ(kernels_of_ones(edges, line).nngp(0, 0), 1);
  EXPECT_DOUBLE_EQ(
      kernels_of_ones("serial(SumPool((3,), padding='CIRCULAR'), GlobalSumPool(), Dense(1))", line)
          .nngp(0, 0),
      144);
}

TEST(Spatial, AFilterOfTheWholeImageIsADenseLayer) {
  const Matrix<double> x = random_images(5, 3 * 4 * 2, 4);
  const auto conv = KernelFn(parse_model("serial(Conv(7, (3, 4), W_std=1.3, b_std=0.2), Relu(), "
                                         "Flatten(), Dense(1, 1.1, 0.1))",
                                         registry()),
                             Sites{{3, 4}})(view(x));
  const auto dense = KernelFn(
      parse_model("serial(Dense(7, 1.3, 0.2), Relu(), Dense(1, 1.1, 0.1))", registry()))(view(x));
  EXPECT_TRUE(conv.nngp.view().isApprox(dense.nngp.view(), 1e-14));
  EXPECT_TRUE(conv.ntk.view().isApprox(dense.ntk.view(), 1e-14));
}

TEST(Spatial, FlatImagesAreRowsOfFeatures) {
  const Matrix<double> x = random_images(5, 3 * 4 * 2, 5);
  const auto flat = KernelFn(parse_model("serial(Flatten(), Dense(7), Relu(), Dense(1))", registry()),
                             Sites{{3, 4}})(view(x));
  const auto rows = KernelFn(parse_model("serial(Dense(7), Relu(), Dense(1))", registry()))(view(x));
  EXPECT_EQ(flat.nngp.view(), rows.nngp.view());
  EXPECT_EQ(flat.ntk.view(), rows.ntk.view());
}

// The pairs of positions that a network is made of, counted: by hand on each axis the sums of
// 32 - |offset| over the offsets that are read.
/// Values of neural-tangents 0.6.5 in float64.
TEST(Spatial, IndexChoosesPositions) {
  const auto waves = [](double phase) {
    Matrix<double> x(2, 5 * 6 * 2);
    for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = std::sin(0.7 * double(i) + phase);
    return x;
  };
  const Matrix<double> x1 = waves(0.1), x2 = waves(0.4);
  const std::string first = "Conv(1, (3, 3), padding='SAME', W_std=1.3, b_std=0.2), Relu()",
                    second = ", Conv(1, (3, 3), padding='SAME'), Relu()",
                    line = ", Conv(1, (3,), W_std=1.2, b_std=0.3), Relu(), GlobalAvgPool(), Dense(1)";
  const struct {
    std::string layers;
    std::array<double, 4> nngp, ntk;
  } cases[] = {
      {first + second +
           ", Index(stax.Slice[:, 1:5:2, ::-2]), Conv(1, (2, 2), W_std=1.1, b_std=0.1), Relu(), "
           "AvgPool((1, 2)), Flatten(), Dense(1)",
       {0.08077696678914786, 0.06780236242743684, 0.07056146325741451, 0.08077921001913521},
       {0.21828023618694725, 0.12325508200333582, 0.14272709544188866, 0.218267872603203}},
      {first + second + ", Index(idx=Slice[:, 2, ...])" + line,
       {0.13956749237243143, 0.1360808170986007, 0.13465519542981405, 0.1395639960764843},
       {0.30874345792567925, 0.28431246236191693, 0.27271079403502774, 0.3087341062805881}},
      {first + second + ", Index(Slice[..., -1, :])" + line,
       {0.09559874992981648, 0.09334531091430041, 0.09372193019437382, 0.09594342442573557},
       {0.20886987739186158, 0.1894866458309073, 0.19328441851327086, 0.20974811758773543}}};
  for (const auto& [layers, nngp, ntk] : cases) {
    const Layer network = parse_model("serial(" + layers + ")", registry());
    EXPECT_EQ(parse_model(network.text(), registry()).text(), network.text());
    const Kernels<double> found = KernelFn(network, {{5, 6}})(view(x1), view(x2));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(found.nngp.data()[i] / nngp[i], 1, 1e-8) << layers;
      EXPECT_NEAR(found.ntk.data()[i] / ntk[i], 1, 1e-8) << layers;
    }
  }
}

TEST(Spatial, OnlyPairsAreComputedThatTheOutputIsMadeOf) {
  const Matrix<double> x = random_images(2, 32 * 32, 6);
  const auto pairs = [&](const std::string& end) {
    const KernelFn kernel_fn(
        parse_model("serial(Conv(8, (3, 3), padding='SAME'), Relu(), " + end + ", Dense(1))",
                    registry()),
        Sites{{32, 32}});
    return kernel_fn.bind(view(x)).work()[1].pairs;
  };
  const std::string pool = "AvgPool((2, 2), strides=(2, 2)), Conv(8, (3, 3), padding='SAME'), Relu(), ";
  EXPECT_EQ(pairs("Flatten()"), 1024u);
  EXPECT_EQ(pairs(pool + "Flatten()"), 94u * 94u);
  EXPECT_EQ(pairs(pool + pool + "Flatten()"), 212u * 212u);
  EXPECT_EQ(pairs(pool + "GlobalAvgPool()"), 1024u * 1024u);
}

// ---- What does not fit --------------------------------------------------------------------------

void expect_model_error(const std::string& text, const Sites& sites, const std::string& message) {
  expect_error<ModelError>([&] { KernelFn(parse_model(text, registry()), sites); }, message);
}

TEST(SpatialErrors, SayWhatArrivesAndWhatIsWrong) {
  const Sites grid{{2, 5}};
  expect_model_error("serial(Relu(), Conv(3, (3, 3)))", grid, "layer 1, Relu()");
  expect_model_error("serial(Conv(3, (1, 1)), Relu(), Dense(2), Conv(3, (3, 3)))", grid,
                     "layer 4, Conv: a 3x3 filter does not fit 2 x 5 positions with VALID");
  expect_model_error("serial(AvgPool((1, 6)), Flatten())", grid,
                     "layer 1, AvgPool: a 1x6 window does not fit 2 x 5 positions with VALID");
  expect_model_error("Conv(3, (3,))", grid,
                     "layer 1, Conv: a 3 filter needs 1 axis of positions, its input has 2 (2 x 5)");
  expect_model_error("serial(GlobalAvgPool(), GlobalAvgPool())", grid,
                     "layer 2, GlobalAvgPool: its input has no positions any more");
  expect_model_error("serial(Conv(3, (3, 3)), Relu())", {},
                     "layer 1, Conv: inputs are rows of features without positions");
  expect_model_error("serial(Conv(3, (2, 2)), Relu(), Dense(1))", grid,
                     "the network ends with 1 x 4 positions an example; end it with Flatten()");
  expect_model_error("serial(FanOut(2), parallel(Conv(3, (1, 1)), Conv(3, (2, 2))), FanInSum())", grid,
                     "layer 4, FanInSum: all branches need the same positions, got 2 x 5 and 1 x 4");
  for (const char* axis : {"4", "-4"})
    expect_model_error(
        "serial(FanOut(2), FanInConcat(axis=" + std::string(axis) + "))", grid,
        "axis " + std::string(axis) + " is not among those of its input: 1 to 3, or -3 to -1");
  expect_model_error("Index(Slice[:, 2])", grid, "layer 1, Index: 2 is not among 2 positions, -2 to 1");
  expect_model_error("Index(Slice[:, 2:])", grid, "layer 1, Index: 2: chooses none of 2 positions");
  expect_model_error("Index(Slice[1:])", grid, "layer 1, Index: examples cannot be chosen");
  expect_model_error("Index(Slice[..., 0])", grid, "layer 1, Index: channels are infinitely many");
  expect_model_error("Index(Slice[:, :, :, :, :])", grid, "idx has 5 items, its input has 4 axes");
  expect_model_error("serial(Conv(3, (1, 1)), LayerNorm(axis=2), Flatten())", grid,
                     "layer 2, LayerNorm: axis must contain the channels, -1");
  expect_model_error("serial(Conv(3, (1, 1)), LayerNorm(axis=(4, -1)), Flatten())", grid,
                     "layer 2, LayerNorm: axis 4 is not among those of its input: 1 to 3, or -3 to -1");
}

TEST(SpatialErrors, NumbersOutOfRangeAreRefusedAtTheirPlace) {
  const auto expect = [](const std::string& text, const std::string& message) {
    expect_error<ModelError>([&] { parse_model(text, registry()); }, message);
  };
  expect("Conv(3, (3, 3), strides=(0, 1))", "strides must be integers from 1 to 16384, got 0");
  expect("Conv(3, (3, 3), strides=(1,))", "strides must be 2 numbers, as filter_shape has, got 1");
  expect("Conv(3, (3, 0))", "filter_shape must be of integers from 1 to 16384, got 0");
  expect("Conv(3, (3, 1e9))", "filter_shape must be of integers from 1 to 16384, got 1000000000");
  expect("Conv(3, (3, 2.5))", "filter_shape must be of integers, got 2.5");
  expect("Conv(3, ())", "filter_shape must have 1 to 3 sizes");
  expect("Conv(3, (1, 1, 1, 1))", "filter_shape must have 1 to 3 sizes, one for each axis");
  expect("Conv(0, (1, 1))", "out_chan must be an integer of at least 1");
  expect("Conv(3, (3, 3), padding='EXACT')", "padding must be 'valid' or 'same' or 'circular'");
  expect("Conv(3, (3, 3), W_std=-1)", "W_std must be at least 0.0");
  expect("Conv(3, (3, 3), dimension_numbers=('NCHW', 'OIHW', 'NCHW'))",
         "dimension_numbers must be None: inputs are arrays of examples, positions, channels");
  expect("Conv(3, (3,), dimension_numbers=('NHWC', 'HWIO', 'NHWC'))", "dimension_numbers must be None");
  expect("Conv(3, (3, 3), dimension_numbers=(1, 2))", "list of strings, not of a number");
  expect("Index(3)", "idx must be Slice[...], as in Slice[:, 1:-1, ::2], not a number");
  expect("Index(Slice)", "expected '[' after Slice");
  expect("Index(Slice[:, 1)", "expected ',' or ']'");
  expect("Index(Slice[:, None])", "None, a new axis, is not there");
  expect("Index(Slice[:, 0.5])", "idx must be of slices and integers, got 0.5");
  expect("Index(Slice[:, ::0])", "idx must have steps other than 0");
  expect("Index(Slice[..., 1, ...])", "idx may have one '...' only");
  expect("AvgPool((2, 2), normalize_edges=1)", "normalize_edges must be True or False");
}

/// Values of neural-tangents 0.6.5 in float64, pos_emb_decay_fn=lambda d: exp(-d / 3).
TEST(Spatial, EmbeddingsOfPositionsFallWithDistance) {
  const auto waves = [](double phase) {
    Matrix<double> x(2, 3 * 4 * 2);
    for (Eigen::Index i = 0; i < x.size(); ++i)
      x.data()[i] = std::sin(0.7 * static_cast<double>(i) + phase);
    return x;
  };
  const Matrix<double> x1 = waves(0.1), x2 = waves(0.4);
  const struct {
    std::string embedding;
    std::array<double, 4> nngp, ntk;
  } cases[] = {{"pos_emb_type='SUM', val_pos_emb=True",
                {0.25413121615727047, 0.2543777235073716, 0.253873303959285, 0.26044758183788386},
                {0.9062842944544938, 0.8906573404683038, 0.8824764433713655, 0.9222830467026324}},
               {"pos_emb_type='CONCAT', n_chan_pos_emb=5, pos_emb_p_norm=1",
                {0.08555422864762303, 0.08596578413636348, 0.0861649833590131, 0.09202660214062952},
                {0.27739031913792206, 0.26730613363687117, 0.26462421354316157, 0.2982936706544106}}};
  for (const auto& [embedding, nngp, ntk] : cases) {
    const Layer network = parse_model(
        "serial(Conv(6, (2, 2), W_std=1.3, b_std=0.2, padding='SAME'), Relu(), GlobalSelfAttention(4, "
        "5, "
        "6, 2, W_key_std=1.2, W_query_std=0.9, W_value_std=1.1, b_std=0.1, W_pos_emb_std=0.8, "
        "pos_emb_decay_fn='exp(-x / 3)', " +
            embedding + "), Relu(), GlobalAvgPool(), Dense(1))",
        registry());
    EXPECT_EQ(parse_model(network.text(), registry()).text(), network.text());
    const Kernels<double> found = KernelFn(network, {{3, 4}})(view(x1), view(x2));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(found.nngp.data()[i] / nngp[i], 1, 1e-8) << embedding;
      EXPECT_NEAR(found.ntk.data()[i] / ntk[i], 1, 1e-8) << embedding;
    }
  }
}

/// Beside the largest entry.
double largest_difference(const OwnedMatrix<double>& a, const OwnedMatrix<double>& b) {
  return (a.view() - b.view()).cwiseAbs().maxCoeff() / b.view().cwiseAbs().maxCoeff();
}

// An image is a volume of one slice, in front or behind. "<4, 7>" are numbers of the two axes of
// images, H, W and C the axes themselves.
TEST(Spatial, ImagesAreVolumesOfOneSlice) {
  const Matrix<double> x1 = random_images(3, 6 * 5 * 2, 1), x2 = random_images(2, 6 * 5 * 2, 2);
  const auto kernels = [&](std::string text, const Sites& sites, const std::string& before,
                           const std::string& behind, const std::string& axes) {
    text = std::regex_replace(text, std::regex("<([^>]*)>"), before + "$1" + behind);
    for (std::size_t i = 0; i < 3; ++i)
      text = std::regex_replace(text, std::regex(std::string("\\b") + "HWC"[i] + "\\b"),
                                axes.substr(i, 1));
    return KernelFn(parse_model(text, registry()), sites)(view(x1), view(x2));
  };
  for (const char* layer :
       {"AvgPool((<2, 3>), (<1, 2>), padding='SAME')", "SumPool((<2, 2>), padding='CIRCULAR')",
        "LayerNorm(axis=C)", "LayerNorm(axis=(H, C))", "LayerNorm(axis=(W, C))",
        "LayerNorm(axis=(H, W, C))",
        "GlobalSelfAttention(4, 4, 4, 2, pos_emb_type='SUM', W_pos_emb_std=0.8, "
        "pos_emb_decay_fn='exp(-x / 3)')",
        "ConvTranspose(3, (<2, 2>), strides=(<2, 1>), b_std=0.2)", "ConvLocal(3, (<2, 1>))",
        "ImageResize((-1, <4, 7>, -1), 'linear')", "serial(FanOut(2), FanInConcat(axis=H))",
        "serial(FanOut(2), FanInConcat(axis=W))"}) {
    SCOPED_TRACE(layer);
    const std::string text =
        "serial(Conv(3, (<2, 1>), b_std=0.2), Relu(), Conv(3, (<1, 2>)), " + std::string(layer) +
        ", Conv(2, (<1, 2>), strides=(<2, 1>), b_std=0.1), Erf(), Flatten(), Dense(1))";
    const Kernels<double> image = kernels(text, {{6, 5}}, "", "", "123");
    for (const Kernels<double>& volume :
         {kernels(text, {{1, 6, 5}}, "1, ", "", "234"), kernels(text, {{6, 5, 1}}, "", ", 1", "124")}) {
      EXPECT_LT(largest_difference(volume.nngp, image.nngp), 1e-13);
      EXPECT_LT(largest_difference(volume.ntk, image.ntk), 1e-13);
    }
  }
}

TEST(Spatial, AnIntegerChoosesASliceOfOne) {
  const Matrix<double> x = random_images(4, 6 * 5 * 2, 1);
  const auto kernels = [&](const std::string& chosen) {
    return KernelFn(parse_model("serial(Conv(3, (2, 2)), Relu(), Index(Slice[" + chosen +
                                    "]), Flatten(), Dense(1))",
                                registry()),
                    {{6, 5}})(view(x));
  };
  for (const auto& [integer, slice] :
       {std::pair(":, 0", ":, 0:1"), {":, :, 0", ":, :, :1"}, {":, -1, 2", ":, -1:, 2:3"}})
    EXPECT_LT(largest_difference(kernels(integer).ntk, kernels(slice).ntk), 1e-15) << integer;
}

// What Dense leaves to the next layer to do, a convolution of one position does itself.
TEST(Spatial, DenseIsAConvolutionOfOnePosition) {
  const Matrix<double> x1 = random_images(3, 6 * 5 * 2, 1), x2 = random_images(2, 6 * 5 * 2, 2);
  for (const char* next :
       {"GlobalSelfAttention(4, 4, 4, 2, pos_emb_type='SUM', W_pos_emb_std=0.8, "
        "pos_emb_decay_fn='exp(-x / 3)')",
        "GlobalSelfAttention(4, 4, 4, 2, pos_emb_type='CONCAT', n_chan_pos_emb=3)",
        "GlobalSelfAttention(4, 4, 4, 2, linear_scaling=False, attention_mechanism='IDENTITY')",
        "AvgPool((2, 2), (1, 2))", "SumPool((3, 2), padding='SAME')",
        "ConvLocal(3, (2, 2), W_std=1.2, b_std=0.1)",
        "ConvTranspose(3, (2, 2), strides=(2, 1), b_std=0.2)", "LayerNorm(axis=(1, 2, 3))",
        "ImageResize((-1, 4, 7, -1), 'linear')", "Dropout(0.7)", "Index(Slice[:, 1:4, ::2])"}) {
    SCOPED_TRACE(next);
    const auto kernels = [&](const std::string& layer) {
      return KernelFn(parse_model("serial(Conv(3, (2, 2)), Relu(), " + layer + ", " + next +
                                      ", Flatten(), Dense(1))",
                                  registry()),
                      {{6, 5}})(view(x1), view(x2));
    };
    const Kernels<double> dense = kernels("Dense(3, W_std=1.7, b_std=0.4)"),
                          conv = kernels("Conv(3, (1, 1), W_std=1.7, b_std=0.4)");
    EXPECT_LT(largest_difference(dense.nngp, conv.nngp), 1e-13);
    EXPECT_LT(largest_difference(dense.ntk, conv.ntk), 1e-13);
  }
}

TEST(SpatialErrors, AbsurdSizesAreRefusedBeforeTheyArePlanned) {
  const auto expect = [](const std::string& model, const Sites& sites, const std::string& message) {
    const Matrix<double> x = Matrix<double>::Ones(1, static_cast<Eigen::Index>(sites.count()));
    expect_error<ModelError>([&] { KernelFn(parse_model(model, registry()), sites)(view(x)); },
                             message);
  };
  const std::string conv = "serial(Conv(3, (3, 3), padding='SAME'), Relu(), ";
  expect(conv + "GlobalAvgPool())", {{600, 600}},
         "GlobalAvgPool: it is made of pairs of positions at 1437601 offsets from each other, at most "
         "300000; make the images smaller");
  expect("serial(Conv(3, (1, 1, 1)), Relu(), GlobalAvgPool())", {{100, 100, 100}},
         "7880599 offsets from each other");
  for (const char* decay : {"1 / x", "x", "exp(x)", "log(x)"})
    expect(conv + "GlobalSelfAttention(1, 1, 1, 1, pos_emb_type='SUM', pos_emb_decay_fn='" + decay +
               "'), Flatten())",
           {{4, 4}}, "is no covariance");
  expect(conv + "GlobalSelfAttention(1, 1, 1, 1), Flatten())", {{40, 40}},
         "40 x 40 positions are too many, at most 1024");
}

TEST(Spatial, DimensionNumbersMaySayWhatIsSo) {
  const auto text = [](const std::string& more) {
    return parse_model("Conv(3, (3, 3)" + more + ")", registry()).text();
  };
  EXPECT_EQ(text(", dimension_numbers=('NHWC', 'HWIO', 'NHWC')"), text(""));
  EXPECT_EQ(text(", dimension_numbers=None"), text(""));
}

TEST(SpatialErrors, ExamplesMustHaveTheChannels) {
  const Matrix<double> x = random_images(2, 7, 6);
  expect_error<DataError>(
      [&] {
        KernelFn(parse_model("serial(Conv(3, (1, 1)), Flatten())", registry()), Sites{{2, 2}})(view(x));
      },
      "examples of 7 numbers are no 2 x 2 positions with equally many channels");
}

}  // namespace
}  // namespace nngp
