#include "check/checks.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "check/messages.hpp"
#include "nngp/error.hpp"

namespace nngp::host {

using nlohmann::ordered_json;

namespace {

/// In a copy of this process: an exception that leaves `run` must end here, since what is above is the
/// business of this process.
void tell(int out, const std::function<Result()>& run) try {
  const std::string text = to_json(run()).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  [[maybe_unused]] const ssize_t count = ::write(out, text.data(), text.size());
} catch (...) {
  std::_Exit(1);  // without a result
}

}  // namespace

const std::vector<std::vector<Check>>& activation_checks() {
  const auto joined = [](const std::initializer_list<std::vector<Check>>& groups) {
    std::vector<Check> all;
    for (const auto& group : groups) all.insert(all.end(), group.begin(), group.end());
    return all;
  };
  // First what looks for changes that a first call makes, then what they come to at the end.
  static const std::vector<std::vector<Check>> all = {
      joined({instance_checks(), thread_checks(), process_checks(), exit_checks()}),
      joined({parameter_checks(), function_checks(), kernel_checks(), tile_checks()}),
      expectation_checks()};
  return all;
}

Result run_in_copy(const std::function<Result()>& run) {
  std::array<int, 2> ends = {};
  if (::pipe(ends.data()) != 0) throw Error("no pipe can be made");
  const pid_t id = ::fork();
  if (id == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    tell(ends[1], run);
    std::_Exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> block;
  for (ssize_t count; (count = ::read(ends[0], block.data(), block.size())) > 0;)
    text.append(block.data(), static_cast<std::size_t>(count));
  ::close(ends[0]);
  ::waitpid(id, nullptr, 0);
  const ordered_json result = ordered_json::parse(text, nullptr, false);
  return result.is_object() ? result_from_json(result) : run();
}

Result worst_of_settings(const Specimen& specimen, const std::function<Result(const Instance&)>& run) {
  Result worst{Status::skipped, "no instance can be made"};
  bool first = true;
  for (const Setting& setting : specimen.settings) {
    Result result;
    std::string text;
    try {
      const Instance instance(*specimen.table, setting);
      text = instance.text();
      result = run(instance);
    } catch (const NotMade&) {
      continue;
    }
    if (result.status >= Status::warning) result.message = text + ": " + result.message;
    // A check that applies to one setting only has been passed; of two passes the larger error counts.
    const bool worse = result.status >= Status::warning
                           ? result.status > worst.status ||
                                 (result.status == worst.status && result.error > worst.error)
                           : worst.status <= Status::skipped &&
                                 (worst.status == Status::skipped || result.error > worst.error) &&
                                 result.status == Status::pass;
    if (first || worse) worst = result;
    first = false;
  }
  return worst;
}

}  // namespace nngp::host
