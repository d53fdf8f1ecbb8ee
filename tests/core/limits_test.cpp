// What control groups grant, from the files of made-up systems.

#include "nngp/limits.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "temporary_folder.hpp"

namespace {

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

class ControlGroups : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((folder / path).parent_path());
    folder.write(path, text + "\n");
  }
  nngp::ControlGroups groups() const { return nngp::ControlGroups(folder.path()); }

  const TemporaryFolder folder;
};

TEST_F(ControlGroups, NoneLimitNothing) {
  EXPECT_EQ(groups().memory(), unlimited);
  EXPECT_TRUE(std::isinf(groups().processors()));
  write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw");
  write("proc/self/cgroup", "0::/");
  EXPECT_EQ(groups().memory(), unlimited);
}

TEST_F(ControlGroups, OfVersion2CountUpToTheRoot) {
  write("proc/self/mountinfo",
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate");
  write("proc/self/cgroup", "0::/job/step");
  write("sys/fs/cgroup/job/step/memory.max", "max");
  write("sys/fs/cgroup/job/step/memory.high", "400000000");
  write("sys/fs/cgroup/job/step/cpu.max", "max 100000");
  EXPECT_EQ(groups().memory(), 400000000u);
  EXPECT_TRUE(std::isinf(groups().processors()));
  write("sys/fs/cgroup/job/memory.max", "300000000");
  write("sys/fs/cgroup/job/cpu.max", "150000 100000");
  EXPECT_EQ(groups().memory(), 300000000u);
  EXPECT_EQ(groups().processors(), 1.5);
}

TEST_F(ControlGroups, OfVersion1AreFoundByTheirControllers) {
  write("proc/self/mountinfo",
        "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
        "32 25 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory");
  write("proc/self/cgroup", "5:memory:/user/1\n4:cpu,cpuacct:/slurm/job:7\n1:name=systemd:/init");
  write("sys/fs/cgroup/memory/user/memory.limit_in_bytes", "209715200");
  write("sys/fs/cgroup/memory/user/1/memory.limit_in_bytes", "9223372036854771712");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/job:7/cpu.cfs_quota_us", "300000");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/job:7/cpu.cfs_period_us", "100000");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us", "100000");
  EXPECT_EQ(groups().memory(), 209715200u);
  EXPECT_EQ(groups().processors(), 3);
}

/// The group that is mounted in a container has a name of the outside.
TEST_F(ControlGroups, OfAContainerAreThoseMounted) {
  write("proc/self/mountinfo",
        "32 25 0:28 /docker/ab12 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory");
  write("proc/self/cgroup", "5:memory:/docker/ab12");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600");
  EXPECT_EQ(groups().memory(), 104857600u);
}

TEST(Limits, AreThoseOfThisProcess) {
  EXPECT_GT(nngp::available_memory().amount, std::size_t{1} << 20);
  EXPECT_GE(nngp::available_threads().amount, 1u);
  EXPECT_LE(nngp::available_threads().amount, nngp::available_processors());
}

}  // namespace
