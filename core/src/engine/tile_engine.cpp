#include "engine/tile_engine.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/blocked_range.h>
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

/// The numbers of a Dense layer, for a tile or an output.
template <class Struct>
void set_dense(const Affine& in, Struct& s) {
  using Real = decltype(s.cov_scale);
  s.cov_scale = static_cast<Real>(in.cov_scale);
  s.cov_shift = static_cast<Real>(in.cov_shift);
  s.ntk_cov = static_cast<Real>(in.ntk_cov);
  s.ntk_scale = static_cast<Real>(in.ntk_scale);
  s.ntk_shift = static_cast<Real>(in.ntk_shift);
}

template <class Real>
typename TileOf<Real>::type make_tile(const Affine& in, std::size_t rows, std::size_t cols,
                                      std::size_t ld, Block<Real> signal, const Real* var1,
                                      const Real* var2) {
  typename TileOf<Real>::type tile = {};
  tile.struct_size = sizeof(tile);
  tile.rows = rows;
  tile.cols = cols;
  tile.cov12 = tile.nngp = signal.k;
  tile.cov12_ld = tile.nngp_ld = tile.ntk_ld = ld;
  tile.ntk = signal.t;
  tile.var1 = var1;
  tile.var2 = var2;
  set_dense(in, tile);
  return tile;
}

std::string step_name(const Step& step, const Program& program) {
  struct {
    const Program& p;
    std::string operator()(const Activate& s) const {
      return p.activations[s.activation].activation.text();
    }
    std::string operator()(const Copy&) const { return "FanOut"; }
    std::string operator()(const WeightedSum&) const { return "FanInSum or FanInConcat"; }
    std::string operator()(const Product&) const { return "FanInProd"; }
    std::string operator()(const Normalize&) const { return "LayerNorm"; }
    std::string operator()(const ScaleDiagonal&) const { return "Dropout"; }
  } name{program};
  return std::visit(name, step);
}

}  // namespace

template <class Real>
TileEngine<Real>::TileEngine(Program program, const MatrixView<Real>& x1,
                             const std::optional<MatrixView<Real>>& x2)
    : program_(std::move(program)), x1_(x1), x2_(x2) {
  v1_ = start(x1_);
  check_variances("the first layer", v1_, "x1");
  if (x2_) {
    v2_ = start(*x2_);
    check_variances("the first layer", v2_, "x2");
  }
  bind();
}

/// The variances of the inputs: inner products of rows with themselves, by the same operations as
/// those between rows.
template <class Real>
auto TileEngine<Real>::start(const MatrixView<Real>& x) const -> Rows {
  const auto n = static_cast<std::size_t>(x.rows());
  const auto features = static_cast<std::size_t>(x.cols());
  const auto ld = static_cast<std::size_t>(x.outerStride());
  const std::size_t pc = ops_.panel_cols, pr = ops_.panel_rows;
  Rows rows{&x, std::vector(program_.signals, AlignedVector<Real>(round_up(n, tile_cols))),
            std::vector<AlignedVector<Real>>(program_.steps.size())};

  oneapi::tbb::parallel_for(std::size_t{0}, (n + pc - 1) / pc, [&](std::size_t panel) {
    AlignedVector<Real> packed(features * pc), k(pr * pc);
    const std::size_t first = panel * pc, last = std::min(n, first + pc);
    ops_.pack(x.data() + first * ld, ld, last - first, features, packed.data());
    for (std::size_t i = first; i < last; i += pr) {
      std::array<const Real*, 16> row = {};
      for (std::size_t r = 0; r < pr; ++r) row[r] = x.data() + std::min(i + r, last - 1) * ld;
      ops_.inner_products(row.data(), packed.data(), features, true, k.data(), pc, nullptr);
      for (std::size_t r = 0; r < pr && i + r < last; ++r)
        rows.now[0][i + r] = k[r * pc + (i + r - first)];
    }
  });
  return rows;
}

template <class Real>
void TileEngine<Real>::bind() {
  for (std::size_t s = 0; s < program_.steps.size(); ++s) {
    const Step& step = program_.steps[s];
    if (const auto* activate = std::get_if<Activate>(&step)) duals_.push_back(make_dual(*activate));
    propagate(step, s, v1_);
    check_variances(step_name(step, program_), v1_, "x1");
    if (!x2_) continue;
    propagate(step, s, v2_);
    check_variances(step_name(step, program_), v2_, "x2");
  }
}

template <class Real>
std::shared_ptr<const Dual> TileEngine<Real>::make_dual(const Activate& step) {
  const Elementwise& layer = program_.activations[step.activation];
  const Activation& activation = layer.activation;
  if (!layer.numerical && activation.has_nngp_fn()) return std::make_shared<ClosedFormDual>(activation);
  // Aims below the tolerance: the estimate, which is compared with it, is a bound with room to spare.
  const double aim = layer.tolerance / 10;
  NumericalDual dual([activation](double x) { return activation.fn(x); }, activation.breakpoints(),
                     variances(step.operand),
                     {.tolerance = aim, .single = std::is_same_v<Real, float>});
  numerical_layers_.push_back({activation.text(), layer.tolerance, dual.error_estimate_nngp(),
                               dual.error_estimate_d_nngp(), dual.breakpoints()});
  return std::make_shared<IntegratedDual>(std::move(dual));
}

/// The least and largest variance of the operand over all rows of both inputs.
template <class Real>
VarianceRange TileEngine<Real>::variances(const Operand& operand) const {
  VarianceRange range{std::numeric_limits<double>::infinity(), 0};
  const auto include = [&](const Rows& rows) {
    for (Eigen::Index i = 0; i < rows.x->rows(); ++i) {
      const double var = operand.in.cov_scale * static_cast<double>(rows.now[operand.signal][i]) +
                         operand.in.cov_shift;
      range = {std::min(range.min, var), std::max(range.max, var)};
    }
  };
  include(v1_);
  if (x2_) include(v2_);
  return range;
}

template <class Real>
void TileEngine<Real>::propagate(const Step& step, std::size_t index, Rows& rows) const {
  const auto n = static_cast<std::size_t>(rows.x->rows());
  const auto var = [&](std::size_t signal) { return Block<Real>{rows.now[signal].data(), nullptr}; };

  if (const auto* s = std::get_if<Activate>(&step)) {
    AlignedVector<Real>& now = rows.now[s->operand.signal];
    const AlignedVector<Real>& before = rows.at_step[index] = now;
    oneapi::tbb::parallel_for(
        oneapi::tbb::blocked_range<std::size_t>(0, n, 64), [&](const auto& range) {
          const auto begin = range.begin();
          duals_[s->activation]->diagonal(&before[begin], range.size(),
                                          static_cast<Real>(s->operand.in.cov_scale),
                                          static_cast<Real>(s->operand.in.cov_shift), &now[begin]);
        });
  } else if (const auto* s = std::get_if<Copy>(&step)) {
    ops_.copy(s->operand.in, var(s->operand.signal), var(s->to), round_up(n, tile_cols));
  } else if (const auto* s = std::get_if<WeightedSum>(&step)) {
    for (std::size_t b = 0; b < s->branches.size(); ++b)
      ops_.accumulate(s->branches[b].in, static_cast<Real>(s->weights[b]), b == 0,
                      var(s->branches[b].signal), var(s->to), round_up(n, tile_cols));
  } else if (const auto* s = std::get_if<Product>(&step)) {
    for (std::size_t b = 0; b < s->branches.size(); ++b)
      ops_.multiply(s->branches[b].in, b == 0, var(s->branches[b].signal), var(s->to),
                    round_up(n, tile_cols));
  } else if (const auto* s = std::get_if<Normalize>(&step)) {
    AlignedVector<Real>& now = rows.now[s->operand.signal];
    const AlignedVector<Real>& before = rows.at_step[index] = now;
    AlignedVector<Real> k(tile_cols), v(tile_cols);
    for (std::size_t i = 0; i < n; ++i) {
      k[0] = v[0] = before[i];
      ops_.normalize_row(s->operand.in, {k.data(), nullptr}, v[0], v.data(), 1);
      now[i] = k[0];
    }
  } else if (const auto* s = std::get_if<ScaleDiagonal>(&step)) {
    ops_.copy(s->operand.in, var(s->operand.signal), var(s->operand.signal), round_up(n, tile_cols));
    for (std::size_t i = 0; i < n; ++i) rows.now[s->operand.signal][i] *= static_cast<Real>(s->factor);
  }
}

template <class Real>
void TileEngine<Real>::check_variances(const std::string& layer, const Rows& rows,
                                       const char* name) const {
  for (const AlignedVector<Real>& now : rows.now)
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows.x->rows()); ++i)
      if (!std::isfinite(now[i]) || now[i] < 0)
        throw DataError(
            fmt::format("{} makes the variance of row {} of {} {}: scale the data or W_std so that it "
                        "stays in range, "
                        "or use another activation",
                        layer, i, name, now[i]));
}

template <class Real>
Workspace<Real> TileEngine<Real>::workspace() const {
  const auto features = static_cast<std::size_t>(x1_.cols());
  Workspace<Real> work;
  work.packed.resize(features * tile_cols);
  work.k.assign(program_.signals, AlignedVector<Real>(tile_rows * tile_cols));
  work.t.assign(program_.signals, AlignedVector<Real>(tile_rows * tile_cols));
  work.columns.resize(program_.steps.size());
  work.flipped_k.resize(tile_rows * tile_cols);
  work.flipped_t.resize(tile_rows * tile_cols);
  return work;
}

template <class Real>
const Operand& TileEngine<Real>::evaluate(std::size_t row, std::size_t rows, std::size_t col,
                                          std::size_t cols, bool ntk, Workspace<Real>& work,
                                          typename TileOf<Real>::output* output) const {
  multiply_inputs(row, rows, col, cols, ntk, work);
  const std::size_t steps = program_.steps.size();
  for (std::size_t s = 0; s < steps; ++s)
    run(s, row, rows, col, cols, ntk, work, s + 1 == steps ? output : nullptr);
  return program_.output;
}

template <class Real>
void TileEngine<Real>::multiply_inputs(std::size_t row, std::size_t rows, std::size_t col,
                                       std::size_t cols, bool ntk, Workspace<Real>& work) const {
  const MatrixView<Real>& x2 = this->x2();
  const auto features = static_cast<std::size_t>(x1_.cols());
  const auto ld1 = static_cast<std::size_t>(x1_.outerStride());
  const auto ld2 = static_cast<std::size_t>(x2.outerStride());
  const std::size_t pc = ops_.panel_cols, pr = ops_.panel_rows;
  if (work.packed_col != col || work.packed_cols != cols) {
    for (std::size_t j = 0; j < cols; j += pc)
      ops_.pack(x2.data() + (col + j) * ld2, ld2, std::min(pc, cols - j), features,
                &work.packed[j * features]);
    work.packed_col = col;
    work.packed_cols = cols;
  }
  for (std::size_t f = 0; f < features; f += feature_block) {
    const std::size_t block = std::min(feature_block, features - f);
    for (std::size_t i = 0; i < rows; i += pr) {
      std::array<const Real*, 16> x1 = {};
      for (std::size_t r = 0; r < pr; ++r)
        x1[r] = x1_.data() + (row + std::min(i + r, rows - 1)) * ld1 + f;
      for (std::size_t j = 0; j < cols; j += pc)
        ops_.inner_products(x1.data(), &work.packed[j * features + f * pc], block, f == 0,
                            &work.k[0][i * tile_cols + j], tile_cols,
                            ntk && f == 0 ? &work.t[0][i * tile_cols + j] : nullptr);
    }
  }
}

template <class Real>
void TileEngine<Real>::run(std::size_t index, std::size_t row, std::size_t rows, std::size_t col,
                           std::size_t cols, bool ntk, Workspace<Real>& work,
                           typename TileOf<Real>::output* output) const {
  const Step& step = program_.steps[index];
  const std::size_t all = rows * tile_cols;
  const auto signal = [&](std::size_t s) { return block(work, s, ntk); };

  if (const auto* s = std::get_if<Activate>(&step)) {
    auto tile = make_tile<Real>(s->operand.in, rows, cols, tile_cols, signal(s->operand.signal),
                                &v1_.at_step[index][row], &rows2().at_step[index][col]);
    if (output && s->operand.signal == program_.output.signal) {
      set_dense(program_.output.in, *output);
      tile.output = output;
    }
    duals_[s->activation]->tile(tile, work.columns[index]);
  } else if (const auto* s = std::get_if<Copy>(&step)) {
    ops_.copy(s->operand.in, signal(s->operand.signal), signal(s->to), all);
  } else if (const auto* s = std::get_if<WeightedSum>(&step)) {
    for (std::size_t b = 0; b < s->branches.size(); ++b)
      ops_.accumulate(s->branches[b].in, static_cast<Real>(s->weights[b]), b == 0,
                      signal(s->branches[b].signal), signal(s->to), all);
  } else if (const auto* s = std::get_if<Product>(&step)) {
    for (std::size_t b = 0; b < s->branches.size(); ++b)
      ops_.multiply(s->branches[b].in, b == 0, signal(s->branches[b].signal), signal(s->to), all);
  } else if (const auto* s = std::get_if<Normalize>(&step)) {
    const Block<Real> to = signal(s->operand.signal);
    for (std::size_t i = 0; i < rows; ++i)
      ops_.normalize_row(s->operand.in, {to.k + i * tile_cols, to.t ? to.t + i * tile_cols : nullptr},
                         v1_.at_step[index][row + i], &rows2().at_step[index][col], cols);
  } else if (const auto* s = std::get_if<ScaleDiagonal>(&step)) {
    const Block<Real> to = signal(s->operand.signal);
    ops_.copy(s->operand.in, to, to, all);
    if (!symmetric()) return;
    const auto factor = static_cast<Real>(s->factor);
    for (std::size_t i = std::max(row, col); i < std::min(row + rows, col + cols); ++i) {
      const std::size_t entry = (i - row) * tile_cols + (i - col);
      to.k[entry] *= factor;
      if (to.t) to.t[entry] *= factor;
    }
  }
}

template <class Real>
std::string TileEngine<Real>::explain_not_finite(std::size_t i, std::size_t j) const {
  Workspace<Real> work = workspace();
  const std::size_t col = j / tile_cols * tile_cols, cols = std::min(tile_cols, this->cols() - col);
  multiply_inputs(i, 1, col, cols, true, work);
  for (std::size_t s = 0; s < program_.steps.size(); ++s) {
    run(s, i, 1, col, cols, true, work);
    for (std::size_t signal = 0; signal < program_.signals; ++signal)
      if (!std::isfinite(work.k[signal][j - col]) || !std::isfinite(work.t[signal][j - col]))
        return step_name(program_.steps[s], program_);
  }
  return "the last Dense layer";
}

template class TileEngine<double>;
template class TileEngine<float>;

}  // namespace nngp
