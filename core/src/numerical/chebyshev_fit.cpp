#include "numerical/chebyshev_fit.hpp"

#include <algorithm>
#include <cmath>

#include "numerical/quadrature.hpp"

namespace nngp::numerical {

double ChebyshevFit::operator()(double x) const {
  return chebyshev_sum(c.data(), c.size(), (2 * x - left - right) / (right - left));
}

ChebyshevFit ChebyshevFit::derivative() const {
  ChebyshevFit d{left, right, {}, scale, tail};
  const std::size_t n = c.size();
  if (n < 2) return d;
  d.c.resize(n - 1);
  for (std::size_t k = n - 1; k >= 1; --k)
    d.c[k - 1] = 2.0 * static_cast<double>(k) * c[k] + (k + 1 < n - 1 ? d.c[k + 1] : 0.0);
  d.c[0] /= 2;
  for (double& x : d.c) x *= 2 / (right - left);
  return d;
}

ChebyshevFit fit(const std::function<double(double)>& fn, double left, double right, double scale) {
  static const std::vector<double> nodes = chebyshev_nodes(20);
  std::vector<double> values;
  for (double t : nodes) values.push_back(fn((left + right) / 2 + (right - left) / 2 * t));
  for (double y : values) scale = std::max(scale, std::abs(y));
  ChebyshevFit result{left, right, {}, scale, 0};
  if (scale == 0) return result;
  result.c = chebyshev_coefficients(values);
  for (std::size_t k = nodes.size() - 3; k < nodes.size(); ++k)
    result.tail = std::max(result.tail, std::abs(result.c[k]) / scale);
  while (!result.c.empty() && std::abs(result.c.back()) <= 4e-16 * scale) result.c.pop_back();
  return result;
}

}  // namespace nngp::numerical
