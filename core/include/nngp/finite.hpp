#pragma once

// Networks of finite width, as init_fn and apply_fn of neural_tangents.stax: sampled weights, outputs,
// and the kernels of one sampled network.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "nngp/api.hpp"
#include "nngp/array.hpp"
#include "nngp/kernel.hpp"
#include "nngp/sites.hpp"
#include "nngp/stax.hpp"

NNGP_API_BEGIN
namespace nngp {

/// Identifies one sampled network: the two numbers determine every random number in it, on any number
/// of threads. Random numbers come from the counter-based generator Philox4x64-10 (J. Salmon et al.,
/// Parallel random numbers: as easy as 1, 2, 3, SC'11) with the key (seed, sample) and the counter (i /
/// 4, row, dense or dropout layer, purpose): number i of W in row order or of b (row 0), or unit i of
/// the dropout mask of an input's row. Four words make four normals by the method of Box and Muller.
/// The numbers of float32 networks are those of float64 ones, rounded.
struct SampleKey {
  std::uint64_t seed = 0;
  std::uint64_t sample = 0;
};

/// The weights of one layer: Dense, or a convolution, whose n_in are the channels of all taps of its
/// filter: the last axis of the filter fastest, channels within. ConvLocal has weights for each
/// position, one after the other: W is (positions n_in) x n_out, b is 1 x (positions n_out). In the ntk
/// parameterization all are N(0, 1) and the layer computes W_std / sqrt(n_in) x W + b_std b; in the
/// standard one W ~ N(0, W_std^2 s[0] / n_in), b ~ N(0, b_std^2) and it computes x W / sqrt(s[0]) + b
/// (arXiv 2001.07301).
template <class Real>
struct DenseParameters {
  OwnedMatrix<Real> W;  ///< n_in x n_out
  OwnedMatrix<Real> b;  ///< 1 x n_out; empty: no bias
};

/// The weights of a network: its layers with weights in order, branch after branch.
template <class Real>
using Parameters = std::vector<DenseParameters<Real>>;

struct ApplyOptions {
  SampleKey masks = {};         ///< what dropout masks are drawn from
  std::uint64_t first_row = 0;  ///< the number of the first row: each row has its own dropout masks
  unsigned threads = 0;         ///< 0: as many as the process may use; results do not depend on it
  /// Asked now and then, by any thread. False stops the computation, which then throws Interrupted.
  std::function<bool()> keep_going = {};
};

/// The positions that the outputs of layers have: none behind Flatten() or a global pooling, which a
/// FiniteNetwork needs. Throws as its constructor does.
Sites output_sites(const Layer& network, std::size_t features, const Sites& sites);

/// A network with the widths that its Dense layers name. A value to copy, usable by several threads.
class FiniteNetwork {
 public:
  /// `features` is the number of columns of the inputs, `sites` are the positions of an example, as of
  /// KernelFn: a row holds the channels of one after the other. Throws ModelError if the layers do not
  /// fit together (non-Gaussian inputs of an activation are allowed here), DataError if `features` is
  /// no multiple of the positions, NotImplemented if an activation has no fn.
  FiniteNetwork(const Layer& network, std::size_t features, const Sites& sites = {});

  std::size_t features() const;
  std::size_t out_dim() const;
  /// The number of weights and biases.
  std::size_t parameter_count() const;

  /// Samples the weights (init_fn).
  template <class Real>
  Parameters<Real> init(const SampleKey& key, unsigned threads = 0) const;

  /// The outputs for the rows of x, n x out_dim (apply_fn). Dropout(rate) keeps a unit with probability
  /// `rate` and divides it by `rate`. Rows may be computed in any batches: a row's outputs are the same
  /// to the last bit. Throws DataError for inputs or parameters of the wrong shape or an output that is
  /// not finite, NumericalError where fn is not.
  template <class Real>
  OwnedMatrix<Real> apply(const Parameters<Real>& parameters,
                          const std::type_identity_t<MatrixView<Real>>& x,
                          const ApplyOptions& options = {}) const;

  /// The kernels of the network with these weights (neural_tangents.empirical_kernel_fn): NNGP =
  /// mean over outputs o of f_o(x1) f_o(x2), NTK = mean over o of the inner product of the gradients of
  /// f_o(x1) and f_o(x2) in all weights. By structured derivatives (R. Novak et al., arXiv 2206.08720):
  /// a Dense layer adds the inner products of its inputs times those of the derivatives by its outputs,
  /// which back-propagation gives; the gradients by the weights of a convolution at many positions are
  /// formed in parts. No Jacobian is kept. The rows of x2 are numbered after those of
  /// x1. Without x2 the kernels of x1 with itself, exactly symmetric. Memory: the values and
  /// derivatives of all units for all rows. Throws as apply() does.
  template <class Real>
  Kernels<Real> kernels(const Parameters<Real>& parameters,
                        const std::type_identity_t<MatrixView<Real>>& x1,
                        const std::optional<std::type_identity_t<MatrixView<Real>>>& x2 = std::nullopt,
                        Get get = Get::both, const ApplyOptions& options = {}) const;

 private:
  std::shared_ptr<const struct FiniteProgram> program_;
};

/// The network with `width` units in every hidden Dense layer: in all behind which every path to the
/// output meets a further Dense layer. The others set the width of the output, which stays.
Layer with_hidden_width(const Layer& network, std::size_t width);

}  // namespace nngp
NNGP_API_END
