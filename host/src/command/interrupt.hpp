#pragma once

// Signals that ask the process to end: Ctrl-C, and what batch systems send. They are heard wherever the
// process is, also in a library that asks nobody for interruptions.

#include <string>

#include "nngp/error.hpp"

namespace nngp::host {

/// While it lives, SIGINT, SIGTERM, SIGHUP and SIGXCPU are noted, so that a computation can end in
/// order. Where it does not do so in a tenth of a second, a thread of the watch ends the process:
/// unfinished outputs are removed, a message is printed, and the exit code is 128 + signal. SIGBUS,
/// from an input file that another process cuts off, ends the process likewise, with exit code 1 and
/// the file's name. At most one lives at a time.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The computation is over, and the process is about to end by itself: the watch no longer ends it.
  void end_in_order();

 private:
  bool ended_ = false;
};

/// Asks whether a signal came. A plugin that handles these signals otherwise, or changes the working
/// folder, in which outputs are written, is put right each time one is asked.
class InterruptGuard {
 public:
  InterruptGuard() = default;
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// From now on an interrupted command can go on with --resume, once `journal` is there.
  void resumes_from(const std::string& journal);

  /// Whether a signal came.
  bool interrupted() const;
  /// Throws Interruption if a signal came.
  void check() const;
  /// What `compute` returns; Interruption where it was told to stop because of a signal.
  template <class Compute>
  auto during(const Compute& compute) const {
    try {
      return compute();
    } catch (const Interrupted&) {
      check();
      throw;
    }
  }
};

}  // namespace nngp::host
