#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "nngp/activation.h"

namespace nngp::host {

/// f at the n Chebyshev nodes cos((2 k + 1) pi / 2n) of an interval, as a polynomial of degree n - 1; n
/// is at most 24.
class Interpolant {
 public:
  Interpolant(const std::function<double(double)>& f, double low, double high, int n);

  /// Whether the coefficients have decayed to `tolerance` of the largest value.
  bool is_resolved(double tolerance) const;
  /// The largest of the last coefficients.
  double tail() const;
  /// The derivative of an order at x.
  double derivative(double x, int order) const;
  double largest() const { return largest_; }

 private:
  double middle_, half_;
  std::vector<double> coefficients_;
  double largest_ = 0;
};

/// Where f is seen not to be smooth on [low, high], kinks to about 1e-10 and jumps to the last bit.
/// `known` points are passed over.
std::vector<double> find_kinks(const std::function<double(double)>& f, double low, double high,
                               const std::vector<double>& known);

/// The least order, 0 to 4, of a derivative of f that jumps at x; nullopt if none is seen to.
/// `room` is the distance to the next point where f is not smooth.
std::optional<int> order_of_kink(const std::function<double(double)>& f, double x, double room);

}  // namespace nngp::host
