// nngp spectrum and nngp compare as processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "command_test.hpp"
#include "matrices.hpp"
#include "nngp/data.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/npy.hpp"

namespace {

using nlohmann::json;
using nngp::test::view;
using testing::HasSubstr;

const std::string golden = NNGP_TEST_DATA "/golden/predict/";
const std::string hidden = "Dense(512, 1.5, 0.05), Relu(), ";
const std::string relu3 = "serial(" + hidden + hidden + hidden + "Dense(1, 1.5, 0.05))";

class SelectionCommand : public CommandTest {
 protected:
  Outcome compare(std::vector<std::string> options) const {
    options.insert(options.begin(), {"compare", "--x-train", golden + "x_train.npy", "--y-train",
                                     golden + "y_train.npy"});
    return run_nngp(options);
  }
};

TEST_F(SelectionCommand, SpectrumAgreesWithNeuralTangents) {
  const Outcome outcome =
      run_nngp({"spectrum", "--model", relu3, "--x", golden + "x_train.npy", "--outputs", "2",
                "--eigenvalues", (folder / "values.npy").string(), "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(outcome.out);
  const double expected = nngp::read_data<double>(golden + "ntk_max_learning_rate.npy").view()(0, 0);
  EXPECT_NEAR(report["max_learning_rate"], expected, 1e-10 * expected);
  const std::vector<double> values = report["eigenvalues"];
  double sum = 0, dimension = 0;
  for (const double value : values) sum += value;
  const double shift = 1e-3 * sum / double(values.size());  // the trace is the sum
  for (const double value : values) dimension += value / (value + shift);
  EXPECT_NEAR(report["effective_dimension"], dimension, 1e-9);
  EXPECT_NEAR(report["condition_number"], values.back() / values.front(), 1e-6);
  EXPECT_EQ(nngp::read_data<double>(folder / "values.npy").view()(23, 0), values.back());
}

/// x x^T / 2 of the rows (2, 0), (0, 2), (2, 2) has the eigenvalues 0, 2 and 6.
TEST_F(SelectionCommand, SpectrumTellsASingularKernel) {
  const std::string x = write("x.csv", "2,0\n0,2\n2,2\n");
  const Outcome outcome =
      run_nngp({"spectrum", "--model", "Dense(1)", "--x", x, "--kernel", "nngp", "--diag-reg", "0"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("infinite: the kernel is singular to rounding"));
  EXPECT_THAT(outcome.out, HasSubstr("maximum learning rate  1\n"));
}

TEST_F(SelectionCommand, SpectrumNamesWrongUsage) {
  const std::string x = write("x.csv", "2,0\n0,2\n");
  const auto fails = [&](const std::vector<std::string>& options, const std::string& message) {
    std::vector<std::string> words = {"spectrum", "--model", "Dense(1)", "--x", x};
    words.insert(words.end(), options.begin(), options.end());
    const Outcome outcome = run_nngp(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(message));
  };
  fails({"--outputs", "0"}, "--outputs is 1 or more");
  fails({"--diag-reg", "-1"}, "--diag-reg is 0 or more, not -1.0");
  fails({"--kernel", "both"}, "--kernel is nngp or ntk, not 'both'");
}

TEST_F(SelectionCommand, ComparePutsTheBestFirst) {
  const std::string relu = write("relu.txt", relu3),
                    linear = write("linear.txt", "Dense(1, 1.0, 1.0)\n");
  for (const char* by : {"lml", "loo", "cv"}) {
    const Outcome outcome =
        compare({"--models", linear, relu, "--model", "serial(Dense(1, 2, 1), Erf(), Dense(1))",
                 "--diag-reg-grid", "1e-4:1e-1:4", "--folds", "4", "--select", by, "--report", "-"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    const json models = json::parse(outcome.out)["best_first"];
    ASSERT_EQ(models.size(), 3u);
    const auto cost = [&](const json& scores) -> double {
      return by == std::string("lml") ? -scores["log_marginal_likelihood"].get<double>()
             : by == std::string("cv")
                 ? scores["folds"]["root_mean_squared_error"].get<double>()
                 : scores["leave_one_out"]["root_mean_squared_error"].get<double>();
    };
    EXPECT_LE(cost(models[0]["scores"]), cost(models[1]["scores"]));
    EXPECT_LE(cost(models[1]["scores"]), cost(models[2]["scores"]));
  }
}

TEST_F(SelectionCommand, CompareGivesTheReasonWhereAKernelIsSingular) {
  const Outcome outcome = compare({"--model", "Dense(1)", "--model", relu3, "--diag-reg", "0"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Dense(1): the kernel of the training\n"));
  EXPECT_LT(outcome.out.find("serial("), outcome.out.find("Dense(1): "));
}

/// Targets drawn from the Gaussian process of a known network, 20 of them.
TEST_F(SelectionCommand, SearchFindsTheNetworkThatMadeTheData) {
  const std::string before = "serial(repeat(serial(Dense(512, W_std=", after = ", b_std=0.3), Erf()), ";
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  nngp::Matrix<double> x(80, 3);
  for (double& value : x.reshaped()) value = normal(random);
  const nngp::Registry plugins(nngp::PluginSearch{{}, {NNGP_TEST_PLUGINS}});
  const nngp::KernelFn kernel_fn(nngp::parse_model(before + "2" + after + "2), Dense(1))", plugins));
  Eigen::MatrixXd k = kernel_fn(view(x)).nngp.view();
  k.diagonal().array() += 1e-2 * k.diagonal().mean();
  Eigen::MatrixXd noise(80, 20);
  for (double& value : noise.reshaped()) value = normal(random);
  const nngp::Matrix<double> y = k.llt().matrixL() * noise;
  write("x.npy", x), write("y.npy", y);

  const std::string best = (folder / "best.txt").string();
  const Outcome outcome =
      run_nngp({"compare", "--model", before + "{1, 2, 4}" + after + "{1, 2, 4}), {Dense(1)})",
                "--x-train", (folder / "x.npy").string(), "--y-train", (folder / "y.npy").string(),
                "--diag-reg", "1e-2", "--select", "lml", "--best", best});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              testing::MatchesRegex("LIKELIHOOD[^\n]*MODEL\n[^\n]*  2, 2\n(.|\n)*\nbest(.|\n)*"));
  const std::string table = outcome.out.substr(0, outcome.out.find("\n\n"));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 9);

  const Outcome predicted =
      run_nngp({"predict", "--model", "@" + best, "--x-train", (folder / "x.npy").string(), "--y-train",
                (folder / "y.npy").string(), "--x-test", (folder / "x.npy").string()});
  EXPECT_EQ(predicted.code, 0) << predicted.err;
  EXPECT_THAT(predicted.out, HasSubstr("repeat(serial(Dense(512, W_std=2.0, b_std=0.3), Erf("));
}

TEST_F(SelectionCommand, TemplatesInFilesAreNamedByFileAndChoice) {
  const std::string grid = write("grid.txt", "serial(Dense(8, {1, 2}), {Relu, Erf}(), Dense(1))\n");
  const Outcome outcome = compare({"--models", grid, "--model", relu3, "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json models = json::parse(outcome.out)["best_first"];
  std::vector<std::string> names;
  for (const json& model : models) names.push_back(model["name"]);
  EXPECT_THAT(names, testing::UnorderedElementsAre(grid + ", 1, Relu", grid + ", 1, Erf",
                                                   grid + ", 2, Relu", grid + ", 2, Erf", relu3));
}

TEST_F(SelectionCommand, CompareNamesWhatIsWrong) {
  const auto fails = [&](const std::vector<std::string>& options, const std::string& message,
                         int code) {
    const Outcome outcome = compare(options);
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(message));
  };
  fails({}, "no models: name files with --models, or give expressions with --model", 2);
  fails({"--models", "none.txt"}, "cannot read 'none.txt': no such file", 1);
  fails({"--models", write("bad.txt", "serial(Rleu())")},
        "bad.txt': line 1, column 8: no layer or activation is called 'Rleu'", 1);
  fails({"--model", "Dense({1, 2)"},
        "'Dense({1, 2)': line 1, column 7: this brace is never closed\n  Dense({1, 2)\n        ^", 1);
  fails({"--model", "Dense({1:9:2000})"}, "there are more than 1000 models; give fewer choices", 1);
  fails({"--model", "Dense(1, {1, -1})"}, "Dense(1, -1)", 1);
  const std::string best = (folder / "best.txt").string();
  fails({"--model", "Dense(1)", "--diag-reg", "0", "--best", best},
        "no model could be computed, so that none is best: the kernel of the training inputs is not",
        1);
  EXPECT_FALSE(std::filesystem::exists(best));
  // The table tells why, model by model.
  const Outcome none = compare({"--model", "Dense(1)", "--diag-reg", "0"});
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.out, HasSubstr("Dense(1): the kernel of the training"));
  EXPECT_THAT(none.err, HasSubstr("nngp: no model could be computed, so that none is best: "));
  fails({"--model", "Dense(1)", "--best", "-"}, "--best takes a file, not standard output", 2);
  const std::string model = write("model.txt", relu3);
  fails({"--models", model, "--best", model}, "--models and --best name the same place", 2);
  fails({"--model", "Dense(1)", "--select", "cv"}, "--select cv needs --folds", 2);
  fails({"--model", "Dense(1)", "--folds", "-2"}, "--folds is 0 or more", 2);
}

}  // namespace
