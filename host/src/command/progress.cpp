#include "command/progress.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "command/command.hpp"
#include "command/terminal.hpp"

namespace nngp::host {
namespace {

constexpr int noted_signals[] = {SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t received_signal = 0;

void note_signal(int signal) {
  received_signal = signal;
  std::signal(signal, SIG_DFL);
}

std::string short_number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, value < 10 ? "%.1f" : "%.0f", value);
  return buffer;
}

std::string duration(double seconds) {
  const auto whole = static_cast<long>(std::min(std::ceil(seconds), 1e9));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

}  // namespace

InterruptGuard::InterruptGuard() : folder_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  received_signal = 0;
  for (const int signal : noted_signals) {
    // What the parent had ignored, as nohup does, stays ignored.
    if (std::signal(signal, note_signal) == SIG_IGN) {
      std::signal(signal, SIG_IGN);
    } else {
      noted_.push_back(signal);
    }
  }
}

InterruptGuard::~InterruptGuard() {
  for (const int signal : noted_) std::signal(signal, SIG_DFL);
  ::close(folder_);
}

bool InterruptGuard::interrupted() const {
  // Asked for each tile, which takes less time than this.
  constexpr auto often = std::chrono::milliseconds(20);
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  if (now - std::chrono::steady_clock::duration(put_right_at_) > often) {
    put_right_at_ = now.count();
    put_right();
  }
  return received_signal != 0;
}

void InterruptGuard::check(const char* message) const {
  put_right();
  if (received_signal != 0) throw Interruption{received_signal, message};
}

void InterruptGuard::put_right() const {
  [[maybe_unused]] const int kept = ::fchdir(folder_);
  if (received_signal != 0) return;  // the next one ends the process
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : noted_) {
    ::sigaddset(&signals, signal);
    if (std::signal(signal, note_signal) == note_signal) continue;
    // The handler may have run in between, for a signal that is then lost.
    if (received_signal != 0) std::signal(signal, SIG_DFL);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

ProgressLine::ProgressLine() : lively_(is_lively(STDERR_FILENO)) {}

void ProgressLine::update(std::size_t done, std::size_t total, const char* unit) {
  if (!done_at_start_) {
    done_at_start_ = done;
    watch_ = Stopwatch();
  }
  const double rate = static_cast<double>(done - *done_at_start_) / watch_.seconds();
  show(progress_text(done, total, rate, unit));
}

void ProgressLine::show(const std::string& text) {
  if (!lively_ || watch_.seconds() < next_update_) return;
  next_update_ = watch_.seconds() + 0.2;
  shown_ = true;
  std::cerr << "\r\033[K" << text << std::flush;
}

void ProgressLine::erase() {
  if (std::exchange(shown_, false)) std::cerr << "\r\033[K" << std::flush;
}

std::string progress_text(std::size_t done, std::size_t total, double rate, const std::string& unit) {
  const double share = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
  std::string text = std::to_string(static_cast<int>(100 * share)) + "%";
  if (rate <= 0) return text;
  text += rate >= 1e6 ? ", " + short_number(rate / 1e6) + " million " : ", " + short_number(rate) + " ";
  text += unit + "/s";
  return text + ", " + duration(static_cast<double>(total - done) / rate) + " left";
}

}  // namespace nngp::host
