#include "solve/lapack.hpp"

#include <cblas.h>
#include <fmt/format.h>
#include <lapacke.h>

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include "nngp/error.hpp"

namespace nngp::lapack {
namespace {

// The row-major lower triangle, as LAPACK sees it.
constexpr char lower = 'U';

int size_of(Eigen::Index n) {
  if (n > std::numeric_limits<int>::max())
    throw Error(fmt::format("a matrix of {} rows is too large for LAPACK", n));
  return static_cast<int>(n);
}

int stride(const MatrixView<double>& matrix) {
  return size_of(std::max<Eigen::Index>(1, matrix.outerStride()));
}
int stride(const MatrixMap<double>& matrix) {
  return size_of(std::max<Eigen::Index>(1, matrix.outerStride()));
}

/// LAPACKE's results other than the expected ones: memory ran out, or a NaN came in.
void check(int info, const char* routine) {
  if (info == LAPACK_WORK_MEMORY_ERROR) throw std::bad_alloc();
  if (info != 0)
    throw Error(fmt::format("{} of LAPACK failed ({}): is a kernel not finite?", routine, info));
}

void gemm(CBLAS_TRANSPOSE op_a, CBLAS_TRANSPOSE op_b, double alpha, const MatrixView<double>& a,
          const MatrixView<double>& b, double beta, MatrixMap<double> out) {
  const Eigen::Index inner = op_a == CblasNoTrans ? a.cols() : a.rows();
  if (out.size() == 0) return;
  cblas_dgemm(CblasRowMajor, op_a, op_b, size_of(out.rows()), size_of(out.cols()), size_of(inner),
              alpha, a.data(), stride(a), b.data(), stride(b), beta, out.data(), stride(out));
}

/// Replaces x by A^-1 x, A = L L^T.
void solve(const MatrixView<double>& factor, double* x) {
  for (const CBLAS_TRANSPOSE op : {CblasNoTrans, CblasTrans})
    cblas_dtrsv(CblasRowMajor, CblasLower, op, CblasNonUnit, size_of(factor.rows()), factor.data(),
                stride(factor), x, 1);
}

}  // namespace

int cholesky(MatrixMap<double> matrix) {
  // Without LAPACKE's search for NaN, a pass over the matrix: the caller has looked.
  const int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, lower, size_of(matrix.rows()), matrix.data(),
                                       stride(matrix));
  if (info < 0) check(info, "dpotrf");
  return info;
}

void cholesky_solve(const MatrixView<double>& factor, MatrixMap<double> rows) {
  // A few are limited by reading the factor, which dtrsv does several times as fast as dpotrs.
  constexpr Eigen::Index few = 4;
  if (rows.rows() <= few) {
    for (Eigen::Index i = 0; i < rows.rows(); ++i) solve(factor, rows.data() + i * rows.outerStride());
    return;
  }
  check(LAPACKE_dpotrs(LAPACK_COL_MAJOR, lower, size_of(factor.rows()), size_of(rows.rows()),
                       factor.data(), stride(factor), rows.data(), stride(rows)),
        "dpotrs");
}

void lower_solve_columns(const MatrixView<double>& factor, MatrixMap<double> columns) {
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, size_of(columns.rows()),
              size_of(columns.cols()), 1, factor.data(), stride(factor), columns.data(),
              stride(columns));
}

double cholesky_inverse_norm(const MatrixView<double>& factor) {
  const auto n = static_cast<std::size_t>(factor.rows());
  std::vector<double> v(n), x(n);
  std::vector<lapack_int> signs(n);
  lapack_int kase = 0, state[3] = {};
  double norm = 0;
  // The matrix is its own transpose, so that both products that dlacn2 asks for are the same.
  while (true) {
    LAPACKE_dlacn2_work(size_of(factor.rows()), v.data(), x.data(), signs.data(), &norm, &kase, state);
    if (kase == 0) return norm;
    solve(factor, x.data());
  }
}

void cholesky_inverse(MatrixMap<double> factor) {
  check(LAPACKE_dpotri(LAPACK_COL_MAJOR, lower, size_of(factor.rows()), factor.data(), stride(factor)),
        "dpotri");
}

void eigen(MatrixMap<double> matrix, double* values, bool vectors) {
  check(LAPACKE_dsyevd(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', lower, size_of(matrix.rows()),
                       matrix.data(), stride(matrix), values),
        "dsyevd");
}

void multiply(double alpha, const MatrixView<double>& a, const MatrixView<double>& b, double beta,
              MatrixMap<double> out) {
  gemm(CblasNoTrans, CblasNoTrans, alpha, a, b, beta, out);
}

void multiply_transposed(double alpha, const MatrixView<double>& a, const MatrixView<double>& b,
                         double beta, MatrixMap<double> out) {
  gemm(CblasNoTrans, CblasTrans, alpha, a, b, beta, out);
}

void transposed_multiply(double alpha, const MatrixView<double>& a, const MatrixView<double>& b,
                         double beta, MatrixMap<double> out) {
  gemm(CblasTrans, CblasNoTrans, alpha, a, b, beta, out);
}

}  // namespace nngp::lapack
