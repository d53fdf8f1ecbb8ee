#include "numerical/kinks.hpp"

namespace nngp::numerical {

double value(const std::vector<Kink>& kinks, Channel channel, double x) {
  const std::size_t shift = channel == nngp ? 0 : 1;
  double sum = 0;
  for (const Kink& kink : kinks) {
    const double distance = kink.x < 0 ? kink.x - x : x - kink.x;
    if (distance <= 0) continue;
    double power = 1;  // distance^m / m!
    for (std::size_t m = 0; m + shift < kink_orders; ++m) {
      sum += kink.coefficient(m + shift, m) * power;
      power *= distance / static_cast<double>(m + 1);
    }
  }
  return sum;
}

}  // namespace nngp::numerical
