#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "nngp/activation.h"
#include "numerical/channel.hpp"
#include "numerical/chebyshev_fit.hpp"

namespace nngp::numerical {

/// |u| up to which fn(sigma u) counts for u ~ N(0, 1), in standard deviations. Throws NumericalError if
/// fn returns NaN or infinity there, or if E fn(sigma u)^2 does not exist.
double reach_of(const std::function<double(double)>& fn, double sigma);

/// fn(x), or NumericalError where that is not finite.
double checked(const std::function<double(double)>& fn, double x);

/// The interval between neighbours of `edges` (increasing) that x lies in, the first or the last if x
/// is beyond them.
inline std::size_t interval_of(const std::vector<double>& edges, double x) {
  const auto after = std::upper_bound(edges.begin() + 1, edges.end() - 1, x);
  return static_cast<std::size_t>(after - edges.begin()) - 1;
}

/// Whether fn is 0 at places beyond |x| = radius, on every scale.
bool zero_beyond(const std::function<double(double)>& fn, double radius);

/// fn and its almost-everywhere derivative on an interval around 0, as polynomials on pieces that are
/// as small as fn varies there: at any place, on any scale, towards any singularity. Nothing depends on
/// the unit of x. fn is called to make the pieces and never again.
class Pieces {
 public:
  /// Covers all x that matter for expectations over N(0, sigma^2), sigma_min <= sigma <= sigma_max.
  Pieces(std::function<double(double)> fn,
         const std::optional<std::vector<nngp_breakpoint>>& breakpoints, double sigma_min,
         double sigma_max);

  /// fn(x) and fn'(x), by Channel; x outside the interval counts as on its ends.
  std::array<double, 2> operator()(double x) const;

  /// The smallest deviation above 0 that it was made for.
  double sigma_min() const { return sigma_min_; }
  /// |u| up to which fn(sigma u) counts, in standard deviations.
  double reach() const { return reach_; }
  /// |m| up to which E[fn(x1) | m] E[fn(x2) | m] counts, m ~ N(0, 1) what x1 and x2 of any positive
  /// correlation share.
  double shared_reach() const { return shared_reach_; }
  /// The edges of intervals on which fn is smooth, increasing: those of the pieces, but for octaves
  /// around 0 that are pieces only for the sake of small deviations.
  const std::vector<double>& panels() const { return panels_; }
  /// Where pieces meet without a common continuation, increasing.
  const std::vector<double>& breaks() const { return breaks_; }
  /// The same with the lowest derivative that jumps there, up to the third.
  std::vector<nngp_breakpoint> breakpoints() const;
  /// The scale on which fn varies between a and b: the width of the smallest panel there, 0 if there is
  /// a break.
  double scale_between(double a, double b) const;

  /// E[g(sigma1 u) g(sigma2 u)], u ~ N(0, 1), for g = fn and g = fn', with `nodes` a piece; sigma2 may
  /// be negative.
  std::array<double, 2> on_line(double sigma1, double sigma2, std::size_t nodes = 20) const;

  /// By how much the errors of fn as evaluated, and of the pieces, change expectations at a deviation:
  /// bounds of |E[(g + error)^2] - E[g^2]|.
  std::array<double, 2> roughness(double sigma) const;

  /// The relative error of fn where it is more than rounding.
  double noise() const { return noise_; }
  /// Whether fn is as steep as a square root somewhere, so that E fn'(x)^2 is infinite.
  bool endlessly_steep() const;
  /// Whether fn is 0 wherever it was called, also far from where inputs fall: nothing is known of it.
  bool zero() const { return zero_; }
  /// How often fn was called.
  std::size_t calls() const { return calls_; }
  /// False if fn varies so fast that the calls allowed do not do.
  bool resolved() const { return resolved_; }

 private:
  struct Sample {
    double x, y;
  };
  /// Of fn where inputs have a deviation.
  struct Size {
    double deviation, of_fn;
  };
  /// |fn'| is slope (t / distance)^exponent at a distance of t.
  struct Power {
    double distance, slope, exponent;
  };
  struct Piece {
    ChebyshevFit value, slope;    // the slope may have been fitted on a larger interval
    std::array<double, 2> error;  // of fn and of fn'
    std::array<double, 2> size;   // their largest values, about
  };

  /// fn on an interval around 0, as far as one polynomial fits it.
  struct Central {
    double radius = 0, error = INFINITY;  // of fn' per term
    ChebyshevFit value{}, slope{};
    bool even = true;
    double error_within(double x) const;  // of fn'
  };

  std::size_t at(double x) const { return interval_of(edges_, x); }  // the piece that x lies in
  double call(double x);
  ChebyshevFit fit_between(double a, double b);

  // What samples tell before fn is cut: pieces_samples.cpp.
  void take_samples(const std::optional<std::vector<nngp_breakpoint>>& breakpoints);
  void measure_sizes();
  double size_at(double x) const;
  double rounding_of_largest() const;
  void find_jumps();
  void find_jumps_between(Sample left, Sample right);
  double locate_jump(const Sample& before, const Sample& after);
  std::optional<double> noise_around(double x);
  void measure_noise();

  // How fn is cut: pieces.cpp.
  double tolerance(const ChebyshevFit& f) const;
  /// Up to the ends where kinks and jumps are known to be there, and not within.
  bool agrees(const ChebyshevFit& f, double tolerance, bool up_to_ends = false);
  bool is_smallest(const ChebyshevFit& f, double factor) const;
  void cut(const std::optional<std::vector<nngp_breakpoint>>& breakpoints);
  std::vector<double> resolve(double a, double b, std::vector<ChebyshevFit>& out);
  bool is_rounded(const ChebyshevFit& f, double allowed, bool up_to_ends);
  void halve(ChebyshevFit whole, std::vector<ChebyshevFit>& out, bool up_to_ends = false);
  bool jumps(const ChebyshevFit& f);
  double locate_power(double x, double step);
  void find_breaks(const std::vector<double>& known);
  double octaves_around_0(double side) const;
  void find_panels();
  Central find_central();
  void differentiate();
  void measure_shared_reach();

  // What is not known: pieces_errors.cpp.
  double digit_if_few(const ChebyshevFit& f);
  std::optional<Power> power_of_slope(std::size_t from, int step) const;
  std::vector<std::pair<std::size_t, int>> beside_breaks() const;
  void measure_powers();
  std::optional<double> hidden_slope(double x, double of_piece);
  double hidden_slope_between(double a, double b);
  void measure_hidden_slopes();

  std::function<double(double)> fn_;
  double sigma_min_, sigma_max_;
  double reach_, radius_;
  double shared_reach_ = 0;
  double at_zero_ = 0;           // fn(0)
  std::vector<Sample> samples_;  // increasing
  std::vector<Size> sizes_;      // by octave of the deviation
  std::vector<double> jumps_;    // that samples show, increasing
  double noise_ = 0;
  std::size_t calls_ = 0;
  bool resolved_ = true;
  bool zero_ = false;
  std::vector<Piece> pieces_;
  std::vector<double> edges_, panels_;
  std::vector<double> breaks_;
};

}  // namespace nngp::numerical
