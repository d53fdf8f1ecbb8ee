#pragma once

#include <cstddef>

#include "finite/op.hpp"

namespace nngp {

/// out = weight_scale in W + bias_scale b at each of `positions` positions, of the channels there; of
/// all positions by the same weights, or of each by its own copy.
class DenseOp final : public FiniteOpOf<DenseOp> {
 public:
  DenseOp(std::size_t out, std::size_t in, const Weights& weights, std::size_t positions,
          double weight_scale, double bias_scale);

  const Weights* weights() const override { return &weights_; }

  template <class Real>
  void go_forward(Pass<Real>& pass) const;
  template <class Real>
  void go_backward(Pass<Real>& pass) const;

  void add_ntk(const Pass<double>& x1, const Pass<double>& x2, double outputs,
               Matrix<double>& ntk) const override;
  void add_ntk(const Pass<float>& x1, const Pass<float>& x2, float outputs,
               Matrix<float>& ntk) const override;

 private:
  template <class Real>
  class Gradients;

  std::size_t in_;
  Weights weights_;
  Eigen::Index positions_;
  double weight_scale_, bias_scale_;
};

}  // namespace nngp
