#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "command/interrupt.hpp"
#include "nngp/forecast.hpp"

namespace nngp::host {

/// Seconds since it was made.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A line on standard error that says how far a long computation is, if that is a terminal. It appears
/// after the first second and is erased at the end. Of a run of more than a minute its length is told
/// once, to a terminal or not.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { erase(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Begins a part of the work, such as "model 1 of 3", which progress is of from here on.
  void begin(std::string part);
  void update(double done, double total, const char* unit = "entries");
  /// What a long run is told to need besides time: "64 MiB of memory beside the results".
  void needs(std::string what) { needs_ = std::move(what); }
  /// Any text, in place of the last one.
  void show(const std::string& text);
  /// The same at once, not after the first second: for what cannot tell how far it is.
  void show_now(const std::string& text);
  void erase();

 private:
  void tell_length(double seconds);

  bool lively_;
  std::string needs_;
  std::string part_;
  bool shown_ = false;
  Forecast forecast_;
  Stopwatch watch_;
  double next_update_ = 1;
};

/// "43%, 12 million entries/s, 8 s left", from entries, or what `unit` says, and entries per second.
std::string progress_text(double done, double total, double rate, const std::string& unit = "entries");

}  // namespace nngp::host
