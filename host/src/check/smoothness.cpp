#include "check/smoothness.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace nngp::host {
namespace {

constexpr double pi = 3.14159265358979323846;
constexpr int nodes = 18;
constexpr int max_nodes = 24;
constexpr double narrowest = 2e-3;  // what is not smooth at this length has a kink
constexpr double resolved = 1e-11;
constexpr double fully_resolved = 1e-14;

/// cos(i pi / 2n) for i from 0 to 4 n - 1, n at most max_nodes.
const std::vector<double>& cosines(int n) {
  static const auto tables = [] {
    std::array<std::vector<double>, max_nodes + 1> tables;
    for (int n = 1; n <= max_nodes; ++n)
      for (int i = 0; i < 4 * n; ++i)
        tables[static_cast<std::size_t>(n)].push_back(std::cos(i * pi / (2 * n)));
    return tables;
  }();
  return tables[static_cast<std::size_t>(n)];
}

/// Chebyshev coefficients of the derivative of a series.
std::vector<double> differentiated(const std::vector<double>& c) {
  std::vector<double> d(c.size(), 0.0);
  for (std::size_t k = c.size() - 1; k >= 1; --k)
    d[k - 1] = (k + 1 < c.size() ? d[k + 1] : 0) + 2 * static_cast<double>(k) * c[k];
  d[0] *= 0.5;
  return d;
}

/// Of a jump near x, its side that is less, to the last bit; x where f does not jump. Integrals that
/// are split there are exact.
double sharpened(const std::function<double(double)>& f, double x) {
  const double reach = 1e-9 * std::max(1.0, std::abs(x));
  double low = x - reach, high = x + reach, at_low = f(low), at_high = f(high);
  if (!(std::abs(at_high - at_low) > 1e-6 * (std::abs(at_high) + std::abs(at_low)))) return x;
  for (double middle; (middle = 0.5 * (low + high)) > low && middle < high;) {
    const double here = f(middle);
    if (std::abs(here - at_low) > std::abs(at_high - here))
      high = middle, at_high = here;
    else
      low = middle, at_low = here;
  }
  return low;
}

/// The kink in an interval that has one, as far as halving tells. Halves overlap, because a kink beyond
/// the last node of both would be seen in neither.
double located(const std::function<double(double)>& f, double low, double high) {
  while (high - low > 1e-11 * std::max(1.0, std::abs(low))) {
    const double length = high - low, lower_end = low + 0.52 * length,
                 upper_begin = low + 0.48 * length;
    const bool in_lower =
        Interpolant(f, low, lower_end, nodes).tail() > Interpolant(f, upper_begin, high, nodes).tail();
    in_lower ? high = lower_end : low = upper_begin;
  }
  return sharpened(f, 0.5 * (low + high));
}

/// Looks for kinks of f between two points where it may have some.
class KinkSearch {
 public:
  KinkSearch(const std::function<double(double)>& f, double low, double high,
             std::vector<double>& found)
      : f_(f), low_(low), high_(high), found_(found) {
    constexpr int samples = 65;
    for (int k = 0; k < samples; ++k)
      scale_ = std::max(scale_, 1e-3 * std::abs(f(low + (high - low) * (k + 0.5) / samples)));
    search(low, high);
  }

 private:
  /// Halves an interval until f is smooth on each part or the part is too short: there is a kink.
  void search(double low, double high) {
    // Parts overlap, as above.
    const double margin = 0.02 * (high - low);
    const double begin = std::max(low_, low - margin), end = std::min(high_, high + margin);
    const Interpolant part(f_, begin, end, nodes);
    if (!std::isfinite(part.largest()) || part.tail() <= resolved * std::max(part.largest(), scale_))
      return;
    if (high - low < narrowest) {
      const double place = located(f_, begin, end);
      if (found_.empty() || place - found_.back() > narrowest) found_.push_back(place);
      return;
    }
    const double middle = 0.5 * (low + high);
    search(low, middle);
    search(middle, high);
  }

  const std::function<double(double)>& f_;
  double low_, high_, scale_ = 0;
  std::vector<double>& found_;
};

}  // namespace

Interpolant::Interpolant(const std::function<double(double)>& f, double low, double high, int n)
    : middle_(0.5 * (low + high)), half_(0.5 * (high - low)) {
  const std::vector<double>& cosine = cosines(n);
  std::array<double, max_nodes> values = {};
  const auto count = static_cast<std::size_t>(n), period = 4 * count;
  for (std::size_t k = 0; k < count; ++k) {
    values[k] = f(middle_ + half_ * cosine[2 * k + 1]);
    largest_ = std::max(largest_, std::abs(values[k]));
  }
  coefficients_.reserve(count);
  for (std::size_t j = 0; j < count; ++j) {
    double sum = 0;
    for (std::size_t k = 0, i = j; k < count; ++k, i = (i + 2 * j) % period)
      sum += values[k] * cosine[i];
    coefficients_.push_back(sum * (j == 0 ? 1.0 : 2.0) / n);
  }
}

double Interpolant::tail() const {
  double tail = 0;
  for (std::size_t j = coefficients_.size() - 3; j < coefficients_.size(); ++j)
    tail = std::max(tail, std::abs(coefficients_[j]));
  return tail;
}

bool Interpolant::is_resolved(double tolerance) const { return tail() <= tolerance * largest_; }

double Interpolant::derivative(double x, int order) const {
  std::vector<double> c = coefficients_;
  double factor = 1;
  for (int i = 0; i < order; ++i) {
    c = differentiated(c);
    factor /= half_;
  }
  const double t = (x - middle_) / half_;
  double b1 = 0, b2 = 0;
  for (std::size_t k = c.size() - 1; k >= 1; --k) {
    const double b = 2 * t * b1 - b2 + c[k];
    b2 = b1;
    b1 = b;
  }
  return factor * (t * b1 - b2 + c[0]);
}

std::vector<double> find_kinks(const std::function<double(double)>& f, double low, double high,
                               const std::vector<double>& known) {
  std::vector<double> ends = {low};
  for (const double x : known)
    if (x > ends.back() && x < high) ends.push_back(x);
  ends.push_back(high);
  std::vector<double> found;
  for (std::size_t i = 1; i < ends.size(); ++i) KinkSearch(f, ends[i - 1], ends[i], found);
  return found;
}

std::optional<int> order_of_kink(const std::function<double(double)>& f, double x, double room) {
  // What counts as a jump, of h^m / m! times the derivative: noise grows with the order.
  constexpr double seen[] = {1e-9, 1e-8, 1e-7, 1e-5, 1e-4};
  for (double h = std::min(1.0, 0.9 * room); h > 1e-3; h *= 0.5) {
    const Interpolant below(f, x - h, x, nodes), above(f, x, x + h, nodes);
    if (!below.is_resolved(fully_resolved) || !above.is_resolved(fully_resolved)) continue;
    const double scale = std::max(below.largest(), above.largest());
    double unit = 1;  // h^m / m!
    for (int m = 0; m < 5; ++m) {
      const double jump = above.derivative(x, m) - below.derivative(x, m);
      if (std::abs(jump) * unit > seen[m] * scale) return m;
      unit *= h / (m + 1);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace nngp::host
