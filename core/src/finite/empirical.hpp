#pragma once

// Outputs and empirical kernels of one set of weights, computed by blocks of rows in parallel, in the
// current arena.

#include <optional>

#include "finite/network_builder.hpp"

namespace nngp {

/// The outputs of x, into `out` (x.rows() x out_dim, row-major).
template <class Real>
void empirical_outputs(const FiniteProgram& program, const Parameters<Real>& parameters,
                       const MatrixView<Real>& x, const ApplyOptions& options, Real* out);

template <class Real>
Kernels<Real> empirical_kernels(const FiniteProgram& program, const Parameters<Real>& parameters,
                                const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2,
                                Get get, const ApplyOptions& options);

/// Throws DataError unless there are rows and as many columns as the program has features.
template <class Real>
void check_input(const FiniteProgram& program, const MatrixView<Real>& x, const char* name);

}  // namespace nngp
