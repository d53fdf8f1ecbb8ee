#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "expect_error.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/npy.hpp"
#include "temporary_folder.hpp"

namespace {

using nngp::DataError;
using nngp::OutputFile;
using nngp::write_file;

TEST(OutputFile, ReplacesAnOlderFile) {
  const TemporaryFolder folder;
  const auto path = folder.write("out.txt", "older and longer");
  write_file(path, "new");
  EXPECT_EQ(read_text(path), "new");
  EXPECT_FALSE(std::filesystem::exists(folder / "out.txt.partial"));
}

TEST(OutputFile, WritesThroughALink) {
  const TemporaryFolder folder;
  folder.write("target.txt", "old");
  std::filesystem::create_symlink("target.txt", folder / "link.txt");
  write_file(folder / "link.txt", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link.txt"));
  EXPECT_EQ(read_text(folder / "target.txt"), "new");
}

/// Collected first, then sent: a matrix may be written in any order.
TEST(OutputFile, GoesToPipes) {
  const TemporaryFolder folder;
  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = read_text(pipe); });
  nngp::NpyWriter<double> writer(pipe, 2, 2);
  const nngp::Matrix<double> threes = nngp::Matrix<double>::Constant(1, 2, 3);
  writer.write_block(1, 0, {threes.data(), 1, 2, Eigen::OuterStride<>(2)});
  writer.matrix().row(0).setConstant(4);
  writer.commit();
  reader.join();
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  const std::array<double, 4> numbers = {4, 4, 3, 3};
  const std::string bytes(reinterpret_cast<const char*>(numbers.data()), sizeof numbers);
  EXPECT_EQ(received, nngp::npy_header<double>({2, 2}) + bytes);
  EXPECT_FALSE(std::filesystem::exists(pipe + ".partial"));
}

TEST(OutputFile, GoesToOpenDescriptors) {
  const TemporaryFolder folder;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  write_file("/dev/fd/" + std::to_string(ends[1]), "text");
  char buffer[8] = {};
  EXPECT_EQ(::read(ends[0], buffer, sizeof buffer), 4);
  EXPECT_STREQ(buffer, "text");
  ::close(ends[0]);
  std::signal(SIGPIPE, SIG_IGN);
  write_file("/dev/fd/" + std::to_string(ends[1]), "nobody reads this");
  ::close(ends[1]);
  expect_error<DataError>([&] { write_file("/dev/fd/" + std::to_string(ends[1]), "x"); },
                          "Bad file descriptor");
}

TEST(OutputFile, WritesThroughALinkThatPointsToNothingYet) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "there");
  std::filesystem::create_symlink("there/target.txt", folder / "second.txt");
  std::filesystem::create_symlink(folder / "second.txt", folder / "first.txt");
  write_file(folder / "first.txt", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "first.txt"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "second.txt"));
  EXPECT_EQ(read_text(folder / "there/target.txt"), "new");
  std::filesystem::create_symlink("circle.txt", folder / "circle.txt");
  expect_error<DataError>([&] { write_file(folder / "circle.txt", "x"); },
                          "Too many levels of symbolic links");
  EXPECT_EQ(nngp::output_place(folder / "first.txt"), nngp::output_place(folder / "there/target.txt"));
}

TEST(OutputFile, KeepsThePermissionsOfTheFileItReplaces) {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  for (const fs::perms mode : {fs::perms(0600), fs::perms(0640), fs::perms(0666)}) {
    const auto path = folder.write("out.txt", "old");
    fs::permissions(path, mode);
    {
      OutputFile file(path);
      EXPECT_EQ(fs::status(file.partial_path()).permissions(), mode);
      file.commit();
    }
    EXPECT_EQ(fs::status(path).permissions(), mode);
  }
}

/// What a process does that ends at once, here in a child.
TEST(OutputFile, IsRemovedByAProcessThatEndsAtOnce) {
  const TemporaryFolder folder;
  folder.write("kept.txt.partial", "");
  const pid_t child = ::fork();
  if (child == 0) {
    OutputFile done(folder / "done.txt"), lost(folder / "lost.txt"), kept(folder / "kept.txt");
    done.commit();
    kept.keep();
    ::_exit(static_cast<int>(nngp::abandon_outputs()));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_GE(WEXITSTATUS(status), 1);  // those of other tests count too
  EXPECT_TRUE(std::filesystem::exists(folder / "done.txt"));
  EXPECT_FALSE(std::filesystem::exists(folder / "lost.txt.partial"));
  EXPECT_TRUE(std::filesystem::exists(folder / "kept.txt.partial"));
}

TEST(OutputFile, NamesWhatItCannotWrite) {
  const TemporaryFolder folder;
  const auto write = [](const std::filesystem::path& path) {
    return [path] { write_file(path, "x"); };
  };
  const auto file = folder.write("file", "");
  expect_error<DataError>(write(folder.path()), "it is a folder");
  expect_error<DataError>(write(folder / "none/out.txt"), "create the folder first");
  expect_error<DataError>(write(file / "out.txt"), "create the folder first");
  expect_error<DataError>(write("/dev/null"), "it is not a regular file");
  expect_error<DataError>(write(folder / std::string(300, 'a')), "File name too long");
}

TEST(OutputFile, NamesAFolderThatIsNotWritable) {
  const TemporaryFolder folder;
  namespace fs = std::filesystem;
  fs::permissions(folder.path(),
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_exec);
  // The administrator may write anywhere: be somebody else for a moment.
  const bool administrator = ::geteuid() == 0;
  ASSERT_TRUE(!administrator || ::seteuid(65534) == 0);
  expect_error<DataError>([&] { write_file(folder / "out.txt", "x"); },
                          "Permission denied; choose a folder you may write to");
  ASSERT_TRUE(!administrator || ::seteuid(0) == 0);
  fs::permissions(folder.path(), fs::perms::owner_all);
}

TEST(OutputFile, RefusesAFileThatIsBeingWritten) {
  const TemporaryFolder folder;
  const OutputFile first(folder / "out.npy");
  expect_error<DataError>([&] { const OutputFile second(folder / "out.npy"); },
                          "another process is writing it");
}

TEST(OutputFile, ReservesSpaceAtOnce) {
  const TemporaryFolder folder;
  const rlimit old_limit = [] {
    rlimit limit;
    ::getrlimit(RLIMIT_FSIZE, &limit);
    return limit;
  }();
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {1 << 16, old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  expect_error<DataError>(
      [&] {
        OutputFile file(folder / "out.npy");
        file.allocate(1 << 20);
      },
      "File too large");
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
