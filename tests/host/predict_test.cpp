// nngp predict as a process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include <nlohmann/json.hpp>

#include "command_test.hpp"
#include "nngp/data.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string golden = NNGP_TEST_DATA "/golden/predict/";
const std::string hidden = "Dense(512, 1.5, 0.05), Relu(), ";
const std::string relu3 = "serial(" + hidden + hidden + hidden + "Dense(1, 1.5, 0.05))";

nngp::Matrix<double> column(std::initializer_list<double> values) {
  return Eigen::Map<const nngp::Matrix<double>>(values.begin(),
                                                static_cast<Eigen::Index>(values.size()), 1);
}

/// Rows begin ... begin + count of tests/data/digits/NAME.npy.
nngp::Matrix<double> digits(const std::string& name, Eigen::Index begin, Eigen::Index count) {
  return read_npy(NNGP_TEST_DATA "/data/digits/" + name + ".npy").middleRows(begin, count);
}

/// A summary without the ends of its lines, which depend on how long the folder's name is.
std::string one_line(const std::string& text) {
  return std::regex_replace(text, std::regex("\n +"), " ");
}

class PredictCommand : public CommandTest {
 protected:
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
    EXPECT_THAT(outcome.out, HasSubstr(" digits"));
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

/// The kernels of the golden data as files: k_NAME.npy, t_NAME.npy and tt.npy.
class OwnKernels : public PredictCommand {
 protected:
  OwnKernels() {
    const std::string train = golden + "x_train.npy", test = golden + "x_test.npy";
    kernel({"--x1", train, "--nngp", file("k_nngp.npy"), "--ntk", file("k_ntk.npy")});
    kernel({"--x1", test, "--x2", train, "--nngp", file("t_nngp.npy"), "--ntk", file("t_ntk.npy")});
    kernel({"--x1", test, "--nngp", file("tt.npy")});
  }
  void kernel(std::vector<std::string> options) const {
    options.insert(options.begin(), {"kernel", "--model", relu3});
    ASSERT_EQ(run_nngp(options).code, 0);
  }
  Outcome own(const std::vector<std::string>& options) const {
    std::vector<std::string> words = {"predict", "--y-train", golden + "y_train.npy"};
    words.insert(words.end(), options.begin(), options.end());
    return run_nngp(words);
  }
};

TEST_F(OwnKernels, PredictAsTheModelDoes) {
  const std::vector<std::string> outputs = {"--learning-rate", "0.7",          "--mean",
                                            file("mean.npy"),  "--cov",        file("cov.npy"),
                                            "--std",           file("std.npy")};
  for (const auto& [options, name] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{}, "nngp_inf"},
           {{"--solver", "cg", "--tolerance", "1e-12"}, "nngp_inf"},
           {{"--time", "30"}, "nngp_30"},
           {{"--kernel", "ntk"}, "ntk_inf"},
           {{"--kernel", "ntk", "--time", "30"}, "ntk_30"}}) {
    const bool ntk = name.starts_with("ntk");
    std::vector<std::string> words = {"--k-train",     file(ntk ? "k_ntk.npy" : "k_nngp.npy"),
                                      "--k-test",      file(ntk ? "t_ntk.npy" : "t_nngp.npy"),
                                      "--k-test-test", file("tt.npy")};
    if (ntk)
      words.insert(words.end(),
                   {"--nngp-train", file("k_nngp.npy"), "--nngp-test", file("t_nngp.npy")});
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), outputs.begin(), outputs.end());
    const Outcome outcome = own(words);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    EXPECT_TRUE(read_npy(folder / "mean.npy").isApprox(read_npy(golden + name + "_mean.npy"), 1e-8))
        << name;
    EXPECT_TRUE(read_npy(folder / "cov.npy").isApprox(read_npy(golden + name + "_cov.npy"), 1e-8))
        << name;
  }
}

TEST_F(OwnKernels, SayWhenIterationsLeaveFewDigits) {
  const Outcome outcome =
      own({"--k-train", file("k_nngp.npy"), "--k-test", file("t_nngp.npy"), "--k-test-test",
           file("tt.npy"), "--solver", "cg", "--tolerance", "0.1"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("a smaller --tolerance or a larger --diag-reg helps\n"));
}

TEST_F(OwnKernels, AreScoredComparedAndAnalysedAsTheModelIs) {
  const std::vector<std::string> train = {"--k-train", file("k_nngp.npy"), "--k-test",
                                          file("t_nngp.npy")};
  const auto with = [&](std::vector<std::string> options) {
    options.insert(options.begin(), train.begin(), train.end());
    return own(options);
  };
  const std::vector<std::string> scores = {
      "--diag-reg-grid", "1e-6:1e-2:3", "--folds", "4", "--report", "-"};
  const json report = json::parse(with(scores).out);
  const json of_model = json::parse(
      predict(golden + "x_train.npy", golden + "y_train.npy", golden + "x_test.npy", scores).out);
  EXPECT_EQ(report["diag_reg"]["value"], of_model["diag_reg"]["value"]);
  EXPECT_NEAR(report["scores"][1]["log_marginal_likelihood"],
              of_model["scores"][1]["log_marginal_likelihood"], 1e-6);
  EXPECT_TRUE(report["model"].is_null());
  EXPECT_EQ(report["inputs"]["k_train"]["rows"], 24);

  const Outcome compared = run_nngp({"compare", "--y-train", golden + "y_train.npy", "--k-train",
                                     file("k_nngp.npy"), file("k_ntk.npy"), "--report", "-"});
  EXPECT_EQ(compared.code, 0) << compared.err;
  EXPECT_EQ(json::parse(compared.out)["best_first"].size(), 2u);
  const Outcome of_both =
      run_nngp({"compare", "--y-train", golden + "y_train.npy", "--k-train", file("k_nngp.npy"),
                "--model", relu3, "--x-train", golden + "x_train.npy", "--report", "-"});
  const json both = json::parse(of_both.out)["best_first"];
  EXPECT_NEAR(both[0]["scores"]["log_marginal_likelihood"],
              both[1]["scores"]["log_marginal_likelihood"], 1e-6);

  const json spectrum =
      json::parse(run_nngp({"spectrum", "--k-train", file("k_ntk.npy"), "--report", "-"}).out);
  const json expected = json::parse(
      run_nngp({"spectrum", "--model", relu3, "--x", golden + "x_train.npy", "--report", "-"}).out);
  EXPECT_NEAR(spectrum["condition_number"].get<double>() / expected["condition_number"].get<double>(),
              1, 1e-6);
  EXPECT_EQ(spectrum["k_train"]["rows"], 24);
}

TEST_F(OwnKernels, MustFit) {
  const std::string k = file("k_nngp.npy"), t = file("t_nngp.npy"), mean = file("mean.npy");
  const auto fails = [&](std::vector<std::string> options, const std::string& message, int code = 1) {
    options.insert(options.end(), {"--mean", mean});
    expect_failure(own(options), message, code);
  };
  const auto changed = [&](const std::string& name, Eigen::Index i, Eigen::Index j, double value) {
    nngp::Matrix<double> m = read_npy(k);
    m(i, j) = value;
    return write(name, m);
  };
  fails({"--k-train", t, "--k-test", t},
        "t_nngp.npy' is 7 x 24: a kernel of inputs with themselves is square");
  fails(
      {"--k-train", changed("skew.npy", 3, 5, -7), "--k-test", t},
      "skew.npy' is not symmetric: row 3, column 5 (counted from 0) is -7.0, but row 5, column 3 is ");
  fails({"--k-train", changed("nan.npy", 3, 5, NAN), "--k-test", t}, "nan.npy'");
  fails({"--k-train", changed("negative.npy", 2, 2, -1), "--k-test", t},
        "negative.npy' is no kernel: row 2, column 2 (counted from 0) is -1.0");
  nngp::Matrix<double> indefinite = read_npy(k);
  indefinite.setOnes();
  indefinite.diagonal().setConstant(0.5);
  fails({"--k-train", write("indefinite.npy", indefinite), "--k-test", t}, "is it a kernel?");
  fails({"--k-train", write("indefinite.npy", indefinite), "--k-test", t, "--solver", "cg",
         "--diag-reg", "1e-3", "--diag-reg-absolute"},
        "positive definite");
  fails({"--k-train", k, "--k-test", file("tt.npy")},
        "tt.npy' is 7 x 7, but --k-test must be 7 x 24, with a row for each test input and a column "
        "for each "
        "training input, as '" +
            k + "' has 24");
  fails({"--k-train", k, "--k-test", write("turned.npy", read_npy(t).transpose())},
        "' has 24: transpose it");
  fails({"--k-train", k, "--k-test", t, "--k-test-test", k},
        "k_nngp.npy' is 24 x 24, but --k-test-test must be 7 x 7");
  fails({"--k-train", k}, "option '--k-test' is missing beside --k-train", 2);
  fails({"--k-test", t}, "--k-test needs --k-train", 2);
  fails({"--k-train", k, "--k-test", t, "--model", relu3}, "give either --k-train or --model", 2);
  fails({"--k-train", k, "--k-test", t, "--std", file("std.npy")},
        "the spread of predictions needs --k-test-test", 2);
  fails(
      {"--k-train", k, "--k-test", t, "--kernel", "ntk", "--k-test-test", k, "--std", file("std.npy")},
      "the spread of predictions needs --k-test-test, --nngp-train and --nngp-test with --kernel ntk",
      2);
  fails({"--k-train", k, "--k-test", t, "--nngp-train", k},
        "--nngp-train and --nngp-test go with --kernel ntk; --k-train is the NNGP here", 2);
  fails({"--k-train", k, "--k-test", t, "--dtype", "float32"}, "--dtype is that of kernels", 2);
}

TEST_F(PredictCommand, TellsHowManyDigitsAreRight) {
  const json report = json::parse(
      predict(golden + "x_train.npy", golden + "y_train.npy", golden + "x_test.npy", {"--report", "-"})
          .out);
  EXPECT_EQ(report["solver"]["digits"], 15);
  // A kernel of rank one and rounding.
  const nngp::Matrix<double> x = nngp::Matrix<double>::Ones(24, 4) * 3;
  nngp::Matrix<double> near = x;
  for (Eigen::Index i = 0; i < x.rows(); ++i) near(i, 0) += 1e-7 * double(i);
  const Outcome outcome = predict(write("near.npy", near), golden + "y_train.npy",
                                  golden + "x_test.npy", {"--diag-reg", "2e-16"});
  if (outcome.code == 0) {
    EXPECT_THAT(outcome.err, HasSubstr("nngp: warning: "));
  }
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
  EXPECT_GT(report["regression"]["r_squared"][0], 0.9);
  EXPECT_EQ(report["plugins"][0]["activation"], "Relu()");
}

TEST_F(PredictCommand, SaysWhatLabelsMean) {
  const std::string x = write("x.csv", "0.5,1\n1,0\n2,1\n0,3\n"), y = write("y.csv", "3\n7\n7\n3\n"),
                    t = write("t.csv", "3\n7\n7\n8\n");
  const Outcome outcome =
      predict(x, y, x, {"--y-test", t, "--task", "classification", "--report", file("report.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("y.csv: 4 x 1, csv, 2 classes"));
  EXPECT_THAT(outcome.out, HasSubstr("0.7500: 3 of 4 right, 1 of a class not trained on"));
  EXPECT_EQ(json::parse(read_text(folder / "report.json"))["classes"], json({3, 7}));
}

TEST_F(PredictCommand, NamesBadData) {
  const std::string x = write("x.csv", "0.5,1\n1,0\n2,1\n0,3\n"), y = write("y.csv", "3\n7\n7\n3\n"),
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
  fails(x, y, x, {"--y-test", file("y3.csv")}, "x.csv' has 4 rows and '" + file("y3.csv") + "' has 3");
  fails(x, y, x, {"--y-test", write("y2.csv", "1,2\n1,2\n1,2\n1,2\n")},
        "y.csv' has 1 columns, '" + file("y2.csv") + "' has 2; both need the same targets");
  fails(x, write("half.csv", "1\n2.5\n1\n2\n"), x, classes,
        "half.csv': the label 2.5 in row 1 (counted from 0) is not a whole number");
  fails(x, write("one.csv", "5\n5\n5\n5\n"), x, classes,
        "one.csv': all training labels are 5: there is one class only, and nothing to learn");
  fails(x, write("constant.csv", "2\n2\n2\n2\n"), x, {},
        "constant.csv': all training targets are 2.0: there is nothing to learn (--task regression "
        "predicts "
        "them nevertheless)");
  fails(x, write("constants.csv", "1,2\n1,2\n1,2\n1,2\n"), x, {},
        "constants.csv': all training targets are constant: there is nothing to learn");
  fails(x, write("two.csv", "1,2\n2,2\n3,2\n4,2\n"), x, classes,
        "two.csv': labels are one column of whole numbers, not 2");
  fails(write("twice.csv", "0,1\n1,0\n0,1\n0,3\n"), y, x, {"--diag-reg", "0"},
        "not positive definite to rounding: rows 0 and 2 (counted from 0) are identical; a diag_reg of "
        "1e-");
  fails(x, write("nan.csv", "1\nnan\n2\n3\n"), x, {}, "nan.csv'");
  fails(x, file("none.csv"), x, {}, "none.csv': no such file");
  fails(x, y, x, {"--solver", "cg", "--time", "3"},
        "a finite --time needs the factorised kernel, here 0.0 GiB: use --solver direct");
  fails(x, y, x, {"--solver", "cg", "--loo"}, "--loo or --folds needs the factorised kernel");
  fails(x, y, x, {"--solver", "cg", "--diag-reg", "0"}, "need a diag_reg above 0");
  fails(x, y, x, {"--folds", "9"}, "9 folds of 4 examples");
}

// ---- Tables ----

const std::string table =
    "a,b,c\n-0.582,1.093,-7.57\n0.202,6.942,-75.8\n1.421,7.261,84.3\n1.165,7.876,8\n";

/// As pandas writes it: with a header of numbers, or with the index, or both.
TEST_F(PredictCommand, ReadsTablesOfPandas) {
  const std::string x = write("x.csv", table), y = write("y.csv", "t\n-0.473\n0.896\n2.147\n1.953\n");
  const auto mean = [&](const std::string& x_train, const std::string& y_train) {
    const Outcome outcome = predict(x_train, y_train, x_train, {"--mean", file("mean.npy")});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return std::pair(read_npy(file("mean.npy")), outcome.out);
  };
  const auto expected = mean(x, y).first;
  const auto numbers = mean(
      write("n.csv", "0,1,2\n-0.582,1.093,-7.57\n0.202,6.942,-75.8\n1.421,7.261,84.3\n1.165,7.876,8\n"),
      write("m.csv", "0\n-0.473\n0.896\n2.147\n1.953\n"));
  EXPECT_EQ(numbers.first, expected);
  EXPECT_THAT(numbers.second, HasSubstr("n.csv: 4 x 3, csv; header 0, 1, 2"));
  EXPECT_THAT(numbers.second, HasSubstr("m.csv: 4 x 1, csv; header 0"));
  const std::string indexed =
      ",a,b,c\n0,-0.582,1.093,-7.57\n1,0.202,6.942,-75.8\n2,1.421,7.261,84.3\n3,1.165,7.876,8\n";
  const auto index =
      mean(write("i.csv", indexed), write("j.csv", ",t\n0,-0.473\n1,0.896\n2,2.147\n3,1.953\n"));
  EXPECT_EQ(index.first, expected);
  EXPECT_THAT(one_line(index.second), HasSubstr("header a, b, c; index column 0 left out"));
  // An index in another order than that of the targets.
  std::filesystem::remove(file("mean.npy"));
  expect_failure(predict(file("i.csv"), write("k.csv", ",t\n0,-0.473\n2,2.147\n1,0.896\n3,1.953\n"), x),
                 "i.csv' and '" + file("k.csv") +
                     "' differ in row 1 (counted from 0): bring the rows into the same order");
}

TEST_F(PredictCommand, ComparesNamesOfColumns) {
  const std::string x = write("x.csv", table), y = write("y.csv", "t\n-0.473\n0.896\n2.147\n1.953\n");
  const std::string z = write("z.csv", "c,a,b\n-7.57,-0.582,1.093\n-75.8,0.202,6.942\n");
  const Outcome outcome = predict(x, y, z, {"--mean", file("mean.npy"), "--report", file("r.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(one_line(outcome.out), HasSubstr("columns put into the order of "));
  EXPECT_EQ(json::parse(read_text(folder / "r.json"))["inputs"]["x_test"]["names"],
            json({"a", "b", "c"}));
  const nngp::Matrix<double> mean = read_npy(file("mean.npy"));
  EXPECT_EQ(predict(x, y, x, {"--mean", file("mean.npy")}).code, 0);
  EXPECT_EQ(read_npy(file("mean.npy")).topRows(2), mean);
  const auto fails = [&](const std::string& text, const std::string& message) {
    std::filesystem::remove(file("mean.npy"));
    expect_failure(predict(x, y, write("w.csv", text), {}), "w.csv' " + message);
  };
  fails("a,b,d\n1,2,3\n", "lacks 'c' of '" + x + "' and has 'd' instead; both need the same columns");
  fails("a,b\n1,2\n", "lacks 'c' of '" + x + "'; both need the same columns");
  fails("a,b,c,t\n1,2,3,4\n", "has 't' that '" + x + "' lacks; both need the same columns");
}

TEST_F(PredictCommand, TakesChoicesForTables) {
  const std::string x = write("x.csv", "0,1\n3,5\n6,2\n"), y = write("y.npy", column({1, 5, 3}));
  expect_failure(predict(x, write("y.csv", "0\n3\n7\n"), x),
                 "line 1 (0, 1) may be a header or an example; say which: header yes or no");
  EXPECT_THAT(one_line(predict(x, y, x, {"--header", "no"}).out),
              HasSubstr("x.csv: 3 x 2, csv; no header"));
  const std::string i = write("i.csv", "key,a\nu,5\nv,2\nw,7\n");
  EXPECT_THAT(one_line(predict(i, y, i, {"--index-col", "key"}).out),
              HasSubstr("i.csv: 3 x 1, csv; header a; column 'key' left out"));
  EXPECT_THAT(predict(i, y, i, {"--index-col", "none"}).err,
              HasSubstr("column 1: 'u' is not a number (column 'key')"));
  EXPECT_THAT(predict(x, y, x, {"--header", "no", "--index-col", "kye"}).err, HasSubstr("'kye'"));
  expect_failure(predict(x, y, x, {"--header", "maybe"}), "--header is yes, no or auto, not 'maybe'",
                 2);
}

// ---- Targets ----

/// The class of each example, known from the training data.
TEST_F(PredictCommand, PredictsNames) {
  const std::string x = write("x.csv", "0.5,1\n1,0\n2,1\n0,3\n"),
                    y = write("y.csv", "species\ncat\n\"d, og\"\nowl\ncat\n"),
                    t = write("t.csv", "cat\n\"d, og\"\nfly\ncat\n");
  const Outcome outcome = predict(x, y, x,
                                  {"--y-test", t, "--header", "auto", "--diag-reg", "1e-6", "--labels",
                                   file("l.csv"), "--report", file("r.json")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(one_line(outcome.out),
              HasSubstr("y.csv: 4 x 1, csv, 3 classes: cat, d, og, owl; header species"));
  EXPECT_THAT(outcome.out, HasSubstr("0.7500: 3 of 4 right, 1 of a class not trained on"));
  const json report = json::parse(read_text(folder / "r.json"));
  EXPECT_EQ(report["classes"], json({"cat", "d, og", "owl"}));
  EXPECT_EQ(report["outputs"]["labels"], file("l.csv"));
  EXPECT_EQ(read_text(folder / "l.csv"), "label\ncat\n\"d, og\"\nowl\ncat\n");
  // What is written is read again as the same labels, from .npy too.
  EXPECT_EQ(predict(x, y, x, {"--diag-reg", "1e-6", "--labels", file("l.npy")}).code, 0);
  for (const char* again : {"l.csv", "l.npy"})
    EXPECT_THAT(predict(x, file(again), x, {"--y-test", y, "--diag-reg", "1e-6"}).out,
                HasSubstr("1.0000: 4 of 4 right"));
  EXPECT_EQ(nngp::read_data<double>(folder / "l.npy", {.labels = nngp::Labels::names}).dtype(), "str");
  expect_failure(predict(x, y, x, {"--task", "regression"}), "'cat' is not a number");
  expect_failure(predict(x, y, x, {"--y-test", write("other.csv", "no\nyes\nno\nyes\n")}),
                 "none of the labels in '" + file("other.csv") + "' is one of '" + y + "'");
}

TEST_F(PredictCommand, PredictsWholeNumbersAsTheyAre) {
  const std::string x = write("x.csv", "0.5,1\n1,0\n2,1\n0,3\n"),
                    y = write("y.csv", "9007199254740993\n9007199254740992\n9007199254740993\n7\n");
  const std::vector<std::string> options = {"--task", "classification", "--diag-reg", "1e-6",
                                            "--labels"};
  auto words = options;
  words.push_back(file("l.csv"));
  const Outcome outcome = predict(x, y, x, words);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_text(folder / "l.csv"),
            "label\n9007199254740993\n9007199254740992\n9007199254740993\n7\n");
  words.back() = file("l.npy");
  words.insert(words.end(), {"--y-test", y});
  EXPECT_THAT(predict(x, y, x, words).out, HasSubstr("1.0000: 4 of 4 right"));
  EXPECT_EQ(nngp::read_data<double>(folder / "l.npy", {.labels = nngp::Labels::names}).dtype(),
            "int64");
  expect_failure(predict(x, y, x), "'9007199254740993' has more digits than float64 holds");
  expect_failure(predict(x, write("f.csv", "1.5\n2\n2.5\n3\n"), x, {"--labels", file("l.csv")}),
                 "--labels is of classes: say --task classification if", 2);
}

/// One example of each class is enough; whole numbers may be classes or not.
TEST_F(PredictCommand, LearnsFromOneExampleOfEachClass) {
  const std::string x = write("x.npy", digits("x", 0, 6)), y = write("y.csv", "4\n0\n1\n2\n3\n5\n");
  EXPECT_THAT(predict(x, y, x, {"--task", "classification", "--y-test", y}).out,
              HasSubstr("1.0000: 6 of 6 right"));
  EXPECT_THAT(predict(x, write("n.csv", "a\nb\nc\nd\ne\nf\n"), x, {"--y-test", file("n.csv")}).out,
              HasSubstr("1.0000: 6 of 6 right"));
}

TEST_F(PredictCommand, ConstantTargetsBesideOthersAreNamed) {
  const std::string x = write("x.csv", "0.5,1\n1,0\n2,1\n0,3\n"),
                    y = write("y.csv", "1.5,2\n2,2\n3,2\n4,2\n");
  const Outcome outcome = predict(x, y, x, {"--mean", file("mean.npy")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err,
              HasSubstr("y.csv': column 1 (counted from 0) of the training targets is constant"));
  EXPECT_THAT(one_line(outcome.out),
              HasSubstr("y.csv: 4 x 2, csv, column 1 (counted from 0) constant"));
  const std::string one = write("one.csv", "2\n2\n2\n2\n");
  EXPECT_EQ(predict(x, one, x, {"--task", "regression"}).code, 0);
}

/// With y = 3 + 0.01 z, predictions of normalized y are those of normalized z in other units.
TEST_F(PredictCommand, NormalizesTargets) {
  const std::string x = write("x.npy", digits("x", 0, 12)), xt = write("xt.npy", digits("x", 12, 5));
  nngp::Matrix<double> z(12, 2);
  for (Eigen::Index i = 0; i < 12; ++i) z.row(i) << std::sin(double(i)), std::cos(2. * double(i));
  const nngp::Matrix<double> y = (z.array() * 0.01 + 3).matrix();
  const double mean = z.col(0).mean();
  const double deviation = std::sqrt((z.col(0).array() - mean).square().mean());
  const auto run = [&](const nngp::Matrix<double>& targets, std::vector<std::string> options) {
    options.insert(options.end(),
                   {"--mean", file("m.npy"), "--std", file("s.npy"), "--cov", file("c.npy")});
    const Outcome outcome = predict(x, write("y.npy", targets), xt, options);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return std::tuple(read_npy(file("m.npy")), read_npy(file("s.npy")), outcome.out);
  };
  const nngp::Matrix<double> first = z.col(0), scaled = ((first.array() - mean) / deviation).matrix(),
                             shifted = y.col(0);
  const auto [m, s, out] = run(scaled, {});
  const auto [mn, sn, outn] = run(shifted, {"--normalize-y"});
  EXPECT_THAT(outn, HasSubstr("normalized: mean "));
  EXPECT_TRUE(mn.isApprox(((m.array() * deviation + mean) * 0.01 + 3).matrix(), 1e-10));
  EXPECT_TRUE(sn.isApprox(s * deviation * 0.01, 1e-10));
  const nngp::Matrix<double> cov = read_npy(file("c.npy"));
  EXPECT_TRUE(cov.diagonal().cwiseSqrt().isApprox(sn.col(0), 1e-12));
  // Two outputs have spreads of their own; the covariance is an array of three dimensions.
  const std::vector<std::string> both = {"--normalize-y", "--mean", file("m.npy"), "--std",
                                         file("s.npy")};
  EXPECT_EQ(predict(x, write("y.npy", y), xt, both).code, 0);
  EXPECT_TRUE(read_npy(file("m.npy")).col(0).isApprox(mn.col(0), 1e-10));
  EXPECT_EQ(read_npy(file("s.npy")).cols(), 2);
  EXPECT_TRUE(read_npy(file("s.npy")).col(0).isApprox(sn.col(0), 1e-10));
  expect_failure(
      predict(x, write("l.csv", "a\nb\na\nb\na\nb\na\nb\na\nb\na\nb\n"), xt, {"--normalize-y"}),
      "--normalize-y is for numbers, not for labels");
}

/// Rounding makes some variances of training inputs negative at diag_reg 0.
TEST_F(PredictCommand, SpreadsAgreeAlsoWhereRoundingSpoilsThem) {
  const nngp::Matrix<double> digits_x = digits("x", 0, 30);
  const std::string x = write("x.npy", digits_x),
                    y = write("y.npy", nngp::Matrix<double>(digits_x.col(2)));
  const Outcome outcome = predict(x, y, x,
                                  {"--diag-reg", "0", "--cov", file("c.npy"), "--std", file("s.npy"),
                                   "--report", file("r.json"), "--task", "regression"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const nngp::Matrix<double> cov = read_npy(file("c.npy")), std = read_npy(file("s.npy"));
  EXPECT_GE(cov.diagonal().minCoeff(), 0);
  EXPECT_EQ(cov.diagonal().cwiseSqrt(), std.col(0));
  const int clamped = json::parse(read_text(folder / "r.json"))["variances_clamped_to_zero"];
  EXPECT_LE(clamped, (std.array() == 0).count());  // some are 0 by themselves
  if (clamped > 0) {
    EXPECT_THAT(outcome.out, HasSubstr(std::to_string(clamped) + " below 0 by rounding, the least -"));
  }
}

TEST_F(PredictCommand, NamesWrongUsage) {
  const std::string x = write("x.csv", "0.5,1\n1,0\n"), y = write("y.csv", "3\n7\n");
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
