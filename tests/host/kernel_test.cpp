// nngp kernel as a process: from files to files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "command_test.hpp"
#include "nngp/data.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string relu_network = "serial(Dense(512, 1.5, 0.05), Relu(), Dense(1))";

class KernelCommand : public CommandTest {
 protected:
  /// Runs `nngp kernel` on `model` and `options`.
  Outcome kernel(const std::string& model, std::vector<std::string> options,
                 const std::vector<std::string>& environment = {}) const {
    options.insert(options.begin(), {"kernel", "--model", model});
    return run_nngp(options, environment);
  }

  /// Expects a failure that says `message`, and that nothing was written.
  void expect_failure(const std::string& model, const std::vector<std::string>& options,
                      const std::string& message, int code = 1) const {
    const Outcome outcome = kernel(model, options);
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, testing::StartsWith("nngp: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_LE(outcome.err.size(), 1000u);
    EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 3);
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.partial"));
  }
  void expect_bad_input(const std::string& path, const std::string& message) const {
    expect_failure("Dense(1)", {"--x1", path, "--nngp", file("out.npy")}, message);
  }
  const nngp::Matrix<double> x1 =
      (nngp::Matrix<double>(3, 4) << 1, 2, 3, 4, -1, 0, 2, 1, 0.5, 0, 0, -2).finished();
  const nngp::Matrix<double> x2 = (nngp::Matrix<double>(2, 4) << 0, 1, 0, 1, 3, -2, 1, 0).finished();
};

TEST_F(KernelCommand, WritesBothKernels) {
  write_npy(folder / "x1.npy", x1);
  write_npy(folder / "x2.npy", x2);
  const Outcome outcome =
      kernel("Dense(1, W_std=2, b_std=0.5)", {"--x1", file("x1.npy"), "--x2", file("x2.npy"), "--nngp",
                                              file("k.npy"), "--ntk", file("t.npy")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "");
  const nngp::Matrix<double> expected = (4 * x1 * x2.transpose() / 4).array() + 0.25;
  EXPECT_TRUE(read_npy(folder / "k.npy").isApprox(expected, 1e-15));
  EXPECT_TRUE(read_npy(folder / "t.npy").isApprox(expected, 1e-15));
}

TEST_F(KernelCommand, IsSymmetricForInputsWithThemselves) {
  write_npy(folder / "x1.npy", x1);
  kernel("Dense(1)", {"--x1", file("x1.npy"), "--nngp", file("k.npy")});
  const nngp::Matrix<double> k = read_npy(folder / "k.npy");
  EXPECT_TRUE(k.isApprox(x1 * x1.transpose() / 4, 1e-15));
  EXPECT_EQ(k, k.transpose());
}

TEST_F(KernelCommand, ComputesReluByTheArcCosineFormula) {
  write_npy(folder / "x1.npy", x1);
  ASSERT_EQ(kernel("serial(Dense(8), Relu(), Dense(1))",
                   {"--x1", file("x1.npy"), "--nngp", file("k.npy"), "--ntk", file("t.npy")})
                .code,
            0);
  const nngp::Matrix<double> k = read_npy(folder / "k.npy"), t = read_npy(folder / "t.npy");
  const nngp::Matrix<double> cov = x1 * x1.transpose() / 4;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) {
      const double norm = std::sqrt(cov(i, i) * cov(j, j));
      const double theta = std::acos(std::min(1., cov(i, j) / norm));
      const double nngp = norm * (std::sin(theta) + (M_PI - theta) * std::cos(theta)) / (2 * M_PI);
      const double d_nngp = (M_PI - theta) / (2 * M_PI);
      EXPECT_NEAR(k(i, j), nngp, 1e-14 * norm);
      EXPECT_NEAR(t(i, j), nngp + d_nngp * cov(i, j), 1e-14 * norm);
    }
}

TEST_F(KernelCommand, ComputesInFloat32) {
  write_npy(folder / "x1.npy", x1);
  kernel("Dense(1)", {"--x1", file("x1.npy"), "--nngp", file("k.npy"), "--dtype", "float32"});
  EXPECT_EQ(nngp::read_data<float>(folder / "k.npy").dtype(), "float32");
  EXPECT_TRUE(
      read_npy<float>(folder / "k.npy").isApprox((x1 * x1.transpose() / 4).cast<float>(), 1e-6f));
}

TEST_F(KernelCommand, ReadsCsvAndTheModelFromFiles) {
  write("x.csv", "a,b\n1,2\n3,4\n");
  write("model.txt", "serial(\n  Dense(1, W_std=1),\n  Identity())\n");
  const Outcome outcome =
      kernel("@" + file("model.txt"), {"--x1", file("x.csv"), "--nngp", "-"}, {"LC_ALL=de_DE.UTF-8"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "2.5,5.5\n5.5,12.5\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(KernelCommand, PrintsASummaryWithoutOutputs) {
  write_npy(folder / "x1.npy", x1);
  const Outcome outcome = kernel(relu_network, {"--x1", file("x1.npy")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  for (const char* part :
       {"x1.npy: 3 x 4, float64\n", "Relu()", "librelu.so", "kernels  3 x 3, float64\n",
        "\nnngp: entries from ", "\nntk: entries from ", ", diagonal from "})
    EXPECT_THAT(outcome.out, HasSubstr(part));
}

TEST_F(KernelCommand, DoesNotDependOnTheNumberOfThreads) {
  const std::string digits = NNGP_TEST_DATA "/data/digits/x.npy";
  for (const char* threads : {"1", "3"})
    ASSERT_EQ(kernel(relu_network, {"--x1", digits, "--ntk", file(std::string(threads) + ".npy"),
                                    "--threads", threads, "--dtype", "float32"})
                  .code,
              0);
  EXPECT_EQ(read_text(folder / "1.npy"), read_text(folder / "3.npy"));
}

TEST_F(KernelCommand, ReportsWhatItDid) {
  write_npy(folder / "x1.npy", x1);
  const Outcome outcome = kernel(
      "serial(Dense(512, 1.5), Relu(), repeat(serial(Dense(2), Relu()), 2))",
      {"--x1", file("x1.npy"), "--ntk", file("t.npy"), "--threads", "2", "--report", file("r.json")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(read_text(folder / "r.json"));
  EXPECT_EQ(report["model"]["normalised"],
            "serial(Dense(512, W_std=1.5, b_std=None), Relu(), "
            "repeat(serial(Dense(2, W_std=1.0, b_std=None), Relu()), 2))");
  EXPECT_EQ(report["inputs"]["x1"], json({{"path", file("x1.npy")},
                                          {"rows", 3},
                                          {"columns", 4},
                                          {"positions", json::array()},
                                          {"dtype", "float64"},
                                          {"names", nullptr},
                                          {"taken_for", json::array()}}));
  EXPECT_TRUE(report["inputs"]["x2"].is_null());
  EXPECT_TRUE(report["outputs"]["nngp"].is_null());
  EXPECT_EQ(report["outputs"]["ntk"], file("t.npy"));
  EXPECT_EQ(report["rows"], json({0, 3}));
  EXPECT_EQ(report["threads"], 2);
  EXPECT_EQ(report["dtype"], "float64");
  ASSERT_EQ(report["plugins"].size(), 1u);
  EXPECT_EQ(report["plugins"][0]["activation"], "Relu()");
  EXPECT_EQ(report["plugins"][0]["library"], "relu");
  EXPECT_EQ(report["plugins"][0]["file"], NNGP_TEST_PLUGINS "/librelu.so");
  EXPECT_GT(report["peak_memory_bytes"], 1 << 20);
  for (const char* phase : {"read", "compute", "write"}) EXPECT_GE(report["seconds"][phase], 0);
}

// Sanitizers keep shadows of all memory.
#ifdef NNGP_SANITIZED
constexpr std::size_t memory_factor = 20;
#else
constexpr std::size_t memory_factor = 1;
#endif

TEST_F(KernelCommand, MemoryIsThatOfTheOutputsAndLittleMore) {
  const Eigen::Index n = 2000;
  write_npy(folder / "x.npy", nngp::Matrix<double>(nngp::Matrix<double>::Random(n, 8)));
  const auto peak = [&](const std::string& memory) {
    const Outcome outcome =
        kernel(relu_network, {"--x1", file("x.npy"), "--nngp", file("n.npy"), "--ntk", file("t.npy"),
                              "--memory", memory, "--report", file("r.json")});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(read_text(folder / "r.json"))["peak_memory_bytes"].get<std::size_t>();
  };
  constexpr std::size_t rest = std::size_t{64} << 20;
  const std::size_t outputs = 2 * sizeof(double) * n * n;
  EXPECT_LE(peak("1G"), memory_factor * (outputs + rest));
  EXPECT_LE(peak("4M"), memory_factor * (std::size_t{4 << 20} + rest));  // streamed
}

TEST_F(KernelCommand, ReportsTheErrorOfNumericalLayers) {
  write_npy(folder / "x1.npy", x1);
  const std::string tanh = "serial(Dense(512, 1.5), Tanh(), Dense(1))";
  const Outcome outcome = kernel(tanh, {"--x1", file("x1.npy"), "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const json layers = json::parse(outcome.out)["numerical_layers"];
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0]["activation"], "Tanh()");
  EXPECT_LE(layers[0]["error_nngp"], layers[0]["tolerance"]);
  const Outcome inexact =
      kernel("serial(Dense(512, 1.5), ElementwiseNumerical(Tanh, tol=1e-30), Dense(1))",
             {"--x1", file("x1.npy"), "--report", "-"});
  EXPECT_EQ(inexact.code, 0);
  EXPECT_THAT(inexact.err, HasSubstr("nngp: warning: Tanh() is integrated with relative errors up to"));
}

/// Near 0 tanh is the identity, whose kernel is known; errors are relative, however small inputs are.
TEST_F(KernelCommand, IntegratesTinyInputsWithoutAFalseAlarm) {
  for (const double scale : {1e-9, 1e-20, 1e-150}) {
    write_npy(folder / "x1.npy", nngp::Matrix<double>(scale * x1));
    const Outcome outcome = kernel("serial(Dense(512), Tanh(), Dense(1))",
                                   {"--x1", file("x1.npy"), "--nngp", file("k.npy")});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.err, "");
    const nngp::Matrix<double> expected = scale * x1 * (scale * x1).transpose() / 4;
    EXPECT_LT((read_npy(folder / "k.npy") - expected).cwiseAbs().maxCoeff(),
              1e-12 * expected.maxCoeff())
        << scale;
  }
}

TEST_F(KernelCommand, NamesInputsThatCannotBeUsed) {
  const auto npy = [](const std::string& descr, const std::string& shape, std::string_view numbers) {
    const std::string header =
        "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
           std::string(numbers);
  };
  const std::string zeros(32, '\0');
  expect_bad_input(file("none.npy"), "none.npy': no such file");
  expect_bad_input(folder.path().string(), "it is a folder");
  expect_bad_input(write("empty.npy", ""), "empty.npy': it is empty");
  expect_bad_input(write("short.npy", npy("<f8", "3, 2", zeros)),
                   "it is truncated: 3 x 2 float64 takes 48 bytes, only 32 are there");
  expect_bad_input(write("huge.npy", npy("<f8", "99999999999, 99999999999", zeros)),
                   "is too large to be true");
  expect_bad_input(write("object.npy", npy("|O", "2, 2", zeros)), "Python objects (dtype object)");
  expect_bad_input(write("none.npy", npy("<f8", "0, 4", "")), "it has no rows");
  expect_bad_input(write("text.npy", "1,2\n"), "it is not an .npy file");
  expect_bad_input(write("ragged.csv", "1,2\n3\n"), "line 2 has 1 fields, but line 1 has 2");
  expect_bad_input(write("nan.csv", "1,2\n3,nan\n"), "line 2, column 2: the value is NaN");
  expect_bad_input(write("none.csv", "a,b\n"), "it has a header but no rows");
  nngp::Matrix<double> infinite = x1;
  infinite(2, 1) = std::numeric_limits<double>::infinity();
  write_npy(folder / "infinite.npy", infinite);
  expect_bad_input(file("infinite.npy"), "row 2, column 1 (counted from 0) is infinite");
}

TEST_F(KernelCommand, NamesDifferingFeatureCounts) {
  expect_failure(
      "Dense(1)",
      {"--x1", write("a.csv", "1,2\n"), "--x2", write("b.csv", "1,2,3\n"), "--nngp", file("out.npy")},
      "a.csv' has 2 columns, '" + file("b.csv") + "' has 3; both need the same features");
}

TEST_F(KernelCommand, NamesOutputsThatCannotBeWritten) {
  const std::string x = write("x.csv", "1,2\n3,4\n");
  expect_failure("Dense(1)", {"--x1", x, "--nngp", folder.path().string()},
                 "it is a folder; name a file in it");
  expect_failure("Dense(1)", {"--x1", x, "--nngp", file("none/out.npy")}, "create the folder first");
  expect_failure("Dense(1)", {"--x1", x, "--ntk", file("none/out.npy"), "--nngp", file("out.npy")},
                 "create the folder first");
  expect_failure("Dense(1)", {"--x1", x, "--nngp", "/dev/null"}, "it is not a regular file");
}

TEST_F(KernelCommand, FailsBeforeItComputesWhereTheDiskIsFull) {
  const std::string command = NNGP_TEST_COMMAND " kernel --model 'Dense(1)' --x1 " NNGP_TEST_DATA
                                                "/data/digits/x.npy --nngp " +
                              file("out.npy");
  for (const char* memory : {"1G", "1M"}) {
    const Outcome outcome =
        Process({"/bin/bash", "-c", "ulimit -f 1000; exec " + command + " --memory " + memory}).wait();
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.err,
              "nngp: cannot write '" + file("out.npy") +
                  "': File too large; raise the limit (ulimit -f) or choose another file system\n");
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  }
}

TEST_F(KernelCommand, FailsWhereTextOutputDoesNotFit) {
  const Outcome outcome = Process({NNGP_TEST_COMMAND, "kernel", "--model", "Dense(1)", "--x1",
                                   write("x.csv", "1,2\n"), "--ntk", "-"},
                                  {}, "/dev/full")
                              .wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "nngp: cannot write to standard output: No space left on device\n");
}

TEST_F(KernelCommand, IsQuietWhenItsReaderStops) {
  const Outcome outcome =
      Process({"/bin/bash", "-c",
               NNGP_TEST_COMMAND " kernel --model 'Dense(1)' --x1 " NNGP_TEST_DATA
                                 "/data/digits/x.npy --ntk - | head -c 5; echo ${PIPESTATUS[0]}"})
          .wait();
  EXPECT_THAT(outcome.out, testing::EndsWith("0\n"));
  EXPECT_EQ(outcome.err, "");
}

TEST_F(KernelCommand, NamesWhatIsWrongWithAModel) {
  const std::string x = write("x.csv", "1,2\n3,4\n");
  const auto expect_bad_model = [&](const std::string& model, const std::string& message) {
    expect_failure(model, {"--x1", x, "--nngp", file("out.npy")}, message);
  };
  expect_bad_model("serial(Dense(1), Rleu())",
                   "'Rleu'; did you mean 'Relu'?\n  serial(Dense(1), Rleu())\n");
  expect_bad_model("serial(Dense(1), Erf(d=1))", "'d'");
  expect_bad_model("serial(Dense(1), Erf(a='x'))", "line 1, column ");
  expect_bad_model("Dense(1, W_std=-1)", "W_std");
  expect_bad_model("serial(Dense(1), Relu(), Relu())", "Relu");
  expect_bad_model(" ", "line 1, column 2");
  expect_bad_model("@" + file("none.txt"), "cannot read '" + file("none.txt") + "': no such file");
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "serial(";
  expect_bad_model("@" + write("deep.txt", deep), "nested");
  std::string longest = "serial(Dense(1)";
  for (int i = 0; i < 200000; ++i) longest += ", Dense(1)";
  expect_bad_model("@" + write("long.txt", longest + ")"), "more than");
}

TEST_F(KernelCommand, ComputesAPart) {
  write_npy(folder / "x1.npy", x1);
  write_npy(folder / "x2.npy", x2);
  const std::vector<std::string> options = {"--x1", file("x1.npy"), "--x2", file("x2.npy"), "--ntk"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), options.begin(), options.end());
    return kernel(relu_network, more);
  };
  ASSERT_EQ(with({file("all.npy")}).code, 0);
  ASSERT_EQ(with({file("part.npy"), "--rows", "1:", "--columns", ":1"}).code, 0);
  EXPECT_EQ(read_npy(folder / "part.npy"), read_npy(folder / "all.npy").block(1, 0, 2, 1));
  const Outcome beyond = with({file("part.npy"), "--rows", "1:4"});
  EXPECT_EQ(beyond.code, 2);
  EXPECT_EQ(beyond.err, "nngp: --rows goes beyond the 3 that the kernels have\n");
}

TEST_F(KernelCommand, StreamsWhatDoesNotFitIntoTheMemoryGranted) {
  const std::string digits = NNGP_TEST_DATA "/data/digits/x.npy";
  ASSERT_EQ(kernel(relu_network, {"--x1", digits, "--ntk", file("a.npy"), "--dtype", "float32"}).code,
            0);
  ASSERT_EQ(kernel(relu_network, {"--x1", digits, "--ntk", file("b.npy"), "--dtype", "float32",
                                  "--memory", "1M", "--report", file("r.json")})
                .code,
            0);
  EXPECT_EQ(read_text(folder / "a.npy"), read_text(folder / "b.npy"));
  EXPECT_FALSE(std::filesystem::exists(folder / "b.npy.journal"));
}

/// A computation that takes long, on `file("x.npy")`.
const std::string long_network = "serial(repeat(serial(Dense(1, 1.4), Relu()), 3000), Dense(1))";

TEST_F(KernelCommand, TidiesUpWhenInterrupted) {
  write_npy(folder / "x.npy", nngp::Matrix<double>::Random(4000, 8));
  for (const int signal : {SIGINT, SIGTERM}) {
    const Process process({NNGP_TEST_COMMAND, "kernel", "--model", long_network, "--x1", file("x.npy"),
                           "--nngp", file("out.npy")});
    wait_for(folder / "out.npy.partial");
    process.send(signal);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.code, 128 + signal);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "nngp: interrupted; no output was written\n");
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.partial"));
  }
}

TEST_F(KernelCommand, ResumesWhatWasInterrupted) {
  write_npy(folder / "x.npy", nngp::Matrix<double>::Random(1500, 8));
  const std::string network = "serial(repeat(serial(Dense(1, 1.4), Relu()), 400), Dense(1))";
  const std::vector<std::string> options = {"--x1",          file("x.npy"), "--nngp",
                                            file("out.npy"), "--memory",    "1M"};
  const auto resume = [&](const std::string& model) {
    std::vector<std::string> resuming = options;
    resuming.push_back("--resume");
    return kernel(model, resuming);
  };
  EXPECT_THAT(resume(network).err, HasSubstr("there is nothing to resume"));

  std::vector<std::string> words = {NNGP_TEST_COMMAND, "kernel", "--model", network};
  words.insert(words.end(), options.begin(), options.end());
  const Process process(words);
  const auto blocks_done = [&] {
    const std::string journal = read_text(folder / "out.npy.journal");
    return std::count(journal.begin(), journal.end(), '\n');
  };
  while (blocks_done() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  process.send(SIGINT);
  const Outcome interrupted = process.wait();
  EXPECT_EQ(interrupted.code, 130);
  EXPECT_EQ(interrupted.err, "nngp: interrupted; give the same command with --resume to go on\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "out.npy"));
  EXPECT_TRUE(std::filesystem::exists(folder / "out.npy.partial"));

  EXPECT_THAT(resume(relu_network).err, HasSubstr("cannot resume"));
  EXPECT_EQ(resume(network).code, 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.partial"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.journal"));
  ASSERT_EQ(kernel(network, {"--x1", file("x.npy"), "--nngp", file("again.npy")}).code, 0);
  EXPECT_EQ(read_text(folder / "out.npy"), read_text(folder / "again.npy"));
}

TEST_F(KernelCommand, ShowsProgressOnATerminal) {
  write_npy(folder / "x.npy", nngp::Matrix<double>::Random(4000, 8));
  int controller = -1, terminal = -1;
  char terminal_name[64] = {};
  ASSERT_EQ(::openpty(&controller, &terminal, terminal_name, nullptr, nullptr), 0);
  const Process process(
      {"/bin/bash", "-c",
       std::string("exec " NNGP_TEST_COMMAND " kernel --model '") + long_network + "' --x1 " +
           file("x.npy") + " --nngp " + file("out.npy") + " 2>" + terminal_name},
      {"TERM=xterm", "NO_COLOR="});
  std::string shown;
  char buffer[256];
  while (shown.find("left") == std::string::npos) {
    const ssize_t count = ::read(controller, buffer, sizeof buffer);
    if (count <= 0) break;
    shown.append(buffer, static_cast<std::size_t>(count));
  }
  process.send(SIGINT);
  EXPECT_EQ(process.wait().code, 130);
  EXPECT_THAT(shown, testing::ContainsRegex("[0-9]+%, [0-9.]+ (million )?entries/s, .* left"));
  ::close(terminal);
  ::close(controller);
}

TEST_F(KernelCommand, NamesWrongUsage) {
  const std::string x = write("x.csv", "1,2\n");
  const auto expect_usage_error = [&](std::vector<std::string> options, const std::string& message) {
    options.insert(options.begin(), "kernel");
    const Outcome outcome = run_nngp(options);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "nngp: " + message + "\n");
  };
  expect_usage_error({"--x1", x}, "option '--model' is missing; see 'nngp help kernel'");
  expect_usage_error({"--x1", x, "--model", ""}, "--model is empty; give it a value or leave it out");
  expect_usage_error({"--x1", x, "--model", "Dense(1)", "--x2", ""},
                     "--x2 is empty; give it a value or leave it out");
  expect_usage_error(
      {"--x1", x, "--model", "Dense(1)", "--nngp", "--resume"},
      "--nngp takes a value, and '--resume' is an option; write ./--resume for a file of "
      "that name");
  expect_usage_error(
      {"--x1", x, "--model", "Dense(1)", "--nngp", file("k.npy"), "--ntk", file("./k.npy")},
      "--nngp and --ntk name the same place '" + file("./k.npy") + "'");
  for (const char* suffix : {".partial", ".journal"})
    for (const bool swapped : {false, true}) {
      const std::string output = file("k.npy"), way = output + suffix;
      expect_usage_error({"--x1", x, "--model", "Dense(1)", swapped ? "--ntk" : "--nngp", output,
                          swapped ? "--nngp" : "--ntk", way},
                         (swapped ? "--ntk '" : "--nngp '") + output + "' is written by way of '" +
                             way + "', which " + (swapped ? "--nngp" : "--ntk") +
                             " names; rename one of them");
    }
  expect_usage_error({"--model", "Dense(1)"}, "option '--x1' is missing; see 'nngp help kernel'");
  expect_usage_error({"--model", "Dense(1)", "--x1", x, "--x1", x},
                     "option '--x1' is given twice; see 'nngp help kernel'");
  expect_usage_error({"--modle", "Dense(1)", "--x1", x},
                     "unknown option '--modle'; did you mean '--model'?");
  expect_usage_error({"--model", "Dense(1)", "--x1", x, "--dtype", "int8"},
                     "--dtype is float64 or float32, not 'int8'");
  expect_usage_error({"--model", "Dense(1)", "--x1", x, "--threads", "-1"},
                     "--threads is a number from 1 to 4096, or 0 for as many as the process may use");
  expect_usage_error(
      {"--model", "Dense(1)", "--x1", x, "--nngp", file("./a.npy"), "--ntk", file("a.npy")},
      "--nngp and --ntk name the same place '" + file("a.npy") + "'");
  expect_usage_error({"--model", "Dense(1)", "--x1", x, "--ntk", x},
                     "--x1 and --ntk name the same place '" + x + "'");
}

}  // namespace
