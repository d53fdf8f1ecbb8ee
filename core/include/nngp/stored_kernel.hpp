#pragma once

// Kernels that are there already, as matrices: computed by another program, or not by a network at all.

#include <optional>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"

NNGP_API_BEGIN
namespace nngp {

/// The matrices as an operator, which they must outlive; with `symmetric` they are kernels of inputs
/// with themselves. Throws InvalidArgument if neither is given, and when one that is not is computed;
/// DataError if their shapes differ, or are not square but symmetric.
template <class Real>
NNGP_API KernelOperator<Real> stored_kernel(const std::optional<MatrixView<Real>>& nngp,
                                            const std::optional<MatrixView<Real>>& ntk, bool symmetric);

/// Throws DataError that names an entry unless `matrix` is square, symmetric within `tolerance` of the
/// largest entry, and without negative entries on its diagonal. Messages begin with the matrix's
/// `name`.
template <class Real>
NNGP_API void check_kernel(const MatrixView<Real>& matrix, const std::string& name, double tolerance);

}  // namespace nngp
NNGP_API_END
