#pragma once

// One sampled network on a block of rows: forward, and backward for the NTK.

#include <cstddef>
#include <vector>

#include "finite/program.hpp"
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

  /// The values of a slot, rows x width.
  const Matrix<Real>& value(std::size_t slot) const { return values_[slot]; }
  const Matrix<Real>& output() const { return values_[program_.output]; }

  /// Back-propagates outputs first ... first + count - 1.
  void pull_back(std::size_t first, std::size_t count);
  /// After pull_back: for each row, the derivatives of those outputs by the units of a trained slot,
  /// one output after the other: rows x (count width).
  MatrixView<Real> derivatives(std::size_t slot) const;

 private:
  void forward(const DenseStep& step, std::size_t index);
  void forward(const ActivationStep& step, std::size_t index);
  void forward(const DropoutStep& step, std::size_t index);
  void forward(const LayerNormStep& step, std::size_t index);
  void forward(const SumStep& step, std::size_t index);
  void forward(const ProductStep& step, std::size_t index);
  void forward(const ConcatStep& step, std::size_t index);

  void backward(const DenseStep& step, std::size_t index);
  void backward(const ActivationStep& step, std::size_t index);
  void backward(const DropoutStep& step, std::size_t index);
  void backward(const LayerNormStep& step, std::size_t index);
  void backward(const SumStep& step, std::size_t index);
  void backward(const ProductStep& step, std::size_t index);
  void backward(const ConcatStep& step, std::size_t index);

  /// Adds to the derivatives of a slot what row(r, out, in) makes of each of its rows, `in` being the
  /// derivatives by the step's output and r the row of x.
  template <class Row>
  void add_rows(std::size_t from, std::size_t to, Row row);
  bool trained(std::size_t slot) const { return program_.slots[slot].trained; }

  const FiniteProgram& program_;
  const Parameters<Real>& parameters_;
  const Eigen::Index rows_;
  const std::uint64_t first_row_;
  const SampleKey masks_;
  const bool derivatives_;
  Eigen::Index count_ = 0;                ///< outputs that are back-propagated at a time
  std::vector<Matrix<Real>> values_;      ///< by slot
  std::vector<Matrix<Real>> slopes_;      ///< by step: the diagonal Jacobian of each row
  std::vector<Matrix<Real>> cotangents_;  ///< by slot: (rows count) x width; empty: none yet
};

}  // namespace nngp
