#include "differentiate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace nngp {

double differentiate(const std::function<double(double)>& f, double x, double lower, double upper) {
  // The derivative at x of the polynomial through 12 Chebyshev nodes of the interval.
  constexpr int n = 12;
  std::array<double, n> node, weight, value;
  for (int k = 0; k < n; ++k) {
    const double angle = (k + 0.5) * std::numbers::pi / n;
    node[k] = 0.5 * (lower + upper) + 0.5 * (upper - lower) * std::cos(angle);
    weight[k] = (k % 2 ? -1 : 1) * std::sin(angle);
    value[k] = f(node[k]);
  }
  const auto hit = std::find(node.begin(), node.end(), x);
  double sum = 0, total = 0, p = 0;
  if (hit == node.end()) {
    for (int k = 0; k < n; ++k) {
      const double w = weight[k] / (x - node[k]);
      total += w;
      p += w * value[k];
    }
    p /= total;
    for (int k = 0; k < n; ++k) sum += weight[k] / (x - node[k]) * (p - value[k]) / (x - node[k]);
    return sum / total;
  }
  const auto i = hit - node.begin();
  for (int k = 0; k < n; ++k) {
    if (k != i) sum += weight[k] / weight[i] * (value[i] - value[k]) / (x - node[k]);
  }
  return -sum;
}

double differentiate_kernel(const std::function<double(double)>& kernel, double cov12, double var1,
                            double var2) {
  const double bound = std::sqrt(var1) * std::sqrt(var2);
  if (bound == 0) return 0;
  const double rho = std::clamp(cov12 / bound, -1.0, 1.0);
  const double h = 0.03;
  return differentiate([&](double r) { return kernel(bound * r); }, rho, std::max(-1.0, rho - h),
                       std::min(1.0, rho + h)) /
         bound;
}

}  // namespace nngp
