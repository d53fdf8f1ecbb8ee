#include "finite/empirical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "finite/pass.hpp"
#include "nngp/data.hpp"
#include "nngp/error.hpp"
#include "parallel.hpp"
#include "simd/gemm.hpp"

namespace nngp {
namespace {

/// Rows of a block: fewer where a row has many units, so that the memory of a block is bounded.
Eigen::Index rows_of_block(const FiniteProgram& program) {
  constexpr double max_rows = 64, max_units = 1 << 22;
  double units = 0;
  for (const UnitSlot& slot : program.slots) units += static_cast<double>(slot.width);
  return static_cast<Eigen::Index>(std::clamp(max_units / units, 1.0, max_rows));
}

// Outputs whose derivatives are kept at a time: all at once would take the memory of a Jacobian by the
// units, one at a time would compute the inner products of the layers' inputs anew for each.
constexpr std::size_t outputs_at_a_time = 8;

void throw_if_stopped(const ApplyOptions& options) {
  if (options.keep_going && !options.keep_going()) throw Interrupted("interrupted");
}

template <class Real>
void check_outputs(const Matrix<Real>& output, Eigen::Index first) {
  if (const auto place = find_non_finite<Real>(view(output)))
    throw DataError(
        fmt::format("the output of row {} (counted from 0) is not finite: scale the data or W_std so "
                    "that it stays in range, or compute in float64",
                    first + place->first));
}

/// An input, cut into blocks of rows.
template <class Real>
class RowBlocks {
 public:
  RowBlocks(const FiniteProgram& program, const Parameters<Real>& parameters, const MatrixView<Real>& x,
            std::uint64_t first_row, bool derivatives, const ApplyOptions& options)
      : rows_(rows_of_block(program)),
        passes_(static_cast<std::size_t>((x.rows() + rows_ - 1) / rows_)) {
    parallel_for(passes_.size(), [&](std::size_t i) {
      throw_if_stopped(options);
      const Eigen::Index first = row(i);
      passes_[i] = std::make_unique<Pass<Real>>(
          program, parameters, x.slice(first, std::min(rows_, x.rows() - first)),
          first_row + static_cast<std::uint64_t>(first), options.masks, derivatives);
      check_outputs(passes_[i]->output(), first);
    });
  }

  std::size_t size() const { return passes_.size(); }
  const Pass<Real>& operator[](std::size_t i) const { return *passes_[i]; }
  Eigen::Index row(std::size_t i) const { return static_cast<Eigen::Index>(i) * rows_; }

  void pull_back(std::size_t first, std::size_t count, const ApplyOptions& options) {
    parallel_for(passes_.size(), [&](std::size_t i) {
      throw_if_stopped(options);
      passes_[i]->pull_back(first, count);
    });
  }

 private:
  Eigen::Index rows_;
  std::vector<std::unique_ptr<Pass<Real>>> passes_;
};

/// The kernels of one network, tile by tile.
template <class Real>
class Empirical {
 public:
  Empirical(const FiniteProgram& program, const Parameters<Real>& parameters,
            const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2, Get get,
            const ApplyOptions& options)
      : program_(program),
        options_(options),
        symmetric_(!x2),
        first_(program, parameters, x1, options.first_row, get != Get::nngp, options) {
    if (x2)
      second_.emplace(program, parameters, *x2,
                      options.first_row + static_cast<std::uint64_t>(x1.rows()), get != Get::nngp,
                      options);
    const Eigen::Index cols = x2 ? x2->rows() : x1.rows();
    if (get != Get::ntk) kernels_.nngp = OwnedMatrix<Real>(x1.rows(), cols);
    if (get != Get::nngp) kernels_.ntk = OwnedMatrix<Real>(x1.rows(), cols);
  }

  Kernels<Real> compute() {
    if (kernels_.nngp.size() > 0) compute_nngp();
    if (kernels_.ntk.size() > 0) compute_ntk();
    return std::move(kernels_);
  }

 private:
  using Tile = Matrix<Real>;

  void compute_nngp() {
    const auto outputs = static_cast<Real>(program_.out_dim());
    for_each_tile([&](std::size_t i, std::size_t j) {
      Tile tile = product(first_[i].output(), second()[j].output());
      tile /= outputs;
      write(tile, i, j, kernels_.nngp);
    });
  }

  void compute_ntk() {
    kernels_.ntk.map().setZero();
    if (!program_.slots[program_.output].trained) return;
    const auto outputs = static_cast<Real>(program_.out_dim());
    for (std::size_t o = 0; o < program_.out_dim(); o += outputs_at_a_time) {
      const std::size_t count = std::min(outputs_at_a_time, program_.out_dim() - o);
      first_.pull_back(o, count, options_);
      if (second_) second_->pull_back(o, count, options_);
      for_each_tile([&](std::size_t i, std::size_t j) {
        Tile tile = region(kernels_.ntk, i, j);
        for (const FiniteOp* op : program_.with_weights)
          op->add_ntk(first_[i], second()[j], outputs, tile);
        write(tile, i, j, kernels_.ntk);
      });
    }
    if (const auto place = find_non_finite<Real>(kernels_.ntk.view()))
      throw DataError(
          fmt::format("the NTK of rows {} and {} (counted from 0) is not finite: scale the "
                      "data or W_std so that it stays in range, or compute in float64",
                      place->first, place->second));
  }

  static Tile product(const Matrix<Real>& a, const Matrix<Real>& b) {
    Tile tile(a.rows(), b.rows());
    multiply_transposed(view(a), view(b), false, map(tile));
    return tile;
  }

  const RowBlocks<Real>& second() const { return second_ ? *second_ : first_; }

  template <class Body>
  void for_each_tile(Body body) const {
    const std::size_t cols = second().size();
    parallel_for(first_.size() * cols, [&](std::size_t task) {
      const std::size_t i = task / cols, j = task % cols;
      if (symmetric_ && j < i) return;
      throw_if_stopped(options_);
      body(i, j);
    });
  }

  auto region(OwnedMatrix<Real>& kernel, std::size_t i, std::size_t j) const {
    return kernel.map().block(first_.row(i), second().row(j), first_[i].output().rows(),
                              second()[j].output().rows());
  }

  /// Writes a tile and, in a symmetric kernel, its mirror image: sums over pairs of positions are
  /// rounded otherwise below the diagonal.
  void write(const Tile& tile, std::size_t i, std::size_t j, OwnedMatrix<Real>& kernel) const {
    region(kernel, i, j) = tile;
    if (symmetric_ && i == j)
      region(kernel, j, i).template triangularView<Eigen::StrictlyLower>() = tile.transpose();
    if (symmetric_ && i != j) region(kernel, j, i) = tile.transpose();
  }

  const FiniteProgram& program_;
  const ApplyOptions& options_;
  const bool symmetric_;
  RowBlocks<Real> first_;
  std::optional<RowBlocks<Real>> second_;
  Kernels<Real> kernels_;
};

}  // namespace

template <class Real>
void check_input(const FiniteProgram& program, const MatrixView<Real>& x, const char* name) {
  if (x.rows() == 0 || static_cast<std::size_t>(x.cols()) != program.features())
    throw DataError(fmt::format("{} is {} x {}; the network takes rows of {} features", name, x.rows(),
                                x.cols(), program.features()));
}

template <class Real>
void empirical_outputs(const FiniteProgram& program, const Parameters<Real>& parameters,
                       const MatrixView<Real>& x, const ApplyOptions& options, Real* out) {
  const auto cols = static_cast<Eigen::Index>(program.out_dim());
  const MatrixMap<Real> all(out, x.rows(), cols, Eigen::OuterStride<>(cols));
  const Eigen::Index block_rows = rows_of_block(program);
  const Eigen::Index blocks = (x.rows() + block_rows - 1) / block_rows;
  parallel_for(blocks, [&](Eigen::Index i) {
    throw_if_stopped(options);
    const Eigen::Index first = i * block_rows, count = std::min(block_rows, x.rows() - first);
    const Pass<Real> pass(program, parameters, x.slice(first, count),
                          options.first_row + static_cast<std::uint64_t>(first), options.masks, false);
    check_outputs(pass.output(), first);
    MatrixMap<Real>(all).middleRows(first, count) = pass.output();
  });
}

template <class Real>
Kernels<Real> empirical_kernels(const FiniteProgram& program, const Parameters<Real>& parameters,
                                const MatrixView<Real>& x1, const std::optional<MatrixView<Real>>& x2,
                                Get get, const ApplyOptions& options) {
  return Empirical<Real>(program, parameters, x1, x2, get, options).compute();
}

#define NNGP_INSTANTIATE(Real)                                                           \
  template void check_input(const FiniteProgram&, const MatrixView<Real>&, const char*); \
  template void empirical_outputs(const FiniteProgram&, const Parameters<Real>&,         \
                                  const MatrixView<Real>&, const ApplyOptions&, Real*);  \
  template Kernels<Real> empirical_kernels(                                              \
      const FiniteProgram&, const Parameters<Real>&, const MatrixView<Real>&,            \
      const std::optional<MatrixView<Real>>&, Get, const ApplyOptions&);
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
