#pragma once

// What a layer does in a network of finite width. A network is straight-line code over slots, each of
// which holds the values of all units between two layers; an op reads slots and writes a new one.

#include <cstddef>
#include <string>

#include "nngp/array.hpp"

namespace nngp {

template <class Real>
class Pass;

/// The numbers that a layer is trained in: W, rows x cols, and b, 1 x cols, all independent and normal.
/// A layer whose positions share no weights has `copies` of both, one for each: W is (copies rows) x
/// cols, b is 1 x (copies cols).
struct Weights {
  std::size_t rows = 0, cols = 0, copies = 1;
  double W_std = 1, b_std = 1;
  bool has_bias = false;
  std::size_t index = 0;  ///< in Parameters, and for the random numbers

  std::size_t count() const { return copies * cols * (rows + (has_bias ? 1 : 0)); }
};

class FiniteOp {
 public:
  explicit FiniteOp(std::size_t out_) : out(out_) {}
  FiniteOp(const FiniteOp&) = delete;
  FiniteOp& operator=(const FiniteOp&) = delete;
  virtual ~FiniteOp() = default;

  const std::size_t out;   ///< the slot that it writes
  std::size_t number = 0;  ///< of this op in its program

  /// Null for an op without weights.
  virtual const Weights* weights() const { return nullptr; }

  /// Computes the values of slot `out`.
  virtual void forward(Pass<double>& pass) const = 0;
  virtual void forward(Pass<float>& pass) const = 0;
  /// Adds to the derivatives by the slots that it reads what follows from those by slot `out`.
  virtual void backward(Pass<double>& pass) const = 0;
  virtual void backward(Pass<float>& pass) const = 0;
  /// For an op with weights: adds their part of the NTK of the rows of two passes to `ntk`, after both
  /// were pulled back, divided by the number of outputs.
  virtual void add_ntk(const Pass<double>& /*x1*/, const Pass<double>& /*x2*/, double /*outputs*/,
                       Matrix<double>& /*ntk*/) const {}
  virtual void add_ntk(const Pass<float>& /*x1*/, const Pass<float>& /*x2*/, float /*outputs*/,
                       Matrix<float>& /*ntk*/) const {}
};

/// Derive Op from this and give it member templates go_forward(Pass<Real>&) and
/// go_backward(Pass<Real>&).
template <class Op>
class FiniteOpOf : public FiniteOp {
 public:
  using FiniteOp::FiniteOp;
  void forward(Pass<double>& pass) const final { self().go_forward(pass); }
  void forward(Pass<float>& pass) const final { self().go_forward(pass); }
  void backward(Pass<double>& pass) const final { self().go_backward(pass); }
  void backward(Pass<float>& pass) const final { self().go_backward(pass); }

 private:
  const Op& self() const { return static_cast<const Op&>(*this); }
};

}  // namespace nngp
