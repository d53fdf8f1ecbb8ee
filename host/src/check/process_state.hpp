#pragma once

#include <array>
#include <cfenv>
#include <string>

namespace nngp::host {

/// What a plugin must leave as it is. Each function says what has changed from an earlier state, or
/// nothing.
class ProcessState {
 public:
  ProcessState();

  std::string floating_point_changes(const ProcessState& before) const;
  std::string signal_changes(const ProcessState& before) const;
  std::string locale_changes(const ProcessState& before) const;

  /// Gives the calling thread its floating-point environment back.
  void restore_floating_point() const { std::fesetenv(&environment_); }

 private:
  static constexpr int signals = 65;

  std::fenv_t environment_;
  int rounding_, traps_;
  bool subnormal_results_, subnormal_arguments_;
  std::array<void*, signals> handlers_ = {};
  std::string blocked_;
  std::string locale_;
};

}  // namespace nngp::host
