#pragma once

// Formulas as straight-line code over rows of numbers.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "formula/evaluate.hpp"
#include "formula/graph.hpp"
#include "nngp/activation.h"

namespace nngp::formula {

/// Code that computes some nodes of a graph from others. A slot holds one row.
struct Program {
  using Slot = std::uint32_t;
  struct Instruction {
    Op op;
    Slot to;
    std::array<Slot, 3> from;
    double value;
  };

  std::vector<Slot> inputs;  ///< in the order of what it was made from
  std::vector<std::pair<Slot, double>> constants;
  std::vector<Instruction> code;
  std::vector<Slot> outputs;  ///< in the order of what it was made for
  std::size_t slots = 0;

  /// Code for `outputs` in terms of `inputs`, which are not computed.
  Program(const Graph& graph, std::span<const Id> inputs, std::span<const Id> outputs);
};

/// A program at a number, in double precision.
class ScalarProgram {
 public:
  /// Of one variable.
  ScalarProgram(const Graph& graph, Id variable, Id output);
  double operator()(double x) const;
  std::vector<double> operator()(const std::vector<double>& x) const;

 private:
  Program program_;
};

/// nngp and d_nngp of a kernel formula for whole tiles: what depends on one variance alone is computed
/// once a row or column, the rest row by row in blocks that stay in the first-level cache.
class KernelProgram {
 public:
  struct Variables {
    Id cov12, var1, var2;
  };
  /// `d_nngp` may be null: then no derivative may be asked for.
  KernelProgram(const Graph& graph, const Variables& variables, Id nngp, const Id* d_nngp);

  /// NaN where memory does not suffice.
  void fill(const nngp_tile_f64& tile) const noexcept;
  void fill(const nngp_tile_f32& tile) const noexcept;

 private:
  struct Part {  ///< with and without the derivative
    Program of_rows, of_columns, of_entries;
  };
  static Part make(const Graph& graph, const Variables& variables, std::span<const Id> outputs);
  template <class Tile>
  void fill_tile(const Tile& tile) const;

  Part value_;
  std::vector<Part> with_derivative_;  // one or none
};

}  // namespace nngp::formula
