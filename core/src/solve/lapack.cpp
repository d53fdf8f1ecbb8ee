#include "solve/lapack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "nngp/error.hpp"
#include "solve/openblas.hpp"

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

/// Results other than the expected ones: a NaN came in, or the equations are beyond solving.
void check_info(int info, const char* routine) {
  if (info != 0)
    throw Error(fmt::format("{} of LAPACK failed ({}): is a kernel not finite?", routine, info));
}

void gemm(CBLAS_TRANSPOSE op_a, CBLAS_TRANSPOSE op_b, double alpha, const MatrixView<double>& a,
          const MatrixView<double>& b, double beta, MatrixMap<double> out) {
  const Eigen::Index inner = op_a == CblasNoTrans ? a.cols() : a.rows();
  if (out.size() == 0) return;
  OpenBlas::get().dgemm(CblasRowMajor, op_a, op_b, size_of(out.rows()), size_of(out.cols()),
                        size_of(inner), alpha, a.data(), stride(a), b.data(), stride(b), beta,
                        out.data(), stride(out));
}

/// Replaces x by A^-1 x, A = L L^T.
void solve(const MatrixView<double>& factor, double* x) {
  for (const CBLAS_TRANSPOSE op : {CblasNoTrans, CblasTrans})
    OpenBlas::get().dtrsv(CblasRowMajor, CblasLower, op, CblasNonUnit, size_of(factor.rows()),
                          factor.data(), stride(factor), x, 1);
}

}  // namespace

int cholesky(MatrixMap<double> matrix) {
  const int n = size_of(matrix.rows()), ld = stride(matrix);
  int info = 0;
  OpenBlas::get().dpotrf(&lower, &n, matrix.data(), &ld, &info, 1);
  if (info < 0) check_info(info, "dpotrf");
  return info;
}

void cholesky_solve(const MatrixView<double>& factor, MatrixMap<double> rows) {
  // A few are limited by reading the factor, which dtrsv does several times as fast as dpotrs.
  constexpr Eigen::Index few = 4;
  if (rows.rows() <= few) {
    for (Eigen::Index i = 0; i < rows.rows(); ++i) solve(factor, rows.data() + i * rows.outerStride());
    return;
  }
  const int n = size_of(factor.rows()), count = size_of(rows.rows()), ld = stride(factor),
            ld_rows = stride(rows);
  int info = 0;
  OpenBlas::get().dpotrs(&lower, &n, &count, factor.data(), &ld, rows.data(), &ld_rows, &info, 1);
  check_info(info, "dpotrs");
}

void lower_solve_columns(const MatrixView<double>& factor, MatrixMap<double> columns) {
  OpenBlas::get().dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit,
                        size_of(columns.rows()), size_of(columns.cols()), 1, factor.data(),
                        stride(factor), columns.data(), stride(columns));
}

double cholesky_inverse_norm(const MatrixView<double>& factor) {
  const auto n = static_cast<std::size_t>(factor.rows());
  std::vector<double> v(n), x(n);
  std::vector<int> signs(n);
  const int size = size_of(factor.rows());
  int kase = 0, state[3] = {};
  double norm = 0;
  // The matrix is its own transpose, so that both products that dlacn2 asks for are the same.
  while (true) {
    OpenBlas::get().dlacn2(&size, v.data(), x.data(), signs.data(), &norm, &kase, state);
    if (kase == 0) return norm;
    solve(factor, x.data());
  }
}

void cholesky_inverse(MatrixMap<double> factor) {
  const int n = size_of(factor.rows()), ld = stride(factor);
  int info = 0;
  OpenBlas::get().dpotri(&lower, &n, factor.data(), &ld, &info, 1);
  check_info(info, "dpotri");
}

void eigen(MatrixMap<double> matrix, double* values, bool vectors) {
  if (!matrix.allFinite()) throw Error("the kernel is not finite");
  const char job = vectors ? 'V' : 'N';
  const int n = size_of(matrix.rows()), ld = stride(matrix), ask = -1;
  int info = 0, integers = 0;
  double numbers = 0;
  OpenBlas::get().dsyevd(&job, &lower, &n, matrix.data(), &ld, values, &numbers, &ask, &integers, &ask,
                         &info, 1, 1);
  check_info(info, "dsyevd");
  const int count = size_of(static_cast<Eigen::Index>(numbers));
  const auto work = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(count));
  std::vector<int> integer_work(static_cast<std::size_t>(integers));
  OpenBlas::get().dsyevd(&job, &lower, &n, matrix.data(), &ld, values, work.get(), &count,
                         integer_work.data(), &integers, &info, 1, 1);
  check_info(info, "dsyevd");
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
