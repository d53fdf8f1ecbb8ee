#pragma once

// One sampled network on a block of rows: forward, and backward for the NTK.

#include <cstddef>
#include <vector>

#include "finite/network_builder.hpp"
#include "nngp/array.hpp"

namespace nngp {

/// The weights of `program`; in the current arena.
template <class Real>
Parameters<Real> sample_parameters(const FiniteProgram& program, const SampleKey& key);

/// The values of all units for some rows, and derivatives of outputs by them.
template <class Real>
class Pass {
 public:
  /// Runs the network forward. `first_row` is the number of x's first row. With `derivatives` it can be
  /// run backward. `program` and `parameters` must outlive it.
  Pass(const FiniteProgram& program, const Parameters<Real>& parameters, const MatrixView<Real>& x,
       std::uint64_t first_row, const SampleKey& masks, bool derivatives);

  const Matrix<Real>& output() const { return values_[program_.output]; }

  /// Back-propagates outputs first ... first + count - 1.
  void pull_back(std::size_t first, std::size_t count);
  /// After pull_back: for each row, the derivatives of those outputs by the units of a slot that an op
  /// with weights writes, one output after the other: rows x (count width).
  MatrixView<Real> derivatives(std::size_t slot) const;

  // ---- For ops ----

  /// The values of a slot, rows x width.
  const Matrix<Real>& value(std::size_t slot) const { return values_[slot]; }
  Matrix<Real>& value(std::size_t slot) { return values_[slot]; }
  const DenseParameters<Real>& parameters(const Weights& weights) const {
    return parameters_[weights.index];
  }
  /// For an op that acts unit by unit: its derivative at each unit, kept from forward to backward.
  Matrix<Real>& jacobian_diagonal(const FiniteOp& op) { return jacobian_diagonals_[op.number]; }
  /// The derivatives by a slot, (rows count) x width; empty: none were added yet.
  Matrix<Real>& cotangent(std::size_t slot) { return cotangents_[slot]; }

  Eigen::Index rows() const { return rows_; }
  std::uint64_t first_row() const { return first_row_; }
  const SampleKey& masks() const { return masks_; }
  bool trained(std::size_t slot) const { return program_.slots[slot].trained; }
  /// Whether derivatives by a slot will be asked for.
  bool wants_derivatives(std::size_t slot) const { return derivatives_ && trained(slot); }

  /// Calls add(r, by_in, by_out) for every row r of x and every output that is pulled back: `by_out`
  /// are the derivatives by the units of slot `out`, and `add` adds to `by_in` what follows from them
  /// for the units of slot `in`. Does nothing if `in` does not depend on weights.
  template <class Add>
  void add_rows(std::size_t out, std::size_t in, Add add) {
    if (!trained(in)) return;
    Matrix<Real>& to = cotangents_[in];
    if (to.size() == 0) to.setZero(rows_ * count_, values_[in].cols());
    for (Eigen::Index r = 0; r < rows_; ++r)
      for (Eigen::Index c = 0; c < count_; ++c)
        add(r, to.row(r * count_ + c), cotangents_[out].row(r * count_ + c));
  }

 private:
  const FiniteProgram& program_;
  const Parameters<Real>& parameters_;
  const Eigen::Index rows_;
  const std::uint64_t first_row_;
  const SampleKey masks_;
  const bool derivatives_;
  Eigen::Index count_ = 0;                        ///< outputs that are back-propagated at a time
  std::vector<Matrix<Real>> values_;              ///< by slot
  std::vector<Matrix<Real>> jacobian_diagonals_;  ///< by op
  std::vector<Matrix<Real>> cotangents_;          ///< by slot
};

}  // namespace nngp
