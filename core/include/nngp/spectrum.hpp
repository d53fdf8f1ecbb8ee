#pragma once

#include <cstddef>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"
#include "nngp/solve.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The eigenvalues of a kernel matrix and what follows from them.
struct Spectrum {
  std::vector<double> eigenvalues;  ///< increasing
  /// The largest eigenvalue divided by the smallest; infinite if that is 0 to rounding.
  double condition_number = 0;
  /// How many directions of the data outweigh diag_reg: the sum of value / (value + shift)
  /// over those that are not 0 to rounding.
  double effective_dimension = 0;
  /// Full-batch gradient descent on 1 / (2 size) |f - y|^2, size = examples x outputs, diverges above
  /// this: 2 size / largest eigenvalue (neural_tangents.predict.max_learning_rate). Of the NTK.
  double max_learning_rate = 0;
};

/// Of `kernel`, both triangles of which must be filled; by `threads` threads, as SolverThreads. Throws
/// Error if it is not finite.
Spectrum spectrum(OwnedMatrix<double> kernel, DiagReg diag_reg, std::size_t outputs,
                  unsigned threads = 0);

/// The kernel of training inputs with themselves in float64, whatever type it is computed in. Throws as
/// KernelFn does, InvalidArgument for Get::both.
template <class Real>
NNGP_API OwnedMatrix<double> training_kernel(const KernelFn& kernel_fn, const MatrixView<Real>& x,
                                             Get which, const KernelOptions& options = {});

}  // namespace nngp
NNGP_API_END
