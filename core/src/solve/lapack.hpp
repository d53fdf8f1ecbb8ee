#pragma once

// The BLAS and LAPACK routines that predictions use, on row-major matrices. A symmetric matrix is its
// own transpose, so that LAPACK's column-major view of it needs no copy: rows are columns there, and
// the lower triangle is the upper one.

#include "nngp/array.hpp"

namespace nngp::lapack {

inline MatrixView<double> view(const MatrixMap<double>& matrix) { return matrix; }

/// Factorises the lower triangle in place. Returns 0, or the (one-based) order of the first leading
/// minor that is not positive definite.
int cholesky(MatrixMap<double> matrix);
/// Replaces every row b of `rows` by A^-1 b, A = L L^T.
void cholesky_solve(const MatrixView<double>& factor, MatrixMap<double> rows);
/// Replaces `columns` by L^-1 columns.
void lower_solve_columns(const MatrixView<double>& factor, MatrixMap<double> columns);
/// Estimate of the 1-norm of (L L^T)^-1 (Higham's, dlacn2), as dpocon makes it, but with solves that
/// are not guarded against overflow: a third of the time.
double cholesky_inverse_norm(const MatrixView<double>& factor);
/// Replaces L by the lower triangle of (L L^T)^-1.
void cholesky_inverse(MatrixMap<double> factor);

/// Eigenvalues, increasing, into `values`; eigenvectors, one a row, in place of the matrix if wanted.
void eigen(MatrixMap<double> matrix, double* values, bool vectors);

/// out = alpha a b + beta out
void multiply(double alpha, const MatrixView<double>& a, const MatrixView<double>& b, double beta,
              MatrixMap<double> out);
/// out = alpha a b^T + beta out
void multiply_transposed(double alpha, const MatrixView<double>& a, const MatrixView<double>& b,
                         double beta, MatrixMap<double> out);
/// out = alpha a^T b + beta out
void transposed_multiply(double alpha, const MatrixView<double>& a, const MatrixView<double>& b,
                         double beta, MatrixMap<double> out);

}  // namespace nngp::lapack
