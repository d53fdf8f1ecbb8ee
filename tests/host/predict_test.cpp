// nngp predict as a process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "nngp/data.hpp"
#include "nngp/npy.hpp"
#include "process.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string golden = NNGP_TEST_DATA "/golden/predict/";
const std::string hidden = "Dense(512, 1.5, 0.05), Relu(), ";
const std::string relu3 = "serial(" + hidden + hidden + hidden + "Dense(1, 1.5, 0.05))";

nngp::Matrix<double> read_npy(const std::filesystem::path& path) {
  return nngp::read_data<double>(path).view();
}

/// Rows begin ... begin + count of tests/data/digits/NAME.npy.
nngp::Matrix<double> digits(const std::string& name, Eigen::Index begin, Eigen::Index count) {
  return read_npy(NNGP_TEST_DATA "/data/digits/" + name + ".npy").middleRows(begin, count);
}

class PredictCommand : public testing::Test {
 protected:
  std::string file(const std::string& name) const { return (folder / name).string(); }
  std::string write(const std::string& name, std::string_view text) const {
    return folder.write(name, text).string();
  }
  std::string write(const std::string& name, const nngp::Matrix<double>& matrix) const {
    nngp::NpyWriter<double> writer(folder / name, matrix.rows(), matrix.cols());
    writer.matrix() = matrix;
    writer.commit();
    return file(name);
  }

  Outcome predict(const std::string& x_train, const std::string& y_train, const std::string& x_test,
                  const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words = {"predict",   "--model", relu3,      "--x-train", x_train,
                                      "--y-train", y_train,   "--x-test", x_test};
    words.insert(words.end(), options.begin(), options.end());
    return run_nngp(words);
  }
  Outcome predict_golden(std::vector<std::string> options) const {
    options.insert(options.end(), {"--learning-rate", "0.7", "--mean", file("mean.npy"), "--cov",
                                   file("cov.npy"), "--std", file("std.npy")});
    return predict(golden + "x_train.npy", golden + "y_train.npy", golden + "x_test.npy", options);
  }

  void expect_failure(const Outcome& outcome, const std::string& message, int code = 1) const {
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, testing::StartsWith("nngp: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 3);
    EXPECT_FALSE(std::filesystem::exists(folder / "mean.npy"));
    EXPECT_FALSE(std::filesystem::exists(folder / "mean.npy.partial"));
  }

  const TemporaryFolder folder;
};

TEST_F(PredictCommand, WritesWhatNeuralTangentsPredicts) {
  for (const auto& [options, name] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "nngp_inf"},
           {{"--kernel", "ntk"}, "ntk_inf"},
           {{"--kernel", "ntk", "--time", "30"}, "ntk_30"},
           {{"--kernel", "ntk", "--diag-reg-grid", "1e-3:1e-3:1"}, "ntk_inf"},
           {{"--diag-reg", "0.001", "--diag-reg-absolute"}, "nngp_absolute"}}) {
    const Outcome outcome = predict_golden(options);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    EXPECT_TRUE(read_npy(folder / "mean.npy").isApprox(read_npy(golden + name + "_mean.npy"), 1e-8));
    const nngp::Matrix<double> covariance = read_npy(golden + name + "_cov.npy");
    EXPECT_TRUE(read_npy(folder / "cov.npy").isApprox(covariance, 1e-8));
    EXPECT_TRUE(read_npy(folder / "std.npy").isApprox(covariance.diagonal().cwiseSqrt(), 1e-8));
  }
}

/// neural-tangents 0.6.5 has 777 (nngp) and 776 (ntk) right in float64.
TEST_F(PredictCommand, ClassifiesDigitsAsNeuralTangentsDoes) {
  const std::string x = write("x.npy", digits("x", 0, 1000)), y = write("y.npy", digits("y", 0, 1000)),
                    xt = write("xt.npy", digits("x", 1000, 797)),
                    yt = write("yt.npy", digits("y", 1000, 797));
  for (const auto& [kernel, right] :
       {std::pair("nngp", "777 of 797 right"), {"ntk", "776 of 797 right"}})
    for (const char* solver : {"direct", "cg"})
      EXPECT_THAT(
          predict(x, y, xt,
                  {"--y-test", yt, "--kernel", kernel, "--task", "classification", "--solver", solver})
              .out,
          HasSubstr(right));
}

/// Kernels are the same to the last bit; sums of BLAS are rounded in another order.
TEST_F(PredictCommand, DependsOnTheThreadsByRoundingAlone) {
  std::vector<nngp::Matrix<double>> means;
  for (const char* threads : {"1", "2"}) {
    EXPECT_EQ(predict_golden({"--kernel", "ntk", "--threads", threads}).code, 0);
    means.push_back(read_npy(folder / "mean.npy"));
  }
  EXPECT_TRUE(means[0].isApprox(means[1], 1e-11));
}

TEST_F(PredictCommand, ReportsWhatItDid) {
  const Outcome outcome =
      predict(golden + "x_train.npy", golden + "y_train.npy", golden + "x_train.npy",
              {"--y-test", golden + "y_train.npy", "--diag-reg-grid", "1e-6:1e-2:3", "--folds", "4",
               "--select", "cv", "--report", "-"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report["task"], "regression");
  EXPECT_EQ(report["inputs"]["x_train"]["rows"], 24);
  EXPECT_EQ(report["scores"].size(), 3u);
  double least = INFINITY, best = 0;
  for (const json& score : report["scores"]) {
    const double error = score["folds"]["root_mean_squared_error"];
    if (error < least) std::tie(least, best) = std::pair(error, score["diag_reg"].get<double>());
  }
  EXPECT_EQ(report["diag_reg"]["value"], best);
  EXPECT_EQ(report["solver"]["method"], "eigensystem");
  EXPECT_GT(report["regression"]["explained"][0], 0.9);
  EXPECT_EQ(report["plugins"][0]["activation"], "Relu()");
}

TEST_F(PredictCommand, SaysWhatLabelsMean) {
  const std::string x = write("x.csv", "0,1\n1,0\n2,1\n0,3\n"), y = write("y.csv", "3\n7\n7\n3\n"),
                    t = write("t.csv", "3\n7\n7\n8\n");
  const Outcome outcome =
      predict(x, y, x, {"--y-test", t, "--task", "classification", "--report", file("report.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("y.csv: 4 x 1, csv, 2 classes"));
  EXPECT_THAT(outcome.out, HasSubstr("0.7500: 3 of 4 right, 1 of a class not trained on"));
  EXPECT_EQ(json::parse(read_text(folder / "report.json"))["classes"], json({3, 7}));
}

TEST_F(PredictCommand, NamesBadData) {
  const std::string x = write("x.csv", "0,1\n1,0\n2,1\n0,3\n"), y = write("y.csv", "3\n7\n7\n3\n"),
                    wide = write("wide.csv", "1,2,3\n"), mean = file("mean.npy");
  const auto fails = [&](const std::string& x_train, const std::string& y_train,
                         const std::string& x_test, std::vector<std::string> options,
                         const std::string& message) {
    options.insert(options.end(), {"--mean", mean});
    expect_failure(predict(x_train, y_train, x_test, options), message);
  };
  const std::vector<std::string> classes = {"--task", "classification"};
  fails(x, write("y3.csv", "1\n2\n3\n"), x, {},
        "x.csv' has 4 rows and '" + file("y3.csv") + "' has 3; each input needs its target");
  fails(x, y, wide, {}, "x.csv' has 2 columns, '" + wide + "' has 3; both need the same features");
  fails(x, y, x, {"--y-test", wide}, "x.csv' has 4 rows and '" + wide + "' has 1");
  fails(x, y, x, {"--y-test", write("y2.csv", "1,2\n1,2\n1,2\n1,2\n")},
        "y.csv' has 1 columns, '" + file("y2.csv") + "' has 2; both need the same targets");
  fails(x, write("half.csv", "1\n2.5\n1\n2\n"), x, classes,
        "half.csv': the label 2.5 in row 2 (counted from 1) is not a whole number");
  fails(x, write("one.csv", "5\n5\n5\n5\n"), x, classes,
        "one.csv': all training labels are 5: there is one class only, and nothing to learn");
  fails(x, write("constant.csv", "1,2\n2,2\n3,2\n4,2\n"), x, {},
        "constant.csv': column 2 (counted from 1) of the training targets is constant (2.0): there is nothing to learn");
  fails(x, write("two.csv", "1,2\n2,2\n3,2\n4,2\n"), x, classes,
        "two.csv': labels are one column of whole numbers, not 2");
  fails(write("twice.csv", "0,1\n1,0\n0,1\n0,3\n"), y, x, {"--diag-reg", "0"},
        "not positive definite to rounding: rows 1 and 3 (counted from 1) are identical; a diag_reg of "
        "1e-");
  fails(x, write("nan.csv", "1\nnan\n2\n3\n"), x, {}, "nan.csv'");
  fails(x, file("none.csv"), x, {}, "none.csv': no such file");
  fails(x, y, x, {"--solver", "cg", "--time", "3"},
        "a finite --time needs the factorised kernel, here 0.0 GiB: use --solver direct");
  fails(x, y, x, {"--solver", "cg", "--loo"}, "--loo or --folds needs the factorised kernel");
  fails(x, y, x, {"--solver", "cg", "--diag-reg", "0"}, "need a diag_reg above 0");
  fails(x, y, x, {"--folds", "9"}, "9 folds of 4 examples");
}

TEST_F(PredictCommand, NamesWrongUsage) {
  const std::string x = write("x.csv", "0,1\n1,0\n"), y = write("y.csv", "3\n7\n");
  const auto fails = [&](const std::vector<std::string>& options, const std::string& message) {
    expect_failure(predict(x, y, x, options), message, 2);
  };
  fails({"--diag-reg", "-1e-3"}, "--diag-reg is 0 or more, not -0.001");
  fails({"--diag-reg", "x"}, "--diag-reg takes a finite number, not 'x'");
  fails({"--diag-reg-grid", "1:2"}, "--diag-reg-grid takes LOW:HIGH:COUNT");
  fails({"--diag-reg-grid", "0:2:3"}, "--diag-reg-grid takes LOW:HIGH:COUNT");
  fails({"--diag-reg", "1", "--diag-reg-grid", "1:2:3"}, "give either --diag-reg or --diag-reg-grid");
  fails({"--kernel", "rbf"}, "--kernel is nngp or ntk, not 'rbf'");
  fails({"--time", "-1"}, "--time is 0 or more, or inf");
  fails({"--learning-rate", "0"}, "--learning-rate must be above 0");
  fails({"--task", "ranking"}, "--task is regression or classification, not 'ranking'");
  fails({"--select", "cv"}, "--select cv needs --folds");
  fails({"--select", "aic"}, "--select is loo, lml or cv, not 'aic'");
  fails({"--solver", "qr"}, "--solver is auto, direct or cg, not 'qr'");
  fails({"--mean", x}, "--x-train and --mean name the same place");
  fails({"--mean", "-"}, "--mean takes a file, not standard output");
}

}  // namespace
