#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/inexact.hpp"
#include "nngp/sites.hpp"
#include "nngp/stax.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Which kernels to compute, by the name of the argument of a kernel_fn of neural-tangents.
enum class Get { nngp, ntk, both };

struct KernelOptions {
  unsigned threads = 0;  ///< 0: as many as the process may use; results do not depend on it
  /// Called now and then, by one thread at a time, with how many entries are finished, and of how many:
  /// of entries that take long, as those of large images do, parts are counted. Returning false stops
  /// the computation, which then throws Interrupted.
  std::function<bool(double done, double total)> progress = {};
  /// Layers that are integrated with a larger relative error make `bind` throw InexactError. Up to a
  /// layer's own tolerance none is refused.
  double allowed_error = 1e-3;
};

/// Kernels of (x1, x2), n1 x n2; a matrix that was not asked for is empty.
template <class Real>
struct Kernels {
  OwnedMatrix<Real> nngp;
  OwnedMatrix<Real> ntk;
};

/// A rectangle of kernel entries.
struct KernelWindow {
  std::size_t row, col, rows, cols;
};

/// Where a window of results goes: row-major, `ld` elements from row to row; null: not wanted.
template <class Real>
struct KernelOutput {
  Real* nngp = nullptr;
  Real* ntk = nullptr;
  std::size_t ld = 0;
};

/// How a layer without a closed form was computed.
struct NumericalLayer {
  std::string activation;  ///< as a model writes it
  double tolerance;        ///< of the errors: the one asked for, in float32 3e-6 at the least
  Inexactness error;       ///< estimated bounds
  std::vector<nngp_breakpoint> breakpoints;  ///< declared by the plugin or detected
  std::size_t calls;                         ///< how often fn was called
  double seconds;                            ///< what preparation took
};

/// What a layer costs: of a pair of examples, the pairs of positions whose covariances are computed
/// behind it, and how many there are.
struct LayerWork {
  std::string layer;
  std::size_t pairs, of;
};

/// What a KernelOperator computes with: a network bound to its inputs, or matrices that are there
/// already (nngp/stored_kernel.hpp). Usable by several threads at once.
template <class Real>
class KernelSource {
 public:
  virtual ~KernelSource() = default;
  virtual std::size_t rows() const = 0;
  virtual std::size_t cols() const = 0;
  virtual bool symmetric() const = 0;
  virtual const std::vector<NumericalLayer>& numerical_layers() const = 0;
  /// Of the layers of a network in order; none for matrices.
  virtual std::vector<LayerWork> work() const { return {}; }
  /// Bytes that a thread needs beside the results.
  virtual std::size_t bytes_per_thread() const { return 0; }
  virtual void compute(const KernelWindow& window, const KernelOutput<Real>& out,
                       const KernelOptions& options) const = 0;
};

/// The kernels of two sets of inputs as an operator: nothing of size n1 x n2 is stored, any window can
/// be computed when it is needed. A cheap value to copy; refers to the inputs, which must outlive it.
template <class Real>
class KernelOperator {
 public:
  explicit KernelOperator(std::shared_ptr<const KernelSource<Real>> source)
      : source_(std::move(source)) {}

  std::size_t rows() const { return source_->rows(); }
  std::size_t cols() const { return source_->cols(); }
  /// True for the kernels of inputs with themselves: entries (i, j) and (j, i) are equal.
  bool symmetric() const { return source_->symmetric(); }
  /// The layers that are integrated numerically, in order.
  const std::vector<NumericalLayer>& numerical_layers() const { return source_->numerical_layers(); }

  /// What the layers of a network compute for a pair of examples; none for matrices.
  std::vector<LayerWork> work() const { return source_->work(); }
  /// Bytes that each thread of compute() needs beside the results.
  std::size_t bytes_per_thread() const { return source_->bytes_per_thread(); }

  /// Computes one window. A window on the diagonal of a symmetric operator (row = col, rows = cols) is
  /// computed as one triangle and mirrored. Throws InvalidArgument for a window that is not within
  /// rows() x cols() or an out.ld below its columns, DataError if an entry is NaN or infinite.
  void compute(const KernelWindow& window, const KernelOutput<Real>& out,
               const KernelOptions& options = {}) const;

 private:
  std::shared_ptr<const KernelSource<Real>> source_;
};

/// The kernel function of a network (arXiv 1912.02803): from inputs, one example a row, to the NNGP
/// and NTK of its output at infinite width. A value to copy; usable by several threads at once.
class KernelFn {
 public:
  /// `sites` are the positions of an example, {32, 32} for images: its row holds the channels of one
  /// after the other. Throws ModelError if the layers do not fit together (a non-linearity on
  /// non-Gaussian input, ...), NotImplemented if an activation has neither nngp_fn nor fn.
  explicit KernelFn(Layer network, Sites sites = {});

  /// The kernels of x1 with itself, exactly symmetric, or of x1 with x2; matrices of Eigen are inputs
  /// too. Throws DataError for empty inputs, differing numbers of features, or kernels that are not
  /// finite.
  Kernels<double> operator()(const MatrixView<double>& x1, Get get = Get::both,
                             const KernelOptions& options = {}) const {
    return compute<double>(x1, std::nullopt, get, options);
  }
  Kernels<double> operator()(const MatrixView<double>& x1, const MatrixView<double>& x2,
                             Get get = Get::both, const KernelOptions& options = {}) const {
    return compute<double>(x1, x2, get, options);
  }
  Kernels<float> operator()(const MatrixView<float>& x1, Get get = Get::both,
                            const KernelOptions& options = {}) const {
    return compute<float>(x1, std::nullopt, get, options);
  }
  Kernels<float> operator()(const MatrixView<float>& x1, const MatrixView<float>& x2,
                            Get get = Get::both, const KernelOptions& options = {}) const {
    return compute<float>(x1, x2, get, options);
  }
  /// The same for those who may have an x2.
  template <class Real>
  Kernels<Real> operator()(
      const MatrixView<Real>& x1,
      const std::optional<std::type_identity_t<MatrixView<Real>>>& x2 = std::nullopt,
      Get get = Get::both, const KernelOptions& options = {}) const {
    return compute<Real>(x1, x2, get, options);
  }

  /// Binds the network to inputs: propagates the variances of all rows, computes no kernel yet. Throws
  /// DataError as above, InexactError if a layer that is integrated is hardly known for them.
  KernelOperator<double> bind(const MatrixView<double>& x1, const KernelOptions& options = {}) const {
    return bind<double>(x1, std::nullopt, options);
  }
  KernelOperator<double> bind(const MatrixView<double>& x1, const MatrixView<double>& x2,
                              const KernelOptions& options = {}) const {
    return bind<double>(x1, std::optional(x2), options);
  }
  KernelOperator<float> bind(const MatrixView<float>& x1, const KernelOptions& options = {}) const {
    return bind<float>(x1, std::nullopt, options);
  }
  KernelOperator<float> bind(const MatrixView<float>& x1, const MatrixView<float>& x2,
                             const KernelOptions& options = {}) const {
    return bind<float>(x1, std::optional(x2), options);
  }
  template <class Real>
  KernelOperator<Real> bind(
      const MatrixView<Real>& x1,
      const std::optional<std::type_identity_t<MatrixView<Real>>>& x2 = std::nullopt,
      const KernelOptions& options = {}) const;

 private:
  template <class Real>
  Kernels<Real> compute(const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2, Get get,
                        const KernelOptions& options) const;

  Layer network_;
  Sites sites_;
};

/// The instruction set that kernels are computed with on this machine, as instruction_sets() names it.
const char* instruction_set();

}  // namespace nngp
NNGP_API_END
