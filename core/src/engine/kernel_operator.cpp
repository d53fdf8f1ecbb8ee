#include "nngp/kernel.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/enumerable_thread_specific.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include "engine/tile_engine.hpp"
#include "nngp/error.hpp"
#include "parallel.hpp"

namespace nngp {
namespace {

/// One computation of a window: its tiles, spread over threads.
template <class Real>
class Computation {
 public:
  Computation(const TileEngine<Real>& engine, const KernelWindow& window, const KernelOutput<Real>& out,
              const KernelOptions& options)
      : engine_(engine),
        window_(window),
        out_(out),
        options_(options),
        mirrored_(engine.symmetric() && window.row == window.col && window.rows == window.cols),
        shape_(engine.shape()) {}

  void run() {
    // A task is a column of tiles: x2 is packed once for it. Enough tasks for the threads to share
    // evenly; tiles of many sites may need to be smaller for that.
    const std::size_t tile_cols = shape_.cols;
    if (engine_.is_spatial()) share_rows();
    const std::size_t tile_rows = shape_.rows;
    const std::size_t strips = (window_.cols + tile_cols - 1) / tile_cols;
    const std::size_t tiles = (window_.rows + tile_rows - 1) / tile_rows;
    const std::size_t most = engine_.is_spatial() ? 1 : 8;
    const std::size_t tiles_per_task = std::clamp<std::size_t>(strips * tiles / 128, 1, most);
    const std::size_t chunks = (tiles + tiles_per_task - 1) / tiles_per_task;
    const std::size_t rows_per_task = tiles_per_task * tile_rows;
    total_ = mirrored_ ? window_.rows * (window_.rows + 1) / 2 : window_.rows * window_.cols;

    arena(options_.threads).execute([&] {
      parallel_tasks(strips * chunks, [&](std::size_t task) {
        const std::size_t col = task / chunks * tile_cols;
        const std::size_t row = task % chunks * rows_per_task;
        strip(col, std::min(tile_cols, window_.cols - col), row,
              std::min(row + rows_per_task, window_.rows));
      });
    });
  }

 private:
  /// Tiles from row to last_row at columns col ... col + cols (within the window).
  void strip(std::size_t col, std::size_t cols, std::size_t row, std::size_t last_row) {
    Workspace<Real>& work = workspaces_.local();
    if (mirrored_) last_row = std::min(last_row, col + cols);
    std::size_t done = 0;
    for (; row < last_row; row += shape_.rows) {
      const std::size_t rows = std::min(shape_.rows, last_row - row);
      done +=
          mirrored_ ? tile_and_mirror(row, rows, col, cols, work) : tile(row, rows, col, cols, work);
    }
    report(done);
  }

  std::size_t tile(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                   Workspace<Real>& work) {
    const KernelEntries<Real> to = results(row, col);
    typename TileOf<Real>::output output{};
    output.struct_size = sizeof output;
    output.nngp = to.nngp;
    output.ntk = to.ntk;
    output.ld = out_.ld;
    Begun begun(*this, rows * cols);
    const KernelEntries<Real> tile =
        engine_.evaluate(at(row, rows, col, cols), work, &output, begun.pause());
    for (std::size_t i = 0; i < rows; ++i)
      if (!output.taken)
        write_row(entry(tile, i, 0), row + i, col, cols);
      else if (output.not_finite)
        check_row(row + i, col, cols);
    return rows * cols;
  }

  /// The part of a tile on and above the diagonal, and its mirror image.
  std::size_t tile_and_mirror(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols,
                              Workspace<Real>& work) {
    // Whole panels left of the diagonal belong to tiles that are mirrored.
    if (row > col) {
      const std::size_t left = (row - col) / ops_.panel_cols * ops_.panel_cols;
      col += left;
      cols -= left;
    }
    Begun begun(*this, rows * cols);
    const KernelEntries<Real> tile =
        engine_.evaluate(at(row, rows, col, cols), work, nullptr, begun.pause());
    std::size_t written = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t skip = row + i > col ? row + i - col : 0;
      if (skip >= cols) continue;
      write_row(entry(tile, i, skip), row + i, col + skip, cols - skip);
      written += cols - skip;
    }
    for (std::size_t j = 0; j < cols; j += ops_.panel_cols)
      mirror(entry(tile, 0, j), row, rows, col + j, std::min(ops_.panel_cols, cols - j), work);
    return written;
  }

  /// Writes the mirror image of what a panel of a tile has above the diagonal.
  void mirror(const KernelEntries<Real>& from, std::size_t row, std::size_t rows, std::size_t col,
              std::size_t cols, Workspace<Real>& work) {
    constexpr std::size_t ld = TileEngine<Real>::tile_rows;
    const KernelEntries<Real> flipped{work.flipped_nngp.data(),
                                      from.ntk ? work.flipped_ntk.data() : nullptr};
    ops_.transpose(from.nngp, rows, cols, shape_.cols, flipped.nngp, ld);
    if (from.ntk) ops_.transpose(from.ntk, rows, cols, shape_.cols, flipped.ntk, ld);
    for (std::size_t j = 0; j < cols; ++j) {
      if (col + j <= row) continue;
      const std::size_t above = std::min(rows, col + j - row);
      write_row(flipped.at(j * ld), col + j, row, above);
    }
  }

  void write_row(const KernelEntries<Real>& from, std::size_t row, std::size_t col, std::size_t cols) {
    if (!ops_.write_row(engine_.pending(), from, results(row, col), cols)) check_row(row, col, cols);
  }

  /// Throws if a result is not finite.
  void check_row(std::size_t row, std::size_t col, std::size_t cols) {
    const KernelEntries<Real> written = results(row, col);
    const auto finite = [](const Real* entry) { return !entry || std::isfinite(*entry); };
    for (std::size_t j = 0; j < cols; ++j) {
      if (finite(written.nngp ? written.nngp + j : nullptr) &&
          finite(written.ntk ? written.ntk + j : nullptr))
        continue;
      const std::size_t row1 = window_.row + row, row2 = window_.col + col + j;
      throw DataError(
          fmt::format("the kernel of rows {} and {} (counted from 0) is not finite from {} on: scale "
                      "the data or W_std so that it stays in range, or compute in float64",
                      row1, row2, engine_.explain_not_finite(row1, row2)));
    }
  }

  KernelEntries<Real> results(std::size_t row, std::size_t col) const {
    const std::size_t offset = row * out_.ld + col;
    return {out_.nngp ? out_.nngp + offset : nullptr, out_.ntk ? out_.ntk + offset : nullptr};
  }

  void report(std::size_t done) {
    done_ += done;
    if (!options_.progress) return;
    const std::unique_lock lock(progress_, std::try_to_lock);
    if (!lock || stopped_) return;
    const auto total = static_cast<double>(total_);
    stopped_ = !options_.progress(std::min(static_cast<double>(done_) + begun_, total), total);
    if (stopped_) throw Interrupted("interrupted");
  }

  /// Tiles of many sites take long: there is progress within them, of all threads, and they can be
  /// stopped.
  class Begun {
   public:
    Begun(Computation& computation, std::size_t entries)
        : computation_(computation), entries_(entries) {}
    ~Begun() { computation_.begun_ -= counted_; }
    Begun(const Begun&) = delete;
    Begun& operator=(const Begun&) = delete;

    typename TileEngine<Real>::Pause pause() {
      if (!computation_.options_.progress) return {};
      return [this](double share) {
        if (computation_.stopped_) throw Interrupted("interrupted");
        const double now = share * static_cast<double>(entries_);
        computation_.begun_ += now - counted_;
        counted_ = now;
        computation_.report(0);
      };
    }

   private:
    Computation& computation_;
    const std::size_t entries_;
    double counted_ = 0;
  };

  /// Lowers tiles of many sites if the threads are done sooner so. A tile takes as long as its rows and
  /// about one more, for what an activation computes of columns alone.
  void share_rows() {
    const auto threads = static_cast<std::size_t>(arena(options_.threads).max_concurrency());
    const auto time = [&](std::size_t rows) {
      std::size_t tiles = 0;
      for (std::size_t col = 0; col < window_.cols; col += shape_.cols) {
        const std::size_t last = mirrored_ ? std::min(window_.rows, col + shape_.cols) : window_.rows;
        tiles += (last + rows - 1) / rows;
      }
      return (tiles + threads - 1) / threads * (rows + 1);
    };
    std::size_t best = shape_.rows;
    for (std::size_t rows = shape_.rows; rows > 0; --rows)
      if (time(rows) < time(best)) best = rows;
    shape_.rows = best;
  }

  /// A tile of the window, among all tiles.
  TileAt at(std::size_t row, std::size_t rows, std::size_t col, std::size_t cols) const {
    return {window_.row + row, rows, window_.col + col, cols, out_.ntk != nullptr};
  }
  KernelEntries<Real> entry(const KernelEntries<Real>& tile, std::size_t i, std::size_t j) const {
    return tile.at(i * shape_.cols + j);
  }

  const TileEngine<Real>& engine_;
  const KernelWindow window_;
  const KernelOutput<Real> out_;
  const KernelOptions& options_;
  const bool mirrored_;
  TileShape shape_;
  const TileOps<Real>& ops_ = tile_ops<Real>();
  oneapi::tbb::enumerable_thread_specific<Workspace<Real>> workspaces_{
      [this] { return engine_.workspace(); }};
  std::size_t total_ = 0;
  std::atomic<std::size_t> done_ = 0;  ///< entries of whole tiles
  std::atomic<double> begun_ = 0;      ///< and of others
  std::mutex progress_;                ///< guards calls of options_.progress
  std::atomic<bool> stopped_ = false;
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
  std::vector<LayerWork> work() const override { return engine_->work(); }
  std::size_t bytes_per_thread() const override { return engine_->workspace_bytes(); }
  void compute(const KernelWindow& window, const KernelOutput<Real>& out,
               const KernelOptions& options) const override {
    if (symmetric() && engine_->is_spatial())
      compute_parts(window, out, options);
    else
      Computation<Real>(*engine_, window, out, options).run();
  }

 private:
  /// Sums over pairs of sites are rounded in another order for (j, i) than for (i, j): of a symmetric
  /// kernel the entries above the diagonal are computed, and mirrored, whatever the window.
  void compute_parts(const KernelWindow& window, const KernelOutput<Real>& out,
                     const KernelOptions& options) const {
    const auto [row, col, rows, cols] = window;
    const std::size_t last_row = row + rows, last_col = col + cols;
    // The square on the diagonal, from `begin` to `end`, and what is beside it.
    const std::size_t begin = std::min(std::max(row, col), last_row),
                      end = std::max(begin, std::min(last_row, last_col));
    std::vector<KernelWindow> parts;
    const auto add = [&](std::size_t r, std::size_t r_end, std::size_t c, std::size_t c_end) {
      if (r < r_end && c < c_end) parts.push_back({r, c, r_end - r, c_end - c});
    };
    add(row, begin, col, last_col);
    add(begin, end, col, std::min(begin, last_col));
    add(begin, end, begin, end);
    add(begin, end, end, last_col);
    add(end, last_row, col, last_col);
    std::size_t total = 0, done = 0;
    for (const KernelWindow& part : parts) total += part.rows * part.cols;
    for (const KernelWindow& part : parts) {
      KernelOptions counted = options;
      const std::size_t entries = part.rows * part.cols;
      if (options.progress)
        counted.progress = [&](double so_far, double of) {
          return options.progress(
              static_cast<double>(done) + so_far / of * static_cast<double>(entries),
              static_cast<double>(total));
        };
      const std::size_t place = (part.row - row) * out.ld + (part.col - col);
      const KernelOutput<Real> to{out.nngp ? out.nngp + place : nullptr,
                                  out.ntk ? out.ntk + place : nullptr, out.ld};
      if (part.row > part.col)
        compute_below(part, to, counted);
      else
        Computation<Real>(*engine_, part, to, counted).run();
      done += entries;
    }
  }

  /// A window below the diagonal, by its mirror image.
  void compute_below(const KernelWindow& window, const KernelOutput<Real>& out,
                     const KernelOptions& options) const {
    const auto rows = static_cast<Eigen::Index>(window.rows),
               cols = static_cast<Eigen::Index>(window.cols);
    OwnedMatrix<Real> nngp, ntk;
    KernelOutput<Real> to{.ld = window.rows};
    if (out.nngp) to.nngp = (nngp = OwnedMatrix<Real>(cols, rows)).data();
    if (out.ntk) to.ntk = (ntk = OwnedMatrix<Real>(cols, rows)).data();
    Computation<Real>(*engine_, {window.col, window.row, window.cols, window.rows}, to, options).run();
    const auto flip = [&](const OwnedMatrix<Real>& from, Real* target) {
      if (target)
        MatrixMap<Real>(target, rows, cols, Eigen::OuterStride<>(static_cast<Eigen::Index>(out.ld))) =
            from.view().transpose();
    };
    flip(nngp, out.nngp);
    flip(ntk, out.ntk);
  }

  std::unique_ptr<const TileEngine<Real>> engine_;
};

template <class Real>
void check_not_empty(const MatrixView<Real>& x, const char* name) {
  if (x.rows() == 0 || x.cols() == 0)
    throw DataError(fmt::format("{} is empty ({} rows, {} columns)", name, x.rows(), x.cols()));
}

}  // namespace

template <class Real>
void KernelOperator<Real>::compute(const KernelWindow& window, const KernelOutput<Real>& out,
                                   const KernelOptions& options) const {
  const auto is_within = [](std::size_t first, std::size_t count, std::size_t size) {
    return first <= size && count <= size - first;
  };
  if (!is_within(window.row, window.rows, rows()) || !is_within(window.col, window.cols, cols()))
    throw InvalidArgument(
        fmt::format("a window of {} x {} entries at row {}, column {} (counted from 0) is not within a "
                    "kernel of {} x {}",
                    window.rows, window.cols, window.row, window.col, rows(), cols()));
  if (window.rows > 1 && out.ld < window.cols)
    throw InvalidArgument(fmt::format(
        "rows of {} entries do not fit where one is {} entries from the next", window.cols, out.ld));
  source_->compute(window, out, options);
}

KernelFn::KernelFn(Layer network, Sites sites)
    : network_(std::move(network)), sites_(std::move(sites)) {
  compile_kernel(network_, sites_, channels_of(sites_, sites_.count()));
}

template <class Real>
KernelOperator<Real> KernelFn::bind(const MatrixView<Real>& x1,
                                    const std::optional<std::type_identity_t<MatrixView<Real>>>& x2,
                                    const KernelOptions& options) const {
  check_not_empty(x1, "x1");
  if (x2) {
    check_not_empty(*x2, "x2");
    if (x1.cols() != x2->cols())
      throw DataError(fmt::format("x1 has {} features (columns) and x2 has {}; they must agree",
                                  x1.cols(), x2->cols()));
  }
  if (!(options.allowed_error >= 0))
    throw InvalidArgument(
        fmt::format("allowed_error is {}; it must be 0 or more", options.allowed_error));
  const std::size_t channels = channels_of(sites_, static_cast<std::size_t>(x1.cols()));
  return arena(options.threads).execute([&] {
    auto engine =
        std::make_unique<const TileEngine<Real>>(compile_kernel(network_, sites_, channels), x1, x2);
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
  KernelOutput<Real> out{.ld = op.cols()};
  if (get != Get::ntk) {
    kernels.nngp = OwnedMatrix<Real>(rows, cols);
    out.nngp = kernels.nngp.data();
  }
  if (get != Get::nngp) {
    kernels.ntk = OwnedMatrix<Real>(rows, cols);
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
