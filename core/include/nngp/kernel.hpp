#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "nngp/array.hpp"
#include "nngp/stax.hpp"

namespace nngp {

/// Which kernels to compute.
enum class Get { nngp, ntk, both };

struct KernelOptions {
  Get get = Get::both;
  unsigned threads = 0;  ///< 0: as many as the machine has; results do not depend on it
  /// Called now and then, from one thread at a time, with the number of finished entries and of all.
  /// Returning false stops the computation, which then throws Interrupted.
  std::function<bool(std::size_t done, std::size_t total)> progress = {};
};

/// Kernels of (x1, x2), n1 x n2; a matrix that was not asked for is empty.
template <class Real>
struct Kernels {
  Matrix<Real> nngp;
  Matrix<Real> ntk;
};

class Program;

/// The kernel function of a network (arXiv 1912.02803): from inputs, one example a row, to the NNGP
/// and NTK of its output at infinite width. Reusable and safe to call from several threads.
class KernelFn {
 public:
  /// Throws ModelError if the layers do not fit together (a non-linearity on non-Gaussian input, ...),
  /// NotImplemented if an activation has neither nngp_fn nor a way to compute it.
  explicit KernelFn(const Layer& network);

  /// The kernels of x1 with x2, or of x1 with itself (exactly symmetric) if x2 is not given.
  /// Throws DataError for empty inputs or differing numbers of features.
  template <class Real>
  Kernels<Real> operator()(const MatrixView<Real>& x1,
                           std::optional<MatrixView<Real>> x2 = std::nullopt,
                           const KernelOptions& options = {}) const;

 private:
  std::shared_ptr<const Program> program_;
};

}  // namespace nngp
