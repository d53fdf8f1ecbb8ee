#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "check/check.hpp"

namespace nngp::host {

/// "1.2e-16" and "0.31830988618379".
std::string short_number(double value);
std::string long_number(double value);

/// The largest of many errors and where it was found. Up to `tolerance` it passes, up to `usable` it is
/// a warning, beyond that a failure. NaN counts as infinite.
class Measure {
 public:
  explicit Measure(double tolerance, double usable) : tolerance_(tolerance), usable_(usable) {}

  /// `where()` says at what point the error was made; it is called for the largest alone.
  template <class Where>
  void add(double error, Where&& where) {
    ++count_;
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    if (count_ > 1 && error <= error_) return;
    error_ = error;
    where_ = where();
  }

  /// |got - wanted| relative to `scale`; equal infinities agree.
  template <class Where>
  void compare(double got, double wanted, double scale, Where&& where) {
    const double difference = got == wanted ? 0 : std::abs(got - wanted);
    add(difference == 0 ? 0 : difference / scale,
        [&] { return long_number(got) + ", not " + long_number(wanted) + ", " + where(); });
  }

  std::size_t count() const { return count_; }
  Result result() const;

 private:
  double tolerance_, usable_;
  double error_ = 0;
  std::string where_;
  std::size_t count_ = 0;
};

/// "at cov12=0.5, var1=1, var2=2".
std::string at(double cov12, double var1, double var2);

}  // namespace nngp::host
