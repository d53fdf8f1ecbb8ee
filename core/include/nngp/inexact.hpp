#pragma once

#include <cmath>
#include <string>

#include "nngp/api.hpp"
#include "nngp/error.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Bounds of the errors of integrated expectations, relative to sqrt(E fn(x1)^2 E fn(x2)^2) and the
/// same for fn'.
struct Inexactness {
  double nngp = 0, d_nngp = 0;
  double noise = 0;  ///< the relative error of fn's own values, 0 where it is no more than rounding

  /// NaN where either is, which is above any bound.
  double worst() const { return d_nngp > nngp || std::isnan(d_nngp) ? d_nngp : nngp; }
};

/// An expectation is hardly known: its error is above the one allowed, which is KernelOptions::
/// allowed_error for kernels.
class InexactError : public NumericalError {
 public:
  InexactError(const std::string& reason, double sufficient);

  /// What is wrong and what helps, but for allowing it.
  const std::string& reason() const { return reason_; }
  /// A bound that allows the error, with room for rounding.
  double sufficient() const { return sufficient_; }

 private:
  std::string reason_;
  double sufficient_;
};

/// "Tanh() is integrated with relative errors up to 2e-06 (nngp) and 3e-05 (d_nngp): " and what helps.
std::string inexact_text(const std::string& what, const Inexactness& errors);

/// Throws InexactError if the errors of `what` are above `allowed`, or not known.
void refuse_inexact(const std::string& what, const Inexactness& errors, double allowed);

}  // namespace nngp
NNGP_API_END
