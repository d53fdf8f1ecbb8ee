#include "check/process_state.hpp"

#include <locale.h>
#include <signal.h>

#include <cstring>
#include <limits>

namespace nngp::host {
namespace {

/// Done when the program runs, not when it is compiled.
double halved(double value) {
  volatile double at_run_time = value;
  return at_run_time * 0.5;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

}  // namespace

ProcessState::ProcessState()
    : rounding_(std::fegetround()),
      traps_(fegetexcept()),
      subnormal_results_(halved(std::numeric_limits<double>::min()) != 0),
      subnormal_arguments_(halved(4 * std::numeric_limits<double>::denorm_min()) != 0) {
  std::fegetenv(&environment_);
  for (int signal = 1; signal < signals; ++signal) {
    struct sigaction action = {};
    if (::sigaction(signal, nullptr, &action) != 0) continue;
    handlers_[static_cast<std::size_t>(signal)] = action.sa_flags & SA_SIGINFO
                                                      ? reinterpret_cast<void*>(action.sa_sigaction)
                                                      : reinterpret_cast<void*>(action.sa_handler);
  }
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  for (int signal = 1; signal < signals; ++signal)
    if (::sigismember(&mask, signal) == 1) blocked_ += " " + signal_name(signal);
  locale_ = std::string(::setlocale(LC_ALL, nullptr)) +
            (::uselocale(nullptr) == LC_GLOBAL_LOCALE ? "" : " and another for the thread");
}

std::string ProcessState::floating_point_changes(const ProcessState& before) const {
  if (rounding_ != before.rounding_) return "the rounding direction is another";
  if (traps_ != before.traps_) return "floating-point exceptions now stop the process";
  if (subnormal_results_ != before.subnormal_results_ ||
      subnormal_arguments_ != before.subnormal_arguments_)
    return "subnormal numbers now count as zero, as after linking with -ffast-math";
  return "";
}

std::string ProcessState::signal_changes(const ProcessState& before) const {
  for (std::size_t signal = 1; signal < signals; ++signal)
    if (handlers_[signal] != before.handlers_[signal])
      return signal_name(static_cast<int>(signal)) + " is handled differently";
  if (blocked_ != before.blocked_) return "other signals are blocked:" + blocked_;
  return "";
}

std::string ProcessState::locale_changes(const ProcessState& before) const {
  return locale_ == before.locale_ ? "" : "the locale was " + before.locale_ + " and is " + locale_;
}

}  // namespace nngp::host
