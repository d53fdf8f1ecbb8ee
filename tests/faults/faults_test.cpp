// The command when memory runs out or files fail, at any call: it succeeds as ever, or says why in a
// line, leaves no output that is cut off, and an older one as it was.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "nngp/npy.hpp"
#include "process.hpp"

namespace {

namespace fs = std::filesystem;

const std::string model = "serial(Dense(8, 1.5, 0.1), Relu(), Dense(8), Erf(), Dense(1))";

/// A command, its options that name outputs, and the kinds of calls that it makes.
struct Scenario {
  std::string name;
  std::vector<std::string> words;
  std::map<std::string, std::string> outputs;  ///< file by option
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"csv",
       {"kernel", "--model", model, "--x1", "small.csv"},
       {{"--nngp", "a.npy"}, {"--ntk", "b.npy"}}},
      {"stream",
       {"kernel", "--model", model, "--x1", "large.npy", "--memory", "100K"},
       {{"--nngp", "a.npy"}, {"--ntk", "b.npy"}}},
      {"predict",
       {"predict", "--model", model, "--x-train", "small.csv", "--y-train", "y.csv", "--x-test",
        "small.csv", "--diag-reg", "0.1"},
       {{"--mean", "a.npy"}, {"--cov", "b.npy"}}},
      {"report",
       {"montecarlo", "--model", model, "--x1", "small.csv", "--samples", "4", "--report", "-"},
       {{"--nngp", "a.npy"}}},
      {"conjugate_gradients",
       {"predict", "--model", model, "--x-train", "small.csv", "--y-train", "y.csv", "--x-test",
        "small.csv", "--diag-reg", "0.1", "--solver", "cg"},
       {{"--mean", "a.npy"}}},
      {"sample",
       {"sample", "--model", model, "--x", "small.csv", "--samples", "3"},
       {{"--out", "a.npy"}}},
  };
  return all;
}

std::string table(int rows, int cols) {
  std::string text;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < cols; ++j)
      text += std::to_string(std::sin(1 + i * cols + 3.0 * j * j)) + (j + 1 < cols ? "," : "\n");
  return text;
}

class Faults : public testing::TestWithParam<Scenario> {
 protected:
  Faults() {
    folder_.write("small.csv", table(30, 4));
    folder_.write("y.csv", table(30, 1));
    nngp::NpyWriter<double> writer(folder_ / "large.npy", 300, 4);
    for (int i = 0; i < 300; ++i)
      for (int j = 0; j < 4; ++j) writer.matrix()(i, j) = std::sin(1 + 5 * i + 7 * j * j);
    writer.commit();
    for (const auto& [option, file] : scenario_.outputs) folder_.write(file, "old");
    EXPECT_EQ(run({}).code, 0);
    expected_ = outputs();
  }

  Outcome run(std::vector<std::string> environment, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = scenario_.words;
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i].starts_with("--x") || words[i] == "--y-train")
        words[i + 1] = (folder_ / words[i + 1]).string();
    for (const auto& [option, file] : scenario_.outputs)
      words.insert(words.end(), {option, (folder_ / file).string()});
    words.insert(words.end(), more.begin(), more.end());
    return run_nngp(words, environment);
  }

  std::map<std::string, std::string> outputs() const {
    std::map<std::string, std::string> contents;
    for (const auto& [option, file] : scenario_.outputs) contents[file] = read_text(folder_ / file);
    return contents;
  }

  /// How many calls of each kind a run makes.
  std::map<std::string, long> calls() const {
    EXPECT_EQ(run(counting()).code, 0);
    return counted();
  }

  /// How many of its allocations are those of looking for plugins, the same in every run.
  long allocations_of_plugins() const {
    EXPECT_EQ(run_nngp({"plugins", "list"}, counting()).code, 0);
    return counted().at("alloc");
  }

  std::vector<std::string> counting() const {
    return {preload, "FAULT_COUNT=" + (folder_ / "count").string()};
  }

  std::map<std::string, long> counted() const {
    std::map<std::string, long> counts;
    std::ifstream file(folder_ / "count");
    std::string kind;
    for (long count; file >> kind >> count;) counts[kind] = count;
    return counts;
  }

  /// Runs with `fault`, expects an error or success, and what belongs to either.
  void expect_no_damage(const std::string& fault) const {
    SCOPED_TRACE(scenario_.name + ", " + fault);
    for (const auto& [option, file] : scenario_.outputs) folder_.write(file, "old");
    const Outcome outcome = run({preload, "FAULT=" + fault});
    if (outcome.code == 0) {
      EXPECT_TRUE(outputs() == expected_);
    } else {
      EXPECT_EQ(outcome.code, 1);
      EXPECT_THAT(outcome.err, testing::StartsWith("nngp: "));
      // A warning of a plugin and a message with a caret, at most.
      EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 4) << outcome.err;
      // Outputs follow one another: one may be whole when the next fails.
      for (const auto& [file, contents] : outputs())
        EXPECT_TRUE(contents == "old" || contents == expected_.at(file)) << file;
    }
    const bool resumable = fs::exists(folder_ / "a.npy.journal");
    EXPECT_TRUE(!resumable || outcome.code == 1);
    if (resumable) {
      Outcome resumed = run({}, {"--resume"});
      // When the second of two files cannot get its name, the first has it already.
      if (resumed.code != 0 && outputs().at("a.npy") == expected_.at("a.npy")) {
        EXPECT_THAT(resumed.err, testing::HasSubstr("start anew"));
        resumed = run({});
      }
      EXPECT_EQ(resumed.code, 0) << resumed.err;
      EXPECT_TRUE(outputs() == expected_);
    }
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      EXPECT_NE(entry.path().extension(), ".partial") << entry.path();
  }

  /// The first calls, and `most` between them and the last.
  void fail_at(const std::string& kind, long count, long most, const std::string& how = "") const {
    const long step = std::max(1L, count / most);
    for (long call = 1; call <= count; call += call < 4 ? 1 : step)
      expect_no_damage(kind + ":" + std::to_string(call) + how);
    if (count > 0) expect_no_damage(kind + ":" + std::to_string(count) + how);
  }

  void fail_everywhere(long most) const {
    for (const auto& [kind, count] : calls()) {
      fail_at(kind, count, most);
      if (kind == "read" || kind == "write") fail_at(kind, count, most, ":short");
    }
  }

  const std::string preload = std::string("LD_PRELOAD=") + NNGP_TEST_FAULTS;

 private:
  const Scenario& scenario_ = GetParam();
  const TemporaryFolder folder_;
  std::map<std::string, std::string> expected_;
};

TEST_P(Faults, LeaveOldOutputOrNew) { fail_everywhere(4); }

TEST_P(Faults, OfEveryCallLeaveOldOutputOrNew) { fail_everywhere(100); }

// One of thousands may be where a library is not ready for it.
TEST_P(Faults, OfEveryCallThatAllocatesBesidesThoseOfPluginsLeaveOldOutputOrNew) {
  const long count = calls().at("alloc");
  for (long call = std::min(allocations_of_plugins(), count); call <= count; ++call)
    expect_no_damage("alloc:" + std::to_string(call));
}

INSTANTIATE_TEST_SUITE_P(, Faults, testing::ValuesIn(scenarios()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
