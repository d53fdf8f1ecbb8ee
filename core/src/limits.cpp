#include "nngp/limits.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace nngp {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool lists(const std::string& names, const std::string& name) {
  const std::vector<std::string> all = split(names, ',');
  return std::find(all.begin(), all.end(), name) != all.end();
}

/// The words of a file's first line; none if it cannot be read.
std::vector<std::string> words_of(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return split(line, ' ');
}

/// Nothing for "max", "-1" and the like.
std::optional<std::size_t> number(const std::vector<std::string>& words, std::size_t i = 0) {
  if (i >= words.size()) return std::nullopt;
  std::size_t value = 0;
  const std::string& word = words[i];
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

/// Where the files of control groups are: those of version 2, or of a controller of version 1.
struct Hierarchy {
  fs::path mount;
  std::string root;  ///< which group is there
};

/// A line of mountinfo: ID PARENT DEVICE ROOT MOUNT OPTIONS... - TYPE SOURCE SUPER-OPTIONS
std::optional<Hierarchy> find_hierarchy(const fs::path& root, const std::string& controller) {
  std::ifstream mounts(root / "proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::vector<std::string> words = split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    if (controller.empty() ? dash[1] == "cgroup2" : dash[1] == "cgroup" && lists(dash[3], controller))
      return Hierarchy{root / fs::path(words[4]).relative_path(), words[3]};
  }
  return std::nullopt;
}

/// The group of the process; lines of the file are NUMBER:CONTROLLERS:GROUP.
std::optional<std::string> find_group(const fs::path& root, const std::string& controller) {
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// The folders of the group of the process and of those above it.
std::vector<fs::path> group_folders(const fs::path& root, const std::string& controller) {
  const auto hierarchy = find_hierarchy(root, controller);
  const auto group = find_group(root, controller);
  if (!hierarchy || !group) return {};
  // In a container the mounted group is often its own, and the name that of the outside.
  fs::path rest = *group;
  if (hierarchy->root != "/" && group->starts_with(hierarchy->root))
    rest = group->substr(hierarchy->root.size());
  std::vector<fs::path> folders = {hierarchy->mount};
  for (const fs::path& part : rest.relative_path()) folders.push_back(folders.back() / part);
  return folders;
}

std::size_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return std::size_t{1} << 30;
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
}

std::size_t limit_of(__rlimit_resource resource) {
  rlimit limit = {};
  const bool known = ::getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return known ? static_cast<std::size_t>(limit.rlim_cur) : unlimited;
}

/// Field `i` of /proc/self/statm, in bytes: 0 is the address space, 5 the private data.
std::size_t used(std::size_t i) {
  return number(words_of("/proc/self/statm"), i).value_or(0) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t left_of(std::size_t limit, std::size_t used) {
  return limit == unlimited ? unlimited : limit - std::min(limit, used);
}

/// The processors that the quota of the control groups is worth. To read it takes longer than a small
/// kernel, so it is read once: what a process is granted hardly ever changes while it runs.
double quota() {
  static const double processors = ControlGroups().processors();
  return processors;
}

}  // namespace

std::size_t ControlGroups::memory() const {
  std::size_t least = unlimited;
  for (const auto& [controller, files] :
       {std::pair<std::string, std::vector<const char*>>("", {"memory.max", "memory.high"}),
        {"memory", {"memory.limit_in_bytes"}}})
    for (const fs::path& folder : group_folders(root_, controller))
      for (const char* file : files)
        least = std::min(least, number(words_of(folder / file)).value_or(least));
  return least;
}

double ControlGroups::processors() const {
  double least = std::numeric_limits<double>::infinity();
  const auto count = [&](std::optional<std::size_t> quota, std::optional<std::size_t> period) {
    if (quota && period && *period > 0)
      least = std::min(least, static_cast<double>(*quota) / static_cast<double>(*period));
  };
  for (const fs::path& folder : group_folders(root_, "")) {
    const std::vector<std::string> words = words_of(folder / "cpu.max");
    count(number(words, 0), number(words, 1));
  }
  for (const fs::path& folder : group_folders(root_, "cpu"))
    count(number(words_of(folder / "cpu.cfs_quota_us")),
          number(words_of(folder / "cpu.cfs_period_us")));
  return least;
}

Limit available_memory() {
  Limit least{machine_memory(), "the machine"};
  if (const std::size_t group = ControlGroups().memory(); group < least.amount)
    least = {group, "its control group"};
  if (const std::size_t space = available_address_space(); space < least.amount)
    least = {space, "ulimit -v"};
  if (const std::size_t data = left_of(limit_of(RLIMIT_DATA), used(5)); data < least.amount)
    least = {data, "ulimit -d"};
  return least;
}

std::size_t available_address_space() { return left_of(limit_of(RLIMIT_AS), used(0)); }

unsigned available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // More processors than the set has room for are an error.
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1u, static_cast<unsigned>(CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

Limit available_threads() {
  const unsigned processors = available_processors();
  const long all = ::sysconf(_SC_NPROCESSORS_ONLN);
  Limit least{processors,
              static_cast<long>(processors) < all ? "the affinity of the process" : "the machine"};
  if (const double granted = std::ceil(quota()); granted < processors)
    least = {std::max(std::size_t{1}, static_cast<std::size_t>(granted)),
             "the quota of its control group"};
  return least;
}

}  // namespace nngp
