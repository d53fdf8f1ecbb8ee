#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "numerical/integrator.hpp"

namespace nngp::numerical {

/// The coordinate in which a layer's deviations are interpolated. Expectations are analytic in sigma
/// up to sigma = 0, and at large sigma they vary with 1 / sigma: z serves both ends.
inline double z_of_sigma(double sigma) { return sigma / (sigma + 2); }
inline double sigma_of_z(double z) { return 2 * z / (1 - z); }

/// The size of factors where it spans orders of magnitude: sigma^power exp(sum growth_k T_k(t)), or
/// just sigma^power if `growth` is empty. `power` is the order of the zero that fn, or fn', has at 0.
struct Scale {
  int power = 0;
  std::vector<double> growth;
  double operator()(double sigma, double t) const;
};

/// nngp and d_nngp as functions of (sigma1, sigma2, rho), ready for evaluation:
///   nngp = sum_m c_m T_2m(x) + sum_m c'_m T_2m+1(x),  x = asin(kappa rho) / asin(kappa),
///   c_m  = sum_r sign_r u_r(sigma1) u_r(sigma2),       u_r polynomials in z(sigma),
/// d_nngp likewise. kappa < 1 for smooth fn spreads the ends of rho's range as far as fn varies there;
/// kappa = 1 makes x linear in the angle, in which kinks at the origin leave analytic functions.
template <class Real>
struct Table {
  enum { nngp_even, nngp_odd, d_nngp_even, d_nngp_odd, chains };
  /// For each chain the number of factors of c_m, from the highest m down to 0; empty if all are 0.
  std::array<std::vector<std::uint16_t>, chains> ranks;
  std::size_t nngp_factors = 0;  ///< of the first two chains
  std::size_t factors = 0;       ///< of all; factors are numbered in order of use
  std::vector<Real> sign;        ///< by factor
  /// Factors that need polynomials of about the same degree are computed together.
  struct FactorGroup {
    static constexpr std::size_t size = 8;
    std::size_t degrees;                     ///< of the polynomials, plus 1
    std::size_t count;                       ///< up to `size`
    std::array<std::uint32_t, size> factor;  ///< their numbers; nngp and d_nngp are not mixed
    std::size_t coefficients;                ///< where theirs begin
  };
  std::vector<FactorGroup> groups;   ///< those of nngp first
  std::vector<Real> coefficients;    ///< of Chebyshev polynomials in t, [degree][factor of a group]
  std::size_t degrees = 0;           ///< of all polynomials
  double z_middle = 0, z_scale = 0;  ///< t = (z - middle) * scale is in [-1, 1]
  std::array<Scale, 2> scale;        ///< of the factors of nngp and of d_nngp
  double kappa = 1;
  std::vector<Kink> kinks;  ///< whose dual is to be added
};

/// Errors relative to sqrt(E g(x1)^2 E g(x2)^2), for g = fn and fn'.
struct TableError {
  double nngp = 0, d_nngp = 0;
};

/// What a table is made from: the coefficients c_m at Chebyshev nodes of z, as eigenvectors.
class Series {
 public:
  /// Aims at errors of `tolerance` for all deviations between sigma_min and sigma_max.
  Series(const ScalarFunction& fn, double sigma_min, double sigma_max, double tolerance);

  /// False if that would take too many terms or too long. There is no table then.
  bool resolved() const { return resolved_; }

  /// Keeps what matters at `tolerance`; adds what that loses, and what the series lacks, to `error`.
  template <class Real>
  Table<Real> compress(double tolerance, TableError& error) const;

 private:
  /// One term sign u(sigma1) u(sigma2) of c_m.
  struct Term {
    std::size_t chain, m;
    double sign;
    double size;            // its largest value relative to the norms
    double weight;          // what a change of u by 1 changes the kernel by, relative to the norms
    std::vector<double> u;  // Chebyshev coefficients in t, divided by the scale
  };
  using Duals = std::array<std::unique_ptr<DualValues>, 2>;  // by Channel

  void place_nodes(double sigma_min, double sigma_max, std::size_t count);
  void measure(const ScalarFunction& fn, const Integrator& integrator);
  double rest_in_z() const;
  void choose_x(const Integrator& integrator, double tolerance);
  void tabulate(const Duals& duals);
  /// The terms that matter at `tolerance`, in the order of evaluation: by chain, from high m to low,
  /// the smallest of a sum first. Adds the size of the others to `error`.
  std::vector<const Term*> choose_terms(double tolerance, TableError& error) const;
  /// How many coefficients each term needs: its polynomial may end where the rest, times the largest
  /// factor it meets, no longer matters.
  static std::vector<std::size_t> coefficients_needed(const std::vector<const Term*>& terms,
                                                      double tolerance);
  /// For one chain the number of terms of c_m, from the highest m down to 0.
  static std::vector<std::uint16_t> ranks(const std::vector<const Term*>& terms, std::size_t chain);
  /// Groups the factors, whose signs the table has, by the number of coefficients that they need.
  template <class Real>
  static void pack(const std::vector<const Term*>& terms, const std::vector<std::size_t>& needed,
                   Table<Real>& table);
  Scale fit_scale(Channel channel, int power) const;

  std::vector<Kink> kinks_;
  std::vector<double> sigma_, t_;
  double z_middle_ = 0, z_half_ = 0;
  std::array<Scale, 2> scale_;
  std::array<std::vector<double>, 2> norm_;  // at the nodes, kept away from 0
  double kappa_ = 0;
  std::size_t half_terms_ = 0;  // in x, of each parity
  std::vector<Term> terms_of_x_;
  TableError truncation_;
  bool resolved_ = true;
};

}  // namespace nngp::numerical
