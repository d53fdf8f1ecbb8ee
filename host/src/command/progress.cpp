#include "command/progress.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <utility>

#include "command/terminal.hpp"

namespace nngp::host {
namespace {

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

ProgressLine::ProgressLine() : lively_(is_lively(STDERR_FILENO)) {}

void ProgressLine::update(std::size_t done, std::size_t total, const char* unit) {
  // Another computation. (What threads tell of one may come in another order.)
  if (done < done_ / 2 || total != total_) {
    done_at_start_ = done;
    total_ = total;
    watch_ = Stopwatch();
    next_update_ = 1;
  }
  done_ = done;
  const double rate = static_cast<double>(done - done_at_start_) / watch_.seconds();
  if (rate > 0) estimate(static_cast<double>(total - done) / rate);
  show(progress_text(done, total, rate, unit));
}

void ProgressLine::estimate(double seconds_left) {
  constexpr double begun = 2, long_run = 60;
  if (estimated_ || watch_.seconds() < begun) return;
  estimated_ = true;
  const double all = watch_.seconds() + seconds_left;
  if (all < long_run) return;
  erase();
  std::cerr << "nngp: note: this takes about " << duration(all) << (needs_.empty() ? "" : ", and ")
            << needs_ << '\n';
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
