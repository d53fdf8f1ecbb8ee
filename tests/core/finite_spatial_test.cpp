// Sampled networks on images: by hand, against finite differences, and against the kernels of
// tests/golden/spatial with stated confidence.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "nngp/monte_carlo.hpp"
#include "shipped_registry.hpp"

namespace nngp {
namespace {

using test::inputs;
using test::shipped_model;
using test::view;

/// What a network without weights makes of one example.
std::vector<double> outputs(const std::string& model, const Sites& sites,
                            const std::vector<double>& example) {
  Matrix<double> x(1, static_cast<Eigen::Index>(example.size()));
  std::copy(example.begin(), example.end(), x.data());
  const FiniteNetwork network(shipped_model(model), example.size(), sites);
  const auto y = network.apply(Parameters<double>(), view(x));
  return {y.data(), y.data() + y.size()};
}

using Numbers = std::vector<double>;

// ---- By hand -----------------------------------------------------------------------------------

TEST(FiniteSpatial, PoolsWindows) {
  const Numbers six = {1, 2, 4, 8, 16, 32};
  EXPECT_EQ(outputs("serial(AvgPool((2,), strides=(2,)), Flatten())", {{6}}, six),
            (Numbers{1.5, 6, 24}));
  EXPECT_EQ(outputs("serial(SumPool((2,)), Flatten())", {{6}}, six), (Numbers{3, 6, 12, 24, 48}));
  // The edges: a mean over three of which one or two are inside, or over those.
  const Numbers ones(4, 3.0);
  EXPECT_EQ(outputs("serial(AvgPool((3,), padding='SAME'), Flatten())", {{4}}, ones),
            (Numbers{2, 3, 3, 2}));
  EXPECT_EQ(
      outputs("serial(AvgPool((3,), padding='SAME', normalize_edges=True), Flatten())", {{4}}, ones),
      (Numbers{3, 3, 3, 3}));
  EXPECT_EQ(outputs("serial(SumPool((3,), padding='CIRCULAR'), Flatten())", {{4}}, {1, 2, 4, 8}),
            (Numbers{11, 7, 14, 13}));
  // Two axes, two channels.
  EXPECT_EQ(outputs("serial(SumPool((2, 2)), Flatten())", {{2, 2}}, {1, 10, 2, 20, 3, 30, 4, 40}),
            (Numbers{10, 100}));
}

TEST(FiniteSpatial, PoolsAllPositionsAndFlattens) {
  const Numbers image = {1, 10, 2, 20, 3, 30, 6, 60};
  EXPECT_EQ(outputs("GlobalAvgPool()", {{2, 2}}, image), (Numbers{3, 30}));
  EXPECT_EQ(outputs("GlobalSumPool()", {{4}}, image), (Numbers{12, 120}));
  EXPECT_EQ(outputs("Flatten()", {{2, 2}}, image), image);
}

TEST(FiniteSpatial, ResizesAndConcatenates) {
  EXPECT_EQ(outputs("serial(ImageResize((-1, 4, -1), method='nearest'), Flatten())", {{2}}, {1, 2}),
            (Numbers{1, 1, 2, 2}));
  EXPECT_EQ(outputs("serial(ImageResize((-1, 4, -1), method='linear'), Flatten())", {{2}}, {0, 4}),
            (Numbers{0, 1, 3, 4}));
  EXPECT_EQ(outputs("serial(FanOut(2), FanInConcat(), Flatten())", {{2}}, {1, 2}),
            (Numbers{1, 1, 2, 2}));
  EXPECT_EQ(outputs("serial(FanOut(2), FanInConcat(axis=1), Flatten())", {{2}}, {1, 2}),
            (Numbers{1, 2, 1, 2}));
}

TEST(FiniteSpatial, NormalisesOverTheAxesGiven) {
  // Channels (1, 3) and (3, 7): of each position, or of both.
  const auto near = [](const Numbers& found, const Numbers& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-11);
  };
  near(outputs("serial(LayerNorm(), Flatten())", {{2}}, {1, 3, 3, 7}), {-1, 1, -1, 1});
  const double s = std::sqrt(4.75);  // mean 3.5, squares 6.25, 0.25, 0.25, 12.25
  near(outputs("serial(LayerNorm(axis=(1, 2)), Flatten())", {{2}}, {1, 3, 3, 7}),
       {-2.5 / s, -0.5 / s, -0.5 / s, 3.5 / s});
  // An image is a volume of one slice.
  const Numbers image = {1, 3, 5, 2, 9, 4, 0, 6, 7, 8, 2, 1};
  const auto volume = [&](const std::string& axes, const Sites& sites) {
    return outputs("serial(LayerNorm(axis=(" + axes + ")), Flatten())", sites, image);
  };
  for (const auto& [axes, front, behind] :
       {std::tuple("1, 3", "2, 4", "1, 4"), {"2, 3", "3, 4", "2, 4"}}) {
    EXPECT_EQ(volume(front, {{1, 3, 2}}), volume(axes, {{3, 2}}));
    EXPECT_EQ(volume(behind, {{3, 2, 1}}), volume(axes, {{3, 2}}));
  }
}

/// The layer with W = 1 2 3 ... and b = 100 of one output channel on one example.
Numbers weighted(const std::string& layer, const Sites& sites, const Numbers& example) {
  const FiniteNetwork network(shipped_model("serial(" + layer + ", Flatten())"), example.size(), sites);
  auto weights = network.init<double>({});
  for (Eigen::Index i = 0; i < weights[0].W.size(); ++i)
    weights[0].W.data()[i] = static_cast<double>(i + 1);
  for (Eigen::Index i = 0; i < weights[0].b.size(); ++i)
    weights[0].b.data()[i] = static_cast<double>(100 * (i + 1));
  Matrix<double> x(1, static_cast<Eigen::Index>(example.size()));
  std::copy(example.begin(), example.end(), x.data());
  const auto y = network.apply(weights, view(x));
  return {y.data(), y.data() + y.size()};
}

TEST(FiniteSpatial, ConvolvesAsWrittenOut) {
  // W_std = sqrt(n_in), so that the weights count as they are.
  EXPECT_EQ(weighted("Conv(1, (4,), W_std=2, b_std=1)", {{5}}, {1, 1, 1, 1, 2}), (Numbers{110, 114}));
  EXPECT_EQ(weighted("Conv(1, (4,), strides=(2,), padding='SAME', W_std=2)", {{4}}, {1, 1, 1, 1}),
            (Numbers{9, 6}));
  EXPECT_EQ(weighted("Conv(1, (4,), padding='CIRCULAR', W_std=2)", {{4}}, {1, 0, 0, 0}),
            (Numbers{2, 1, 4, 3}));
  // 2 x 2 taps: the last axis fastest.
  EXPECT_EQ(weighted("Conv(1, (2, 2), W_std=2)", {{2, 2}}, {1, 10, 100, 1000}), (Numbers{4321}));
  // Two channels within each of two taps.
  EXPECT_EQ(weighted("Conv(1, (2,), W_std=2)", {{2}}, {1, 10, 100, 1000}), (Numbers{4321}));
  // Weights for each position.
  EXPECT_EQ(weighted("ConvLocal(1, (1,), W_std=1, b_std=1)", {{3}}, {1, 1, 1}),
            (Numbers{101, 202, 303}));
  EXPECT_EQ(weighted("ConvTranspose(1, (1,), strides=(2,), W_std=1)", {{2}}, {1, 5}),
            (Numbers{1, 0, 5, 0}));
}

TEST(FiniteSpatial, AConvolutionOfOneTapIsDense) {
  const Sites sites = {{3, 2}};
  const Matrix<double> x = inputs(5, 24);
  const auto run = [&](const std::string& layer) {
    const FiniteNetwork network(shipped_model("serial(" + layer + ", Relu(), Flatten(), Dense(2))"), 24,
                                sites);
    return network.kernels(network.init<double>({1, 2}), view(x));
  };
  const auto conv = run("Conv(7, (1, 1), W_std=1.3, b_std=0.2)"), dense = run("Dense(7, 1.3, 0.2)");
  EXPECT_EQ(conv.nngp.view(), dense.nngp.view());
  EXPECT_EQ(conv.ntk.view(), dense.ntk.view());
}

// ---- Gradients ---------------------------------------------------------------------------------

/// The NTK of a sampled network by central differences in every weight; `weights` end as they began.
Matrix<double> ntk_by_differences(const FiniteNetwork& network, Parameters<double>& weights,
                                  const Matrix<double>& x, const SampleKey& masks) {
  constexpr double step = 1e-5;
  const auto outputs = [&] {
    return Matrix<double>(network.apply(weights, view(x), {.masks = masks}).view());
  };
  Matrix<double> ntk = Matrix<double>::Zero(x.rows(), x.rows());
  for (auto& [W, b] : weights)
    for (OwnedMatrix<double>* part : {&W, &b})
      for (Eigen::Index i = 0; i < part->size(); ++i) {
        const double w = part->data()[i];
        part->data()[i] = w + step;
        const Matrix<double> above = outputs();
        part->data()[i] = w - step;
        const Matrix<double> gradient = (above - outputs()) / (2 * step);
        part->data()[i] = w;
        ntk += gradient * gradient.transpose() / static_cast<double>(network.out_dim());
      }
  return ntk;
}

struct Spatial {
  const char* name;
  const char* model;
  Sites sites;
  Eigen::Index channels;
};

class FiniteSpatialNtk : public testing::TestWithParam<Spatial> {};

TEST_P(FiniteSpatialNtk, AgreesWithDifferences) {
  const auto& [name, model, sites, channels] = GetParam();
  const auto columns = static_cast<Eigen::Index>(sites.count()) * channels;
  const FiniteNetwork network(shipped_model(model), static_cast<std::size_t>(columns), sites);
  const Matrix<double> x = inputs(4, columns);
  auto weights = network.init<double>({3, 4});
  const auto kernels = network.kernels(weights, view(x), std::nullopt, Get::ntk, {.masks = {3, 4}});
  const Matrix<double> expected = ntk_by_differences(network, weights, x, {3, 4});
  EXPECT_LE((kernels.ntk.view() - expected).norm(), 1e-7 * expected.norm());
  EXPECT_EQ(kernels.ntk.view(), kernels.ntk.view().transpose());
}

INSTANTIATE_TEST_SUITE_P(
    All, FiniteSpatialNtk,
    testing::Values(
        Spatial{"conv",
                "serial(Conv(3, (3, 2), padding='SAME', W_std=1.4, b_std=0.2), Erf(), "
                "Conv(4, (2, 2), strides=(1, 2), b_std=0.1), Tanh(), Flatten(), Dense(3, b_std=0.1))",
                {{4, 5}},
                2},
        // Many channels at few positions and few at many: both ways to the inner products of gradients.
        Spatial{
            "wide", "serial(Conv(20, (2,), b_std=0.2), Erf(), GlobalAvgPool(), Dense(10))", {{3}}, 4},
        Spatial{
            "long",
            "serial(Conv(2, (3,), padding='CIRCULAR', b_std=0.2), Erf(), GlobalAvgPool(), Dense(10))",
            {{40}},
            1},
        Spatial{"standard",
                "serial(Conv(4, (3,), padding='SAME', W_std=1.4, b_std=0.2, "
                "parameterization='standard', s=(2, 1)), "
                "Erf(), AvgPool((2,)), Conv(3, (2,), parameterization='standard'), Erf(), Flatten(), "
                "Dense(2, parameterization='standard'))",
                {{7}},
                2},
        Spatial{"local",
                "serial(ConvLocal(3, (2, 2), padding='SAME', b_std=0.3), Erf(), ConvLocal(2, (2, 1)), "
                "Erf(), SumPool((2, 2), padding='SAME'), Flatten(), Dense(2))",
                {{3, 3}},
                2},
        Spatial{"transpose",
                "serial(ConvTranspose(3, (3,), strides=(2,), padding='CIRCULAR', b_std=0.3), Erf(), "
                "ConvTranspose(2, (2,), padding='SAME'), Erf(), GlobalSumPool(), Dense(2))",
                {{4}},
                2},
        Spatial{"norm",
                "serial(Conv(5, (2, 2), padding='SAME'), LayerNorm(axis=(2, 3)), Erf(), Dropout(0.6), "
                "Dense(4), LayerNorm(), Tanh(), AvgPool((2, 2), padding='SAME', normalize_edges=True), "
                "Flatten(), Dense(2))",
                {{3, 4}},
                1},
        Spatial{
            "branches",
            "serial(Conv(3, (3,), padding='SAME'), FanOut(3), parallel(Erf(), serial(Conv(2, (1,)), "
            "Sin()), Tanh()), FanInConcat(), Conv(3, (2,)), FanOut(2), parallel(Erf(), "
            "AvgPool((2,))), FanInConcat(axis=1), ImageResize((-1, 5, -1), method='linear'), "
            "Erf(), GlobalAvgPool(), Dense(2))",
            {{5}},
            2},
        Spatial{
            "attention",
            "serial(Conv(3, (2,), padding='SAME'), GlobalSelfAttention(4, 5, 3, 2, b_std=0.3, "
            "W_query_std=1.4, pos_emb_type='SUM', W_pos_emb_std=0.7, val_pos_emb=True), Erf(), "
            "GlobalSelfAttention(3, 2, 2, 2, linear_scaling=False, W_out_std=1.2, "
            "attention_mechanism='IDENTITY', pos_emb_type='CONCAT', n_chan_pos_emb=2), "
            "GlobalSelfAttention(2, 3, 2, 1, attention_mechanism='RELU'), "
            "GlobalSelfAttention(2, 3, 2, 1, attention_mechanism='ABS'), GlobalAvgPool(), Dense(2))",
            {{4}},
            2},
        Spatial{"index",
                "serial(Conv(3, (2, 2), padding='SAME'), Erf(), Index(Slice[:, ::-2, 1:]), "
                "Conv(2, (1, 2)), Erf(), Index(Slice[:, -1]), Conv(2, (2,)), Flatten(), Dense(2))",
                {{4, 5}},
                2},
        Spatial{"volume",
                "serial(Conv(3, (2, 1, 2), padding='SAME', b_std=0.1), Erf(), AvgPool((1, 2, 2)), "
                "Flatten(), Dense(2))",
                {{2, 3, 3}},
                2}),
    [](const auto& info) { return info.param.name; });

// ---- Rows, threads, types ----------------------------------------------------------------------

TEST(FiniteSpatial, DependsNeitherOnThreadsNorOnBatches) {
  const FiniteNetwork network(
      shipped_model(
          "serial(Conv(9, (3, 3), padding='SAME', b_std=0.1), Relu(), Dropout(0.7), "
          "AvgPool((2, 2), strides=(2, 2)), ConvLocal(5, (2, 2)), Erf(), GlobalAvgPool(), Dense(3))"),
      6 * 6 * 2, {{6, 6}});
  const Matrix<double> x = inputs(150, 72);
  const auto weights = network.init<double>({3, 4});
  const auto run = [&](unsigned threads) {
    return network.kernels(weights, view(x), std::nullopt, Get::both,
                           {.masks = {3, 4}, .threads = threads});
  };
  const auto one = run(1), two = run(2);
  EXPECT_EQ(one.nngp.view(), two.nngp.view());
  EXPECT_EQ(one.ntk.view(), two.ntk.view());
  const auto all = network.apply(weights, view(x), {.masks = {3, 4}});
  const Matrix<double> part = x.middleRows(70, 80);
  const auto last = network.apply(weights, view(part), {.masks = {3, 4}, .first_row = 70});
  EXPECT_EQ(last.view(), all.view().middleRows(70, 80));
}

// ---- Against kernels of infinite width ---------------------------------------------------------

const std::filesystem::path folder = NNGP_TEST_DATA "/golden/spatial";

/// The standard parameterisation and branches side by side weigh by numbers of channels, which the test
/// changes.
bool depends_on_widths(const std::string& name) {
  return name == "standard" || name == "concat_channels";
}

std::vector<std::string> golden_networks() {
  std::vector<std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (const std::string name = entry.path().filename(); !depends_on_widths(name)) all.push_back(name);
  std::sort(all.begin(), all.end());
  return all;
}

class FiniteSpatialGolden : public testing::TestWithParam<std::string> {
 protected:
  static Dataset<double> images(const char* name) {
    ReadOptions options;
    options.positions = true;
    return read_data<double>(folder / GetParam() / name, options);
  }
  static std::string model() {
    std::ostringstream text;
    text << std::ifstream(folder / GetParam() / "model.txt").rdbuf();
    // The kernels of attention are those of many heads of many channels.
    std::string model = text.str();
    constexpr std::pair<const char*, const char*> wider[] = {
        {"n_chan_key=16", "=256"}, {"n_chan_val=16", "=64"}, {"n_heads=4", "=16"}};
    for (const auto& [few, many] : wider)
      if (const std::size_t at = model.find(few); at != model.npos)
        model.replace(at, std::strlen(few), std::string(few, std::strchr(few, '=')) + many);
    return model;
  }
};

TEST_P(FiniteSpatialGolden, MeansAgreeWithExactKernels) {
  const auto x1 = images("x1.npy"), x2 = images("x2.npy");
  const auto expect_agreement = [&](const std::string& text, Get get) {
    const auto found =
        monte_carlo_kernels(with_hidden_width(shipped_model(text), 128), x1.view(), x2.view(), get,
                            {.sites = x1.sites(), .seed = 1, .samples = 100});
    const bool ntk = get == Get::ntk;
    const KernelEstimate& estimate = ntk ? found.ntk : found.nngp;
    const auto exact =
        read_data<double>(folder / GetParam() / (ntk ? "ntk_exact.npy" : "nngp_exact.npy"));
    const Deviation far = deviation(estimate, exact.view());
    // Four times the relative error of a mean has a probability below 1e-4 even where all entries
    // deviate as one; the bias is of order layers / width.
    EXPECT_LE(far.relative, 4 * estimate.relative_error + 0.02) << text;
    EXPECT_LE(estimate.relative_error, 0.06);  // else this would test little
  };
  expect_agreement(model(), Get::ntk);
  // Of many outputs, since the product of two outputs deviates by its own size.
  const std::string text = model();
  const std::size_t head = text.rfind("Dense(1");
  expect_agreement(text.substr(0, head) + "Dense(256" + text.substr(head + 7), Get::nngp);
}

INSTANTIATE_TEST_SUITE_P(All, FiniteSpatialGolden, testing::ValuesIn(golden_networks()),
                         [](const auto& info) { return info.param; });

// ---- Errors ------------------------------------------------------------------------------------

TEST(FiniteSpatial, NamesWhatDoesNotFit) {
  const auto expect_model_error = [](const std::string& model, const Sites& sites, std::size_t columns,
                                     const std::string& part) {
    expect_error<ModelError>([&] { FiniteNetwork(shipped_model(model), columns, sites); }, part);
  };
  expect_model_error("serial(Dense(2), Conv(3, (3, 3)))", {{2, 5}}, 20,
                     "layer 2, Conv: a 3x3 filter does not fit 2 x 5 positions with VALID");
  expect_model_error("Conv(3, (3, 3))", {}, 20,
                     "layer 1, Conv: inputs are rows of features without positions");
  expect_model_error("serial(GlobalAvgPool(), GlobalAvgPool())", {{4}}, 4,
                     "layer 2, GlobalAvgPool: its input has no positions any more");
  expect_model_error("Conv(3, (2, 2))", {{4, 4}}, 16,
                     "the network ends with 3 x 3 positions an example");
  expect_model_error("serial(FanOut(2), parallel(Identity(), AvgPool((2,))), FanInSum(), Flatten())",
                     {{4}}, 4, "FanInSum: all branches need the same positions, got 4 and 3");
  expect_model_error(
      "serial(Conv(1000000000, (3, 3), padding='SAME'), Flatten())", {{32, 32}}, 1024,
      "layer 1, Conv: a finite network cannot have 1000000000 units at each of 32 x 32 positions");
  expect_model_error(
      "serial(GlobalSelfAttention(4, 4, 4, 2, pos_emb_type='SUM', "
      "pos_emb_decay_fn='exp(-x)'), Flatten())",
      {{4}}, 4, "pos_emb_decay_fn is there for networks of infinite width alone");
  expect_model_error(
      "serial(GlobalSelfAttention(4, 4, 4, 2, pos_emb_type='SUM', n_chan_pos_emb=3), "
      "Flatten())",
      {{4}}, 4, "embeddings of 3 channels cannot be added to 1");
  expect_error<DataError>(
      [] {
        FiniteNetwork(Flatten(), 7, {{2, 3}});
      },
      "examples of 7 numbers are no 2 x 3 positions with equally many channels");
}

TEST(FiniteSpatial, RefusesParametersOfOtherNetworks) {
  const FiniteNetwork network(shipped_model("serial(ConvLocal(2, (2,), b_std=1), Flatten())"), 4,
                              {{4}});
  const Matrix<double> x = inputs(2, 4);
  auto weights = network.init<double>({});
  EXPECT_EQ(weights[0].W.rows(), 6);
  EXPECT_EQ(weights[0].b.size(), 6);
  EXPECT_EQ(network.parameter_count(), 18u);
  weights[0].b = OwnedMatrix<double>(1, 2);
  expect_error<DataError>([&] { network.apply(weights, view(x)); },
                          "the parameters do not fit this network");
}

}  // namespace
}  // namespace nngp
