#include "check/checks.hpp"

namespace nngp::host {

const std::vector<Check>& activation_checks() {
  static const std::vector<Check> all = [] {
    std::vector<Check> all;
    // First what looks for changes that a first call makes, last what they come to at the end.
    for (const auto& group : {instance_checks(), process_checks(), thread_checks(), function_checks(),
                              expectation_checks(), kernel_checks(), tile_checks(), exit_checks()})
      all.insert(all.end(), group.begin(), group.end());
    return all;
  }();
  return all;
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
