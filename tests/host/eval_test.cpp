#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "golden_functions.hpp"
#include "npy_files.hpp"
#include "process.hpp"

namespace {

using testing::HasSubstr;

Outcome eval(const std::string& activation, const std::string& cov12, const std::string& var1,
             const std::string& var2, const std::vector<std::string>& environment = {}) {
  return run_nngp({"eval", activation, "--cov12", cov12, "--var1", var1, "--var2", var2}, environment);
}

/// The arc-sine kernel (Williams 1996) with erf(x) scaled by b.
double erf_kernel(double cov12, double var1, double var2) {
  return 2 / M_PI * std::asin(2 * cov12 / std::sqrt((1 + 2 * var1) * (1 + 2 * var2)));
}

TEST(Eval, PrintsAPointWith17Digits) {
  const Outcome outcome = eval("Erf(a=1.0)", "0.1", "1", "2.5");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  double nngp = 0, d_nngp = 0;
  ASSERT_EQ(
      std::sscanf(outcome.out.c_str(), "cov12,var1,var2,nngp,d_nngp\n0.10000000000000001,1,2.5,%lf,%lf",
                  &nngp, &d_nngp),
      2)
      << outcome.out;
  EXPECT_NEAR(nngp, erf_kernel(0.1, 1, 2.5), 1e-16);
  EXPECT_NEAR(d_nngp, 4 / M_PI / std::sqrt((1 + 2.) * (1 + 5.) - 4 * 0.01), 1e-15);
}

TEST(Eval, IntegratesWhatHasNoClosedForm) {
  const Outcome outcome = eval("Tanh", "0.734197514084255", "0.955", "2.5017");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  double nngp = 0, d_nngp = 0;
  ASSERT_EQ(std::sscanf(outcome.out.substr(outcome.out.find('\n')).c_str(), "%*f,%*f,%*f,%lf,%lf",
                        &nngp, &d_nngp),
            2)
      << outcome.out;
  EXPECT_NEAR(nngp, 0.2024534034944783, 1e-12);  // tests/golden/scalar.csv
  EXPECT_NEAR(d_nngp, 0.28609604663526406, 1e-12);
}

/// With the functions of tests/golden/functions.csv, which have fn alone.
Outcome eval_golden(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "eval");
  arguments.insert(arguments.end(), {"--plugin", NNGP_HOST_TEST_PLUGINS "/libgolden.so"});
  return run_nngp(arguments);
}

TEST(Eval, IntegratesAnyFunctionOnAnyScale) {
  const TemporaryFolder folder;
  for (const auto& [name, rows] : nngp::test::function_rows()) {
    SCOPED_TRACE(name);
    std::ostringstream points;
    points.precision(17);
    points << "cov12,var1,var2\n";
    for (const auto& row : rows) points << row.cov12 << ',' << row.var1 << ',' << row.var2 << '\n';
    const auto file = folder.write("points.csv", points.str());
    const Outcome outcome = eval_golden({"golden_" + name, "--points", file.string(), "--errors"});
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    std::istringstream lines(outcome.out);
    std::string line;
    std::getline(lines, line);
    EXPECT_EQ(line, "cov12,var1,var2,nngp,d_nngp,error_nngp,error_d_nngp");
    for (const auto& row : rows) {
      SCOPED_TRACE("cov12=" + std::to_string(row.cov12) + " var1=" + std::to_string(row.var1));
      std::getline(lines, line);
      double nngp = NAN, d_nngp = NAN, error_nngp = NAN, error_d_nngp = NAN;
      ASSERT_EQ(std::sscanf(line.c_str(), "%*f,%*f,%*f,%lf,%lf,%lf,%lf", &nngp, &d_nngp, &error_nngp,
                            &error_d_nngp),
                4)
          << line;
      constexpr double truth = 2e-13;  // known to this
      if (!std::isnan(row.nngp)) {
        EXPECT_LE(std::abs(nngp - row.nngp), 1e-11 * row.norm);
        EXPECT_LE(std::abs(nngp - row.nngp), (error_nngp + truth) * row.norm);
        EXPECT_LE(error_nngp, 1e-10);
      }
      if (!std::isnan(row.d_nngp)) {
        EXPECT_LE(std::abs(d_nngp - row.d_nngp), 1e-9 * row.d_norm);
        EXPECT_LE(std::abs(d_nngp - row.d_nngp), (error_d_nngp + truth) * row.d_norm);
        EXPECT_LE(error_d_nngp, 1e-10);
      }
    }
  }
}

TEST(Eval, WarnsOfNoiseInFn) {
  const std::vector<std::string> point = {"--cov12", "0.5", "--var1", "1", "--var2", "1"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), point.begin(), point.end());
    return eval_golden(arguments);
  };
  const Outcome noisy = with({"rounded_tanh"});
  EXPECT_EQ(noisy.code, 0);
  EXPECT_THAT(noisy.err, HasSubstr("nngp: warning: rounded_tanh() at cov12=0.5, var1=1.0, var2=1.0 is "
                                   "integrated with relative errors up to "));
  EXPECT_THAT(noisy.err, HasSubstr("the values of fn itself have relative errors of "));
  EXPECT_THAT(noisy.err, HasSubstr("compute fn in double precision"));
  EXPECT_EQ(with({"golden_tanh"}).err, "");
}

TEST(Eval, RefusesWhatItDoesNotKnow) {
  const std::vector<std::string> point = {"fast_sine", "--cov12", "0.5", "--var1", "1", "--var2", "1"};
  const Outcome refused = eval_golden(point);
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("above 0.001: fn varies on scales too small beside the inputs"));
  EXPECT_THAT(refused.err, HasSubstr("--allow-inexact"));
  auto allowed = point;
  allowed.insert(allowed.end(), {"--allow-inexact", "1e9"});
  const Outcome given = eval_golden(allowed);
  EXPECT_EQ(given.code, 0);
  EXPECT_THAT(given.out, HasSubstr("cov12,var1,var2,nngp,d_nngp\n0.5,1,1,"));
  EXPECT_THAT(given.err, HasSubstr("nngp: warning: fast_sine()"));
  allowed.back() = "-1";
  EXPECT_EQ(eval_golden(allowed).code, 2);
}

TEST(Eval, RefusesWhatItNeverSaw) {
  const std::string spike = "Elementwise(fn='exp(-((x - 3.217) / 1e-7)**2)')";
  const Outcome refused = eval(spike, "0.5", "1", "1");
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("fn is 0 wherever it was called"));
  EXPECT_THAT(refused.err, HasSubstr("--allow-inexact inf accepts"));
}

TEST(Eval, ReportsErrorsAndCalls) {
  const Outcome outcome =
      eval_golden({"golden_asinh", "--cov12", "0.5", "--var1", "1", "--var2", "2", "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report["activation"], "golden_asinh()");
  const auto& point = report["points"].at(0);
  EXPECT_EQ(point["var2"], 2);
  EXPECT_GT(point["error_nngp"], 0);
  EXPECT_LT(point["error_d_nngp"], 1e-10);
  EXPECT_EQ(point["fn_noise"], 0);
  EXPECT_LT(point["fn_calls"], 10000);
  // A closed form has no estimate.
  const auto closed = nlohmann::json::parse(
      run_nngp({"eval", "Relu", "--cov12", "0.5", "--var1", "1", "--var2", "1", "--report", "-"}).out);
  EXPECT_TRUE(closed["points"].at(0)["error_nngp"].is_null());
}

TEST(Eval, TakesNegativeNumbers) {
  EXPECT_THAT(eval("Relu", "-1e0", "1", "1").out, HasSubstr("\n-1,1,1,0,"));
}

TEST(Eval, DoesNotDependOnTheLocale) {
  for (const char* locale : {"de_DE.UTF-8", "C"}) {
    const Outcome outcome = eval("Erf(a=1.5)", "0.5", "1", "1", {std::string("LC_ALL=") + locale});
    EXPECT_THAT(outcome.out, HasSubstr("\n0.5,1,1,0.48678")) << outcome.err;
  }
}

TEST(Eval, ReadsPointsFromAFileByColumnName) {
  const TemporaryFolder folder;
  const auto by_name = folder.write("p.csv", "var2,id,cov12,var1\n2,7,0.5,1\n1,8,0,1\n");
  const auto by_order = folder.write("q.csv", "0.5,1,2\n0,1,1\n");
  const Outcome outcome = run_nngp({"eval", "Relu", "--points", by_name.string()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\n0.5,1,2,"));
  EXPECT_THAT(outcome.out, HasSubstr("\n0,1,1,0.15915494309189535,0.25"));
  EXPECT_EQ(run_nngp({"eval", "Relu", "--points", by_order.string()}).out, outcome.out);
  write_npy(folder / "p.npy", (Eigen::MatrixXd(2, 3) << 0.5, 1, 2, 0, 1, 1).finished());
  EXPECT_EQ(run_nngp({"eval", "Relu", "--points", (folder / "p.npy").string()}).out, outcome.out);
}

void expect_failure(const Outcome& outcome, int code, const std::string& message) {
  EXPECT_EQ(outcome.code, code);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("nngp: " + message));
}

TEST(Eval, NamesWhatIsWrong) {
  const TemporaryFolder folder;
  expect_failure(run_nngp({"eval"}), 2, "an activation is missing");
  expect_failure(run_nngp({"eval", "Relu"}), 2,
                 "option '--cov12' is missing; give --cov12, --var1 and --var2");
  expect_failure(eval("Relu", "0,5", "1", "1"), 2, "--cov12 takes a finite number, not '0,5'");
  expect_failure(eval("Relu", "0", "nan", "1"), 2, "--var1 takes a finite number, not 'nan'");
  expect_failure(eval("Relu", "0", "-1", "1"), 1, "a variance is negative");
  expect_failure(eval("Relu", "2", "1", "1"), 1, "|cov12| exceeds sqrt(var1 var2) = 1.0");
  expect_failure(eval("Rleu", "0", "1", "1"), 1,
                 "line 1, column 1: no layer or activation is called 'Rleu'; did you mean 'Relu'?");
  expect_failure(eval("Erf(q=1)", "0", "1", "1"), 1, "");
  const auto points = folder.write("p.csv", "cov12,var1\n0,1\n");
  expect_failure(run_nngp({"eval", "Relu", "--points", points.string()}), 1,
                 "'" + points.string() + "' has no column var2");
  expect_failure(run_nngp({"eval", "Relu", "--points", points.string(), "--var1", "1"}), 2,
                 "give either --points or");
  const auto bad = folder.write("q.csv", "0,1,1\n3,1,1\n");
  expect_failure(run_nngp({"eval", "Relu", "--points", bad.string()}), 1,
                 "'" + bad.string() + "', row 1 (counted from 0): |cov12| exceeds");
  expect_failure(run_nngp({"eval", "Relu", "--points", "none.csv"}), 1,
                 "cannot read 'none.csv': no such file");
}

}  // namespace
