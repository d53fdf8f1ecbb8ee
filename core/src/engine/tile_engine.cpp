#include "engine/tile_engine.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "nngp/error.hpp"
#include "nngp/text.hpp"
#include "simd/panel_sum.hpp"

namespace nngp {
namespace {

/// Inner products run over this many features before they go on to the next block of rows and columns,
/// so that both stay in the second-level cache.

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
    const PanelSum<Real> sum(ops_, features);
    AlignedVector<Real> packed(features * pc), k(pr * pc), rest(sum.rest_size());
    const std::size_t first = panel * pc, last = std::min(n, first + pc);
    ops_.pack(x.data() + first * ld, ld, last - first, features, packed.data());
    for (std::size_t i = first; i < last; i += pr) {
      std::array<const Real*, 16> row = {};
      std::fill(rest.begin(), rest.end(), Real(0));
      sum.for_each_block([&](std::size_t f, std::size_t count) {
        for (std::size_t r = 0; r < pr; ++r) row[r] = x.data() + std::min(i + r, last - 1) * ld + f;
        sum.add(row.data(), &packed[f * pc], count, f == 0, k.data(), pc, rest.data(), nullptr);
      });
      sum.finish(pr, pc, k.data(), pc, rest.data());
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
    check_pending(*step, inputs);
    steps_.push_back(step->bind(inputs));
    check_variances(step->name(), inputs.x1, "x1");
    if (inputs.x2) check_variances(step->name(), *inputs.x2, "x2");
  }
  numerical_layers_ = std::move(inputs.numerical_layers);
}

template <class Real>
void TileEngine<Real>::check_pending(const KernelStep& step, Binding<Real>& inputs) const {
  for (const Operand& operand : step.operands())
    inputs.for_each_input([&](RowVariances<Real>& variances) {
      RowVariances<Real> applied{variances.rows, {variances.slots[operand.slot]}};
      for (Real& variance : applied.slots[0])
        variance = static_cast<Real>(operand.pending.cov_scale) * variance +
                   static_cast<Real>(operand.pending.cov_shift);
      check_variances("the Dense layer before " + step.name(), applied,
                      &variances == &inputs.x1 ? "x1" : "x2");
    });
}

template <class Real>
void TileEngine<Real>::check_variances(const std::string& layer, const RowVariances<Real>& variances,
                                       const char* name) const {
  for (const AlignedVector<Real>& now : variances.slots)
    for (std::size_t i = 0; i < variances.rows; ++i)
      if (!std::isfinite(now[i]) || now[i] < 0)
        throw DataError(
            fmt::format("{} makes the variance of row {} (counted from 0) of {} {}: scale the data or "
                        "W_std so that it stays in range, or use another activation",
                        layer, i, name, format_number(now[i])));
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
  const PanelSum<Real> sum(ops_, features);
  work.rest.assign(tile_rows * tile_cols / (pr * pc) * sum.rest_size(), Real(0));
  const auto for_each_panel = [&](auto body) {
    Real* rest = work.rest.data();
    for (std::size_t i = 0; i < at.rows; i += pr)
      for (std::size_t j = 0; j < at.cols; j += pc, rest += sum.rest_size())
        body(i, j, i * tile_cols + j, rest);
  };
  AlignedVector<Real>& k = work.nngp[0];
  sum.for_each_block([&](std::size_t f, std::size_t count) {
    for_each_panel([&](std::size_t i, std::size_t j, std::size_t place, Real* rest) {
      std::array<const Real*, 16> x1 = {};
      for (std::size_t r = 0; r < pr; ++r)
        x1[r] = x1_.data() + (at.row + std::min(i + r, at.rows - 1)) * ld1 + f;
      sum.add(x1.data(), &work.packed[j * features + f * pc], count, f == 0, &k[place], tile_cols, rest,
              at.ntk && f == 0 ? &work.ntk[0][place] : nullptr);
    });
  });
  for_each_panel([&](std::size_t, std::size_t, std::size_t place, Real* rest) {
    sum.finish(pr, pc, &k[place], tile_cols, rest);
  });
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
  const auto overflows = [&](const Operand& operand) {
    const Affine& dense = operand.pending;
    const auto k = static_cast<double>(work.nngp[operand.slot][j - col]);
    const auto t = static_cast<double>(work.ntk[operand.slot][j - col]);
    const auto in_range = [](double value) { return std::isfinite(static_cast<Real>(value)); };
    return !in_range(dense.cov_scale * k + dense.cov_shift) ||
           !in_range(dense.ntk_cov * k + dense.ntk_scale * t + dense.ntk_shift);
  };
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const std::vector<Operand> operands = program_.steps[s]->operands();
    if (std::any_of(operands.begin(), operands.end(), overflows))
      return "the Dense layer before " + program_.steps[s]->name();
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
