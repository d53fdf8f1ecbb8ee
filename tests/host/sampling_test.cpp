// nngp sample and nngp montecarlo as processes, and what they and nngp kernel say of activations that
// lack functions.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "command_test.hpp"
#include "nngp/data.hpp"
#include "nngp/monte_carlo.hpp"
#include "shipped_registry.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string tanh_network = "serial(Dense(40, 1.5, 0.1), Tanh(), Dense(30), Relu(), Dense(2))";

class Sampling : public CommandTest {
 protected:
  /// Runs `nngp words... --x1 or --x the inputs`.
  Outcome run(std::vector<std::string> words) const {
    words.insert(words.end(), {words[0] == "sample" ? "--x" : "--x1", x});
    return run_nngp(words);
  }
  Outcome sample(const std::vector<std::string>& options) const {
    std::vector<std::string> words = {"sample", "--model", tanh_network};
    words.insert(words.end(), options.begin(), options.end());
    return run(words);
  }
  Outcome montecarlo(const std::vector<std::string>& options) const {
    std::vector<std::string> words = {"montecarlo", "--model", tanh_network};
    words.insert(words.end(), options.begin(), options.end());
    return run(words);
  }

  void expect_failure(const std::vector<std::string>& words, const std::string& message,
                      int code = 1) const {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, testing::StartsWith("nngp: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.partial"));
  }
  const std::string x = folder.write("x.csv", "1,2,3\n-1,0,2\n0.5,0.3,-2\n0.1,0,0.2\n").string();
};

// ---- nngp sample -------------------------------------------------------------------------------

TEST_F(Sampling, WritesTheOutputsOfEachNetwork) {
  const Outcome outcome = sample({"--samples", "3", "--seed", "7", "--out", file("out.npy")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out + outcome.err, "");
  const std::string bytes = read_text(folder / "out.npy");
  EXPECT_THAT(bytes, HasSubstr("'descr': '<f8', 'fortran_order': False, 'shape': (3, 4, 2), }"));
  std::vector<double> numbers(3 * 4 * 2);
  const std::size_t size = numbers.size() * sizeof(double);
  ASSERT_EQ(bytes.size() % 64, size % 64);
  std::memcpy(numbers.data(), bytes.data() + bytes.size() - size, size);

  const auto inputs = nngp::read_data<double>(std::filesystem::path(x));
  const nngp::FiniteNetwork network(nngp::test::shipped_model(tanh_network), 3);
  for (std::uint64_t k = 0; k < 3; ++k) {
    const auto outputs = network.apply(network.init<double>({7, k}), inputs.view());
    for (Eigen::Index i = 0; i < outputs.size(); ++i)
      EXPECT_EQ(numbers[k * 8 + static_cast<std::size_t>(i)], outputs.data()[i]);
  }
}

TEST_F(Sampling, GivesTheSameNumbersOnAnyNumberOfThreads) {
  const auto bytes = [&](const std::string& seed, const std::string& threads) {
    EXPECT_EQ(sample({"--samples", "9", "--seed", seed, "--threads", threads, "--dtype", "float32",
                      "--out", file("f.npy")})
                  .code,
              0);
    return read_text(folder / "f.npy");
  };
  const std::string one = bytes("1", "1");
  EXPECT_EQ(one, bytes("1", "2"));
  EXPECT_NE(one, bytes("2", "2"));
}

TEST_F(Sampling, TakesAnotherWidth) {
  ASSERT_EQ(sample({"--samples", "2", "--width", "12", "--out", file("a.npy")}).code, 0);
  ASSERT_EQ(
      run({"sample", "--model", "serial(Dense(12, 1.5, 0.1), Tanh(), Dense(12), Relu(), Dense(2))",
           "--samples", "2", "--out", file("b.npy")})
          .code,
      0);
  EXPECT_EQ(read_text(folder / "a.npy"), read_text(folder / "b.npy"));
}

// ---- nngp montecarlo ---------------------------------------------------------------------------

TEST_F(Sampling, WritesMeansAndStandardErrors) {
  const Outcome outcome =
      montecarlo({"--samples", "20", "--seed", "3", "--nngp", file("k.npy"), "--nngp-error",
                  file("ke.npy"), "--ntk", file("t.npy"), "--ntk-error", file("te.npy")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out + outcome.err, "");
  const auto inputs = nngp::read_data<double>(std::filesystem::path(x));
  const auto expected =
      nngp::monte_carlo_kernels(nngp::test::shipped_model(tanh_network), inputs.view(), std::nullopt,
                                nngp::Get::both, {.seed = 3, .samples = 20});
  EXPECT_EQ(read_npy(folder / "k.npy"), expected.nngp.mean.view());
  EXPECT_EQ(read_npy(folder / "ke.npy"), expected.nngp.error.view());
  EXPECT_EQ(read_npy(folder / "t.npy"), expected.ntk.mean.view());
  EXPECT_EQ(read_npy(folder / "te.npy"), expected.ntk.error.view());
}

TEST_F(Sampling, StopsEarlyAndReportsTheDistanceFromInfiniteWidth) {
  const std::string y = folder.write("y.csv", "0,1,1\n2,0,1\n").string();
  const Outcome outcome = montecarlo({"--x2", y, "--samples", "100000", "--error", "0.03", "--width",
                                      "200", "--ntk", file("t.npy"), "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(outcome.out);
  EXPECT_LT(report["samples"], 1000);
  EXPECT_LE(report["ntk"]["relative_error"], 0.03);
  EXPECT_TRUE(report["nngp"].is_null());
  EXPECT_THAT(report["model"]["normalised"].get<std::string>(), HasSubstr("Dense(200, W_std=1.5"));
  // By chance about 1; the numerical layer of Tanh is what the samples check here.
  EXPECT_LT(report["ntk"]["from_infinite_width"]["rms_standard_errors"], 4);
  EXPECT_EQ(report["infinite_width"], "computed");
  EXPECT_EQ(report["numerical_layers"].size(), 1u);
  EXPECT_EQ(read_npy(folder / "t.npy").cols(), 2);
}

TEST_F(Sampling, SummarisesBothKernels) {
  const Outcome outcome = montecarlo({"--samples", "10"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* part : {"\nsamples  10 networks of seed 0\n", "\nnngp: entries from ",
                           "\nntk: entries from ", "\nstandard errors: ", "\ninfinite width: "})
    EXPECT_THAT(outcome.out, HasSubstr(part));
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 90u) << line;
}

TEST_F(Sampling, SaysWhyThereIsNoKernelOfInfiniteWidth) {
  const Outcome outcome = run({"montecarlo", "--model", "serial(Tanh(), Dense(3), Relu(), Dense(1))",
                               "--samples", "5", "--report", "-"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json report = json::parse(outcome.out);
  EXPECT_THAT(report["infinite_width"].get<std::string>(), HasSubstr("must be Gaussian"));
  EXPECT_TRUE(report["ntk"]["from_infinite_width"].is_null());
}

TEST_F(Sampling, DifferentiatesFnWhereThePluginDoesNot) {
  const auto ntk = [&](const std::string& activation) {
    EXPECT_EQ(run({"montecarlo", "--plugin", NNGP_HOST_TEST_PLUGINS "/libpartial.so", "--model",
                   "serial(Dense(30), " + activation + ", Dense(1))", "--samples", "3", "--ntk",
                   file("t.npy")})
                  .code,
              0);
    return read_npy(folder / "t.npy");
  };
  const nngp::Matrix<double> numerical = ntk("Cube()");
  EXPECT_TRUE(numerical.isApprox(ntk("Monomial(3)"), 1e-10));
}

// ---- Errors ------------------------------------------------------------------------------------

TEST_F(Sampling, NamesWhatAnActivationLacks) {
  const std::string normalized = "serial(Dense(5), ExpNormalized(), Dense(1))";
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"sample", "--model", normalized, "--samples", "2", "--out", file("out.npy")},
           {"montecarlo", "--model", normalized, "--samples", "2", "--ntk", file("out.npy")}})
    expect_failure(words,
                   "layer 2, ExpNormalized(gamma=1.0, shift=-1.0, do_clip=False): a network of finite "
                   "width cannot be sampled, it has no fn; its kernels of infinite width can be "
                   "computed, and fn may be added to the plugin\n");
  expect_failure({"kernel", "--plugin", NNGP_HOST_TEST_PLUGINS "/libpartial.so", "--model",
                  "serial(Dense(5), Nothing(), Dense(1))", "--nngp", file("out.npy")},
                 "layer 2, Nothing(): the kernel is not implemented: it has no nngp_fn, and no fn "
                 "to integrate; add one of them to the plugin, or use another activation\n");
}

TEST_F(Sampling, NamesWrongUsage) {
  const auto usage = [&](std::vector<std::string> options, const std::string& message) {
    expect_failure(options, message, 2);
  };
  const std::string model = "Dense(1)", out = file("out.npy");
  usage({"sample", "--model", model, "--samples", "0", "--out", out},
        "--samples takes a whole number of at least 1, not '0'");
  usage({"sample", "--model", model, "--samples", "2", "--out", "-"}, "--out takes a file");
  usage({"sample", "--model", model, "--samples", "2", "--out", x},
        "--x and --out name the same place");
  usage({"sample", "--model", model, "--samples", "2"}, "option '--out' is missing");
  usage({"sample", "--model", model, "--samples", "2", "--seed", "-1", "--out", out},
        "--seed takes a whole number of at least 0, not '-1'");
  usage({"sample", "--model", model, "--samples", "2", "--width", "1.5", "--out", out},
        "--width takes a whole number of at least 1, not '1.5'");
  usage({"montecarlo", "--model", model, "--samples", "1", "--ntk", out},
        "--samples takes a whole number of at least 2, not '1'");
  usage({"montecarlo", "--model", model, "--samples", "5", "--ntk", "-"}, "--ntk takes a file");
  usage({"montecarlo", "--model", model, "--samples", "5", "--ntk", out, "--nngp", out},
        "--nngp and --ntk name the same place");
  usage({"montecarlo", "--model", model, "--samples", "5", "--error", "0", "--ntk", out},
        "--error takes a number above 0");
  expect_failure({"sample", "--model", model, "--samples", "9999999999999999999", "--out", out},
                 "numbers are too many for a file");
  expect_failure({"montecarlo", "--model", "Dense(1, W_std=1e200)", "--samples", "3", "--ntk", out},
                 "is not finite");
}

TEST_F(Sampling, TidiesUpWhenInterrupted) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"sample", "--x", x, "--out", file("out.npy")},
                                             {"montecarlo", "--x1", x, "--ntk", file("out.npy")}}) {
    std::vector<std::string> all = {NNGP_TEST_COMMAND};
    all.insert(all.end(), words.begin(), words.end());
    all.insert(all.end(), {"--model", "serial(Dense(200), Relu(), Dense(200), Relu(), Dense(1))",
                           "--samples", "1000000"});
    const Process process(all);
    while (!std::filesystem::exists(folder / "out.npy.partial"))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    process.send(SIGINT);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.code, 130);
    EXPECT_EQ(outcome.err, "nngp: interrupted; no output was written\n");
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out.npy.partial"));
  }
}

}  // namespace
