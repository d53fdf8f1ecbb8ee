#pragma once

// Kernels of inputs as matrices in float64, whole or tile by tile.

#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "data/scratch_file.hpp"
#include "nngp/kernel.hpp"
#include "nngp/solve.hpp"

namespace nngp {

/// One kernel of `window` into `out`, of its size, in float64 whatever the type it is computed in.
/// `which` is nngp or ntk.
template <class Real>
void compute_kernel(const KernelOperator<Real>& kernels, Get which, const KernelWindow& window,
                    MatrixMap<double> out, const KernelOptions& options);

/// The same as a matrix of its own.
template <class Real>
OwnedMatrix<double> kernel_matrix(const KernelOperator<Real>& kernels, Get which,
                                  const KernelWindow& window, const KernelOptions& options);
template <class Real>
OwnedMatrix<double> kernel_matrix(const KernelOperator<Real>& kernels, Get which,
                                  const KernelOptions& options) {
  return kernel_matrix(kernels, which, {0, 0, kernels.rows(), kernels.cols()}, options);
}

/// Entries first ... first + count - 1 of the diagonal of a symmetric operator.
template <class Real>
Eigen::VectorXd kernel_diagonal(const KernelOperator<Real>& kernels, Get which, Eigen::Index first,
                                Eigen::Index count, const KernelOptions& options);
template <class Real>
Eigen::VectorXd kernel_diagonal(const KernelOperator<Real>& kernels, Get which,
                                const KernelOptions& options) {
  return kernel_diagonal(kernels, which, 0, static_cast<Eigen::Index>(kernels.rows()), options);
}

/// scale (Kernel + shift I), never in memory whole: tiles are kept as far as `memory` (bytes) allows,
/// the others are computed each time, or the first time and then read from a file in the folder
/// `scratch`, if given.
template <class Real>
class KernelMap final : public LinearMap {
 public:
  KernelMap(KernelOperator<Real> kernels, Get which, double shift, double scale, std::size_t memory,
            const std::filesystem::path& scratch, KernelOptions options);

  Eigen::Index size() const override { return static_cast<Eigen::Index>(kernels_.rows()); }
  void apply(MatrixMap<double> rows) const override;

 private:
  using Place = std::pair<std::size_t, std::size_t>;
  template <class Use>
  void with_tile(const Place& place, Use use) const;

  KernelOperator<Real> kernels_;
  Get which_;
  double shift_, scale_;
  KernelOptions options_;
  std::size_t edge_;
  std::size_t max_kept_;
  mutable std::map<Place, OwnedMatrix<double>> kept_;
  std::unique_ptr<ScratchFile> scratch_;          ///< or null
  mutable std::map<Place, std::size_t> written_;  ///< where in it a tile begins
};

/// The inverse of the Nystroem approximation K_nm K_mm^-1 K_mn + shift I: K known by its rows at `m`
/// landmarks (Williams and Seeger 2001), inverted by the Woodbury identity.
class Nystroem final : public LinearMap {
 public:
  /// `rows`: K_mn, scaled so that the mean of the diagonal of K is about 1. `rounding` is the relative
  /// error of its entries. Throws NotPositiveDefinite if K cannot be a covariance.
  Nystroem(OwnedMatrix<double> rows, const std::vector<Eigen::Index>& landmarks, double shift,
           double rounding);

  Eigen::Index size() const override { return factor_.cols(); }
  void apply(MatrixMap<double> rows) const override;

 private:
  OwnedMatrix<double> factor_;  ///< F with F^T F the approximation of K
  double shift_;
  std::unique_ptr<const Cholesky> inner_;  ///< F F^T + shift I
};

/// `count` of `size` examples in a random choice that is the same everywhere, increasing.
std::vector<Eigen::Index> choose_landmarks(Eigen::Index size, Eigen::Index count);

}  // namespace nngp
