#pragma once

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "nngp/activation.h"
#include "numerical/breakpoints.hpp"
#include "numerical/channel.hpp"
#include "numerical/chebyshev_fit.hpp"

namespace nngp::numerical {

/// fn on an interval around 0, with its almost-everywhere derivative: piecewise polynomials on pieces
/// cut until their Chebyshev coefficients have decayed to rounding.
class ScalarFunction {
 public:
  /// Covers all x that matter for expectations over N(0, sigma^2), sigma <= sigma_max.
  /// Break points that are not declared are looked for. Throws NumericalError if fn returns NaN or
  /// infinity, or if E fn(sigma_max u)^2 does not exist. `noise` is the relative error that fn is known
  /// to have.
  ScalarFunction(std::function<double(double)> fn,
                 std::optional<std::vector<nngp_breakpoint>> breakpoints, double sigma_max,
                 double noise = 0);

  /// fn(x) and fn'(x), by Channel, from the piece that x lies in: fn is called to make the pieces and
  /// never again. x outside the interval counts as on its ends.
  std::array<double, 2> operator()(double x) const;

  /// E[g(sigma1 u) g(sigma2 u)], u ~ N(0, 1), g = fn or fn'; one of the deviations may be negative.
  double expectation_on_line(Channel channel, double sigma1, double sigma2) const;

  /// |u| up to which fn(sigma u) counts, in standard deviations.
  double reach() const { return reach_; }
  /// Increasing; fn is well resolved by the nodes of a Gauss rule between any two. Break points are
  /// among them.
  const std::vector<double>& panels() const { return panels_; }
  /// Those within reach, declared or found.
  const std::vector<nngp_breakpoint>& breakpoints() const { return breakpoints_; }
  /// By how much fn and its derivatives jump there; 0 where that is no more than rounding.
  std::array<double, kink_orders> jumps(const nngp_breakpoint& b) const;

  /// The relative error of fn where it is more than rounding.
  double noise() const { return noise_; }

  /// Whether fn is 0 wherever it was called.
  bool zero() const;

  /// False if fn varies so fast that the calls allowed do not do.
  bool resolved() const { return resolved_; }

  /// The error of the pieces, rounding of fn included: sqrt(E error(sigma u)^2) of fn or fn'.
  double roughness(Channel channel, double sigma) const;

 private:
  struct Sample {
    double x, y;
  };
  void take_samples(double sigma_max);
  std::vector<Sample>::const_iterator first_sample_after(double x) const;
  void cut(double sigma_max);
  bool agrees(const ChebyshevFit& f, double scale) const;
  void resolve(ChebyshevFit whole, double scale, int depth);

  /// A polynomial and its derivative.
  struct Piece {
    double left, right;
    std::vector<std::array<double, 2>> c;  // Chebyshev coefficients by Channel
    std::array<double, 2> error;           // of fn and fn'
    std::array<double, 2> operator()(double x) const;
  };

  double known_noise_;
  double reach_;
  double radius_;
  std::function<double(double)> fn_;  // throws where the result is not finite
  std::size_t calls_ = 0;
  std::vector<nngp_breakpoint> breakpoints_;
  double noise_ = 0;
  std::vector<Sample> samples_;  // increasing
  std::vector<double> edges_;    // of the pieces
  std::vector<double> panels_;
  std::vector<Piece> pieces_;
  bool missed_ = false;  ///< a smallest piece does not agree with fn
  bool resolved_ = true;
};

}  // namespace nngp::numerical
