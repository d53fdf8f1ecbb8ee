// Pictures by gnuplot.

#include "command/plot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_test.hpp"

namespace {

using nngp::host::Plot;
using testing::HasSubstr;

TEST(Plot, TextsMeanNothingToGnuplot) {
  Plot plot("it's `date`", "y\nsystem 'date'");
  plot.line("a'b $c\n", 0, {0, 1}, {2, 3});
  const std::string script = plot.script(true);
  EXPECT_THAT(script, HasSubstr("set xlabel 'it''s `date`' noenhanced\n"));
  EXPECT_THAT(script, HasSubstr("set ylabel 'y?system ''date''' noenhanced\n"));
  EXPECT_THAT(script, HasSubstr("title 'a''b $c?'"));
  EXPECT_THAT(script, HasSubstr("$block0 << END\n0 2 \n1 3 \nEND\n"));
}

class PlotFile : public CommandTest {
 protected:
  const std::string x = folder.write("x.csv", "0\n1\n2\n3\n").string(),
                    y = folder.write("y.csv", "0\n1\n0\n1\n").string(),
                    wide = folder.write("wide.csv", "0.5,1\n1,1\n2,0\n3,2\n").string();
  const std::string model = "serial(Dense(1, 1.5, 0.5), Erf(), Dense(1))";

  Outcome predict(const std::string& inputs, const std::string& picture,
                  const std::vector<std::string>& environment = {}) const {
    return run_nngp({"predict", "--model", model, "--x-train", inputs, "--y-train", y, "--x-test",
                     inputs, "--y-test", y, "--plot", file(picture), "--mean", file("mean.npy")},
                    environment);
  }
};

TEST_F(PlotFile, ShowsPredictionsWithTheirBand) {
  const Outcome outcome = predict(x, "band.svg");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string picture = read_text(folder / "band.svg");
  EXPECT_THAT(picture, testing::StartsWith("<?xml"));
  for (const char* name : {"two sigma", "mean", "training data"})
    EXPECT_THAT(picture, HasSubstr(">" + std::string(name) + "<"));
}

TEST_F(PlotFile, ReadsStandardInputOnce) {
  ASSERT_EQ(predict(x, "file.svg").code, 0);
  const std::string command = NNGP_TEST_COMMAND " predict --model '" + model + "' --x-train " + x +
                              " --y-train " + y + " --x-test - --plot " + file("pipe.svg") + " < " + x;
  const Outcome outcome =
      Process({"/bin/sh", "-c", command}, {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=/nonexistent"}).wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read_text(folder / "pipe.svg"), read_text(folder / "file.svg"));
}

TEST_F(PlotFile, ShowsHowErrorsFall) {
  const Outcome outcome = predict(wide, "learning.svg");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string picture = read_text(folder / "learning.svg");
  for (const char* name : {"training time", "root mean squared error", "training", "test"})
    EXPECT_THAT(picture, HasSubstr(">" + std::string(name) + "<"));
}

TEST_F(PlotFile, ShowsSpectraAndKernels) {
  const Outcome spectrum =
      run_nngp({"spectrum", "--model", model, "--x", wide, "--plot", file("spectrum.png")});
  EXPECT_EQ(spectrum.code, 0) << spectrum.err;
  EXPECT_THAT(read_text(folder / "spectrum.png"), testing::StartsWith("\x89PNG"));
  for (const char* type : {"float64", "float32"}) {
    const Outcome kernel = run_nngp({"kernel", "--model", model, "--x1", wide, "--ntk", file("ntk.npy"),
                                     "--dtype", type, "--plot", file("ntk.svg")});
    EXPECT_EQ(kernel.code, 0) << kernel.err;
    EXPECT_THAT(read_text(folder / "ntk.svg"), HasSubstr("row of x1"));
  }
}

TEST_F(PlotFile, NeedsGnuplot) {
  const Outcome outcome = predict(x, "band.svg", {"PATH=/nonexistent"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err,
            "nngp: pictures need gnuplot, which is not installed: install gnuplot-nox, or leave out "
            "--plot\n");
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(std::filesystem::exists(folder / "band.svg"));
  EXPECT_FALSE(std::filesystem::exists(folder / "mean.npy"));
}

TEST_F(PlotFile, IsOneOfTwoKinds) {
  const Outcome outcome = predict(x, "band.pdf");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--plot takes a name that ends in .svg or .png, not '"));
}

}  // namespace
