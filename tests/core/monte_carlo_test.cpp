// Means of sampled kernels: arithmetic, and against kernels of infinite width with stated confidence.

#include "nngp/monte_carlo.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "shipped_registry.hpp"

namespace nngp {
namespace {

using test::inputs;
using test::shipped_model;
using test::view;

const char* const small_network = "serial(Dense(30, 1.5, 0.1), Tanh(), Dense(20), Relu(), Dense(2))";

// ---- Arithmetic --------------------------------------------------------------------------------

TEST(MonteCarlo, IsTheMeanOverNetworksAndItsStandardError) {
  const Layer model = shipped_model(small_network);
  const Matrix<double> x1 = inputs(5, 3), x2 = inputs(4, 3);
  const auto found =
      monte_carlo_kernels(model, view(x1), view(x2), Get::both, {.seed = 9, .samples = 7});
  ASSERT_EQ(found.samples, 7u);
  const FiniteNetwork network(model, 3);
  std::vector<Matrix<double>> ntk;
  for (std::uint64_t k = 0; k < 7; ++k)
    ntk.push_back(network.kernels(network.init<double>({9, k}), view(x1), view(x2)).ntk.view());
  Matrix<double> mean = Matrix<double>::Zero(5, 4), squares = mean;
  for (const auto& one : ntk) mean += one / 7;
  for (const auto& one : ntk) squares.array() += (one - mean).array().square();
  const Matrix<double> error = (squares.array() / (6 * 7)).sqrt();
  EXPECT_TRUE(found.ntk.mean.view().isApprox(mean, 1e-14));
  EXPECT_TRUE(found.ntk.error.view().isApprox(error, 1e-12));
  EXPECT_NEAR(found.ntk.relative_error, error.norm() / mean.norm(), 1e-13);
}

TEST(MonteCarlo, DoesNotDependOnThreads) {
  const Layer model = shipped_model(small_network);
  const Matrix<double> x = inputs(70, 3);
  const auto run = [&](unsigned threads) {
    return monte_carlo_kernels(model, view(x), std::nullopt, Get::both,
                               {.samples = 50, .relative_error = 0.3, .threads = threads});
  };
  const auto one = run(1), two = run(2);
  EXPECT_EQ(one.samples, two.samples);
  EXPECT_LT(one.samples, 50u);
  EXPECT_EQ(one.nngp.mean.view(), two.nngp.mean.view());
  EXPECT_EQ(one.ntk.mean.view(), two.ntk.mean.view());
  EXPECT_EQ(one.ntk.error.view(), two.ntk.error.view());
  EXPECT_EQ(one.ntk.mean.view(), one.ntk.mean.view().transpose());
}

TEST(MonteCarlo, StopsAtTheErrorAskedFor) {
  const Layer model = shipped_model(small_network);
  const Matrix<double> x = inputs(6, 3);
  const auto run = [&](std::size_t samples, double error) {
    return monte_carlo_kernels(model, view(x), std::nullopt, Get::ntk,
                               {.samples = samples, .relative_error = error});
  };
  const auto enough = run(1000, 0.04);
  EXPECT_LE(enough.ntk.relative_error, 0.04);
  EXPECT_LT(enough.samples, 1000u);
  EXPECT_GT(run(enough.samples - 1, 0.04).ntk.relative_error, 0.04);
  EXPECT_EQ(run(1000, 1e9).samples, MonteCarloOptions::min_samples);
  EXPECT_EQ(run(12, 1e-9).samples, 12u);
  EXPECT_EQ(enough.nngp.mean.size(), 0);
}

TEST(MonteCarlo, Float32IsTheSameUpToRounding) {
  const Layer model = shipped_model(small_network);
  const Matrix<double> x = inputs(6, 3);
  const Matrix<float> narrow = x.cast<float>();
  const auto wide = monte_carlo_kernels(model, view(x), std::nullopt, Get::both, {.samples = 20});
  const auto single =
      monte_carlo_kernels(model, view(narrow), std::nullopt, Get::both, {.samples = 20});
  EXPECT_TRUE(single.nngp.mean.view().isApprox(wide.nngp.mean.view(), 1e-5));
  EXPECT_TRUE(single.ntk.mean.view().isApprox(wide.ntk.mean.view(), 1e-5));
}

TEST(MonteCarlo, CanBeWatchedAndStopped) {
  const Layer model = shipped_model(small_network);
  const Matrix<double> x = inputs(6, 3);
  std::size_t last = 0;
  MonteCarloOptions options = {.samples = 30};
  options.progress = [&](std::size_t done, std::size_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, 30u);
    last = done;
    return done < 10;
  };
  expect_error<Interrupted>(
      [&] { monte_carlo_kernels(model, view(x), std::nullopt, Get::both, options); }, "interrupted");
  EXPECT_GE(last, 10u);
}

TEST(MonteCarlo, TellsWhatHasNoStandardError) {
  const Matrix<double> x = inputs(2, 3);
  const auto run = [&](const std::string& model, std::size_t samples) {
    return monte_carlo_kernels(shipped_model(model), view(x), std::nullopt, Get::both,
                               {.samples = samples});
  };
  EXPECT_THROW(run("Dense(1)", 0), InvalidArgument);
  // One sample is an estimate, of unknown error.
  const auto one = run("Dense(1)", 1);
  EXPECT_TRUE(one.nngp.mean.view().allFinite());
  EXPECT_EQ(one.nngp.error(0, 0), std::numeric_limits<double>::infinity());
  expect_error<DataError>([&] { run("serial(Dense(3, 1e100), Dense(1))", 5); },
                          "the standard error of the NNGP is not finite");
}

TEST(Deviation, CountsStandardErrors) {
  const auto filled = [](double a, double b) {
    OwnedMatrix<double> m(1, 2);
    m.data()[0] = a;
    m.data()[1] = b;
    return m;
  };
  const KernelEstimate estimate = {filled(3.5, 4), filled(0.25, 0), 0};
  const OwnedMatrix<double> exact = filled(3, 4), other = filled(3, 5);
  EXPECT_DOUBLE_EQ(deviation(estimate, exact.view()).relative, 0.1);
  EXPECT_DOUBLE_EQ(deviation(estimate, exact.view()).largest, 2);
  EXPECT_DOUBLE_EQ(deviation(estimate, exact.view()).rms, std::sqrt(2));
  // No spread at all: the difference counts in units of rounding.
  EXPECT_GT(deviation(estimate, other.view()).largest, 1e8);
}

// ---- Against exact kernels ---------------------------------------------------------------------

const std::string folder = NNGP_TEST_DATA "/golden/networks/";

struct Golden {
  std::string id;
  std::size_t samples;
  double bias;  ///< allowed in the Frobenius norm: of order layers / width; 0 where there is none
};

class MonteCarloGolden : public testing::TestWithParam<Golden> {
 protected:
  // Rows of one size, so that none decides the Frobenius norm alone: 0 ... 11 of x1, 11 ... 15 of x2.
  static constexpr Eigen::Index rows = 12, first_col = 11, cols = 5;

  static std::string model() {
    const auto file = nlohmann::json::parse(std::ifstream(folder + "networks.json"));
    for (const auto& entry : file["models"])
      if (entry["id"] == GetParam().id) return entry["model"];
    throw std::runtime_error("no network " + GetParam().id);
  }

  static KernelEstimates estimate(const std::string& model, Get get) {
    const auto x1 = read_data<double>(folder + "x1.npy"), x2 = read_data<double>(folder + "x2.npy");
    const Matrix<double> top = x1.view().topRows(rows), last = x2.view().middleRows(first_col, cols);
    return monte_carlo_kernels(shipped_model(model), view(top), view(last), get,
                               {.seed = 1, .samples = GetParam().samples});
  }

  static void expect_agreement(const KernelEstimate& estimate, const char* name) {
    const auto all = read_data<double>(folder + GetParam().id + "/" + name + ".npy");
    const Matrix<double> exact = all.view().block(0, first_col, rows, cols);
    const Deviation found = deviation(estimate, view(exact));
    // The relative deviation of a mean is its relative error in the root mean square; four times that
    // has a probability below 1e-4 even where all entries deviate as one.
    EXPECT_LE(found.relative, 4 * estimate.relative_error + GetParam().bias) << name;
    EXPECT_LE(estimate.relative_error, 0.05) << name;  // else this would test little
    // Of 60 entries, each beyond 6 standard errors with a probability below 1e-6 (Student's t, 40
    // samples).
    if (GetParam().bias == 0) {
      EXPECT_LE(found.largest, 6) << name;
    }
  }
};

TEST_P(MonteCarloGolden, MeansAgreeWithExactKernels) {
  expect_agreement(estimate(model(), Get::ntk).ntk, "ntk");
  // Of many outputs, since the product of two outputs deviates by its own size.
  const std::string wide = std::regex_replace(model(), std::regex("Dense\\(1,"), "Dense(256,");
  expect_agreement(estimate(wide, Get::nngp).nngp, "nngp");
}

INSTANTIATE_TEST_SUITE_P(All, MonteCarloGolden,
                         testing::Values(Golden{"rectified_monomial", 60, 0},
                                         Golden{"polynomial", 60, 0}, Golden{"relu3", 40, 0.01},
                                         Golden{"standard", 40, 0.01}, Golden{"standard_s", 40, 0.01},
                                         Golden{"residual", 40, 0.01}, Golden{"layer_norm", 40, 0.01},
                                         Golden{"fan_in_concat", 40, 0.01}),
                         [](const auto& info) { return info.param.id; });

// ---- Convergence -------------------------------------------------------------------------------

struct Growing {
  std::string name;
  std::string model;
};

/// The squared relative deviation of kernels from the exact ones, over repetitions: mean and its error.
struct Scatter {
  double mean, error;
};

class Convergence : public testing::TestWithParam<Growing> {
 protected:
  static constexpr std::size_t repetitions = 30;

  static Scatter scatter(const Layer& model, Get get, std::size_t samples) {
    const Matrix<double> x = inputs(4, 6);
    const auto exact = KernelFn(model)(view(x), std::nullopt, get);
    double sum = 0, squares = 0;
    for (std::size_t k = 0; k < repetitions; ++k) {
      const auto found = monte_carlo_kernels(model, view(x), std::nullopt, get,
                                             {.seed = 100 * samples + k, .samples = samples});
      const double relative = get == Get::ntk ? deviation(found.ntk, exact.ntk.view()).relative
                                              : deviation(found.nngp, exact.nngp.view()).relative;
      sum += relative * relative;
      squares += std::pow(relative, 4);
    }
    const auto n = static_cast<double>(repetitions);
    return {sum / n, std::sqrt((squares / n - sum * sum / (n * n)) / (n - 1))};
  }

  /// The mean square must fall as 1 / (width samples).
  static void expect_rate(Get get, const std::string& model) {
    double weight = 0, x1 = 0, x2 = 0, y1 = 0, xy = 0;  // weighted sums of a line y = a + b x
    std::string points;
    for (const std::size_t width : {32, 64, 128, 256})
      for (const std::size_t samples : {2, 8}) {
        const std::string text = std::regex_replace(model, std::regex("width"), std::to_string(width));
        const Scatter found = scatter(shipped_model(text), get, samples);
        const double x = std::log(static_cast<double>(width * samples)), y = std::log(found.mean);
        const double w = std::pow(found.mean / found.error, 2);
        weight += w, x1 += w * x, x2 += w * x * x, y1 += w * y, xy += w * x * y;
        points += std::to_string(width * samples) + ": " + std::to_string(std::exp(y / 2)) + ", ";
      }
    const double determinant = weight * x2 - x1 * x1;
    const double slope = (weight * xy - x1 * y1) / determinant;
    const double error = std::sqrt(weight / determinant);
    // The slope of the logarithm of the mean square is -1 up to the bias of small widths. Beyond 4
    // standard errors it is by chance with a probability of 6e-5.
    EXPECT_NEAR(slope, -1, 4 * error + 0.05) << points;
    EXPECT_LE(error, 0.08);  // a rate of -1/2 or -3/2 would show
    RecordProperty("slope", std::to_string(slope));
  }
};

TEST_P(Convergence, OfTheNtkIsByWidthTimesSamples) {
  expect_rate(Get::ntk, GetParam().model + ", Dense(1))");
}

TEST_P(Convergence, OfTheNngpIsByWidthTimesSamples) {
  expect_rate(Get::nngp, GetParam().model + ", Dense(width))");
}

INSTANTIATE_TEST_SUITE_P(
    All, Convergence,
    testing::Values(
        Growing{"Relu", "serial(Dense(width, 1.5, 0.1), Relu(), Dense(width, 1.5, 0.1), Relu()"},
        Growing{"Erf", "serial(Dense(width, 1.5, 0.1), Erf(), Dense(width, 1.5, 0.1), Erf()"},
        Growing{"Tanh", "serial(Dense(width, 1.5, 0.1), Tanh(), Dense(width, 1.5, 0.1), Tanh()"},
        Growing{"residual",
                "serial(Dense(width, 1.2, 0.1), FanOut(2), parallel(Identity(), serial(Relu(), "
                "Dense(width, 0.8, 0.05))), FanInSum(), Relu()"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace nngp
