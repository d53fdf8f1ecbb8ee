#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "process.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(Check, ShowsFindingsAsATable) {
  const Outcome outcome = run_nngp(
      {"plugins", "check", NNGP_TEST_PLUGINS "/liberf.so", "--check", "table", "--check", "exports"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out.substr(0, 8), "library\n");
  EXPECT_THAT(outcome.out, testing::ContainsRegex("\n  pass     table +ABI 1.1, "));
  EXPECT_THAT(outcome.out, testing::EndsWith("\n2 checks passed\n"));
}

TEST(Check, ReportsAsJson) {
  const json report = json::parse(
      run_nngp({"plugins", "check", NNGP_TEST_PLUGINS "/librelu.so", "--check", "threads", "--json"})
          .out);
  EXPECT_EQ(report["library"], "relu");
  EXPECT_EQ(report["abi"], "1.1");
  EXPECT_EQ(report["result"], "pass");
  EXPECT_EQ(report["findings"][0]["activation"], "Relu");
  EXPECT_EQ(report["findings"][0]["check"], "threads");
}

TEST(Check, FailsForAFileThatIsNoPlugin) {
  const TemporaryFolder folder;
  const std::string bad = folder.write("bad.so", "not a library").string();
  const Outcome outcome = run_nngp({"plugins", "check", bad});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("  failure  file "));
  EXPECT_EQ(outcome.err, "nngp: " + bad + ": 0 checks passed, 1 failure\n");
}

TEST(Check, WaitsForNoPipe) {
  const TemporaryFolder folder;
  const std::string pipe = (folder / "pipe.so").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(run_nngp({"plugins", "check", pipe}).out,
              HasSubstr("  failure  file            not a file but a folder, a pipe or a device"));
}

TEST(Check, FailsForUnsoundTablesWhateverIsAsked) {
  const std::string file = NNGP_ABI_PLUGINS "/libfaulty_newer_major.so";
  const Outcome outcome = run_nngp({"plugins", "check", file, "--check", "nngp_fn"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("  failure  table           built for plugin ABI 2.1"));
}

TEST(Check, FailsForAMissingFile) {
  const Outcome outcome = run_nngp({"plugins", "check", "/nonexistent/x.so"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("cannot be read: No such file or directory"));
}

TEST(Check, NamesWrongUsage) {
  const auto expect = [](std::vector<std::string> words, const std::string& message) {
    words.insert(words.begin(), {"plugins", "check"});
    const Outcome outcome = run_nngp(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.err, "nngp: " + message + "\n");
  };
  expect({}, "a file is missing: nngp plugins check FILE");
  expect({"x.so", "--time-limit", "0"}, "--time-limit must be more than 0 seconds");
  expect({"x.so", "--memory-limit", "64"}, "--memory-limit must be 512 MiB or more");
}

TEST(Check, ListsItsChecks) {
  const Outcome outcome = run_nngp({"plugins", "check", "--list-checks"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("\nsymmetry  "));
}

TEST(Check, NamesUnknownChecks) {
  const Outcome outcome = run_nngp({"plugins", "check", "x.so", "--check", "leak"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err, "nngp: no check is called 'leak'; did you mean 'leaks'?\n");
}

}  // namespace
