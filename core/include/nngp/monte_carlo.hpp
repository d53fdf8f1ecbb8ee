#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>

#include "nngp/api.hpp"
#include "nngp/finite.hpp"

NNGP_API_BEGIN
namespace nngp {

struct SampleOptions {
  Sites sites = {};  ///< the positions of an example, as of FiniteNetwork
  std::uint64_t seed = 0;
  std::size_t samples = 1;
  unsigned threads = 0;  ///< 0: as many as the process may use; results do not depend on it
  /// Called now and then, by one thread at a time, with the number of samples done and of all.
  /// Returning false stops the computation, which then throws Interrupted.
  std::function<bool(std::size_t done, std::size_t total)> progress = {};
};

/// The outputs of sampled networks for the rows of x: calls sink(k, outputs) for each sample k, in any
/// order and from several threads at once, with what FiniteNetwork::apply gives for the weights and
/// masks of SampleKey{seed, k}, n x out_dim. Throws as FiniteNetwork does.
template <class Real>
NNGP_API void sample_outputs(
    const Layer& network, const MatrixView<Real>& x, const SampleOptions& options,
    const std::function<void(std::size_t sample, const MatrixView<Real>& outputs)>& sink);

/// The mean of a kernel over sampled networks, and its standard error, entry by entry.
struct KernelEstimate {
  OwnedMatrix<double> mean;
  OwnedMatrix<double> error;  ///< infinite of one sample, which does not tell it
  /// The error as a whole: the Frobenius norm of `error` divided by that of `mean`.
  double relative_error = 0;
};

struct KernelEstimates {
  KernelEstimate nngp, ntk;  ///< empty where not asked for
  std::size_t samples = 0;   ///< how many networks were sampled
};

struct MonteCarloOptions {
  Sites sites = {};  ///< the positions of an example, as of FiniteNetwork
  std::uint64_t seed = 0;
  std::size_t samples = 100;  ///< at most; at least 1
  /// Stop once the relative_error of every kernel asked for is at most this, but not before
  /// `min_samples`; 0: never.
  double relative_error = 0;
  static constexpr std::size_t min_samples = 10;
  unsigned threads = 0;  ///< 0: as many as the process may use; results do not depend on it
  /// Called now and then, by one thread at a time, with the number of samples done and of all.
  /// Returning false stops the computation, which then throws Interrupted.
  std::function<bool(std::size_t done, std::size_t total)> progress = {};
};

/// Estimates the NNGP and NTK of a network from sampled networks of finite width, the k-th of them that
/// of SampleKey{seed, k} (neural_tangents.monte_carlo_kernel_fn). Real is the type that networks are
/// computed in. The means tend to the kernels of infinite width up to a bias of order 1 / width, which
/// is zero for one hidden layer; a single NTK deviates by order 1 / sqrt(width), a single NNGP by
/// 1 / sqrt(out_dim) too. Throws as FiniteNetwork does, InvalidArgument for samples < 1.
template <class Real>
NNGP_API KernelEstimates
monte_carlo_kernels(const Layer& network, const MatrixView<Real>& x1,
                    const std::optional<std::type_identity_t<MatrixView<Real>>>& x2 = std::nullopt,
                    Get get = Get::both, const MonteCarloOptions& options = {});

/// How far an estimate is from a kernel computed otherwise.
struct Deviation {
  double relative;  ///< Frobenius norm of the difference, divided by that of the kernel
  double rms;       ///< root mean square of the differences in standard errors: about 1 by chance
  double largest;   ///< the largest difference in standard errors
};

/// Standard errors count as at least `rounding` times the root mean square of the kernel.
Deviation deviation(const KernelEstimate& estimate, const MatrixView<double>& kernel,
                    double rounding = 1e-9);

}  // namespace nngp
NNGP_API_END
