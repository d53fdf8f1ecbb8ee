#include "command/progress.hpp"

#include <fcntl.h>
#include <unistd.h>

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

}  // namespace

ProgressLine::ProgressLine() : lively_(is_lively(STDERR_FILENO)) {}

void ProgressLine::begin(std::string part) {
  part_ = std::move(part);
  show(part_);
}

void ProgressLine::update(double done, double total, const char* unit) {
  const double now = watch_.seconds();
  if (forecast_.update(now, done, total)) next_update_ = now + 1;
  if (const auto seconds = forecast_.long_duration()) tell_length(*seconds);
  show((part_.empty() ? "" : part_ + ": ") + progress_text(done, total, forecast_.rate(), unit));
}

void ProgressLine::tell_length(double seconds) {
  erase();
  std::cerr << "nngp: note: " << (part_.empty() ? "this" : part_) << " takes about "
            << duration_text(seconds) << (needs_.empty() ? "" : ", and ") << needs_ << '\n';
}

void ProgressLine::show(const std::string& text) {
  if (!lively_ || watch_.seconds() < next_update_) return;
  next_update_ = watch_.seconds() + 0.2;
  shown_ = true;
  std::cerr << "\r\033[K" << text << std::flush;
}

void ProgressLine::show_now(const std::string& text) {
  next_update_ = 0;
  show(text);
}

void ProgressLine::erase() {
  if (std::exchange(shown_, false)) std::cerr << "\r\033[K" << std::flush;
}

std::string progress_text(double done, double total, double rate, const std::string& unit) {
  const double share = total == 0 ? 1 : done / total;
  std::string text = std::to_string(static_cast<int>(100 * share)) + "%";
  if (rate <= 0) return text;
  text += rate >= 1e6 ? ", " + short_number(rate / 1e6) + " million " : ", " + short_number(rate) + " ";
  text += unit + "/s";
  return text + ", " + duration_text((total - done) / rate) + " left";
}

}  // namespace nngp::host
