// Commands on images: .npy arrays of more dimensions, and --shape.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "command_test.hpp"
#include "nngp/npy.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path golden = NNGP_TEST_DATA "/golden/spatial/myrtle_like";
const std::string small_network =
    "serial(Conv(8, (3, 3), padding='SAME'), Relu(), AvgPool((2, 2), strides=(2, 2)), Flatten(), "
    "Dense(1))";

class Images : public CommandTest {
 protected:
  /// The first digits, as rows of features or as images.
  std::string digits(const std::string& name, Eigen::Index first, Eigen::Index count,
                     bool images) const {
    const nngp::Matrix<double> rows =
        read_npy(NNGP_TEST_DATA "/data/digits/x.npy").middleRows(first, count) / 16;
    const std::vector<Eigen::Index> shape =
        images ? std::vector<Eigen::Index>{count, 8, 8, 1} : std::vector<Eigen::Index>{count, 64};
    nngp::NpyWriter<double> writer(folder / name, shape);
    std::copy_n(rows.data(), rows.size(), writer.matrix().data());
    writer.commit();
    return file(name);
  }

  static Outcome kernel(const std::string& model, std::vector<std::string> options) {
    options.insert(options.begin(), {"kernel", "--model", model});
    return run_nngp(options);
  }

  static void expect_failure(const Outcome& outcome, const std::string& message, int code = 1) {
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 3);
  }
};

TEST_F(Images, KernelsOfArraysAreExact) {
  const Outcome outcome = kernel("@" + (golden / "model.txt").string(),
                                 {"--x1", golden / "x1.npy", "--x2", golden / "x2.npy", "--nngp",
                                  file("k.npy"), "--ntk", file("t.npy"), "--report", file("r.json")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(read_npy(file("k.npy")).isApprox(read_npy(golden / "nngp_exact.npy"), 1e-12));
  EXPECT_TRUE(read_npy(file("t.npy")).isApprox(read_npy(golden / "ntk_exact.npy"), 1e-12));
  const json report = json::parse(std::ifstream(file("r.json")));
  EXPECT_EQ(report["inputs"]["x1"]["positions"].size(), 2u);
  EXPECT_EQ(report["layers"][0]["layer"], "Conv");
  EXPECT_LE(report["layers"][0]["pairs"], report["layers"][0]["of"]);
}

TEST_F(Images, RowsAreImagesOfTheShapeThatIsSaid) {
  const std::string rows = digits("rows.npy", 0, 12, false), images = digits("images.npy", 0, 12, true);
  ASSERT_EQ(kernel(small_network, {"--x1", images, "--ntk", file("a.npy")}).code, 0);
  const Outcome outcome =
      kernel(small_network, {"--x1", rows, "--shape", "8x8x1", "--ntk", file("b.npy")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_npy(file("a.npy")), read_npy(file("b.npy")));
  // 8 x 8 x 1 and 8 positions of 8 channels are different networks, rows are rows.
  expect_failure(kernel(small_network, {"--x1", rows}),
                 "layer 1, Conv: inputs are rows of features without positions");
  EXPECT_EQ(kernel("serial(Flatten(), Dense(1))", {"--x1", images}).code, 0);
}

TEST_F(Images, LargeKernelsGoToDiskBlockByBlockAndAreTheSame) {
  const std::string x = digits("x.npy", 0, 300, true);
  ASSERT_EQ(kernel(small_network, {"--x1", x, "--nngp", file("whole.npy")}).code, 0);
  ASSERT_EQ(kernel(small_network, {"--x1", x, "--nngp", file("blocks.npy"), "--memory", "100K"}).code,
            0);
  EXPECT_EQ(read_npy(file("whole.npy")), read_npy(file("blocks.npy")));
  ASSERT_EQ(kernel(small_network,
                   {"--x1", x, "--nngp", file("part.npy"), "--rows", "100:120", "--columns", "90:130"})
                .code,
            0);
  EXPECT_EQ(read_npy(file("part.npy")), read_npy(file("whole.npy")).block(100, 90, 20, 40));
}

TEST_F(Images, AreClassified) {
  const std::string train = digits("train.npy", 0, 200, true),
                    test = digits("test.npy", 200, 100, true);
  const auto labels = [&](const std::string& name, Eigen::Index first, Eigen::Index count) {
    return write(name, read_npy(NNGP_TEST_DATA "/data/digits/y.npy").middleRows(first, count));
  };
  const std::string y = labels("y.npy", 0, 200), y_test = labels("y-test.npy", 200, 100);
  const Outcome outcome =
      run_nngp({"predict", "--model", small_network, "--x-train", train, "--y-train", y, "--x-test",
                test, "--y-test", y_test, "--report", file("p.json")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("train.npy: 200 x 64, float64, 8 x 8 positions"));
  EXPECT_EQ(run_nngp({"spectrum", "--model", small_network, "--x", train}).code, 0);
  EXPECT_EQ(run_nngp({"compare", "--model", small_network, "--x-train", train, "--y-train", y}).code,
            0);
}

TEST_F(Images, WhatDoesNotFitIsRefused) {
  const std::string rows = digits("rows.npy", 0, 5, false), images = digits("images.npy", 0, 5, true);
  const auto shape = [&](const std::string& text) {
    return kernel(small_network, {"--x1", rows, "--shape", text});
  };
  expect_failure(shape("8x8"),
                 "a 3x3 filter needs 2 axes of positions, its input has 1 (8); the last axis of "
                 "arrays, and the last number of a shape, are channels");
  expect_failure(shape("8x8x2"), "its examples have 64 numbers, not 128 as 8 x 8 x 2");
  for (const char* wrong : {"8*8", "x8", "8x", "0x64", "-8x8", "9999999999999x9999999999x1", "8,8,1"})
    expect_failure(shape(wrong), "--shape is sizes such as 8x8x1", 2);
  expect_failure(shape("2x2x2x2x4"), "--shape has one to three sizes of positions", 2);
  expect_failure(kernel(small_network, {"--x1", images, "--shape", "4x16x1"}),
                 "its examples have 8 x 8 positions, not 4 x 16");
  expect_failure(kernel(small_network, {"--x1", images, "--x2", rows}),
                 "both need the same positions: --shape makes rows into images");
  nngp::NpyWriter<double> colours(folder / "colours.npy", std::vector<Eigen::Index>{5, 8, 8, 3});
  colours.commit();
  expect_failure(kernel(small_network, {"--x1", images, "--x2", (folder / "colours.npy").string()}),
                 "images.npy' has 1 channels at each position, '" + (folder / "colours.npy").string() +
                     "' has 3; both need the same channels");
  expect_failure(kernel("serial(Dense(2), Relu(), Dense(1))", {"--x1", images}),
                 "the network ends with 8 x 8 positions an example; end it with Flatten()");
  expect_failure(kernel("serial(Conv(2, (9, 1)), Flatten())", {"--x1", images}),
                 "layer 1, Conv: a 9x1 filter does not fit 8 x 8 positions with VALID");
  nngp::NpyWriter<double> writer(folder / "deep.npy", std::vector<Eigen::Index>{2, 2, 2, 2, 2, 2});
  writer.commit();
  expect_failure(kernel(small_network, {"--x1", file("deep.npy")}),
                 "it has 6 dimensions (2, 2, 2, 2, 2, 2); at most five are examples");
}

// Where a pair of images takes seconds, progress in whole pairs would tell nothing for long.
TEST_F(Images, TellHowLongLargeOnesTakeBeforeTheFirstPairIsDone) {
  nngp::NpyWriter<double> writer(folder / "large.npy", std::vector<Eigen::Index>{16, 160, 160, 1});
  std::fill_n(writer.matrix().data(), writer.matrix().size(), 0.5);
  writer.commit();
  std::ofstream(folder / "y.csv") << "y\n1\n2\n3\n4\n1\n2\n3\n4\n1\n2\n3\n4\n1\n2\n3\n4\n";
  const std::string training = " --x-train " + file("large.npy") + " --y-train " + file("y.csv");
  struct Run {
    std::string command, what, memory;
  };
  for (const Run& run :
       std::initializer_list<Run>{{"kernel --x1 " + file("large.npy") + " --nngp " + file("out.npy"),
                                   "this", ", and [0-9.]+ [KMG]iB of memory beside inputs and results"},
                                  {"predict --x-test " + file("large.npy") + training, "this", ""},
                                  {"compare" + training, "model 1 of 1", ""}}) {
    SCOPED_TRACE(run.command);
    std::ofstream(folder / "notes");
    const Process process(
        {"/bin/bash", "-c",
         "exec " NNGP_TEST_COMMAND " " + run.command +
             " --threads 1 --model \"serial(Conv(2, (3, 3)), Relu(), GlobalAvgPool(), Dense(1))\" 2>" +
             file("notes")});
    const auto note = [&] { return read_text(folder / "notes"); };
    while (note().find("takes about") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    process.send(SIGINT);
    EXPECT_EQ(process.wait().code, 130);
    EXPECT_THAT(note(),
                testing::ContainsRegex("nngp: note: " + run.what +
                                       " takes about ([0-9]+ min [0-9]+ s|[0-9]+ h [0-9]+ min)" +
                                       run.memory + "\nnngp: interrupted.*\n"));
  }
}

}  // namespace
