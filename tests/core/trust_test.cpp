#include "plugin/trust.hpp"
#include "nngp/plugin_file.hpp"

#include <gtest/gtest.h>

#include "nngp/registry.hpp"
#include "temporary_folder.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

constexpr uid_t root = 0, user = 1000, stranger = 1001;

TEST(Trust, DependsOnOwnerGroupAndPermissions) {
  for (const uid_t owner : {root, user, stranger}) {
    for (const gid_t group : {root, user, stranger}) {
      for (mode_t mode = 0; mode <= 0777; ++mode) {
        struct stat status = {};
        status.st_uid = owner;
        status.st_gid = group;
        status.st_mode = S_IFREG | mode;
        const bool by_owner = owner == stranger;
        const bool by_everyone = (mode & 0002) != 0;
        const bool by_group = (mode & 0020) != 0 && group != owner;
        const Writers found = other_writers(status, user);
        EXPECT_EQ(found == Writers::none, !by_owner && !by_everyone && !by_group)
            << owner << ' ' << group << ' ' << mode;
        // The first of them is told.
        const Writers told = by_owner      ? Writers::owner
                             : by_everyone ? Writers::everyone
                             : by_group    ? Writers::group
                                           : Writers::none;
        EXPECT_EQ(found, told) << owner << ' ' << group << ' ' << mode;
        // Root trusts root alone.
        EXPECT_EQ(other_writers(status, root) == Writers::owner, owner != root);
      }
    }
  }
}

// Files of other owners. Root gives them away; who is not root looks at their own with another's eyes.
class ForeignFile : public testing::Test {
 protected:
  ForeignFile() {
    fs::copy_file(fs::path(NNGP_TEST_PLUGINS) / "libarcsin_erf.so", file);
    fs::permissions(folder.path(), fs::perms(0755));
  }

  /// Makes `path` belong to somebody else than the user it returns.
  static uid_t give_away(const fs::path& path) {
    if (::geteuid() != root) return ::geteuid() + 1;
    EXPECT_EQ(::chown(path.c_str(), stranger, static_cast<gid_t>(-1)), 0);
    return root;
  }
  static std::string owner_of(const fs::path& path) {
    struct stat status = {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return std::to_string(status.st_uid);
  }

  static std::string reason_of(const fs::path& path) {
    return "it belongs to another user (" + owner_of(path) +
           "), who can change it; copy the file to a folder of your own";
  }

  const TemporaryFolder folder;
  const fs::path file = folder / "plugin.so";
};

TEST_F(ForeignFile, IsTheirsToChange) {
  EXPECT_EQ(reason_to_distrust(file), "");
  const uid_t reader = give_away(file);
  EXPECT_EQ(reason_to_distrust(file, reader), reason_of(file));
}

TEST_F(ForeignFile, IsUsedWhereItIsNamedAlone) {
  if (give_away(file) != ::geteuid())
    GTEST_SKIP() << "only root can give a file away, and a registry looks with the eyes of who runs it";
  const std::string reason = reason_of(file);
  const Registry scanned(PluginSearch{{}, {folder.path()}});
  EXPECT_TRUE(scanned.activations().empty());
  ASSERT_EQ(scanned.warnings().size(), 1u);
  EXPECT_EQ(scanned.warnings()[0],
            file.string() + ": not used, because " + reason + ", or name the file itself as a plugin");
  EXPECT_EQ(Registry(PluginSearch{{file}, {}}).activations().size(), 1u);
}

TEST_F(ForeignFile, IsTheirsToReplaceInTheirFolder) {
  const uid_t reader = give_away(folder.path());
  const std::string reason = reason_to_distrust(file, reader);
  if (reader == ::geteuid()) {
    EXPECT_EQ(reason, "its folder belongs to another user (" + owner_of(folder.path()) +
                          "), who can change it; copy the file to a folder of your own");
    EXPECT_TRUE(Registry(PluginSearch{{}, {folder.path()}}).activations().empty());
  } else {
    EXPECT_NE(reason, "");  // file and folder are both another's
  }
}

TEST_F(ForeignFile, IsEverybodysToReplaceInAFolderAbove) {
  const fs::path deep = folder / "a/b";
  fs::create_directories(deep);
  fs::copy_file(file, deep / "plugin.so");
  EXPECT_EQ(reason_to_distrust(deep / "plugin.so"), "");
  fs::permissions(folder.path(), fs::perms::all);
  EXPECT_EQ(
      reason_to_distrust(deep / "plugin.so"),
      "the folder above it can be changed by everyone; chmod o-w '" + folder.path().string() + "'");
  EXPECT_TRUE(Registry(PluginSearch{{}, {deep}}).activations().empty());
  // There, others rename nothing.
  fs::permissions(folder.path(), fs::perms::all | fs::perms::sticky_bit);
  EXPECT_EQ(reason_to_distrust(deep / "plugin.so"), "");
}

// Whether a group may write is a matter of its number, too: root's files get one that is not root's;
// the user's own group may have the user's number.
TEST_F(ForeignFile, CanBeWritableByItsGroup) {
  for (const fs::path& path : {file, folder.path()}) {
    if (::geteuid() == root) {
      ASSERT_EQ(::chown(path.c_str(), static_cast<uid_t>(-1), stranger), 0);
    }
    struct stat status = {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
    const std::string what = path == file ? "it" : "its folder";
    const std::string reason =
        status.st_gid == status.st_uid
            ? ""
            : what + " can be changed by its group; chmod g-w '" + path.string() + "'";
    EXPECT_EQ(reason_to_distrust(file), reason);
    EXPECT_EQ(Registry(PluginSearch{{}, {folder.path()}}).activations().empty(), !reason.empty());
    fs::permissions(path, fs::perms::group_write, fs::perm_options::remove);
    EXPECT_EQ(reason_to_distrust(file), "");
  }
}

}  // namespace
}  // namespace nngp
