#include "solve/kernel_map.hpp"

#include <algorithm>

#include "nngp/error.hpp"
#include "solve/lapack.hpp"
#include "solve/random_order.hpp"

namespace nngp {
namespace {

constexpr std::size_t tile_edge = 2048;

Eigen::Index index(std::size_t i) { return static_cast<Eigen::Index>(i); }

/// Pairs of positions of a pair of examples, over all layers, up to which entries may be computed
/// again: about 0.1 ms.
constexpr std::size_t max_recomputed = 20'000;

template <class Real>
std::size_t pairs_of_positions(const KernelOperator<Real>& kernels) {
  std::size_t pairs = 0;
  for (const LayerWork& layer : kernels.work()) pairs += layer.pairs;
  return pairs;
}

template <class Real>
KernelOutput<Real> output(Get which, Real* to, std::size_t ld) {
  return which == Get::nngp ? KernelOutput<Real>{to, nullptr, ld} : KernelOutput<Real>{nullptr, to, ld};
}

}  // namespace

template <class Real>
void compute_kernel(const KernelOperator<Real>& kernels, Get which, const KernelWindow& window,
                    MatrixMap<double> out, const KernelOptions& options) {
  if constexpr (std::is_same_v<Real, double>) {
    kernels.compute(window, output(which, out.data(), static_cast<std::size_t>(out.outerStride())),
                    options);
  } else {
    // In strips, so that the memory is that of the result.
    constexpr std::size_t strip = 1024;
    OwnedMatrix<Real> part(index(std::min(strip, window.rows)), index(window.cols));
    for (std::size_t row = 0; row < window.rows; row += strip) {
      const std::size_t rows = std::min(strip, window.rows - row);
      kernels.compute({window.row + row, window.col, rows, window.cols},
                      output(which, part.data(), window.cols), options);
      out.middleRows(index(row), index(rows)) =
          part.view().topRows(index(rows)).template cast<double>();
    }
  }
}

template <class Real>
OwnedMatrix<double> kernel_matrix(const KernelOperator<Real>& kernels, Get which,
                                  const KernelWindow& window, const KernelOptions& options) {
  OwnedMatrix<double> matrix(index(window.rows), index(window.cols));
  compute_kernel(kernels, which, window, matrix.map(), options);
  return matrix;
}

template <class Real>
Eigen::VectorXd kernel_diagonal(const KernelOperator<Real>& kernels, Get which, Eigen::Index first,
                                Eigen::Index count, const KernelOptions& options) {
  constexpr Eigen::Index block = 64;
  Eigen::VectorXd diagonal(count);
  for (Eigen::Index i = 0; i < count; i += block) {
    const Eigen::Index part = std::min(block, count - i);
    const auto row = static_cast<std::size_t>(first + i), rows = static_cast<std::size_t>(part);
    diagonal.segment(i, part) =
        kernel_matrix(kernels, which, {row, row, rows, rows}, options).view().diagonal();
  }
  return diagonal;
}

template <class Real>
KernelMap<Real>::KernelMap(KernelOperator<Real> kernels, Get which, double shift, double scale,
                           std::size_t memory, const std::filesystem::path& scratch,
                           KernelOptions options)
    : kernels_(std::move(kernels)),
      which_(which),
      shift_(shift * scale),
      scale_(scale),
      options_(std::move(options)),
      edge_(std::min(tile_edge, kernels_.rows())),
      max_kept_(memory / (edge_ * edge_ * sizeof(double))),
      scratch_(scratch.empty() ? nullptr : std::make_unique<ScratchFile>(scratch)) {
  const std::size_t edges = (kernels_.rows() + edge_ - 1) / edge_;
  if (!scratch_ && edges * (edges + 1) / 2 > max_kept_ && pairs_of_positions(kernels_) > max_recomputed)
    throw DataError(
        "the kernel of images takes too long to be computed in every iteration, and does not fit into "
        "memory: name a scratch folder, where it is kept");
}

template <class Real>
template <class Use>
void KernelMap<Real>::with_tile(const Place& place, Use use) const {
  const auto found = kept_.find(place);
  if (found != kept_.end()) return use(found->second.view());
  const auto [row, col] = place;
  OwnedMatrix<double> tile(index(std::min(edge_, kernels_.rows() - row)),
                           index(std::min(edge_, kernels_.rows() - col)));
  const std::size_t bytes = static_cast<std::size_t>(tile.size()) * sizeof(double);
  const auto written = written_.find(place);
  if (written != written_.end()) {
    scratch_->read(written->second, tile.data(), bytes);
    // Iterations over tiles on disk are long, and computing is what asks for interruptions otherwise.
    if (options_.progress && !options_.progress(0, 1)) throw Interrupted("interrupted");
    return use(tile.view());
  }
  compute_kernel(
      kernels_, which_,
      {row, col, static_cast<std::size_t>(tile.rows()), static_cast<std::size_t>(tile.cols())},
      tile.map(), options_);
  if (scale_ != 1) tile.map() *= scale_;
  use(tile.view());
  if (kept_.size() < max_kept_) {
    kept_.emplace(place, std::move(tile));
  } else if (scratch_) {
    const std::size_t offset = written_.size() * edge_ * edge_ * sizeof(double);
    scratch_->write(offset, tile.data(), bytes);
    written_.emplace(place, offset);
  }
}

template <class Real>
void KernelMap<Real>::apply(MatrixMap<double> rows) const {
  OwnedMatrix<double> image(rows.rows(), rows.cols());
  MatrixMap<double> sum = image.map();
  sum = shift_ * rows;
  // Columns row ... row + count of a matrix.
  const auto part = [](MatrixMap<double> of, std::size_t col, Eigen::Index count) {
    return MatrixMap<double>(of.data() + col, of.rows(), count, Eigen::OuterStride<>(of.outerStride()));
  };
  for (std::size_t row = 0; row < kernels_.rows(); row += edge_)
    for (std::size_t col = row; col < kernels_.rows(); col += edge_)
      with_tile({row, col}, [&](const MatrixView<double>& tile) {
        lapack::multiply_transposed(1, lapack::view(part(rows, col, tile.cols())), tile, 1,
                                    part(sum, row, tile.rows()));
        if (row != col)
          lapack::multiply(1, lapack::view(part(rows, row, tile.rows())), tile, 1,
                           part(sum, col, tile.cols()));
      });
  rows = sum;
}

Nystroem::Nystroem(OwnedMatrix<double> rows, const std::vector<Eigen::Index>& landmarks, double shift,
                   double rounding)
    : factor_(std::move(rows)), shift_(shift) {
  const Eigen::Index m = factor_.rows();
  OwnedMatrix<double> small(m, m);
  small.map() = factor_.view()(Eigen::all, landmarks);
  small.map() += small.map().transpose().eval();
  small.map() *= 0.5;
  // K_mm is often singular to rounding, and 0 where all landmarks are.
  const double largest = small.view().cwiseAbs().maxCoeff();
  double jitter = rounding * static_cast<double>(m) * std::max(1.0, small.view().diagonal().mean());
  while (true) {
    OwnedMatrix<double> copy(m, m);
    copy.map() = small.view();
    copy.map().diagonal().array() += jitter;
    if (lapack::cholesky(copy.map()) == 0) {
      lapack::lower_solve_columns(copy.view(), factor_.map());
      break;
    }
    // As large as the other entries of a row together it is enough for every matrix.
    if (!(jitter < static_cast<double>(m) * largest))
      throw NotPositiveDefinite(
          "the kernel of the training inputs is far from positive definite; is it a kernel?");
    jitter *= 100;
  }
  OwnedMatrix<double> inner(m, m);
  lapack::multiply_transposed(1, factor_.view(), factor_.view(), 0, inner.map());
  inner_ = std::make_unique<Cholesky>(std::move(inner), shift);
}

void Nystroem::apply(MatrixMap<double> rows) const {
  OwnedMatrix<double> projected(rows.rows(), factor_.rows());
  lapack::multiply_transposed(1, lapack::view(rows), factor_.view(), 0, projected.map());
  inner_->apply(projected.map());
  lapack::multiply(-1, projected.view(), factor_.view(), 1, rows);
  rows /= shift_;
}

std::vector<Eigen::Index> choose_landmarks(Eigen::Index size, Eigen::Index count) {
  std::vector<Eigen::Index> chosen = random_order(size);
  chosen.resize(static_cast<std::size_t>(count));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

#define NNGP_INSTANTIATE(Real)                                                                      \
  template class KernelMap<Real>;                                                                   \
  template void compute_kernel(const KernelOperator<Real>&, Get, const KernelWindow&,               \
                               MatrixMap<double>, const KernelOptions&);                            \
  template OwnedMatrix<double> kernel_matrix(const KernelOperator<Real>&, Get, const KernelWindow&, \
                                             const KernelOptions&);                                 \
  template Eigen::VectorXd kernel_diagonal(const KernelOperator<Real>&, Get, Eigen::Index,          \
                                           Eigen::Index, const KernelOptions&);
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
