// nngp plugins new: what it writes and what it refuses. That the projects build is tested by
// sdk_package.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "process.hpp"

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Outcome make(const std::string& name, const TemporaryFolder& folder,
             const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"plugins", "new", name, "--dir", folder.path().string()};
  words.insert(words.end(), more.begin(), more.end());
  return run_nngp(words);
}

TEST(New, WritesAProjectUnderTheName) {
  const TemporaryFolder folder;
  const Outcome outcome = make("Blip", folder);
  EXPECT_EQ(outcome.err, "");
  const fs::path project = folder / "Blip";
  EXPECT_EQ(outcome.out, "wrote " + project.string() +
                             ": the activation Blip with the formulas of an example\n"
                             "next:\n"
                             "  cd " +
                             project.string() +
                             "\n"
                             "  cmake -B build && cmake --build build\n"
                             "  nngp plugins check build/libBlip.so\n");
  EXPECT_THAT(read_text(project / "CMakeLists.txt"),
              HasSubstr("nngp_add_activation(Blip SOURCES Blip.cpp)"));
  EXPECT_THAT(read_text(project / "Blip.cpp"), HasSubstr("NNGP_PLUGIN(library, Blip)"));
  EXPECT_THAT(read_text(project / "README.md"), HasSubstr("nngp plugins check build/libBlip.so"));
  EXPECT_TRUE(fs::exists(project / "test.c"));
  for (const auto& file : fs::directory_iterator(project))
    EXPECT_THAT(read_text(file), testing::Not(testing::ContainsRegex("[Bb]ump"))) << file;

  EXPECT_EQ(make("other", folder, {"--lang", "c"}).code, 0);
  EXPECT_THAT(read_text(folder / "other/other.c"), HasSubstr(".name = \"Other\""));
  EXPECT_THAT(read_text(folder / "other/CMakeLists.txt"), HasSubstr("LANGUAGES C)"));
  EXPECT_EQ(make("crab", folder, {"--lang", "rust"}).code, 0);
  EXPECT_THAT(read_text(folder / "crab/crab.rs"), HasSubstr("name: text(b\"Crab\\0\"),"));
  EXPECT_EQ(make("Old", folder, {"--lang", "fortran"}).code, 0);
  EXPECT_THAT(read_text(folder / "Old/table.c"), HasSubstr(".name = \"Old\""));
  EXPECT_EQ(make("snake_case", folder, {"--lang", "numba"}).code, 0);
  EXPECT_THAT(read_text(folder / "snake_case/table.c"), HasSubstr(".name = \"snake_case\""));
}

TEST(New, OverwritesNothing) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "mine");
  folder.write("mine/mine.cpp", "precious");
  Outcome outcome = make("mine", folder);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err,
            "nngp: '" + (folder / "mine").string() + "' exists already; nothing was written\n");
  EXPECT_EQ(read_text(folder / "mine/mine.cpp"), "precious");
  EXPECT_FALSE(fs::exists(folder / "mine/test.c"));
  folder.write("file", "precious");
  EXPECT_EQ(make("file", folder).code, 1);
  EXPECT_EQ(read_text(folder / "file"), "precious");

  outcome = run_nngp({"plugins", "new", "X", "--dir", (folder / "none").string()});
  EXPECT_EQ(outcome.err, "nngp: cannot make the folder '" + (folder / "none/X").string() +
                             "': No such file or directory\n");
}

TEST(New, RefusesBadNames) {
  const TemporaryFolder folder;
  for (const char* name : {"a b", "../up", "1st", "_x", "a-b", "\xC3\xA9", "a/b"}) {
    const Outcome outcome = make(name, folder);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err,
                testing::EndsWith("cannot be the name of an activation: it must be letters, digits and "
                                  "'_' and begin with a letter, as in 'Swish'\n"));
  }
  EXPECT_EQ(make("test", folder).err,
            "nngp: 'test' cannot be the name of an activation: the project's tools use it\n");
  EXPECT_EQ(make("X", folder, {"--lang", "cobol"}).err,
            "nngp: there is no template in 'cobol'; --lang is cpp, c, rust, fortran or numba\n");
  EXPECT_EQ(
      make("dense", folder).err,
      "nngp: 'dense' cannot be the name of an activation: models read 'Dense' as the layer of that "
      "name\n");
  EXPECT_EQ(make("serial", folder).code, 2);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(New, SaysWhoseNameItTakes) {
  const TemporaryFolder folder;
  const Outcome outcome = make("Relu", folder);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(
      outcome.err,
      "nngp: the activation Relu that comes with nngp is not used beside this one, unless a model "
      "says relu:Relu\n");
  EXPECT_EQ(
      make("relu", folder).err,
      "nngp: the activation Relu that comes with nngp is not used beside this one; its library has "
      "the same name, too\n");
}

}  // namespace
