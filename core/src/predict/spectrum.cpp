#include "nngp/spectrum.hpp"

#include <limits>

#include "solve/kernel_map.hpp"

namespace nngp {

Spectrum spectrum(OwnedMatrix<double> kernel, DiagReg diag_reg, std::size_t outputs, unsigned threads) {
  const SolverThreads solver_threads(threads);
  const double shift = diag_reg.shift(kernel.view().diagonal().mean());
  const auto n = static_cast<double>(kernel.rows());
  Spectrum result;
  result.eigenvalues = eigenvalues(std::move(kernel));
  const double largest = result.eigenvalues.back(), smallest = result.eigenvalues.front();
  const double rounding = n * std::numeric_limits<double>::epsilon() * largest;  // of zeros
  result.condition_number =
      smallest > rounding ? largest / smallest : std::numeric_limits<double>::infinity();
  for (const double value : result.eigenvalues)
    if (value > rounding) result.effective_dimension += value / (value + shift);
  result.max_learning_rate = 2 * n * static_cast<double>(outputs) / largest;
  return result;
}

template <class Real>
OwnedMatrix<double> training_kernel(const KernelFn& kernel_fn, const MatrixView<Real>& x, Get which,
                                    const KernelOptions& options) {
  if (which == Get::both) throw InvalidArgument("a training kernel is one of nngp or ntk");
  return kernel_matrix(kernel_fn.bind(x, std::nullopt, options), which, options);
}

template OwnedMatrix<double> training_kernel(const KernelFn&, const MatrixView<double>&, Get,
                                             const KernelOptions&);
template OwnedMatrix<double> training_kernel(const KernelFn&, const MatrixView<float>&, Get,
                                             const KernelOptions&);

}  // namespace nngp
