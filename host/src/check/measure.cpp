#include "check/measure.hpp"

#include <cmath>
#include <cstdio>

#include "nngp/text.hpp"

namespace nngp::host {

std::string short_number(double value) {
  char text[32];
  if (std::isnan(value)) return "nan";
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string long_number(double value) {
  char text[40];
  if (std::isnan(value)) return "nan";
  std::snprintf(text, sizeof text, "%.13g", value);
  return text;
}

std::string at(double cov12, double var1, double var2) {
  return "at cov12=" + format_number(cov12) + ", var1=" + format_number(var1) +
         ", var2=" + format_number(var2);
}

Result Measure::result() const {
  Result result;
  if (count_ == 0) return {Status::skipped, "no point where it could be measured"};
  result.error = error_;
  result.tolerance = tolerance_;
  const std::string numbers =
      "error " + short_number(error_) + ", tolerance " + short_number(tolerance_);
  if (error_ <= tolerance_) {
    result.message = numbers + ", " + std::to_string(count_) + " points";
    return result;
  }
  result.status = error_ <= usable_ ? Status::warning : Status::failure;
  result.message = numbers + ": " + where_;
  return result;
}

}  // namespace nngp::host
