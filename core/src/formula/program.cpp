#include "formula/program.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <type_traits>

namespace nngp::formula {
namespace {

/// The rows of one program in memory. Inputs may lie elsewhere.
template <class Real>
class Rows {
 public:
  Rows(const Program& program, std::size_t length)
      : program_(program), memory_(program.slots * length), at_(program.slots) {
    for (std::size_t slot = 0; slot < at_.size(); ++slot) at_[slot] = memory_.data() + slot * length;
    for (const auto& [slot, value] : program.constants)
      std::fill_n(at_[slot], length, static_cast<Real>(value));
  }

  Real* input(std::size_t k) { return at_[program_.inputs[k]]; }
  /// Has an input read from `row`, which is not written.
  void read(std::size_t k, const Real* row) { at_[program_.inputs[k]] = const_cast<Real*>(row); }
  const Real* output(std::size_t k) const { return at_[program_.outputs[k]]; }

  void run(std::size_t n) {
    for (const Program::Instruction& i : program_.code)
      row_operation<Real>(i.op)(at_[i.from[0]], at_[i.from[1]], at_[i.from[2]], at_[i.to], n, i.value);
  }

 private:
  const Program& program_;
  std::vector<Real> memory_;
  std::vector<Real*> at_;
};

std::size_t padded(std::size_t n, std::size_t step) { return (n + step - 1) / step * step; }

/// Which of cov12, var1 and var2 each node depends on, as bits.
std::vector<unsigned> dependences(const Graph& graph, const KernelProgram::Variables& variables) {
  std::vector<unsigned> depends(graph.size(), 0);
  for (Id id = 0; id < graph.size(); ++id) {
    if (id == variables.cov12) depends[id] = 1;
    if (id == variables.var1) depends[id] = 2;
    if (id == variables.var2) depends[id] = 4;
    for (std::size_t k = 0; k < arity(graph[id].op); ++k) depends[id] |= depends[graph[id].arg[k]];
  }
  return depends;
}

}  // namespace

Program::Program(const Graph& graph, std::span<const Id> from, std::span<const Id> to) {
  // Nodes below the inputs are not needed.
  std::vector<bool> given(graph.size(), false), needed(graph.size(), false);
  for (const Id id : from) given[id] = true;
  for (const Id id : to) needed[id] = true;
  std::vector<std::size_t> uses(graph.size(), 0);
  for (std::size_t id = graph.size(); id-- > 0;) {
    if (!needed[id] || given[id]) continue;
    for (std::size_t k = 0; k < arity(graph[static_cast<Id>(id)].op); ++k) {
      const Id argument = graph[static_cast<Id>(id)].arg[k];
      needed[argument] = true;
      ++uses[argument];
    }
  }
  // Inputs, constants and outputs keep their slots; others give theirs up after their last use.
  std::vector<Slot> slot(graph.size(), 0);
  std::vector<bool> kept(graph.size(), false);
  for (const Id id : from) {
    slot[id] = static_cast<Slot>(slots++);
    inputs.push_back(slot[id]);
    kept[id] = true;
  }
  for (const Id id : to) kept[id] = true;
  std::vector<Slot> free;
  for (Id id = 0; id < graph.size(); ++id) {
    const Node& node = graph[id];
    if (!needed[id] || given[id]) continue;
    if (node.op == Op::constant) {
      slot[id] = static_cast<Slot>(slots++);
      constants.emplace_back(slot[id], node.value);
      kept[id] = true;
      continue;
    }
    std::array<Slot, 3> arguments{};
    for (std::size_t k = 0; k < arity(node.op); ++k) arguments[k] = slot[node.arg[k]];
    for (std::size_t k = 0; k < arity(node.op); ++k)
      if (--uses[node.arg[k]] == 0 && !kept[node.arg[k]]) free.push_back(slot[node.arg[k]]);
    if (free.empty()) {
      slot[id] = static_cast<Slot>(slots++);
    } else {
      slot[id] = free.back();
      free.pop_back();
    }
    code.push_back({node.op, slot[id], arguments, node.value});
  }
  for (const Id id : to) outputs.push_back(slot[id]);
}

ScalarProgram::ScalarProgram(const Graph& graph, Id variable, Id output)
    : program_(graph, std::span(&variable, 1), std::span(&output, 1)) {}

// The numerical layer calls this thousands of times: most programs fit onto the stack.
double ScalarProgram::operator()(double x) const {
  constexpr std::size_t step = row_step<double>, few = 32;
  alignas(64) std::array<double, few * step> small;
  std::vector<double> large;
  double* memory = small.data();
  if (program_.slots > few) {
    large.resize(program_.slots * step);
    memory = large.data();
  }
  std::fill_n(memory + program_.inputs[0] * step, step, x);
  for (const auto& [slot, value] : program_.constants) std::fill_n(memory + slot * step, step, value);
  for (const Program::Instruction& i : program_.code)
    row_operation<double>(i.op)(memory + i.from[0] * step, memory + i.from[1] * step,
                                memory + i.from[2] * step, memory + i.to * step, step, i.value);
  return memory[program_.outputs[0] * step];
}

std::vector<double> ScalarProgram::operator()(const std::vector<double>& x) const {
  const std::size_t length = padded(x.size(), row_step<double>);
  Rows<double> rows(program_, length);
  std::copy(x.begin(), x.end(), rows.input(0));
  rows.run(length);
  return {rows.output(0), rows.output(0) + x.size()};
}

KernelProgram::KernelProgram(const Graph& graph, const Variables& variables, Id nngp, const Id* d_nngp)
    : value_(make(graph, variables, std::span(&nngp, 1))) {
  if (d_nngp) with_derivative_.push_back(make(graph, variables, std::vector<Id>{nngp, *d_nngp}));
}

KernelProgram::Part KernelProgram::make(const Graph& graph, const Variables& variables,
                                        std::span<const Id> outputs) {
  const std::vector<unsigned> depends = dependences(graph, variables);
  // The largest parts that depend on one variance alone, the variances themselves among them.
  std::vector<Id> rows, columns;
  const auto note = [&](Id id) {
    std::vector<Id>* list = depends[id] == 2 ? &rows : depends[id] == 4 ? &columns : nullptr;
    if (list && std::find(list->begin(), list->end(), id) == list->end()) list->push_back(id);
  };
  for (const Id id : graph.needed_by(outputs)) {
    const bool of_entry = depends[id] != 0 && depends[id] != 2 && depends[id] != 4;
    for (std::size_t k = 0; of_entry && k < arity(graph[id].op); ++k) note(graph[id].arg[k]);
  }
  for (const Id id : outputs) note(id);
  std::vector<Id> inputs{variables.cov12};
  inputs.insert(inputs.end(), rows.begin(), rows.end());
  inputs.insert(inputs.end(), columns.begin(), columns.end());
  return {Program(graph, std::span(&variables.var1, 1), rows),
          Program(graph, std::span(&variables.var2, 1), columns), Program(graph, inputs, outputs)};
}

template <class Tile>
void KernelProgram::fill_tile(const Tile& tile) const {
  using Real = std::remove_pointer_t<decltype(tile.nngp)>;
  constexpr std::size_t step = row_step<Real>, block = 16 * step;
  const bool derivative = tile.d_nngp || tile.ntk;
  const Part& part = derivative ? with_derivative_.front() : value_;
  const TileArithmetic<Real>& arithmetic = tile_arithmetic<Real>();
  // A copy, padded by its last element.
  const auto copy = [](const Real* from, std::size_t n, Real* to, std::size_t length) {
    std::fill(std::copy_n(from, n, to), to + length, from[n - 1]);
  };
  // What the Dense layer makes of it.
  const auto dense_row = [&](const Real* from, std::size_t n, Real* to, std::size_t length) {
    if (n < length) copy(from, n, to, length);
    arithmetic.dense(n < length ? to : from, to, length, tile.cov_scale, tile.cov_shift);
  };

  const std::size_t row_length = padded(tile.rows, step), column_length = padded(tile.cols, step);
  Rows<Real> of_rows(part.of_rows, row_length), of_columns(part.of_columns, column_length);
  dense_row(tile.var1, tile.rows, of_rows.input(0), row_length);
  dense_row(tile.var2, tile.cols, of_columns.input(0), column_length);
  of_rows.run(row_length);
  of_columns.run(column_length);

  Rows<Real> entries(part.of_entries, block);
  std::array<Real, block> raw{}, ntk{};
  const std::size_t row_count = part.of_rows.outputs.size();
  for (std::size_t i = 0; i < tile.rows; ++i) {
    for (std::size_t k = 0; k < row_count; ++k)
      std::fill_n(entries.input(1 + k), std::min(block, column_length), of_rows.output(k)[i]);
    for (std::size_t j = 0; j < tile.cols; j += block) {
      const std::size_t n = std::min(block, tile.cols - j), length = padded(n, step);
      const Real* cov12 = tile.cov12 + i * tile.cov12_ld + j;
      dense_row(cov12, n, entries.input(0), length);
      for (std::size_t k = 0; k < part.of_columns.outputs.size(); ++k)
        entries.read(1 + row_count + k, of_columns.output(k) + j);
      entries.run(length);
      const Real* d_nngp = derivative ? entries.output(1) : nullptr;
      if (tile.ntk) {  // before nngp, which may be cov12
        Real* out = tile.ntk + i * tile.ntk_ld + j;
        if (n < length) {
          copy(cov12, n, raw.data(), length);
          copy(out, n, ntk.data(), length);
        }
        arithmetic.ntk(d_nngp, n < length ? raw.data() : cov12, n < length ? ntk.data() : out, length,
                       tile.ntk_cov, tile.ntk_scale, tile.ntk_shift);
        if (n < length) std::copy_n(ntk.data(), n, out);
      }
      if (tile.d_nngp) std::copy_n(d_nngp, n, tile.d_nngp + i * tile.d_nngp_ld + j);
      std::copy_n(entries.output(0), n, tile.nngp + i * tile.nngp_ld + j);
    }
  }
}

namespace {

template <class Tile>
void fill_with_nan(const Tile& tile) {
  using Real = std::remove_pointer_t<decltype(tile.nngp)>;
  for (std::size_t i = 0; i < tile.rows; ++i) {
    const auto row = [&](Real* out, std::size_t ld) {
      if (out) std::fill_n(out + i * ld, tile.cols, std::numeric_limits<Real>::quiet_NaN());
    };
    row(tile.nngp, tile.nngp_ld);
    row(tile.d_nngp, tile.d_nngp_ld);
    row(tile.ntk, tile.ntk_ld);
  }
}

}  // namespace

void KernelProgram::fill(const nngp_tile_f64& tile) const noexcept {
  try {
    fill_tile(tile);
  } catch (const std::bad_alloc&) {
    fill_with_nan(tile);
  }
}
void KernelProgram::fill(const nngp_tile_f32& tile) const noexcept {
  try {
    fill_tile(tile);
  } catch (const std::bad_alloc&) {
    fill_with_nan(tile);
  }
}

}  // namespace nngp::formula
