#include "numerical/chebyshev_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "numerical/digits.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr std::size_t fit_nodes = 20;

/// From values at the nodes to coefficients. Nodes come in pairs node[i] = -node[fit_nodes - 1 - i],
/// and the sums and differences of their values are transformed: of mirrored functions coefficients are
/// mirrored to the last bit.
struct Transform {
  static constexpr std::size_t pairs = fit_nodes / 2;
  std::array<double, fit_nodes> node;
  std::array<std::array<double, fit_nodes>, pairs> matrix;
  Transform() {
    const auto cosine = [](std::size_t quarters) {  // of a multiple of pi / (2 n), reduced exactly
      return std::cos(std::numbers::pi * static_cast<double>(quarters % (4 * fit_nodes)) /
                      (2.0 * fit_nodes));
    };
    for (std::size_t i = 0; i < pairs; ++i) {
      node[i] = cosine(2 * i + 1);
      node[fit_nodes - 1 - i] = -node[i];
      for (std::size_t k = 0; k < fit_nodes; ++k)
        matrix[i][k] = (k == 0 ? 1.0 : 2.0) / fit_nodes * cosine(k * (2 * i + 1));
    }
  }
};

}  // namespace

double argument(double x, double left, double right) {
  return (left == -right ? 2 * x : 2 * x - left - right) / (right - left);
}

double ChebyshevFit::inner() const {
  return left < 0 && right > 0 ? 0 : std::min(std::abs(left), std::abs(right));
}

double ChebyshevFit::outer() const { return std::max(std::abs(left), std::abs(right)); }

double ChebyshevFit::variation() const {
  double sum = 0;
  for (std::size_t k = 1; k < c.size(); ++k) sum += std::abs(c[k]);
  return sum;
}

double ChebyshevFit::operator()(double x) const {
  return chebyshev_sum(c.data(), c.size(), argument(x, left, right));
}

double ChebyshevFit::rounding_of_x() const {
  constexpr double small_part = 0.01;  // of a jump, the last coefficients are 0.02 and more
  double slope = 0;
  for (std::size_t k = 1; k < c.size(); ++k) slope += static_cast<double>(k) * std::abs(c[k]);
  slope /= right - left;
  return std::min(epsilon * outer() * slope, small_part * variation());
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
  static const Transform transform;
  std::array<double, fit_nodes> values;
  for (std::size_t i = 0; i < fit_nodes; ++i)
    values[i] = fn((left + right) / 2 + (right - left) / 2 * transform.node[i]);
  for (double y : values) scale = std::max(scale, std::abs(y));
  ChebyshevFit result{left, right, {}, scale, 0};
  if (scale == 0) return result;
  if (std::all_of(values.begin(), values.end(), [&](double y) { return y == values[0]; })) {
    result.c = {values[0]};  // without rounding
    return result;
  }
  std::array<double, fit_nodes> c{};
  for (std::size_t i = 0; i < Transform::pairs; ++i) {
    const double sum = values[i] + values[fit_nodes - 1 - i],
                 difference = values[i] - values[fit_nodes - 1 - i];
    for (std::size_t k = 0; k < fit_nodes; k += 2) {
      c[k] += sum * transform.matrix[i][k];
      c[k + 1] += difference * transform.matrix[i][k + 1];
    }
  }
  for (std::size_t k = fit_nodes - 3; k < fit_nodes; ++k)
    result.tail = std::max(result.tail, std::abs(c[k]) / scale);
  std::size_t kept = fit_nodes;
  while (kept > 0 && std::abs(c[kept - 1]) <= 4e-16 * scale) --kept;
  result.c.assign(c.begin(), c.begin() + static_cast<std::ptrdiff_t>(kept));
  return result;
}

}  // namespace nngp::numerical
