#pragma once

#include <cstddef>
#include <vector>

#include "numerical/dual_values.hpp"
#include "numerical/kinks.hpp"
#include "numerical/pieces.hpp"
#include "numerical/scalar_function.hpp"

namespace nngp::numerical {

/// g(sigma u) = sum a_j he_j(u) for u ~ N(0, 1), with orthonormal Hermite polynomials he_j, so that
/// E[g(sigma1 u1) g(sigma2 u2)] = sum a_j(sigma1) a_j(sigma2) rho^j (Mehler).
struct Expansion {
  double norm = 0;        ///< sqrt(E g^2)
  std::vector<double> a;  ///< coefficients of g
  std::vector<double> r;  ///< coefficients of the function with the kinks of g, if it was given
};

/// The expansions of fn and of fn' at one sigma.
struct Expansions {
  Expansion of[2];  ///< by Channel
  double tail = 0;  ///< part of E fn^2 or E fn'^2, less the kinks', estimated beyond the last term
};

/// Terms are added until `tail` is below `tolerance`, but at most `terms` of them.
Expansions expand(const ScalarFunction& fn, const std::vector<Kink>& kinks, double sigma,
                  std::size_t terms, double tolerance);

/// The same of fn as pieces, kinks and all.
Expansions expand(const Pieces& fn, double sigma, std::size_t terms, double tolerance);

/// A series that needs more terms is dearer than other ways.
constexpr std::size_t max_terms = 4096;

/// Mehler's series for several deviations, of the products of coefficients of g less those of its
/// kinks.
class MehlerDual final : public DualValues {
 public:
  MehlerDual(const std::vector<Expansions>& expansions, Channel channel);
  Eigen::MatrixXd part(std::size_t parity, double theta) const override;

 private:
  RowMatrix a_[2], r_[2];  // even and odd terms
};

}  // namespace nngp::numerical
