#pragma once

#include <array>
#include <cfenv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nngp::host {

/// What a plugin must leave as it is, of the process and of the calling thread. Each function says what
/// has changed from an earlier state, or nothing.
class ProcessState {
 public:
  ProcessState();

  std::string floating_point_changes(const ProcessState& before) const;
  std::string signal_changes(const ProcessState& before) const;
  std::string locale_changes(const ProcessState& before) const;
  /// Output, files, the working folder, threads, timers, limits and the like.
  std::string process_changes(const ProcessState& before) const;
  /// All of them.
  std::string changes(const ProcessState& before) const;

  /// Gives the calling thread its floating-point environment back.
  void restore_floating_point() const { std::fesetenv(&environment_); }

 private:
  static constexpr int signals = 65;

  std::fenv_t environment_;
  std::array<bool, 4> roundings_;  ///< what a sum is rounded to, which tells the direction
  bool subnormal_results_, subnormal_arguments_, long_precision_;
  std::vector<std::uint32_t>
      control_;  ///< the processor's control registers, without what was signalled
  std::array<void*, signals> handlers_ = {};
  std::string blocked_, signal_stack_;
  std::string locale_;
  std::vector<std::pair<std::string, std::string>> process_;  ///< what is looked at, and how it is
  std::array<std::string, 2> printed_;  ///< on standard output and error, their beginnings
};

}  // namespace nngp::host
