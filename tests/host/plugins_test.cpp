#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "process.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(Plugins, AreListedWithWhereTheyAre) {
  const Outcome outcome = run_nngp({"plugins", "list"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, testing::StartsWith(NNGP_TEST_PLUGINS " (installed)\n"));
  EXPECT_THAT(outcome.out, testing::ContainsRegex(
                               "\n  librelu.so .ABI 1.1.\n    Relu +[0-9.]+ +Rectified linear unit\n"));
}

TEST(Plugins, ListsAsJson) {
  const json list = json::parse(run_nngp({"plugins", "list", "--json"}).out);
  const auto erf =
      std::find_if(list.begin(), list.end(), [](const json& one) { return one["name"] == "Erf"; });
  ASSERT_NE(erf, list.end());
  EXPECT_EQ((*erf)["library"], "erf");
  EXPECT_EQ((*erf)["abi"], "1.1");
  EXPECT_EQ((*erf)["file"], NNGP_TEST_PLUGINS "/liberf.so");
  EXPECT_EQ((*erf)["source"], "installed");
  EXPECT_TRUE((*erf)["shadowed_by"].is_null());
}

TEST(Plugins, SaysWhetherTheyPassTheChecks) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(NNGP_TEST_PLUGINS "/libarcsin_erf.so", folder / "erf.so");
  std::filesystem::copy_file(NNGP_TEST_COMMAND, folder / "nngp");  // away from the shipped plugins
  const Outcome outcome =
      Process({(folder / "nngp").string(), "plugins", "list", "--verify"},
              {"NNGP_PLUGIN_PATH=" + folder.path().string(), "XDG_DATA_HOME=/nonexistent"})
          .wait();
  EXPECT_THAT(outcome.out, testing::ContainsRegex(
                               "from NNGP_PLUGIN_PATH.\n  erf.so .ABI 1.1.: [0-9]+ checks passed"));
}

TEST(Plugins, ShowsTheShadowedOne) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(NNGP_TEST_PLUGINS "/librelu.so", folder / "relu.so");
  const Outcome outcome = run_nngp({"plugins", "list", "--plugin", folder.path().string()});
  EXPECT_THAT(outcome.out,
              testing::StartsWith(folder.path().string() + " (named)\n  relu.so (ABI 1.1)\n    Relu "));
  EXPECT_THAT(outcome.out, testing::ContainsRegex("\n    Relu +[0-9.]+ +shadowed by " +
                                                  (folder / "relu.so").string() + "\n"));
}

TEST(Plugins, ShowsOneActivation) {
  const Outcome outcome = run_nngp({"plugins", "show", "Erf"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* part : {"Erf: ", "  file       " NNGP_TEST_PLUGINS "/liberf.so\n", "\n  d_nngp_fn  ",
                           "\n  NAME  KIND    DEFAULT  RANGE  MEANING\n", "\n  a     number  1.0 "})
    EXPECT_THAT(outcome.out, HasSubstr(part));
}

TEST(Plugins, SaysWhereTheDerivativeComesFrom) {
  const auto source = [](const char* name) {
    const json shown = json::parse(run_nngp({"plugins", "show", name, "--json"}).out);
    return shown["functions"]["d_nngp_fn"].get<std::string>();
  };
  EXPECT_EQ(source("ArcsinErf"), "numerical differentiation of nngp_fn, where fn does not jump");
  EXPECT_EQ(source("Relu"), "written by the author");
  EXPECT_EQ(source("Tanh"), "numerical integration of fn");
}

TEST(Plugins, NamesUnknownOnes) {
  const Outcome outcome = run_nngp({"plugins", "show", "Rleu"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "nngp: no activation is called 'Rleu'; did you mean 'Relu'?\n");
}

TEST(Plugins, WarnsOfFilesInAFolderAndRefusesNamedOnes) {
  const TemporaryFolder folder;
  const std::string bad = folder.write("bad.so", "not a library").string();
  const Outcome scanned = run_nngp({"plugins", "list", "--plugin", folder.path().string()});
  EXPECT_EQ(scanned.code, 0);
  EXPECT_THAT(scanned.err, testing::StartsWith("nngp: " + bad));
  EXPECT_THAT(scanned.out, HasSubstr("  Relu "));
  const Outcome named = run_nngp({"plugins", "list", "--plugin", bad});
  EXPECT_EQ(named.code, 1);
  EXPECT_EQ(named.out, "");
  EXPECT_THAT(named.err, testing::StartsWith("nngp: " + bad));
}

TEST(Plugins, AreFoundFromTheCommandsRealPlace) {
  const TemporaryFolder folder;
  std::filesystem::create_symlink(NNGP_TEST_COMMAND, folder / "nngp");
  const Outcome outcome = Process({(folder / "nngp").string(), "plugins", "list"},
                                  {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=/nonexistent"})
                              .wait();
  EXPECT_EQ(outcome.out, run_nngp({"plugins", "list"}).out);
}

TEST(Plugins, UsesNoColourOffTheTerminal) {
  EXPECT_EQ(run_nngp({"plugins", "show", "Erf"}, {"TERM=xterm"}).out.find('\033'), std::string::npos);
}

}  // namespace
