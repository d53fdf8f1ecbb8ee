// Kernels that are hardly known, in every subcommand that computes some.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "command_test.hpp"

namespace {

using testing::HasSubstr;

const std::string model_of(const std::string& activation) {
  return "serial(Dense(16), " + activation + ", Dense(1))";
}

class Inexact : public CommandTest {
 protected:
  Outcome run(std::vector<std::string> words, const std::string& activation) const {
    words.insert(words.end(),
                 {"--model", model_of(activation), "--plugin", NNGP_HOST_TEST_PLUGINS "/libgolden.so"});
    return run_nngp(words);
  }

  /// The command refuses sin(1e9 x) and writes none of `outputs`; with the bound that it names, it
  /// computes and warns.
  void expect_refusal(const std::vector<std::string>& words,
                      const std::vector<std::string>& outputs) const {
    const Outcome refused = run(words, "fast_sine()");
    EXPECT_EQ(refused.code, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, HasSubstr("fast_sine() is integrated with relative errors up to "));
    EXPECT_THAT(refused.err,
                HasSubstr(", above 0.001: fn varies on scales too small beside the inputs"));
    for (const std::string& output : outputs) EXPECT_FALSE(std::filesystem::exists(folder / output));

    const std::string option = "--allow-inexact ";
    const auto at = refused.err.find(option);
    ASSERT_NE(at, std::string::npos) << refused.err;
    const auto bound = at + option.size();
    auto allowed = words;
    allowed.insert(allowed.end(), {"--allow-inexact",
                                   refused.err.substr(bound, refused.err.find(' ', bound) - bound)});
    const Outcome given = run(allowed, "fast_sine()");
    EXPECT_EQ(given.code, 0) << given.err;
    EXPECT_THAT(given.err, HasSubstr("nngp: warning: fast_sine() is integrated with relative errors"));
    for (const std::string& output : outputs) EXPECT_TRUE(std::filesystem::exists(folder / output));

    allowed.back() = "-1";
    const Outcome wrong = run(allowed, "fast_sine()");
    EXPECT_EQ(wrong.code, 2);
    EXPECT_THAT(wrong.err, HasSubstr("--allow-inexact takes a bound from 0 on, not -1"));
    allowed.back() = "nan";
    EXPECT_THAT(run(allowed, "fast_sine()").err,
                HasSubstr("nngp: --allow-inexact takes a finite number or inf, not 'nan'"));
  }
  const std::string x = folder.write("x.csv", "1,2\n3,1\n0,1\n2,2\n").string();
  const std::string y = folder.write("y.csv", "1\n2\n0\n1\n").string();
};

TEST_F(Inexact, KernelRefuses) {
  expect_refusal({"kernel", "--x1", x, "--nngp", file("k.npy"), "--report", file("r.json")},
                 {"k.npy", "r.json"});
}

TEST_F(Inexact, PredictRefuses) {
  expect_refusal({"predict", "--x-train", x, "--y-train", y, "--x-test", x, "--diag-reg", "0.1",
                  "--mean", file("m.npy"), "--report", file("r.json")},
                 {"m.npy", "r.json"});
}

TEST_F(Inexact, CompareRefuses) {
  expect_refusal({"compare", "--x-train", x, "--y-train", y, "--diag-reg", "0.1", "--best",
                  file("best.txt"), "--report", file("r.json"), "--model", model_of("golden_tanh()")},
                 {"best.txt", "r.json"});
}

TEST_F(Inexact, SpectrumRefuses) {
  expect_refusal({"spectrum", "--x", x, "--eigenvalues", file("v.npy"), "--report", file("r.json")},
                 {"v.npy", "r.json"});
}

TEST_F(Inexact, MonteCarloRefusesToCompare) {
  expect_refusal(
      {"montecarlo", "--x1", x, "--samples", "10", "--nngp", file("k.npy"), "--report", file("r.json")},
      {"k.npy", "r.json"});
}

TEST_F(Inexact, SamplesNeedNoIntegrals) {
  const Outcome outcome =
      run({"montecarlo", "--x1", x, "--samples", "10", "--nngp", file("k.npy")}, "fast_sine()");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Inexact, NoiseIsNamedInMatrices) {
  const Outcome outcome = run({"kernel", "--x1", x, "--report", "-"}, "rounded_tanh()");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("the values of fn itself have relative errors of "));
  EXPECT_THAT(outcome.err, HasSubstr("compute fn in double precision"));
  const auto layer = nlohmann::json::parse(outcome.out)["numerical_layers"].at(0);
  EXPECT_GT(layer["fn_noise"], 1e-9);
  EXPECT_LT(layer["fn_noise"], 1e-5);
}

TEST_F(Inexact, ReportsWhatPreparationTook) {
  const Outcome report = run({"kernel", "--x1", x, "--report", "-"}, "golden_tanh()");
  ASSERT_EQ(report.code, 0) << report.err;
  const auto layer = nlohmann::json::parse(report.out)["numerical_layers"].at(0);
  EXPECT_GT(layer["fn_calls"], 100);
  EXPECT_GT(layer["seconds"], 0);
  EXPECT_EQ(layer["fn_noise"], 0);
  const Outcome summary = run({"kernel", "--x1", x}, "golden_tanh()");
  EXPECT_THAT(summary.out, HasSubstr("integrated"));
  EXPECT_THAT(summary.out,
              testing::ContainsRegex("golden_tanh\\(\\): errors up to [^ ]+ \\(nngp\\) and"));
  EXPECT_THAT(summary.out, HasSubstr(" calls of fn"));
}

TEST_F(Inexact, BreakPointsHaveOrdersWhateverTheMethod) {
  // Of variances that tables do not span.
  const std::string wide = folder.write("wide.csv", "1e-4,2e-4\n300,100\n").string();
  const Outcome outcome = run({"kernel", "--x1", wide, "--report", "-"}, "golden_triangle()");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto points = nlohmann::json::parse(outcome.out)["numerical_layers"].at(0)["breakpoints"];
  ASSERT_EQ(points.size(), 3u);
  for (const auto& point : points) EXPECT_EQ(point["order"], 1);
}

}  // namespace
