// nngp plugins install, remove and pack, and the archives between them.

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "expect_error.hpp"
#include "plugins/archive.hpp"
#include "process.hpp"

namespace {

namespace fs = std::filesystem;
using nngp::PluginError;
using testing::HasSubstr;

const std::string arcsin_erf = NNGP_TEST_PLUGINS "/libarcsin_erf.so";

/// A home of its own, where nngp runs.
class Install : public testing::Test {
 protected:
  Outcome run(const std::vector<std::string>& words) const {
    std::vector<std::string> all = {
        "/bin/sh",         "-c",     "cd \"$0\" && exec \"$@\"", home.path().string(),
        NNGP_TEST_COMMAND, "plugins"};
    all.insert(all.end(), words.begin(), words.end());
    return Process(all, {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=" + home.path().string()}).wait();
  }
  void expect_failure(const std::vector<std::string>& words, const std::string& message) const {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }

  TemporaryFolder home;
  const fs::path folder = home / "nngp/plugins";
  const std::string installed = (folder / "libarcsin_erf.so").string();
};

TEST_F(Install, ChecksAndCopiesAndRemoves) {
  Outcome outcome = run({"install", arcsin_erf});
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, "installed arcsin_erf 1.0.0 as " + installed + "\n  ArcsinErf\n");
  EXPECT_EQ(read_text(installed), read_text(arcsin_erf));
  EXPECT_EQ(fs::status(installed).permissions(), fs::perms(0644));
  EXPECT_THAT(run({"list"}).out,
              testing::StartsWith(folder.string() + " (the user's)\n  libarcsin_erf.so "));
  const auto list = nlohmann::json::parse(run({"list", "--json"}).out);
  EXPECT_EQ(list[0]["source"], "user");

  outcome = run({"remove", "arcsin_erf"});
  EXPECT_EQ(outcome.out, "removed arcsin_erf 1.0.0 in " + installed + "\n");
  EXPECT_TRUE(fs::is_empty(folder));
  expect_failure({"remove", "arcsin_erf"}, "has no 'arcsin_erf'");
  // Put there by hand, under a name of its own.
  fs::copy_file(arcsin_erf, folder / "mine.so");
  expect_failure({"remove", "mine"}, "has no 'mine'");
  expect_failure({"remove", "arcsin_err"}, "has no 'arcsin_err'; did you mean 'arcsin_erf'?");
  EXPECT_EQ(run({"remove", "arcsin_erf"}).out,
            "removed arcsin_erf 1.0.0 in " + (folder / "mine.so").string() + "\n");
  EXPECT_EQ(run({"remove", "../x"}).code, 2);
}

TEST_F(Install, ReplacesNothingUnlessTold) {
  fs::create_directories(folder);
  fs::copy_file(NNGP_TEST_PLUGINS "/librelu.so", installed);
  const std::string before = read_text(installed);
  expect_failure({"install", arcsin_erf}, "nngp: relu 0.1.0 in " + installed +
                                              " is installed already; --force replaces it with "
                                              "arcsin_erf 1.0.0\n");
  EXPECT_EQ(read_text(installed), before);
  EXPECT_EQ(run({"install", arcsin_erf, "--force"}).code, 0);
  EXPECT_EQ(read_text(installed), read_text(arcsin_erf));

  // Nor is another file's library shadowed: what is replaced is that file.
  const fs::path by_hand = folder / "by_hand.so";
  fs::rename(installed, by_hand);
  expect_failure({"install", arcsin_erf}, "nngp: arcsin_erf 1.0.0 in " + by_hand.string() +
                                              " is installed already; --force replaces it with "
                                              "arcsin_erf 1.0.0\n");
  EXPECT_EQ(run({"install", arcsin_erf, "--force"}).out,
            "installed arcsin_erf 1.0.0 as " + by_hand.string() + "\n  ArcsinErf\n");
  EXPECT_FALSE(fs::exists(installed));
}

TEST_F(Install, ALinkGivesWayAndWhatItPointsToStays) {
  fs::create_directories(folder);
  home.write("precious", "precious");
  fs::create_symlink(home / "precious", installed);
  expect_failure({"install", arcsin_erf}, "is installed already");
  EXPECT_EQ(run({"install", arcsin_erf, "--force"}).code, 0);
  EXPECT_EQ(read_text(home / "precious"), "precious");
  EXPECT_FALSE(fs::is_symlink(installed));
  EXPECT_EQ(read_text(installed), read_text(arcsin_erf));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

TEST_F(Install, RefusesAFolderThatOthersCanReplace) {
  fs::create_directories(home / "nngp");
  fs::permissions(home / "nngp", fs::perms::all);
  expect_failure({"install", arcsin_erf},
                 "nngp: not installed in " + folder.string() +
                     ": the folder above it can be changed by everyone; chmod o-w '" +
                     (home / "nngp").string() + "'\n");
  EXPECT_TRUE(fs::is_empty(folder));
  fs::permissions(home / "nngp", fs::perms(0755));
  EXPECT_EQ(run({"install", arcsin_erf}).code, 0);
}

TEST_F(Install, WaitsForNoPipe) {
  const fs::path pipe = home / "pipe.tar";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_failure({"install", "pipe.tar"}, "pipe.tar: not a file; copy a pipe's contents to one");
  expect_failure({"pack", "pipe.tar"}, "pipe.tar: not a file");
  expect_failure({"install", "."}, ".: not a file; copy a pipe's contents to one, and name a file in");
}

TEST_F(Install, SaysWhoseNamesAreTaken) {
  // A byte more: no longer the shipped one itself.
  home.write("other.so", read_text(arcsin_erf) + " ");
  const Outcome outcome = run({"install", "other.so"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(
      outcome.err,
      "nngp: the activation ArcsinErf that comes with nngp is not used beside this one; its library "
      "has the same name, too\n");
}

TEST_F(Install, LeavesNothingBehindWhenItIsKilled) {
  const fs::path temporary = home / "tmp";
  fs::create_directory(temporary);
  const Process process(
      {NNGP_TEST_COMMAND, "plugins", "install", arcsin_erf},
      {"NNGP_PLUGIN_PATH=", "XDG_DATA_HOME=" + home.path().string(), "TMPDIR=" + temporary.string()});
  ::usleep(100'000);  // while it checks
  process.send(SIGKILL);
  process.wait();
  for (int i = 0; i < 1000 && !fs::is_empty(temporary); ++i) ::usleep(10'000);  // a guardian cleans up
  EXPECT_TRUE(fs::is_empty(temporary));
}

TEST_F(Install, RefusesWhatFailsAndWhatIsNoPlugin) {
  expect_failure({"install", NNGP_HOST_TEST_PLUGINS "/libwrong.so"},
                 std::string(NNGP_HOST_TEST_PLUGINS "/libwrong.so") + ": not installed, ");
  // For ever, since a fault that shows at times is one.
  expect_failure({"install", NNGP_HOST_TEST_PLUGINS "/libwrong.so", "--force"},
                 ": not installed, since this very file failed before: ");
  expect_failure({"install", "none.so"}, "none.so");
  home.write("text.so", "not a library");
  expect_failure({"install", "text.so"}, "text.so: neither a shared library nor a plain tar archive");
  home.write("damaged.so", read_text(arcsin_erf).substr(0, 2000));
  expect_failure({"install", "damaged.so"}, "damaged.so: truncated or damaged");
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(Install, TakesWhatPackMade) {
  EXPECT_EQ(run({"pack", arcsin_erf}).out, "wrote arcsin_erf-1.0.0.tar\n");
  expect_failure({"pack", arcsin_erf}, "'arcsin_erf-1.0.0.tar' exists already; --force replaces it");
  EXPECT_EQ(run({"install", "arcsin_erf-1.0.0.tar"}).code, 0);
  EXPECT_EQ(read_text(installed), read_text(arcsin_erf));

  // The library of one with the words of another.
  const std::string tar = read_text(home / "arcsin_erf-1.0.0.tar");
  nngp::host::Archive contents =
      nngp::host::read_archive(std::as_bytes(std::span(tar)), "arcsin_erf-1.0.0.tar");
  contents.library = read_text(NNGP_TEST_PLUGINS "/librelu.so");
  home.write("mixed.tar", write_archive(contents, "relu-1", "relu.so"));
  expect_failure({"install", "mixed.tar", "--force"},
                 "mixed.tar: its plugin.json does not say what its library says");
  contents = nngp::host::read_archive(std::as_bytes(std::span(tar)), "arcsin_erf-1.0.0.tar");
  contents.metadata = "no JSON";
  home.write("words.tar", write_archive(contents, "arcsin_erf-1.0.0", "libarcsin_erf.so"));
  expect_failure({"install", "words.tar", "--force"},
                 "words.tar: its plugin.json does not say what its library says");
}

// ---- Hostile archives

struct Entry {
  std::string path;
  std::string text = "x";
  int type = AE_IFREG;
  std::string link = "";
};

std::string tar_of(const std::vector<Entry>& entries) {
  std::string bytes(1 << 20, '\0');
  std::size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_pax_restricted(writer);
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  for (const Entry& one : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.path.c_str());
    archive_entry_set_filetype(entry, static_cast<unsigned>(one.type));
    archive_entry_set_perm(entry, 0644);
    if (one.type == AE_IFLNK) {
      archive_entry_set_symlink(entry, one.link.c_str());
    } else if (!one.link.empty()) {
      archive_entry_set_hardlink(entry, one.link.c_str());
    } else if (one.type == AE_IFREG) {
      archive_entry_set_size(entry, static_cast<la_int64_t>(one.text.size()));
    }
    archive_write_header(writer, entry);
    if (one.type == AE_IFREG && one.link.empty())
      archive_write_data(writer, one.text.data(), one.text.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

void expect_bad(const std::string& bytes, const std::string& message) {
  expect_error<PluginError>(
      [&] { nngp::host::read_archive(std::as_bytes(std::span(bytes)), "some.tar"); },
      "some.tar: " + message);
}

TEST(Archive, ReadsWhatItWrote) {
  const nngp::host::Archive before{std::string("\x7F"
                                               "ELF\0\1",
                                               6),
                                   "{}"};
  const std::string bytes = write_archive(before, "a-1", "a.so");
  const auto after = nngp::host::read_archive(std::as_bytes(std::span(bytes)), "a.tar");
  EXPECT_EQ(after.library, before.library);
  EXPECT_EQ(after.metadata, before.metadata);
  EXPECT_EQ(write_archive(before, "a-1", "a.so"), bytes);
  // More files, and folders, are allowed: a licence, a README.
  const std::string more = tar_of({{"a", "", AE_IFDIR}, {"a/LICENSE"}, {"a/plugin.json"}, {"a/a.so"}});
  EXPECT_EQ(nngp::host::read_archive(std::as_bytes(std::span(more)), "").library, "x");
}

TEST(Archive, RefusesPathsAndKindsThatCouldDoHarm) {
  expect_bad(tar_of({{"/etc/x.so"}}), "'/etc/x.so' leaves the archive's folder");
  expect_bad(tar_of({{"../x.so"}}), "'../x.so' leaves the archive's folder");
  expect_bad(tar_of({{"a/../../x.so"}}), "'a/../../x.so' leaves the archive's folder");
  expect_bad(tar_of({{"a/x.so", "", AE_IFLNK, "/etc/passwd"}}), "'a/x.so' is a link");
  expect_bad(tar_of({{"y"}, {"x.so", "", AE_IFREG, "y"}}), "'x.so' is a link");
  expect_bad(tar_of({{"x.so", "", AE_IFIFO}}), "'x.so' is neither a file nor a folder");
  expect_bad(tar_of({{"a/x.so"}, {"a/./x.so"}}), "'a/x.so' comes twice");
}

TEST(Archive, RefusesKindsThatTarDoesNotKnow) {
  for (const char kind : {'9', 'B', 'Z', '\x80'}) {
    std::string bytes = tar_of({{"plugin.json"}, {std::string(150, 'a') + ".so"}});
    const std::size_t header = bytes.rfind("ustar") - 257;  // behind an extended one, for the long name
    bytes[header + 156] = kind;
    unsigned sum = 8 * ' ';
    for (std::size_t i = 0; i < 512; ++i)
      if (i < 148 || i >= 156) sum += static_cast<unsigned char>(bytes[header + i]);
    std::snprintf(bytes.data() + header + 148, 8, "%06o", sum);
    expect_bad(bytes,
               "'" + std::string(150, 'a') + ".so' is of a kind that is neither file nor folder");
  }
}

TEST(Archive, RefusesWhatIsIncompleteOrTooMuch) {
  expect_bad("", "neither a shared library nor a plain tar archive");
  expect_bad(std::string(3000, 'z'),
             "neither a shared library nor a plain tar archive; unpack one that is compressed first");
  expect_bad(tar_of({{"plugin.json"}}), "no library in it");
  expect_bad(tar_of({{"x.so"}}), "no plugin.json in it; make the archive with 'nngp plugins pack'");
  expect_bad(tar_of({{"x.so"}, {"y.so"}}), "two libraries; a plugin is one");
  expect_bad(tar_of({{"a/plugin.json"}, {"plugin.json"}}), "two files plugin.json");
  std::vector<Entry> many;
  for (int i = 0; i < 101; ++i) many.push_back({std::to_string(i)});
  expect_bad(tar_of(many), "more than 100 files");
  expect_bad(tar_of({{"plugin.json", std::string((1 << 20) - 5000, ' ')}}).substr(0, 5000),
             "'plugin.json' is damaged");
  // A size that the archive only claims to have.
  std::string large = tar_of({{"x.so"}});
  const std::size_t size = 124;  // of the entry's header, in octal
  large.replace(size, 11, "77777777777");
  unsigned sum = 8 * ' ';
  for (std::size_t i = 0; i < 512; ++i)
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(large[i]);
  std::snprintf(large.data() + 148, 8, "%06o", sum);
  expect_bad(large, "'x.so' is larger than 256 MiB");
}

}  // namespace
