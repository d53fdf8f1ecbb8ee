#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace nngp::host {

/// What a check found, from best to worst. A skipped check says why it does not apply.
enum class Status { pass, skipped, warning, failure };

/// "pass", "skipped", "warning" or "failure".
const char* name_of(Status status);

struct Result {
  Status status = Status::pass;
  std::string message;                   ///< one line, with the numbers
  std::optional<double> error = {};      ///< the largest found, of checks that measure one
  std::optional<double> tolerance = {};  ///< what it is judged by: above it is no pass
};

struct Finding {
  std::string activation;  ///< empty: about the library as a whole
  std::string check;       ///< its name, as --check takes it
  Result result;
};

struct CheckOptions {
  std::vector<std::string> only;               ///< names of checks; empty: all
  double seconds = 20;                         ///< a check that computes or sleeps longer is a failure
  std::size_t memory = std::size_t{2} << 30;   ///< bytes that the plugin's process may use
  std::function<void(const Finding&)> report;  ///< called for each finding as it comes; may be empty
};

struct CheckReport {
  std::filesystem::path file;
  std::string library, version, abi;  ///< what the library says of itself; empty if it cannot
  std::vector<Finding> findings;      ///< those of the library, then those of each activation

  Status worst() const;
  bool passed() const { return worst() != Status::failure; }
  /// "33 checks passed, 1 warning, 2 failures".
  std::string summary() const;
};

/// Checks a plugin against the rules of nngp/activation.h and against its own mathematics. The file is
/// first examined without running it, then loaded in processes of its own, so that whatever the plugin
/// does is a finding. That guards against mistakes, not against malice: the process has the rights of
/// the user. Throws UsageError for an unknown name of a check, Error if no process can be started.
CheckReport check_plugin(const std::filesystem::path& file, const CheckOptions& options = {});

/// Name and meaning of one check.
struct CheckInfo {
  std::string name;
  std::string summary;
};

/// All checks, in the order in which they run.
std::vector<CheckInfo> known_checks();

/// The first word of the command line that makes this program a worker of check_plugin().
inline constexpr const char* check_worker_word = "check-worker";

/// What a worker does: the words after check_worker_word say what to check. Returns the exit code.
int run_check_worker(const std::vector<std::string>& words);

}  // namespace nngp::host
