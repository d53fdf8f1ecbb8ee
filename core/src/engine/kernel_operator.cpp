#include "nngp/kernel.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "engine/tile_engine.hpp"
#include "nngp/error.hpp"
#include "simd/arena.hpp"

namespace nngp {
namespace {

/// One computation of a window: its tiles, spread over threads.
template <class Real>
class Computation {
  static constexpr std::size_t tile_rows = TileEngine<Real>::tile_rows;
  static constexpr std::size_t tile_cols = TileEngine<Real>::tile_cols;

 public:
  Computation(const TileEngine<Real>& engine, const Window& window, const Output<Real>& out,
              const KernelOptions& options)
      : engine_(engine),
        window_(window),
        out_(out),
        options_(options),
        mirrored_(engine.symmetric() && window.row == window.col && window.rows == window.cols) {}

  void run() {
    // A task is a column of tiles: x2 is packed once for it. Enough tasks for the threads to share
    // evenly.
    const std::size_t strips = (window_.cols + tile_cols - 1) / tile_cols;
    const std::size_t tiles = (window_.rows + tile_rows - 1) / tile_rows;
    const std::size_t tiles_per_task = std::clamp<std::size_t>(strips * tiles / 128, 1, 8);
    const std::size_t chunks = (tiles + tiles_per_task - 1) / tiles_per_task;
    const std::size_t rows_per_task = tiles_per_task * tile_rows;
    total_ = mirrored_ ? window_.rows * (window_.rows + 1) / 2 : window_.rows * window_.cols;

    arena(options_.threads).execute([&] {
      oneapi::tbb::parallel_for(
          std::size_t{0}, strips * chunks,
          [&](std::size_t task) {
            const std::size_t col = task / chunks * tile_cols;
            const std::size_t row = task % chunks * rows_per_task;
            strip(col, std::min(tile_cols, window_.cols - col), row,
                  std::min(row + rows_per_task, window_.rows));
          },
          oneapi::tbb::simple_partitioner());
    });
  }

 private:
  /// Tiles from row to last_row at columns col ... col + cols (within the window).
  void strip(std::size_t col, std::size_t cols, std::size_t row, std::size_t last_row) {
    Workspace<Real>& work = workspaces_.local();
    if (mirrored_) last_row = std::min(last_row, col + cols);
    std::size_t done = 0;
    for (; row < last_row; row += tile_rows) {
      const std::size_t rows = std::min(tile_rows, last_row - row);
      done +=
          mirrored_ ? tile_and_mirror(row, rows, col, cols, work) : tile(row, rows, col, cols, work);
    }
    report(done);
  }

  std::size_t tile(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                   Workspace<Real>& work) {
    const Block<Real> to = results(row, col);
    typename TileOf<Real>::output output{};
    output.struct_size = sizeof output;
    output.nngp = to.k;
    output.ntk = to.t;
    output.ld = out_.ld;
    const Operand& result = engine_.evaluate(at(row, rows, col, cols), work, &output);
    for (std::size_t i = 0; i < rows; ++i)
      if (!output.taken)
        write_row(result.pending, entry(engine_.block(work, result.slot), i, 0), row + i, col, cols);
      else if (output.not_finite)
        check_row(row + i, col, cols);
    return rows * cols;
  }

  /// The part of a tile on and above the diagonal, and its mirror image.
  std::size_t tile_and_mirror(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                              Workspace<Real>& work) {
    const Operand& result = engine_.evaluate(at(row, rows, col, cols), work);
    const Block<Real> tile = engine_.block(work, result.slot);
    std::size_t written = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t skip = row + i > col ? row + i - col : 0;
      if (skip >= cols) continue;
      write_row(result.pending, entry(tile, i, skip), row + i, col + skip, cols - skip);
      written += cols - skip;
    }
    const Block<Real> flipped{work.flipped_k.data(), tile.t ? work.flipped_t.data() : nullptr};
    ops_.transpose(tile.k, rows, cols, tile_cols, flipped.k, tile_rows);
    if (tile.t) ops_.transpose(tile.t, rows, cols, tile_cols, flipped.t, tile_rows);
    for (std::size_t j = 0; j < cols; ++j) {
      if (col + j <= row) continue;
      const std::size_t above = std::min(rows, col + j - row);
      const Block<Real> from{flipped.k + j * tile_rows,
                             flipped.t ? flipped.t + j * tile_rows : nullptr};
      write_row(result.pending, from, col + j, row, above);
    }
    return written;
  }

  void write_row(const Affine& pending, const Block<Real>& from, std::size_t row, std::size_t col,
                 std::size_t cols) {
    if (!ops_.write_row(pending, from, results(row, col), cols)) check_row(row, col, cols);
  }

  /// Throws if a result is not finite.
  void check_row(std::size_t row, std::size_t col, std::size_t cols) {
    const Block<Real> written = results(row, col);
    const auto finite = [](const Real* entry) { return !entry || std::isfinite(*entry); };
    for (std::size_t j = 0; j < cols; ++j) {
      if (finite(written.k ? written.k + j : nullptr) && finite(written.t ? written.t + j : nullptr))
        continue;
      const std::size_t row1 = window_.row + row, row2 = window_.col + col + j;
      throw DataError(
          fmt::format("the kernel of rows {} and {} (counted from 0) is not finite from {} on: scale "
                      "the data or W_std so "
                      "that it stays in range, or use --dtype float64",
                      row1, row2, engine_.explain_not_finite(row1, row2)));
    }
  }

  Block<Real> results(std::size_t row, std::size_t col) const {
    const std::size_t offset = row * out_.ld + col;
    return {out_.nngp ? out_.nngp + offset : nullptr, out_.ntk ? out_.ntk + offset : nullptr};
  }

  void report(std::size_t done) {
    done_ += done;
    if (!options_.progress) return;
    const std::unique_lock lock(progress_, std::try_to_lock);
    if (!lock || stopped_) return;
    stopped_ = !options_.progress(done_, total_);
    if (stopped_) throw Interrupted("interrupted");
  }

  /// A tile of the window, among all tiles.
  TileAt at(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols) const {
    return {window_.row + row, rows, window_.col + col, cols, out_.ntk != nullptr};
  }
  static Block<Real> entry(const Block<Real>& tile, std::size_t i, std::size_t j) {
    const std::size_t offset = i * tile_cols + j;
    return {tile.k + offset, tile.t ? tile.t + offset : nullptr};
  }

  const TileEngine<Real>& engine_;
  const Window window_;
  const Output<Real> out_;
  const KernelOptions& options_;
  const bool mirrored_;
  const TileOps<Real>& ops_ = tile_ops<Real>();
  oneapi::tbb::enumerable_thread_specific<Workspace<Real>> workspaces_{
      [this] { return engine_.workspace(); }};
  std::size_t total_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::mutex progress_;  ///< guards stopped_ and calls of options_.progress
  bool stopped_ = false;
};

/// A network bound to its inputs.
template <class Real>
class NetworkKernels final : public KernelSource<Real> {
 public:
  explicit NetworkKernels(std::unique_ptr<const TileEngine<Real>> engine)
      : engine_(std::move(engine)) {}

  std::size_t rows() const override { return engine_->rows(); }
  std::size_t cols() const override { return engine_->cols(); }
  bool symmetric() const override { return engine_->symmetric(); }
  const std::vector<NumericalLayer>& numerical_layers() const override {
    return engine_->numerical_layers();
  }
  void compute(const Window& window, const Output<Real>& out,
               const KernelOptions& options) const override {
    Computation<Real>(*engine_, window, out, options).run();
  }

 private:
  std::unique_ptr<const TileEngine<Real>> engine_;
};

template <class Real>
void check(const MatrixView<Real>& x, const char* name) {
  if (x.rows() == 0 || x.cols() == 0)
    throw DataError(fmt::format("{} is empty ({} rows, {} columns)", name, x.rows(), x.cols()));
}

}  // namespace

KernelFn::KernelFn(Layer network) : network_(std::move(network)) { compile_kernel(network_, 1); }

template <class Real>
KernelOperator<Real> KernelFn::bind(const MatrixView<Real>& x1,
                                    const std::optional<std::type_identity_t<MatrixView<Real>>>& x2,
                                    const KernelOptions& options) const {
  check(x1, "x1");
  if (x2) {
    check(*x2, "x2");
    if (x1.cols() != x2->cols())
      throw DataError(fmt::format("x1 has {} features (columns) and x2 has {}; they must agree",
                                  x1.cols(), x2->cols()));
  }
  return arena(options.threads).execute([&] {
    auto engine = std::make_unique<const TileEngine<Real>>(
        compile_kernel(network_, static_cast<std::size_t>(x1.cols())), x1, x2);
    for (const NumericalLayer& layer : engine->numerical_layers())
      refuse_inexact(layer.activation, layer.error, std::max(options.allowed_error, layer.tolerance));
    return KernelOperator<Real>(std::make_shared<const NetworkKernels<Real>>(std::move(engine)));
  });
}

template <class Real>
Kernels<Real> KernelFn::compute(const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2,
                                Get get, const KernelOptions& options) const {
  const KernelOperator<Real> op = bind(x1, x2, options);
  const auto rows = static_cast<Eigen::Index>(op.rows()), cols = static_cast<Eigen::Index>(op.cols());
  Kernels<Real> kernels;
  Output<Real> out{.ld = op.cols()};
  if (get != Get::ntk) {
    kernels.nngp = KernelMatrix<Real>(rows, cols);
    out.nngp = kernels.nngp.data();
  }
  if (get != Get::nngp) {
    kernels.ntk = KernelMatrix<Real>(rows, cols);
    out.ntk = kernels.ntk.data();
  }
  op.compute({0, 0, op.rows(), op.cols()}, out, options);
  return kernels;
}

#define NNGP_INSTANTIATE(Real)                                                                    \
  template class KernelOperator<Real>;                                                            \
  template Kernels<Real> KernelFn::compute(                                                       \
      const MatrixView<Real>&, const std::optional<MatrixView<Real>>&, Get, const KernelOptions&) \
      const;                                                                                      \
  template KernelOperator<Real> KernelFn::bind(                                                   \
      const MatrixView<Real>&, const std::optional<std::type_identity_t<MatrixView<Real>>>&,      \
      const KernelOptions&) const;
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
