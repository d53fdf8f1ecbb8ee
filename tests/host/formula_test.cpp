// Formulas on the command line: what is told of them, where models with formulas go, and the projects
// that are made of them. That the projects build is tested by sdk_package.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "command_test.hpp"

namespace {

using testing::HasSubstr;

const std::string erf_kernel = "2/pi * arcsin(2*cov12 / sqrt((1 + 2*var1) * (1 + 2*var2)))";
const std::string erf_formula = "Elementwise(fn='erf(x)', nngp_fn='" + erf_kernel + "')";
const std::string wrong_formula = "Elementwise(fn='erf(x / 2)', nngp_fn='" + erf_kernel + "')";
const std::string mismatch =
    wrong_formula +
    ": nngp_fn is not the expectation of fn: at cov12=0.5, var1=1.0, var2=1.0 it gives ";

std::string network(const std::string& activation) {
  return "serial(Dense(8, 1.5, 0.05), " + activation + ", Dense(1))";
}

class FormulaCommand : public CommandTest {
 protected:
  FormulaCommand() {
    write_npy(folder / "x.npy", nngp::Matrix<double>::Random(9, 3));
    write_npy(folder / "y.npy", nngp::Matrix<double>::Random(9, 1));
  }
};

TEST_F(FormulaCommand, AKernelThatIsNotThatOfFnIsTold) {
  const std::string x = file("x.npy"), y = file("y.npy"), model = network(wrong_formula);
  const std::vector<std::vector<std::string>> commands = {
      {"kernel", "--model", model, "--x1", x, "--nngp", file("k.npy")},
      {"predict", "--model", model, "--x-train", x, "--y-train", y, "--x-test", x},
      {"compare", "--model", model, "--model", model, "--x-train", x, "--y-train", y},
      {"spectrum", "--model", model, "--x", x},
      {"sample", "--model", model, "--x", x, "--samples", "2", "--out", file("f.npy")},
      {"montecarlo", "--model", model, "--x1", x, "--samples", "2"},
      {"eval", wrong_formula, "--cov12", "0.5", "--var1", "1", "--var2", "1"}};
  for (std::vector<std::string> words : commands) {
    const Outcome warned = run_nngp(words);
    EXPECT_EQ(warned.code, 0) << words[0];
    EXPECT_THAT(warned.err, testing::StartsWith("nngp: warning: " + mismatch)) << words[0];
    EXPECT_EQ(warned.err.find("is not the expectation"), warned.err.rfind("is not the expectation"))
        << words[0];
    words.push_back("--strict");
    const Outcome stopped = run_nngp(words);
    EXPECT_EQ(stopped.code, 1) << words[0];
    EXPECT_EQ(stopped.out, "") << words[0];
    EXPECT_THAT(stopped.err, HasSubstr(mismatch)) << words[0];
  }
  const Outcome right = run_nngp(
      {"kernel", "--model", network(erf_formula), "--x1", x, "--nngp", file("k.npy"), "--strict"});
  EXPECT_EQ(right.code, 0);
  EXPECT_EQ(right.err, "");
}

TEST_F(FormulaCommand, WhereTheExpectationDoesNotExistNothingIsCompared) {
  // E[exp(x1^2 / 20) exp(x2^2 / 20)] is infinite at the larger variances.
  const Outcome outcome =
      run_nngp({"eval",
                "Elementwise(fn='exp(x**2 / 20)', nngp_fn='1 / sqrt((1 - var1/10) * (1 - var2/10) - "
                "cov12**2 / 100)')",
                "--cov12", "0.5", "--var1", "1", "--var2", "1", "--strict"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(FormulaCommand, WhatIsMissingIsNamed) {
  const Outcome sampled = run_nngp({"sample", "--model", network("Elementwise(nngp_fn='cov12')"), "--x",
                                    file("x.npy"), "--samples", "2", "--out", file("f.npy")});
  EXPECT_EQ(sampled.code, 1);
  EXPECT_THAT(sampled.err, HasSubstr("cannot be sampled, it has no fn"));
  const Outcome nothing =
      run_nngp({"kernel", "--model", network("Elementwise(d_nngp_fn='1')"), "--x1", file("x.npy")});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_THAT(nothing.err, HasSubstr("Elementwise needs fn='...'"));
}

TEST_F(FormulaCommand, ReportsAndBestModelsHaveTheFormula) {
  const Outcome outcome = run_nngp({"kernel", "--model", network(erf_formula), "--x1", file("x.npy"),
                                    "--nngp", file("k.npy"), "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  const std::string model = report["model"]["normalised"];
  EXPECT_THAT(model, HasSubstr(erf_formula));
  EXPECT_TRUE(report["plugins"].empty());
  ASSERT_EQ(
      run_nngp({"kernel", "--model", model, "--x1", file("x.npy"), "--nngp", file("again.npy")}).code,
      0);
  EXPECT_EQ(read_text(folder / "k.npy"), read_text(folder / "again.npy"));

  // Braces choose inside of formulas, and among them.
  const Outcome compared = run_nngp(
      {"compare", "--model",
       network(
           "Elementwise(fn={'x * sigmoid({1, 2} * x)', 'where(x > 0, x, a * x) + a'}, a={0.1, 0.2})"),
       "--x-train", file("x.npy"), "--y-train", file("y.npy"), "--best", file("best.txt")});
  EXPECT_EQ(compared.code, 1);  // the first formula has no a
  EXPECT_THAT(compared.err, HasSubstr("no formula uses a"));
  const Outcome chosen =
      run_nngp({"compare", "--model",
                network("Elementwise(fn={'x * sigmoid({1, 2} * x)', 'where(x > 0, x, 0)'})"),
                "--x-train", file("x.npy"), "--y-train", file("y.npy"), "--best", file("best.txt")});
  ASSERT_EQ(chosen.code, 0) << chosen.err;
  EXPECT_THAT(chosen.out, HasSubstr("'x * sigmoid(1 * x)'"));
  EXPECT_THAT(chosen.out, HasSubstr("'x * sigmoid(2 * x)'"));
  EXPECT_THAT(chosen.out, HasSubstr("'where(x > 0, x, 0)'"));
  EXPECT_EQ(run_nngp({"predict", "--model", "@" + file("best.txt"), "--x-train", file("x.npy"),
                      "--y-train", file("y.npy"), "--x-test", file("x.npy")})
                .code,
            0);
}

TEST_F(FormulaCommand, ResumesWithTheSameFormulaAlone) {
  write_npy(folder / "x.npy", nngp::Matrix<double>::Random(1500, 8));
  const auto model = [](const std::string& factor) {
    return "serial(repeat(serial(Dense(1, 1.4), Elementwise(nngp_fn='" + factor +
           " * cov12')), 1000), Dense(1))";
  };
  const auto words = [&](const std::string& factor) -> std::vector<std::string> {
    return {"kernel", "--model",       model(factor), "--x1", file("x.npy"),
            "--nngp", file("out.npy"), "--memory",    "1M"};
  };
  std::vector<std::string> first = words("0.5");
  first.insert(first.begin(), NNGP_TEST_COMMAND);
  const Process process(first);
  const auto blocks_done = [&] {
    const std::string journal = read_text(folder / "out.npy.journal");
    return std::count(journal.begin(), journal.end(), '\n');
  };
  while (blocks_done() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.send(SIGINT);
  ASSERT_EQ(process.wait().code, 130);
  const auto resume = [&](const std::string& factor) {
    std::vector<std::string> again = words(factor);
    again.push_back("--resume");
    return run_nngp(again);
  };
  EXPECT_THAT(resume("0.51").err, HasSubstr("cannot resume"));
  EXPECT_EQ(resume("0.5").code, 0);
}

TEST_F(FormulaCommand, ShowTellsWhatWasDerived) {
  EXPECT_EQ(run_nngp({"plugins", "show", "Elementwise(fn='maximum(a * x, 0)', a=2)"}).out,
            "Elementwise: an activation from formulas\n\n"
            "  fn         maximum(a * x, 0)\n"
            "  d_fn       where(0 <= x * 2, 2, 0)   (derived)\n"
            "  a          2.0\n"
            "  breaks     0 (kink)\n"
            "  nngp_fn    by numerical integration of fn\n"
            "  d_nngp_fn  by numerical integration of d_fn\n");
  const Outcome erf = run_nngp({"plugins", "show", erf_formula});
  EXPECT_THAT(erf.out, HasSubstr("  breaks     none: fn is smooth\n"));
  EXPECT_THAT(erf.out, HasSubstr("  agreement  nngp_fn is the integral of fn at 12 points\n"));
  EXPECT_THAT(run_nngp({"plugins", "show", "Elementwise(fn='sign(x)', nngp_fn='cov12')"}).out,
              HasSubstr("not offered: fn jumps"));
  EXPECT_THAT(run_nngp({"plugins", "show", "Elementwise(fn='floor(x)')"}).out, HasSubstr("not known"));
  const auto json = nlohmann::json::parse(run_nngp({"plugins", "show", wrong_formula, "--json"}).out);
  EXPECT_EQ(json["activation"], wrong_formula);
  EXPECT_EQ(json["formulas"]["fn"]["text"], "erf(x / 2)");
  EXPECT_TRUE(json["formulas"]["d_nngp_fn"]["derived"]);
  EXPECT_THAT(json["mismatch"], HasSubstr("at cov12=0.5"));
  EXPECT_THAT(run_nngp({"plugins", "show", "Elementwise(fn='tahn(x)')"}).err,
              HasSubstr("no function is called 'tahn'"));
  EXPECT_EQ(run_nngp({"plugins", "show", "Erf(a=2)"}).code, 2);
}

TEST_F(FormulaCommand, NewWritesTheFormulaAsAPlugin) {
  const Outcome outcome = run_nngp({"plugins", "new", "Steep", "--dir", folder.path().string(), "--fn",
                                    "a * erf(x)", "--parameter", "a=1.5"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, HasSubstr("the activation Steep of your formulas\n"));
  const std::string source = read_text(folder / "Steep/Steep.cpp");
  EXPECT_THAT(source, HasSubstr("double a = 1.5;"));
  EXPECT_THAT(source, HasSubstr("return a * erf(x);"));
  EXPECT_THAT(source, HasSubstr("NNGP_PLUGIN(library, Steep)"));
  EXPECT_THAT(read_text(folder / "Steep/CMakeLists.txt"),
              HasSubstr("nngp_add_activation(Steep SOURCES Steep.cpp)"));
  EXPECT_THAT(read_text(folder / "Steep/README.md"), HasSubstr("the values that `nngp` computed"));
  EXPECT_THAT(read_text(folder / "Steep/test.c"), testing::Not(HasSubstr("@")));

  const auto refuses = [&](std::vector<std::string> words, int code, const std::string& message) {
    words.insert(words.begin(), {"plugins", "new", "Bad", "--dir", folder.path().string()});
    const Outcome refused = run_nngp(words);
    EXPECT_EQ(refused.code, code) << message;
    EXPECT_THAT(refused.err, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(folder / "Bad"));
  };
  refuses({"--fn", "tahn(x)"}, 1, "no function is called 'tahn'");
  refuses({"--fn", "x", "--parameter", "a"}, 2, "--parameter takes NAME=VALUE, as in a=1.5, not 'a'");
  refuses({"--fn", "x", "--parameter", "a=b"}, 2, "--parameter");
  refuses({"--fn", "x", "--parameter", "a=1"}, 1, "no formula uses a");
  refuses({"--parameter", "a=1"}, 1, "Elementwise needs fn");
  refuses({"--fn", "x", "--lang", "c"}, 2, "formulas are written in C++: leave out --lang");
  EXPECT_THAT(run_nngp({"plugins", "new", "Off", "--dir", folder.path().string(), "--fn", "x",
                        "--nngp-fn", "2 * cov12"})
                  .err,
              HasSubstr("nngp: warning: nngp_fn is not the expectation of fn"));
}

}  // namespace
