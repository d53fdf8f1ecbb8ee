#include "engine/tile_engine.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/enumerable_thread_specific.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "engine/input_products.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"
#include "parallel.hpp"

namespace nngp {
namespace {

std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr VarianceRange no_variances = {infinity, 0, infinity};

VarianceRange joined(const VarianceRange& a, const VarianceRange& b) {
  return {std::min(a.min, b.min), std::max(a.max, b.max), std::min(a.positive, b.positive)};
}

/// Entries in memory are whole vectors and whole panels of any instruction set.
constexpr std::size_t whole_columns = 32;
/// Rows that passes over whole panels or squares of vectors may touch behind the last tile.
constexpr std::size_t rows_beyond = 16;

}  // namespace

template <class Real>
TileEngine<Real>::TileEngine(Program program, const MatrixView<Real>& x1,
                             const std::optional<MatrixView<Real>>& x2)
    : program_(std::move(program)),
      schedules_(schedule(program_)),
      x1_(x1),
      x2_(x2),
      shape_(choose_shape()) {
  bind();
}

/// Planes of one site: tiles as large as the cache holds of them, of whole panels of inner products and
/// of columns that are whole lines of the cache, as rows of the mirror image: parts of lines past the
/// caches took as long as all the rest. Of many sites: tiles that let a plane of the average size stay
/// in the second-level cache, but so many entries that a call of an activation pays, and so few that
/// all planes fit into the memory of a thread.
template <class Real>
TileShape TileEngine<Real>::choose_shape() const {
  const std::size_t whole = tile_ops<Real>().panel_rows;
  if (!is_spatial()) {
    const std::size_t step = std::lcm(whole, 64 / sizeof(Real));
    return {tile_rows / step * step, tile_cols};
  }
  constexpr std::size_t cache = std::size_t{1} << 20, least = 256, memory = std::size_t{1} << 26;
  const Schedule& pairs = schedules_.pairs;
  double sites = 0;
  for (const PairBox& box : pairs.boxes) sites += static_cast<double>(box.count());
  sites = std::max(1.0, sites / static_cast<double>(pairs.boxes.size()));
  const auto in_cache = static_cast<std::size_t>(cache / (2 * sizeof(Real) * sites));
  const std::size_t in_memory = memory / (2 * sizeof(Real) * std::max<std::size_t>(1, pairs.tiles()));
  const std::size_t entries = std::min(std::max(in_cache, least), in_memory);
  // Few columns, so that three lines of a filter stay in the first-level cache, and rows for whole
  // panels of inner products.
  const std::size_t most = entries < 512 ? whole_columns : 2 * whole_columns;
  const std::size_t cols = std::clamp(round_up(this->cols(), whole_columns), whole_columns, most);
  const std::size_t rows = std::clamp<std::size_t>(entries / cols, 1, tile_rows);
  return {rows < whole ? rows : rows / whole * whole, cols};
}

/// Examples with themselves that are propagated at a time: planes stay in the second-level cache, and
/// threads share the examples.
template <class Real>
std::size_t TileEngine<Real>::own_block() const {
  constexpr std::size_t memory = std::size_t{1} << 19;
  const std::size_t tiles = std::max<std::size_t>(1, schedules_.own.tiles());
  return std::clamp(memory / sizeof(Real) / tiles / whole_columns * whole_columns, whole_columns,
                    std::size_t{1024});
}

/// A block of examples with themselves on its way through the steps.
template <class Real>
class TileEngine<Real>::OwnPass {
 public:
  /// What is wrong, and where: of several faults that of the first step and example is told.
  struct Fault {
    std::size_t op, example;
    std::string message;
    bool operator<(const Fault& other) const {
      return std::pair(op, example) < std::pair(other.op, other.example);
    }
  };

  OwnPass(TileEngine& engine, Input input, std::size_t steps)
      : engine_(engine), input_(input), steps_(steps) {}

  void run(std::size_t first, std::size_t count, Workspace<Real>& work) {
    const Schedule& schedule = engine_.schedules_.own;
    const std::size_t ld = round_up(count, whole_columns);
    KernelTile<Real> tile{first, 1, first, count, ld, engine_.symmetric(), input_};
    tile.scratch = &work.scratch;
    for (std::size_t o = 0; o < schedule.ops.size(); ++o) {
      const PlaneOp& op = schedule.ops[o];
      const bool is_step = op.kind != PlaneOp::Kind::multiply;
      if (is_step && op.step >= steps_) {
        if (op.kind == PlaneOp::Kind::keep && op.step == steps_) find_range(op, tile, work);
        break;
      }
      StepMemory<Real> memory;
      tile.memory = &memory;
      if (op.kind == PlaneOp::Kind::run && !check_pending(o, op, tile, work)) return;
      if (op.kind == PlaneOp::Kind::keep)
        engine_.steps_[op.step]->keep(tile, engine_.plane(schedule, op.in, work, false));
      else
        engine_.run(op, tile, work, false);
      const bool makes_variances = !is_step || engine_.program_.steps[op.step]->makes_variances();
      if (op.complete && makes_variances &&
          !check(o, is_step ? engine_.program_.steps[op.step]->name() : "the first layer",
                 engine_.plane(schedule, op.out, work, false), {}, tile))
        return;
    }
  }

  VarianceRange range() const { return range_; }

  void throw_faults() const {
    if (fault_) throw DataError(fault_->message);
  }

 private:
  /// The Dense layers that wait for a step keep variances finite.
  bool check_pending(std::size_t o, const PlaneOp& op, const KernelTile<Real>& tile,
                     Workspace<Real>& work) {
    const KernelStep& step = *engine_.program_.steps[op.step];
    const Affine pending = step.operands()[op.operand].pending;
    return pending.is_identity() ||
           check(o, "the Dense layer before " + step.name(),
                 engine_.plane(engine_.schedules_.own, op.in, work, false), pending, tile);
  }

  /// Variances are finite and not negative.
  bool check(std::size_t o, const std::string& layer, const Plane<Real>& plane, const Affine& pending,
             const KernelTile<Real>& tile) {
    if (plane.box->offset != Offset{}) return true;
    for (std::size_t place = 0; place < plane.box->count(); ++place)
      for (std::size_t i = 0; i < tile.cols; ++i) {
        const Real variance =
            static_cast<Real>(pending.cov_scale) * plane.entries.nngp[place * tile.ld + i] +
            static_cast<Real>(pending.cov_shift);
        if (std::isfinite(variance) && variance >= 0) continue;
        const std::lock_guard lock(mutex_);
        Fault fault{o, tile.col + i, explain(layer, variance, tile.col + i)};
        if (!fault_ || fault < *fault_) fault_ = std::move(fault);
        return false;
      }
    return true;
  }

  /// Why a variance is none: by a number of the example itself, or by what was made of it.
  std::string explain(const std::string& layer, Real variance, std::size_t example) const {
    const char* const name = input_ == Input::x1 ? "x1" : "x2";
    const auto row = engine_.input(input_).row(static_cast<Eigen::Index>(example));
    for (Eigen::Index i = 0; i < row.size(); ++i)
      if (!std::isfinite(row[i]))
        return fmt::format("{} is {} in row {}, column {} (counted from 0): remove or replace it", name,
                           format_number(row[i]), example, i);
    return fmt::format(
        "{} makes the variance of row {} (counted from 0) of {} {}: scale the data or "
        "W_std so that it stays in range, or use another activation",
        layer, example, name, format_number(variance));
  }

  void find_range(const PlaneOp& op, const KernelTile<Real>& tile, Workspace<Real>& work) {
    const Plane<Real> plane = engine_.plane(engine_.schedules_.own, op.in, work, false);
    const Affine pending = engine_.program_.steps[op.step]->operands()[0].pending;
    VarianceRange found = no_variances;
    for (std::size_t place = 0; place < plane.box->count(); ++place)
      for (std::size_t i = 0; i < tile.cols; ++i) {
        // What the step will see, to the last bit where products and sums are fused.
        const double variance =
            std::fma(static_cast<Real>(pending.cov_scale), plane.entries.nngp[place * tile.ld + i],
                     static_cast<Real>(pending.cov_shift));
        found = joined(found, {variance, variance, variance > 0 ? variance : no_variances.positive});
      }
    const std::lock_guard lock(mutex_);
    range_ = joined(range_, found);
  }

  TileEngine& engine_;
  const Input input_;
  const std::size_t steps_;
  std::mutex mutex_;  ///< guards what follows
  VarianceRange range_ = no_variances;
  std::optional<Fault> fault_;
};

template <class Real>
VarianceRange TileEngine<Real>::propagate(std::size_t steps) {
  VarianceRange range = no_variances;
  for (const Input which : {Input::x1, Input::x2}) {
    if (which == Input::x2 && !x2_) break;
    OwnPass pass(*this, which, steps);
    const auto n = static_cast<std::size_t>(input(which).rows());
    const std::size_t block = std::min(own_block(), round_up(n, whole_columns));
    oneapi::tbb::enumerable_thread_specific<Workspace<Real>> workspaces(
        [&] { return workspace(schedules_.own, 1, block); });
    parallel_for((n + block - 1) / block, [&](std::size_t b) {
      pass.run(b * block, std::min(block, n - b * block), workspaces.local());
    });
    pass.throw_faults();
    range = joined(range, pass.range());
  }
  if (range.positive == infinity) range.positive = 0;
  return range;
}

/// Steps that need to know the range of the variances in front of them make a pass of their own.
template <class Real>
void TileEngine<Real>::bind() {
  const std::optional<std::size_t> rows2 = x2_ ? std::optional(cols()) : std::nullopt;
  for (std::size_t step = 0; step <= program_.steps.size(); ++step) {
    const bool ends = step == program_.steps.size();
    VarianceRange range{};
    if (ends || program_.steps[step]->needs_range()) range = propagate(step);
    if (ends) break;
    const std::size_t value = program_.steps[step]->operands()[0].value;
    Binding<Real> binding{rows(), rows2, program_.sites[value], range, own_block(), numerical_layers_};
    steps_.push_back(program_.steps[step]->bind(binding));
  }
}

template <class Real>
Workspace<Real> TileEngine<Real>::workspace(const Schedule& schedule, std::size_t rows,
                                            std::size_t ld) const {
  Workspace<Real> work;
  for (const std::size_t tiles : schedule.buffers)
    work.nngp.emplace_back((tiles * rows + rows_beyond) * ld);
  work.steps.resize(program_.steps.size());
  return work;
}

template <class Real>
Workspace<Real> TileEngine<Real>::workspace() const {
  Workspace<Real> work = workspace(schedules_.pairs, shape_.rows, shape_.cols);
  work.ntk = work.nngp;
  work.packed.resize(static_cast<std::size_t>(x1_.cols()) * shape_.cols);
  work.flipped_nngp.resize(ops_.panel_cols * tile_rows);
  work.flipped_ntk.resize(ops_.panel_cols * tile_rows);
  return work;
}

template <class Real>
std::size_t TileEngine<Real>::workspace_bytes() const {
  const std::size_t entries =
      shape_.rows * schedules_.pairs.tiles() + rows_beyond * schedules_.pairs.buffers.size();
  std::size_t kept = 0;
  for (const auto& step : program_.steps)
    if (!step->keeps().empty()) kept += program_.sites[step->operands()[0].value].count();
  return sizeof(Real) * ((2 * entries + static_cast<std::size_t>(x1_.cols())) * shape_.cols +
                         kept * (shape_.rows + shape_.cols));
}

template <class Real>
std::vector<LayerWork> TileEngine<Real>::work() const {
  std::vector<LayerWork> layers;
  for (std::size_t step = 0; step < program_.steps.size(); ++step) {
    const Sites& sites = program_.sites[step + 1];
    layers.push_back({program_.steps[step]->name(), count_pairs(schedules_.wanted[step + 1], sites),
                      sites.count() * sites.count()});
  }
  return layers;
}

template <class Real>
KernelTile<Real> TileEngine<Real>::tile_at(const TileAt& at, Workspace<Real>& work) const {
  KernelTile<Real> tile{at.row, at.rows, at.col, at.cols, shape_.cols, symmetric()};
  tile.scratch = &work.scratch;
  return tile;
}

template <class Real>
void TileEngine<Real>::run(const PlaneOp& op, const KernelTile<Real>& tile, Workspace<Real>& work,
                           bool ntk) const {
  const Schedule& schedule = tile.own ? schedules_.own : schedules_.pairs;
  const Plane<Real> out = plane(schedule, op.out, work, ntk);
  const std::size_t entries = out.box->count() * tile.size();
  switch (op.kind) {
    case PlaneOp::Kind::multiply:
      return multiply_inputs(tile, out, work);
    case PlaneOp::Kind::zero:
      std::fill_n(out.entries.nngp, entries, Real(0));
      if (ntk) std::fill_n(out.entries.ntk, entries, Real(0));
      return;
    case PlaneOp::Kind::copy:
      return ops_.copy({}, plane(schedule, op.in, work, ntk).entries, out.entries, entries);
    case PlaneOp::Kind::keep:
      return;
    case PlaneOp::Kind::run:
      steps_[op.step]->run(tile, {op.operand, plane(schedule, op.in, work, ntk), out, op.first});
  }
}

template <class Real>
KernelEntries<Real> TileEngine<Real>::evaluate(const TileAt& at, Workspace<Real>& work,
                                               typename TileOf<Real>::output* output,
                                               const Pause& pause) const {
  if (output) set_affine(program_.output.pending, *output);
  KernelTile<Real> tile = tile_at(at, work);
  const std::vector<PlaneOp>& ops = schedules_.pairs.ops;
  const auto pairs_of = [&](const PlaneOp& op) { return schedules_.pairs.boxes[op.out.box].count(); };
  constexpr std::size_t long_time = 1 << 18;  // entries between pauses
  std::size_t done = 0, paused = 0, all = 0;
  if (pause)
    for (const PlaneOp& op : ops) all += pairs_of(op);
  for (std::size_t o = 0; o < ops.size(); ++o) {
    tile.memory = work.steps.data() + ops[o].step;  // null without steps
    tile.output = o + 1 == ops.size() ? output : nullptr;
    run(ops[o], tile, work, at.ntk);
    done += pairs_of(ops[o]);
    if (pause && (done - paused) * tile.size() > long_time) {
      pause(static_cast<double>(done) / static_cast<double>(all));
      paused = done;
    }
  }
  return plane(schedules_.pairs, schedules_.pairs.output, work, at.ntk).entries;
}

template <class Real>
void TileEngine<Real>::multiply_inputs(const KernelTile<Real>& tile, const Plane<Real>& to,
                                       Workspace<Real>& work) const {
  const InputProducts<Real> products(ops_, input(tile.own.value_or(Input::x1)),
                                     input(tile.own.value_or(Input::x2)), channels(), tile);
  if (tile.own) return products.diagonal(to);
  products.pack(program_.sites[0].count(), work);
  products.multiply(to, work);
}

template <class Real>
std::string TileEngine<Real>::explain_not_finite(std::size_t i, std::size_t j) const {
  Workspace<Real> work = workspace();
  const std::size_t col = j / shape_.cols * shape_.cols, place = j - col;
  const TileAt at = {i, 1, col, std::min(shape_.cols, cols() - col), true};
  KernelTile<Real> tile = tile_at(at, work);
  const auto overflows = [&](const Affine& dense, const Plane<Real>& plane) {
    const auto in_range = [](double value) { return std::isfinite(static_cast<Real>(value)); };
    for (std::size_t s = 0; s < plane.box->count(); ++s) {
      const auto k = static_cast<double>(plane.entries.nngp[s * tile.size() + place]);
      const auto t = static_cast<double>(plane.entries.ntk[s * tile.size() + place]);
      if (!in_range(dense.cov_scale * k + dense.cov_shift) ||
          !in_range(dense.ntk_cov * k + dense.ntk_scale * t + dense.ntk_shift))
        return true;
    }
    return false;
  };
  for (const PlaneOp& op : schedules_.pairs.ops) {
    const bool runs = op.kind == PlaneOp::Kind::run;
    tile.memory = work.steps.data() + op.step;
    if (runs && overflows(program_.steps[op.step]->operands()[op.operand].pending,
                          plane(schedules_.pairs, op.in, work, true)))
      return "the Dense layer before " + program_.steps[op.step]->name();
    run(op, tile, work, true);
    if (runs && overflows({}, plane(schedules_.pairs, op.out, work, true)))
      return program_.steps[op.step]->name();
  }
  return "the last Dense layer";
}

template class TileEngine<double>;
template class TileEngine<float>;

}  // namespace nngp
