#include "nngp/stored_kernel.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

template <class Real>
class StoredKernel final : public KernelSource<Real> {
  using Matrices = std::optional<MatrixView<Real>>;

 public:
  StoredKernel(const Matrices& nngp, const Matrices& ntk, bool symmetric)
      : nngp_(nngp), ntk_(ntk), symmetric_(symmetric) {
    if (!nngp && !ntk) throw InvalidArgument("a stored kernel needs a matrix");
    if (nngp && ntk && (nngp->rows() != ntk->rows() || nngp->cols() != ntk->cols()))
      throw DataError(
          fmt::format("the NNGP is {} x {} and the NTK {} x {}; both must be of the same inputs",
                      nngp->rows(), nngp->cols(), ntk->rows(), ntk->cols()));
    if (symmetric && any().rows() != any().cols())
      throw DataError(fmt::format("the kernel is {} x {}: one of inputs with themselves is square",
                                  any().rows(), any().cols()));
  }

  std::size_t rows() const override { return static_cast<std::size_t>(any().rows()); }
  std::size_t cols() const override { return static_cast<std::size_t>(any().cols()); }
  bool symmetric() const override { return symmetric_; }
  const std::vector<NumericalLayer>& numerical_layers() const override { return none_; }

  void compute(const KernelWindow& window, const KernelOutput<Real>& out,
               const KernelOptions& options) const override {
    const std::size_t entries = window.rows * window.cols;
    if (options.progress && !options.progress(0, entries)) throw Interrupted("interrupted");
    copy(nngp_, "NNGP", window, out.nngp, out.ld);
    copy(ntk_, "NTK", window, out.ntk, out.ld);
    if (options.progress && !options.progress(entries, entries)) throw Interrupted("interrupted");
  }

 private:
  const MatrixView<Real>& any() const { return nngp_ ? *nngp_ : *ntk_; }

  static void copy(const Matrices& matrix, const char* name, const KernelWindow& window, Real* out,
                   std::size_t ld) {
    if (!out) return;
    if (!matrix) throw InvalidArgument(fmt::format("the {} was not given", name));
    const auto row = static_cast<Eigen::Index>(window.row), col = static_cast<Eigen::Index>(window.col),
               rows = static_cast<Eigen::Index>(window.rows),
               cols = static_cast<Eigen::Index>(window.cols);
    MatrixMap<Real>(out, rows, cols, Eigen::OuterStride<>(static_cast<Eigen::Index>(ld))) =
        matrix->block(row, col, rows, cols);
  }

  Matrices nngp_, ntk_;
  bool symmetric_;
  std::vector<NumericalLayer> none_;
};

}  // namespace

template <class Real>
KernelOperator<Real> stored_kernel(const std::optional<MatrixView<Real>>& nngp,
                                   const std::optional<MatrixView<Real>>& ntk, bool symmetric) {
  return KernelOperator<Real>(std::make_shared<const StoredKernel<Real>>(nngp, ntk, symmetric));
}

template <class Real>
void check_kernel(const MatrixView<Real>& matrix, const std::string& name, double tolerance) {
  const auto fail = [&](const std::string& why) { throw DataError("'" + name + "' " + why); };
  if (matrix.rows() != matrix.cols())
    fail(fmt::format("is {} x {}: a kernel of inputs with themselves is square", matrix.rows(),
                     matrix.cols()));
  constexpr Eigen::Index block = 64;
  const Eigen::Index n = matrix.rows();
  const double allowed = tolerance * static_cast<double>(matrix.cwiseAbs().maxCoeff());
  for (Eigen::Index i = 0; i < n; ++i)
    if (matrix(i, i) < 0)
      fail(fmt::format(
          "is no kernel: row {0}, column {0} (counted from 0) is {1}, but variances are not negative",
          i, format_number(matrix(i, i))));
  for (Eigen::Index row = 0; row < n; row += block)
    for (Eigen::Index col = 0; col <= row; col += block)
      for (Eigen::Index i = row; i < std::min(n, row + block); ++i)
        for (Eigen::Index j = col; j < std::min(i, col + block); ++j)
          if (!(std::abs(matrix(i, j) - matrix(j, i)) <= allowed))
            fail(
                fmt::format("is not symmetric: row {0}, column {1} (counted from 0) is {2}, but row "
                            "{1}, column {0} is {3}",
                            j, i, format_number(matrix(j, i)), format_number(matrix(i, j))));
}

#define NNGP_INSTANTIATE(Real)                                                               \
  template KernelOperator<Real> stored_kernel(const std::optional<MatrixView<Real>>&,        \
                                              const std::optional<MatrixView<Real>>&, bool); \
  template void check_kernel(const MatrixView<Real>&, const std::string&, double);
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
