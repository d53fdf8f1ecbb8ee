#include "nngp/forecast.hpp"

#include <algorithm>
#include <cmath>

namespace nngp {

bool Forecast::update(double now, double done, double total) {
  const bool begins = total != total_ || done < done_ / 2;
  if (begins) {
    total_ = total;
    done_at_start_ = done;
    start_ = now;
    judged_ = false;
  }
  done_ = done;
  now_ = now;
  return begins;
}

double Forecast::rate() const {
  if (done_ <= done_at_start_ || now_ <= start_) return 0;
  return (done_ - done_at_start_) / (now_ - start_);
}

std::optional<double> Forecast::long_duration() {
  constexpr double begun = 2;
  if (told_ || judged_ || rate() == 0 || now_ - start_ < begun) return std::nullopt;
  judged_ = true;
  const double all = (total_ - std::min(done_at_start_, total_)) / rate();
  if (all < many_seconds) return std::nullopt;
  told_ = true;
  return all;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::clamp(std::ceil(seconds), 0.0, 1e9));
  const auto two = [](long first, const char* unit, long second, const char* smaller) {
    return std::to_string(first) + unit + std::to_string(second) + smaller;
  };
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return two(whole / 60, " min ", whole % 60, " s");
  return two(whole / 3600, " h ", whole / 60 % 60, " min");
}

}  // namespace nngp
