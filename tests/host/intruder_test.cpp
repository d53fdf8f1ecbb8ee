// The command stays whole whatever a plugin does to the process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "process.hpp"

namespace {

const std::string plugin = NNGP_HOST_TEST_PLUGINS "/libintruder.so";

/// Runs a process in a folder of its own, where x.csv has `rows` examples.
class Intruder : public testing::Test {
 protected:
  std::vector<std::string> words(int deed, std::vector<std::string> options, int rows = 3) {
    std::string data;
    for (int i = 0; i < rows; ++i) data += std::to_string(1 + i) + ",2\n";
    folder.write("x.csv", data);
    const std::string model = "serial(Dense(1), Intruder(" + std::to_string(deed) + "), Dense(1))";
    options.insert(options.begin(), {"/usr/bin/env", "-C", folder.path().string(), NNGP_TEST_COMMAND,
                                     "kernel", "--plugin", plugin, "--model", model, "--x1", "x.csv"});
    return options;
  }

  TemporaryFolder folder;
};

TEST_F(Intruder, PrintsToStandardErrorOnly) {
  const Outcome outcome = Process(words(0, {"--nngp", "-"})).wait();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "2.5,3,3.5\n3,4,5\n3.5,5,6.5\n");
  EXPECT_THAT(outcome.err, testing::HasSubstr("a plugin was here\n"));
}

TEST_F(Intruder, DoesNotMoveOutputs) {
  const Outcome outcome = Process(words(1, {"--nngp", "k.npy", "--report", "report.json"})).wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(folder / "k.npy"));
  EXPECT_TRUE(std::filesystem::exists(folder / "report.json"));
}

TEST_F(Intruder, CanBeInterrupted) {
  const Process process(words(2, {"--nngp", "k.npy"}, 4000));
  while (!std::filesystem::exists(folder / "k.npy.partial"))
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::atomic<bool> ended = false;
  // It ignores some of these, but not all.
  std::thread impatient([&] {
    while (!ended) {
      process.send(SIGINT);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  const Outcome outcome = process.wait();
  ended = true;
  impatient.join();
  EXPECT_EQ(outcome.code, 130);
}

TEST_F(Intruder, CannotFeignSuccessByEndingTheProcess) {
  for (const int deed : {3, 4, 5}) {
    const Outcome outcome = Process(words(deed, {"--nngp", "k.npy"})).wait();
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err,
                testing::EndsWith("nngp: " + plugin +
                                  " ended the process by exit() before the work was done\n"));
  }
}

/// Its code stays where it is when nothing else uses the library.
TEST_F(Intruder, MayHaveAThreadThatOutlivesIt) {
  for (int i = 0; i < 5; ++i) {
    const Outcome outcome = Process(words(6, {"--nngp", "-"})).wait();
    EXPECT_EQ(outcome.code, 0) << outcome.err;
  }
}

/// The stream of C++ is one for the host and its plugins.
TEST_F(Intruder, PrintsToStandardErrorInCppToo) {
  folder.write("x.csv", "1,2\n");
  const Outcome outcome =
      Process({NNGP_TEST_COMMAND, "kernel", "--plugin", NNGP_HOST_TEST_PLUGINS "/libchatty.so",
               "--model", "serial(Dense(1), Chatty(), Dense(1))", "--x1", (folder / "x.csv").string(),
               "--nngp", "-"})
          .wait();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "2.5\n");
  EXPECT_THAT(outcome.err, testing::HasSubstr("a plugin was here\n"));
}

TEST_F(Intruder, IsShownWithoutBeingLoaded) {
  const Outcome outcome = run_nngp({"plugins", "show", "MadeLate", "--plugin", NNGP_TEST_MADE_LATE});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err, testing::HasSubstr("its tables are not constants in the file"));
}

}  // namespace
