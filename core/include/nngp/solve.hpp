#pragma once

// Systems of equations with a kernel of training inputs: factorised by LAPACK, or solved by conjugate
// gradients where the matrix does not fit into memory. Many right-hand sides are the rows of one
// matrix, as kernels of test with training inputs come.

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/error.hpp"

NNGP_API_BEGIN
namespace nngp {

/// What is added to the diagonal of a kernel of training inputs before it is inverted.
struct DiagReg {
  double value = 0;
  bool absolute = false;  ///< false: in units of the mean of the diagonal, as in neural-tangents

  double shift(double mean_diagonal) const { return absolute ? value : value * mean_diagonal; }
};

/// A linear map of R^size to itself. Implementations may be used by one thread at a time; they
/// parallelise inside. It is all a solver needs: a map over many machines fits behind it.
class LinearMap {
 public:
  virtual ~LinearMap() = default;
  virtual Eigen::Index size() const = 0;
  /// Replaces every row of `rows` (count x size) by its image.
  virtual void apply(MatrixMap<double> rows) const = 0;
};

struct DoubleDouble;

/// Solutions of more than float64 precision.
struct RefinedSolution {
  std::shared_ptr<const DoubleDouble> values;  ///< as sums of two numbers, one solution a row
  /// Estimated errors of the values: what another step would change. Of the shape of the values.
  OwnedMatrix<double> error;
  std::size_t steps = 0;
};

/// The Cholesky factor of a symmetric matrix (LAPACK dpotrf); apply() multiplies by the inverse.
class Cholesky final : public LinearMap {
 public:
  /// Factorises `matrix` + `shift` I in the memory of `matrix`, of which both triangles must be filled.
  /// Throws NotPositiveDefinite: which rows are equal, and how large a diag_reg would do.
  Cholesky(OwnedMatrix<double> matrix, double shift);

  Eigen::Index size() const override { return matrix_.rows(); }
  void apply(MatrixMap<double> rows) const override;

  /// The same with iterative refinement: residuals are computed in twice the precision, so that
  /// solutions get their digits back as long as condition_number() is below about 1e15. A step costs as
  /// much as two passes over the matrix for each row.
  RefinedSolution refine(const MatrixView<double>& rows) const;

  double log_determinant() const;
  /// Estimate in the 1-norm (Higham's, LAPACK dlacn2): a few passes over the factor.
  double condition_number() const;
  /// The whole inverse, both triangles (LAPACK dpotri).
  OwnedMatrix<double> inverse() const;

 private:
  OwnedMatrix<double> residual(const MatrixView<double>& rows, const DoubleDouble& x) const;

  OwnedMatrix<double> matrix_;  ///< the factor in the lower triangle, the matrix above the diagonal
  Eigen::VectorXd diagonal_;    ///< of the matrix without the shift
  double shift_ = 0;
  double norm_ = 0;
};

/// Eigenvalues and eigenvectors of a symmetric matrix (LAPACK dsyevd): one factorisation for every
/// diag_reg and every training time. Needs three times the memory of the matrix while it is computed.
class Eigensystem {
 public:
  explicit Eigensystem(OwnedMatrix<double> matrix);

  Eigen::Index size() const { return vectors_.rows(); }
  const std::vector<double>& values() const { return values_; }    ///< increasing
  const OwnedMatrix<double>& vectors() const { return vectors_; }  ///< one a row
  /// Replaces every row of `rows` by its image under fn(matrix), fn a function of the eigenvalue.
  void apply(const std::function<double(double)>& fn, MatrixMap<double> rows) const;

 private:
  std::vector<double> values_;
  OwnedMatrix<double> vectors_;
};

/// Preconditioned conjugate gradients, all right-hand sides in step; apply() multiplies by the inverse.
class ConjugateGradients final : public LinearMap {
 public:
  struct Options {
    double tolerance = 1e-10;       ///< of the residual, relative to the right-hand side
    std::size_t iterations = 1000;  ///< at most
    /// Called after each iteration with its number and the largest relative residual. Returning false
    /// stops the computation, which then throws Interrupted.
    std::function<bool(std::size_t iteration, double residual)> progress = {};
  };
  struct Report {
    std::size_t iterations = 0;  ///< of all calls of apply()
    double residual = 0;         ///< the largest relative one, at the end of a call, as it truly is
  };

  /// `matrix` must be symmetric and positive definite, and `preconditioner`, near its inverse, too.
  ConjugateGradients(std::unique_ptr<const LinearMap> matrix,
                     std::unique_ptr<const LinearMap> preconditioner, Options options);

  Eigen::Index size() const override { return matrix_->size(); }
  /// Throws NumericalError if the tolerance is not reached, NotPositiveDefinite.
  void apply(MatrixMap<double> rows) const override;
  Report report() const { return report_; }

 private:
  void solve(MatrixMap<double> rows) const;

  std::unique_ptr<const LinearMap> matrix_, preconditioner_;
  Options options_;
  mutable Report report_;
};

/// While it lives, equations are solved by at most `threads` threads, by as many as the process may use
/// for 0; never by more than OPENBLAS_NUM_THREADS or OMP_NUM_THREADS say, nor than there is address
/// space for. Ensemble makes one of its own of options.compute.threads. The number is OpenBLAS's for
/// the whole process: of several objects at a time the smallest number counts. After the last one
/// it is again what the program had set before; if it had set none, it is as for 0 where equations are
/// next solved.
class SolverThreads {
 public:
  explicit SolverThreads(unsigned threads);
  ~SolverThreads();
  SolverThreads(const SolverThreads&) = delete;
  SolverThreads& operator=(const SolverThreads&) = delete;

 private:
  unsigned threads_;
};
/// How many threads solve equations now, or will when OpenBLAS is first needed.
unsigned solver_threads();

/// Eigenvalues of a symmetric matrix alone, increasing.
std::vector<double> eigenvalues(OwnedMatrix<double> matrix);

}  // namespace nngp
NNGP_API_END
