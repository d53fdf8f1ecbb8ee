// The command line itself: help, version, wrong usage.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "process.hpp"

namespace {

using testing::HasSubstr;

void expect_usage_error(const std::vector<std::string>& words, const std::string& message) {
  const Outcome outcome = run_nngp(words);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "nngp: " + message + "\n");
}

TEST(Command, TellsItsVersion) {
  const Outcome outcome = run_nngp({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, testing::MatchesRegex("nngp [0-9]+\\.[0-9]+\\.[0-9]+\n"
                                                 "instruction set [a-z0-9-]+ of [a-z0-9, -]+\n"));
  EXPECT_EQ(outcome.err, "");
}

TEST(Command, HelpsInEveryWayPeopleAsk) {
  const Outcome general = run_nngp({"--help"});
  EXPECT_EQ(general.code, 0);
  EXPECT_EQ(general.err, "");
  for (const char* subcommand : {"kernel", "predict", "compare", "spectrum", "sample", "montecarlo",
                                 "eval", "plugins", "info", "help"})
    EXPECT_THAT(general.out, HasSubstr("  " + std::string(subcommand) + " ")) << subcommand;
  EXPECT_EQ(run_nngp({"help"}).out, general.out);
  EXPECT_EQ(run_nngp({"-h"}).out, general.out);
  for (const char* subcommand : {"kernel", "predict", "compare", "spectrum", "sample", "montecarlo",
                                 "eval", "plugins", "info"}) {
    const Outcome help = run_nngp({"help", subcommand});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Usage: nngp " + std::string(subcommand)));
    EXPECT_EQ(run_nngp({subcommand, "--help"}).out, help.out);
  }
}

TEST(Command, HelpFitsATerminal) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"help"},
                                             {"help", "kernel"},
                                             {"help", "predict"},
                                             {"help", "sample"},
                                             {"help", "montecarlo"},
                                             {"help", "compare"},
                                             {"help", "spectrum"},
                                             {"help", "eval"},
                                             {"help", "plugins"},
                                             {"help", "info"}}) {
    std::istringstream lines(run_nngp(words).out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(Command, TellsAboutItself) {
  const Outcome text = run_nngp({"info"});
  EXPECT_EQ(text.code, 0);
  for (const char* part : {"version", "plugin ABI", "1.1", "instruction set", "BLAS", "OpenBLAS",
                           "threads", "Dropout(rate, mode='train')"})
    EXPECT_THAT(text.out, HasSubstr(part));
  const auto json =
      nlohmann::json::parse(run_nngp({"info", "--json", "--plugin", NNGP_TEST_PLUGINS}).out);
  EXPECT_EQ(json["plugin_folders"][0], NNGP_TEST_PLUGINS);
  EXPECT_GE(json["activations"], 34);
  EXPECT_THAT(run_nngp({"--version"}).out,
              testing::StartsWith("nngp " + json["nngp_version"].get<std::string>() + "\n"));
  EXPECT_EQ(json["layers"][0]["signature"], "serial(layer, ...)");
  EXPECT_EQ(run_nngp({"info", "all"}).code, 2);
}

TEST(Command, NamesWrongUsageAndTheNearestRightOne) {
  expect_usage_error({}, "a subcommand is missing; see 'nngp --help'");
  expect_usage_error({"kernle"}, "unknown subcommand 'kernle'; did you mean 'kernel'?");
  expect_usage_error({"quux"}, "unknown subcommand 'quux'; see 'nngp --help'");
  expect_usage_error({"help", "evl"}, "unknown subcommand 'evl'; did you mean 'eval'?");
  expect_usage_error({"--json", "plugins"},
                     "a subcommand must come before '--json'; see 'nngp --help'");
  expect_usage_error({"plugins", "list", "--jsn"}, "unknown option '--jsn'; did you mean '--json'?");
  expect_usage_error({"plugins", "list", "--frob"}, "unknown option '--frob'; see 'nngp help plugins'");
  expect_usage_error({"plugins", "list", "a", "b"}, "too many arguments; see 'nngp help plugins'");
  expect_usage_error({"plugins", "list", "--js"}, "unknown option '--js'; see 'nngp help plugins'");
  expect_usage_error({"plugins", "lst"}, "unknown action 'lst'; did you mean 'list'?");
  expect_usage_error({"plugins"},
                     "say what to do: nngp plugins list, show, check, new, install, remove or pack");
  expect_usage_error({"plugins", "show"}, "a name is missing: nngp plugins show NAME [--json]");
  expect_usage_error({"plugins", "list", "Relu"},
                     "'plugins list' takes no name; see 'nngp plugins show NAME'");
  expect_usage_error({"plugins", "show", "Relu", "--check", "table"},
                     "'plugins show' takes no --check; see 'nngp help plugins'");
  expect_usage_error({"plugins", "list", "--plugin"},
                     "the required argument for option '--plugin' is missing; see 'nngp help plugins'");
  expect_usage_error({"\033[31mred"}, "unknown subcommand '?[31mred'; see 'nngp --help'");
}

TEST(Command, TakesCommonOptionsBeforeTheSubcommand) {
  const Outcome outcome = run_nngp({"--plugin", NNGP_TEST_PLUGINS "/librelu.so", "plugins", "list"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out,
            run_nngp({"plugins", "list", "--plugin=" NNGP_TEST_PLUGINS "/librelu.so"}).out);
}

TEST(Command, ComputesWithTheInstructionSetItIsTold) {
  const std::string version = run_nngp({"--version"}).out, of = " of ";
  const std::string all = version.substr(version.rfind(of) + of.size());
  const std::string narrowest = all.substr(0, all.find_first_of(",\n"));
  const auto with_variable = [](const std::string& name, std::vector<std::string> words) {
    words.insert(words.begin(), NNGP_TEST_COMMAND);
    return Process(words, {"NNGP_ISA=" + name}).wait();
  };
  const std::string told = "instruction set " + narrowest + of + all;
  EXPECT_THAT(run_nngp({"--isa", narrowest, "--version"}).out, HasSubstr(told));
  EXPECT_THAT(run_nngp({"--version", "--isa=" + narrowest}).out, HasSubstr(told));
  EXPECT_THAT(with_variable(narrowest, {"--version"}).out, HasSubstr(told));
  EXPECT_EQ(with_variable("", {"--version"}).out, version);
  EXPECT_EQ(
      nlohmann::json::parse(run_nngp({"info", "--json", "--isa", narrowest}).out)["instruction_set"],
      narrowest);

  // The option goes before the variable. Kernels agree to rounding.
  const std::vector<std::string> eval = {
      "eval",     "Relu()",          "--cov12",           "0.3", "--var1", "1", "--var2", "2",
      "--plugin", NNGP_TEST_PLUGINS, "--isa=" + narrowest};
  EXPECT_EQ(with_variable("nonsense", eval).out, run_nngp(eval).out);

  const std::string reason =
      "this machine has no instruction set 'mmx', nor is there one of that name; "
      "it has " +
      all.substr(0, all.size() - 1);
  expect_usage_error({"--isa", "mmx", "plugins", "list"}, "--isa: " + reason);
  const Outcome outcome = with_variable("mmx", {"info"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, "nngp: NNGP_ISA: " + reason + "\n");
}

TEST(Command, FailsWhereStandardOutputIsFull) {
  const Outcome outcome = Process({NNGP_TEST_COMMAND, "--version"}, {}, "/dev/full").wait();
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "nngp: cannot write to standard output: No space left on device\n");
}

TEST(Command, IsQuietWhenItsReaderStops) {
  const Outcome outcome =
      Process({"/bin/bash", "-c", NNGP_TEST_COMMAND " help kernel | true; echo ${PIPESTATUS[0]}"})
          .wait();
  EXPECT_EQ(outcome.out, "0\n");
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
