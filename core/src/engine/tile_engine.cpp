#include "engine/tile_engine.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "nngp/error.hpp"

namespace nngp {
namespace {

/// Inner products run over this many features before they go on to the next block of rows and columns,
/// so that both stay in the second-level cache.
constexpr std::size_t feature_block = 256;

std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace

template <class Real>
TileEngine<Real>::TileEngine(Program program, const MatrixView<Real>& x1,
                             const std::optional<MatrixView<Real>>& x2)
    : program_(std::move(program)), x1_(x1), x2_(x2) {
  bind();
}

/// Inner products of rows with themselves, by the same operations as those between rows.
template <class Real>
RowVariances<Real> TileEngine<Real>::input_variances(const MatrixView<Real>& x) const {
  const auto n = static_cast<std::size_t>(x.rows());
  const auto features = static_cast<std::size_t>(x.cols());
  const auto ld = static_cast<std::size_t>(x.outerStride());
  const std::size_t pc = ops_.panel_cols, pr = ops_.panel_rows;
  RowVariances<Real> variances{
      n, std::vector(program_.slots, AlignedVector<Real>(round_up(n, tile_cols)))};

  oneapi::tbb::parallel_for(std::size_t{0}, (n + pc - 1) / pc, [&](std::size_t panel) {
    AlignedVector<Real> packed(features * pc), k(pr * pc);
    const std::size_t first = panel * pc, last = std::min(n, first + pc);
    ops_.pack(x.data() + first * ld, ld, last - first, features, packed.data());
    for (std::size_t i = first; i < last; i += pr) {
      std::array<const Real*, 16> row = {};
      for (std::size_t r = 0; r < pr; ++r) row[r] = x.data() + std::min(i + r, last - 1) * ld;
      ops_.inner_products(row.data(), packed.data(), features, true, k.data(), pc, nullptr);
      for (std::size_t r = 0; r < pr && i + r < last; ++r)
        variances.slots[0][i + r] = k[r * pc + (i + r - first)];
    }
  });
  return variances;
}

template <class Real>
void TileEngine<Real>::bind() {
  Binding<Real> inputs{input_variances(x1_), std::nullopt, {}};
  check_variances("the first layer", inputs.x1, "x1");
  if (x2_) {
    inputs.x2 = input_variances(*x2_);
    check_variances("the first layer", *inputs.x2, "x2");
  }
  for (const auto& step : program_.steps) {
    steps_.push_back(step->bind(inputs));
    check_variances(step->name(), inputs.x1, "x1");
    if (inputs.x2) check_variances(step->name(), *inputs.x2, "x2");
  }
  numerical_layers_ = std::move(inputs.numerical_layers);
}

template <class Real>
void TileEngine<Real>::check_variances(const std::string& layer, const RowVariances<Real>& variances,
                                       const char* name) const {
  for (const AlignedVector<Real>& now : variances.slots)
    for (std::size_t i = 0; i < variances.rows; ++i)
      if (!std::isfinite(now[i]) || now[i] < 0)
        throw DataError(
            fmt::format("{} makes the variance of row {} (counted from 1) of {} {}: scale the data or "
                        "W_std so that it "
                        "stays in range, "
                        "or use another activation",
                        layer, i + 1, name, now[i]));
}

template <class Real>
Workspace<Real> TileEngine<Real>::workspace() const {
  const auto features = static_cast<std::size_t>(x1_.cols());
  Workspace<Real> work;
  work.packed.resize(features * tile_cols);
  work.nngp.assign(program_.slots, AlignedVector<Real>(tile_rows * tile_cols));
  work.ntk.assign(program_.slots, AlignedVector<Real>(tile_rows * tile_cols));
  work.columns.resize(program_.steps.size());
  work.tile.slots.resize(program_.slots);
  work.flipped_k.resize(tile_rows * tile_cols);
  work.flipped_t.resize(tile_rows * tile_cols);
  return work;
}

template <class Real>
const Operand& TileEngine<Real>::evaluate(const TileAt& at, Workspace<Real>& work,
                                          typename TileOf<Real>::output* output) const {
  if (output) set_affine(program_.output.pending, *output);
  prepare(at, work);
  multiply_inputs(at, work);
  const std::size_t steps = steps_.size();
  for (std::size_t s = 0; s < steps; ++s) run(s, work, s + 1 == steps ? output : nullptr);
  return program_.output;
}

template <class Real>
void TileEngine<Real>::prepare(const TileAt& at, Workspace<Real>& work) const {
  KernelTile<Real>& tile = work.tile;
  tile.row = at.row;
  tile.rows = at.rows;
  tile.col = at.col;
  tile.cols = at.cols;
  tile.symmetric = symmetric();
  for (std::size_t s = 0; s < program_.slots; ++s)
    tile.slots[s] = {work.nngp[s].data(), at.ntk ? work.ntk[s].data() : nullptr};
}

template <class Real>
void TileEngine<Real>::multiply_inputs(const TileAt& at, Workspace<Real>& work) const {
  const MatrixView<Real>& x2 = this->x2();
  const auto features = static_cast<std::size_t>(x1_.cols());
  const auto ld1 = static_cast<std::size_t>(x1_.outerStride());
  const auto ld2 = static_cast<std::size_t>(x2.outerStride());
  const std::size_t pc = ops_.panel_cols, pr = ops_.panel_rows;
  if (work.packed_col != at.col || work.packed_cols != at.cols) {
    for (std::size_t j = 0; j < at.cols; j += pc)
      ops_.pack(x2.data() + (at.col + j) * ld2, ld2, std::min(pc, at.cols - j), features,
                &work.packed[j * features]);
    work.packed_col = at.col;
    work.packed_cols = at.cols;
  }
  for (std::size_t f = 0; f < features; f += feature_block) {
    const std::size_t block = std::min(feature_block, features - f);
    for (std::size_t i = 0; i < at.rows; i += pr) {
      std::array<const Real*, 16> x1 = {};
      for (std::size_t r = 0; r < pr; ++r)
        x1[r] = x1_.data() + (at.row + std::min(i + r, at.rows - 1)) * ld1 + f;
      for (std::size_t j = 0; j < at.cols; j += pc)
        ops_.inner_products(x1.data(), &work.packed[j * features + f * pc], block, f == 0,
                            &work.nngp[0][i * tile_cols + j], tile_cols,
                            at.ntk && f == 0 ? &work.ntk[0][i * tile_cols + j] : nullptr);
    }
  }
}

template <class Real>
void TileEngine<Real>::run(std::size_t step, Workspace<Real>& work,
                           typename TileOf<Real>::output* output) const {
  work.tile.columns = &work.columns[step];
  work.tile.output = output;
  steps_[step]->run(work.tile);
}

template <class Real>
std::string TileEngine<Real>::explain_not_finite(std::size_t i, std::size_t j) const {
  Workspace<Real> work = workspace();
  const std::size_t col = j / tile_cols * tile_cols;
  const TileAt at = {i, 1, col, std::min(tile_cols, cols() - col), true};
  prepare(at, work);
  multiply_inputs(at, work);
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    run(s, work);
    for (std::size_t slot = 0; slot < program_.slots; ++slot)
      if (!std::isfinite(work.nngp[slot][j - col]) || !std::isfinite(work.ntk[slot][j - col]))
        return program_.steps[s]->name();
  }
  return "the last Dense layer";
}

template class TileEngine<double>;
template class TileEngine<float>;

}  // namespace nngp
