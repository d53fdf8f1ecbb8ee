#pragma once

// How well a kernel and its diag_reg suit the training data, in closed form: without another
// factorisation (Rasmussen and Williams, Gaussian Processes for Machine Learning, chapter 5).

#include <cstddef>
#include <optional>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/solve.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Training examples predicted from the others.
struct HeldOut {
  double root_mean_squared_error = 0;  ///< over examples and outputs
  double log_density = 0;              ///< of a target, mean over examples and outputs; noise included
  double accuracy = 0;                 ///< share of examples whose largest output is that of the target
};

/// Densities of targets that are beyond 1e154 deviations are minus infinity.
struct Scores {
  /// Of the targets under a Gaussian process with the kernel as covariance and diag_reg as noise,
  /// summed over outputs (equation 5.8).
  double log_marginal_likelihood = 0;
  HeldOut leave_one_out;         ///< equations 5.10 to 5.12
  std::optional<HeldOut> folds;  ///< the same for groups of examples
};

/// Scores of kernel + shift I; `y` has one output a row. Examples are dealt to `folds` folds in a fixed
/// random order; 0: none. Throws DataError for 1 or more folds than examples.
Scores scores(const Cholesky& factor, const MatrixView<double>& y, std::size_t folds = 0);
/// The same from the eigensystem of the kernel, for any shift in O(n^2) (O(n^3 / folds) with folds).
Scores scores(const Eigensystem& kernel, double shift, const MatrixView<double>& y,
              std::size_t folds = 0);

}  // namespace nngp
NNGP_API_END
