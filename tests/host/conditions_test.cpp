// What the command meets where it runs: closed streams, signals, other processes, inputs that change,
// full disks, limits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "command_test.hpp"
#include "nngp/limits.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string relu_network = "serial(Dense(512, 1.5, 0.05), Relu(), Dense(1))";
/// Take long with some thousand inputs, and about a second.
const std::string long_network = "serial(repeat(serial(Dense(1, 1.4), Relu()), 3000), Dense(1))";
const std::string slow_network = "serial(repeat(serial(Dense(1, 1.4), Relu()), 400), Dense(1))";
const std::string endless = NNGP_HOST_TEST_PLUGINS "/libendless.so";

class Conditions : public CommandTest {
 protected:
  std::string inputs(Eigen::Index rows) const {
    return write("x.npy", nngp::Matrix<double>::Random(rows, 8));
  }
  static Outcome shell(const std::string& script) {
    return Process({"/bin/bash", "-c", script}, {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=/nonexistent"})
        .wait();
  }
  std::string command(const std::string& model, const std::string& options) const {
    return NNGP_TEST_COMMAND " kernel --model '" + model + "' --x1 " + file("x.npy") + " " + options;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
};

/// Nothing that is printed goes into an output, whatever is closed.
TEST_F(Conditions, ClosedStreamsLeaveOutputsAlone) {
  inputs(20);
  const nngp::Matrix<double> y = nngp::Matrix<double>::Random(20, 1);
  const std::string predict = NNGP_TEST_COMMAND " predict --model '" + relu_network + "' --x-train " +
                              file("x.npy") + " --y-train " + write("y.npy", y) + " --x-test " +
                              file("x.npy") + " --mean " + file("mean.npy");
  ASSERT_EQ(shell(predict + " --diag-reg 1e-16").code, 0);
  const std::string expected = read_text(folder / "mean.npy");
  for (const char* closed : {"<&-", "2>&-", "<&- 2>&-"}) {
    std::filesystem::remove(folder / "mean.npy");
    EXPECT_EQ(shell(predict + " --diag-reg 1e-16 " + closed).code, 0) << closed;
    EXPECT_EQ(read_text(folder / "mean.npy"), expected) << closed;
  }
  // A summary that cannot be printed is an error, as on a full disk.
  for (const char* closed : {">&-", "<&- >&-"})
    EXPECT_THAT(shell(predict + " " + closed).err,
                HasSubstr("cannot write to standard output: Bad file descriptor"))
        << closed;
}

/// Nothing asks a plugin for interruptions, or LAPACK, or gnuplot: here a plugin never ends by itself.
TEST_F(Conditions, SignalsAreHeardWhereverTheProcessIs) {
  inputs(40);
  write("y.npy", nngp::Matrix<double>::Random(40, 1));
  const std::string model = "serial(Dense(512, 1.5, 0.05), Endless(), Dense(1))", x = file("x.npy"),
                    y = file("y.npy"), out = file("out.npy");
  const std::vector<std::vector<std::string>> commands = {
      {"kernel", "--model", model, "--x1", x, "--ntk", out},
      {"kernel", "--model", model, "--x1", x, "--ntk", out, "--memory", "1K"},
      {"predict", "--model", model, "--x-train", x, "--y-train", y, "--x-test", x, "--mean", out},
      {"predict", "--model", model, "--x-train", x, "--y-train", y, "--x-test", x, "--mean", out,
       "--solver", "cg"},
      {"compare", "--model", model, "--x-train", x, "--y-train", y, "--best", out},
      {"spectrum", "--model", model, "--x", x, "--eigenvalues", out},
      {"sample", "--model", model, "--x", x, "--samples", "3", "--out", out},
      {"montecarlo", "--model", model, "--x1", x, "--samples", "3", "--ntk", out},
      {"eval", "Endless", "--cov12", "0", "--var1", "1", "--var2", "1"},
      {"plugins", "check", endless}};
  for (std::vector<std::string> words : commands) {
    words.insert(words.begin(), NNGP_TEST_COMMAND);
    words.insert(words.end(), {"--plugin", endless});
    int signal = SIGTERM;
    for (const int milliseconds : {0, 3, 20, 250}) {
      signal = signal == SIGTERM ? SIGINT : SIGTERM;
      const Process process(words, {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=/nonexistent"});
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      process.send(signal);
      EXPECT_EQ(process.wait().code, 128 + signal) << words[1] << " after " << milliseconds;
      EXPECT_THAT(files(), testing::ElementsAre("x.npy", "y.npy")) << words[1];
    }
  }
}

/// Short commands are over before a signal comes, or end by it; what they write is whole or not there.
TEST_F(Conditions, SignalsLeaveNothingHalfDone) {
  const std::string plugin = NNGP_TEST_PLUGINS "/libsine.so";
  const auto files_of = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
      if (entry.is_regular_file()) names.push_back(std::filesystem::relative(entry, folder.path()));
    std::sort(names.begin(), names.end());
    return names;
  };
  int signal = SIGTERM;
  for (const std::string& command : std::vector<std::string>{
           "info", "info --json", "plugins list", "plugins show Sin", "plugins new Mine",
           "plugins pack " + plugin, "plugins install " + plugin, "plugins remove sine"}) {
    const auto start = [&] {
      return Process({"/bin/bash", "-c",
                      "cd " + folder.path().string() + " && exec " NNGP_TEST_COMMAND " " + command},
                     {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=" + file("data")});
    };
    const auto prepare = [&] {
      std::filesystem::remove_all(folder.path());
      std::filesystem::create_directories(folder.path());
      if (command == "plugins remove sine") {
        std::filesystem::create_directories(folder / "data/nngp/plugins");
        std::filesystem::copy(plugin, folder / "data/nngp/plugins");
      }
      return files_of();
    };
    const std::vector<std::string> before = prepare();
    EXPECT_EQ(start().wait().code, 0) << command;
    const std::vector<std::string> after = files_of();
    for (const int milliseconds : {0, 2, 5, 9, 14, 20, 35, 60, 100}) {
      prepare();
      signal = signal == SIGTERM ? SIGINT : SIGTERM;
      const Process process = start();
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      process.send(signal);
      const Outcome outcome = process.wait();
      EXPECT_THAT(outcome.code, testing::AnyOf(0, 128 + signal)) << command << ": " << outcome.err;
      EXPECT_THAT(files_of(), testing::AnyOf(before, after)) << command << " after " << milliseconds;
    }
  }
}

TEST_F(Conditions, AReaderWhoHasHadEnoughIsNoFault) {
  for (const std::string& what :
       {std::string("plugins list"), "plugins check " + std::string(NNGP_TEST_PLUGINS "/librelu.so")}) {
    const Outcome outcome = shell("set -o pipefail; " NNGP_TEST_COMMAND " " + what +
                                  " | { read -r; exec <&-; sleep 0.2; }");
    EXPECT_EQ(outcome.code, 0) << what;
    EXPECT_EQ(outcome.err, "") << what;
  }
}

TEST_F(Conditions, ASecondProcessIsRefusedAndLosesNothing) {
  inputs(1500);
  const std::vector<std::string> words = {
      NNGP_TEST_COMMAND, "kernel", "--model",       slow_network, "--x1",
      file("x.npy"),     "--nngp", file("out.npy"), "--memory",   "1M"};
  const Process first(words);
  const auto blocks_done = [&] {
    const std::string journal = read_text(folder / "out.npy.journal");
    return std::count(journal.begin(), journal.end(), '\n');
  };
  while (blocks_done() < 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (const bool resume : {false, true}) {
    std::vector<std::string> again = words;
    if (resume) again.push_back("--resume");
    const Outcome second = Process(again).wait();
    EXPECT_EQ(second.code, 1);
    EXPECT_EQ(second.err,
              "nngp: cannot write '" + file("out.npy") + "': another process is writing it\n");
  }
  first.send(SIGTERM);
  const Outcome stopped = first.wait();
  EXPECT_EQ(stopped.code, 143);
  EXPECT_EQ(stopped.err, "nngp: interrupted; give the same command with --resume to go on\n");
  EXPECT_GE(blocks_done(), 2);
  std::vector<std::string> again = words;
  again.push_back("--resume");
  EXPECT_EQ(Process(again).wait().code, 0);
  EXPECT_THAT(files(), testing::ElementsAre("out.npy", "x.npy"));
}

/// fn takes a millisecond, and is called thousands of times before the first entry.
TEST_F(Conditions, APreparationIsInterrupted) {
  inputs(20);
  const Process process(
      {NNGP_TEST_COMMAND, "kernel", "--model", "serial(Dense(1), slow_tanh(), Dense(1))", "--plugin",
       NNGP_HOST_TEST_PLUGINS "/libgolden.so", "--x1", file("x.npy"), "--nngp", file("out.npy")});
  wait_for(folder / "out.npy.partial");
  process.send(SIGINT);
  const Outcome outcome = process.wait();
  EXPECT_EQ(outcome.code, 130);
  EXPECT_EQ(outcome.err, "nngp: interrupted; no output was written\n");
  EXPECT_THAT(files(), testing::ElementsAre("x.npy"));
}

TEST_F(Conditions, NothingToResumeIsNotAdvised) {
  inputs(3000);
  const Process process({NNGP_TEST_COMMAND, "kernel", "--model", long_network, "--x1", file("x.npy"),
                         "--nngp", file("out.npy"), "--memory", "1M"});
  wait_for(folder / "out.npy.partial");
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().err, "nngp: interrupted; no output was written\n");
  EXPECT_THAT(files(), testing::ElementsAre("x.npy"));
}

TEST_F(Conditions, AnInputThatIsCutOffIsNamed) {
  for (const char* memory : {"1G", "1M"}) {
    inputs(4000);
    const Process process({NNGP_TEST_COMMAND, "kernel", "--model", long_network, "--x1", file("x.npy"),
                           "--nngp", file("out.npy"), "--memory", memory});
    wait_for(folder / "out.npy.partial");
    std::filesystem::resize_file(folder / "x.npy", 0);
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.err,
              "nngp: '" + std::filesystem::canonical(folder / "x.npy").string() +
                  "' was cut off while it was used: write another file and rename it to this, "
                  "and run again\n");
    EXPECT_THAT(files(), testing::ElementsAre("x.npy"));
  }
}

TEST_F(Conditions, AnInputThatIsOverwrittenIsNamedAtTheEnd) {
  for (const char* memory : {"1G", "1M"}) {
    inputs(1500);
    const Process process({NNGP_TEST_COMMAND, "kernel", "--model", slow_network, "--x1", file("x.npy"),
                           "--nngp", file("out.npy"), "--memory", memory});
    wait_for(folder / "out.npy.partial");
    {
      std::fstream x(folder / "x.npy", std::ios::in | std::ios::out | std::ios::binary);
      x.seekp(-8, std::ios::end);
      x << "\x01\x02\x03\x04\x05\x06\x07\x08";
    }
    const Outcome outcome = process.wait();
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.err,
              "nngp: '" + file("x.npy") +
                  "' was changed while it was used: write another file and rename it to this, and run "
                  "again\n");
    EXPECT_THAT(files(), testing::ElementsAre("x.npy"));
  }
}

TEST_F(Conditions, AFullDiskIsNamedAndNothingStays) {
  inputs(20);
  // The limit holds for the files that the test's processes print to as well: a pipe leads there.
  const Outcome outcome =
      shell("(ulimit -f 0; exec " + command(relu_network, "--memory 1K --nngp " + file("out.npy")) +
            ") 2>&1 | cat; exit ${PIPESTATUS[0]}");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out,
            "nngp: cannot write '" + file("out.npy") +
                "': File too large; raise the limit (ulimit -f) or choose another file system\n");
  EXPECT_THAT(files(), testing::ElementsAre("x.npy"));
}

/// A script in which file systems can be mounted, unseen by others; none where this is not allowed.
std::optional<Outcome> with_mounts(const std::string& script) {
  const std::string unshare = "/usr/bin/unshare --mount --map-root-user /bin/bash -c ";
  const auto quoted = [](const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
  };
  if (Process({"/bin/bash", "-c", unshare + quoted("mount -t tmpfs tmpfs /mnt")}).wait().code != 0)
    return std::nullopt;
  return Process({"/bin/bash", "-c", unshare + quoted(script)},
                 {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=/nonexistent"})
      .wait();
}

TEST_F(Conditions, ADiskThatIsFullAllAlongIsNamed) {
  inputs(400);
  const auto outcome = with_mounts(
      "mount -t tmpfs -o size=1M tmpfs /mnt; dd if=/dev/zero of=/mnt/fill bs=1k count=1024 "
      "2>/dev/null; " +
      command(relu_network, "--memory 100K --nngp /mnt/k.npy") + "; echo $?; ls /mnt");
  if (!outcome) GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(outcome->out, "1\nfill\n");
  EXPECT_EQ(
      outcome->err,
      "nngp: cannot write '/mnt/k.npy': No space left on device; free some space or choose another "
      "folder\n");
}

TEST_F(Conditions, APluginOnAFileSystemWithoutExecutionIsNamed) {
  const auto outcome = with_mounts("mount -t tmpfs -o noexec tmpfs /mnt; cp " + endless +
                                   " /mnt/wave.so; " + NNGP_TEST_COMMAND +
                                   " eval Endless --cov12 0 --var1 1 --var2 1 --plugin /mnt/wave.so");
  if (!outcome) GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(outcome->code, 1);
  EXPECT_EQ(outcome->err,
            "nngp: /mnt/wave.so: cannot be loaded: its file system is mounted noexec, so that nothing "
            "there can "
            "be run; copy it to another, such as the home folder\n");
}

/// Threads of OpenBLAS that find no room wait for ever, and the process with them when it ends.
TEST_F(Conditions, LittleAddressSpaceIsEnoughOrNamed) {
#ifdef NNGP_SANITIZED
  GTEST_SKIP() << "sanitizers need much address space";
#endif
  inputs(20);
  write("y.npy", nngp::Matrix<double>::Random(20, 1));
  const std::string predict = NNGP_TEST_COMMAND " predict --model '" + relu_network + "' --x-train " +
                              file("x.npy") + " --y-train " + file("y.npy") + " --x-test " +
                              file("x.npy") + " --report -";
  for (const char* kibibytes : {"150000", "200000", "300000", "400000", "600000"}) {
    const std::string limited = std::string("ulimit -v ") + kibibytes + "; exec ";
    EXPECT_EQ(shell(limited + NNGP_TEST_COMMAND + " --version").code, 0) << kibibytes;
    EXPECT_EQ(shell(limited + command(relu_network, "--ntk -")).code, 0) << kibibytes;
    const Outcome outcome = shell(limited + predict);
    if (outcome.code == 0) {
      EXPECT_EQ(json::parse(outcome.out)["memory"]["by"], "half of what ulimit -v grants");
    } else {
      EXPECT_EQ(outcome.code, 1);
      EXPECT_THAT(outcome.err, HasSubstr("ulimit -v"));
    }
  }
  EXPECT_EQ(shell("ulimit -v 600000; exec " + predict).code, 0);
}

TEST_F(Conditions, ThreadsAreThoseThatTheProcessMayUse) {
  inputs(20);
  write("y.npy", nngp::Matrix<double>::Random(20, 1));
  const auto report = [&](const std::string& before, const std::string& options) {
    const Outcome outcome = shell(before + NNGP_TEST_COMMAND + " predict --model '" + relu_network +
                                  "' --x-train " + file("x.npy") + " --y-train " + file("y.npy") +
                                  " --x-test " + file("x.npy") + " --report - " + options);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out);
  };
  const unsigned processors = nngp::available_processors();
  const json all = report("", ""), many = report("", "--threads 4096");
  EXPECT_EQ(all["threads"], nngp::available_threads().amount);
  EXPECT_EQ(many["threads"], processors);
  EXPECT_EQ(report("OPENBLAS_NUM_THREADS=1 ", "")["solver"]["threads"], 1);
  EXPECT_EQ(report("OMP_NUM_THREADS=1 ", "")["solver"]["threads"], 1);
  EXPECT_EQ(report("", "--threads 1")["solver"]["threads"], 1);

  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  CPU_ZERO(&one);
  for (int i = 0; CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  const json bound = report("", "");
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(bound["threads"], 1);
  EXPECT_EQ(bound["solver"]["threads"], 1);
}

}  // namespace
