#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

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
