#pragma once

// Attention of finitely many heads, beside the weights of keys and values, which DenseOp has.

#include <cstddef>

#include "finite/op.hpp"

namespace nngp {

/// out(position) = scale W(position), the same for all examples: embeddings that are trained.
class EmbeddingOp final : public FiniteOpOf<EmbeddingOp> {
 public:
  /// `weights` has a row for each position and a column for each channel.
  EmbeddingOp(std::size_t out, const Weights& weights, double scale)
      : FiniteOpOf(out), weights_(weights), scale_(scale) {}

  const Weights* weights() const override { return &weights_; }

  template <class Real>
  void go_forward(Pass<Real>& pass) const;
  template <class Real>
  void go_backward(Pass<Real>&) const {}
  void add_ntk(const Pass<double>& x1, const Pass<double>& x2, double outputs,
               Matrix<double>& ntk) const override;
  void add_ntk(const Pass<float>& x1, const Pass<float>& x2, float outputs,
               Matrix<float>& ntk) const override;

 private:
  Weights weights_;
  double scale_;
};

/// How products of queries and keys become weights of values.
enum class Mechanism { softmax, identity, abs, relu };

/// The slots that attention reads, whose positions have the channels of all heads, one head after the
/// other; queries may be the keys.
struct AttentionSlots {
  std::size_t queries, keys, values;
};

/// out = zeta(scale Q K^T) V for each example and head: Q, K, V positions x channels of the head.
class AttentionOp final : public FiniteOpOf<AttentionOp> {
 public:
  AttentionOp(std::size_t out, const AttentionSlots& in, std::size_t positions, std::size_t heads,
              Mechanism mechanism, double scale)
      : FiniteOpOf(out),
        in_(in),
        positions_(static_cast<Eigen::Index>(positions)),
        heads_(static_cast<Eigen::Index>(heads)),
        mechanism_(mechanism),
        scale_(scale) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const;
  template <class Real>
  void go_backward(Pass<Real>& pass) const;

 private:
  template <class Real>
  Matrix<Real> attention(const Pass<Real>& pass, Eigen::Index row, Eigen::Index head) const;
  /// The derivatives by scale Q K^T of those by the weights that it became.
  template <class Real>
  Matrix<Real> by_products(const Matrix<Real>& weights, const Matrix<Real>& products,
                           const Matrix<Real>& by_weights) const;
  template <class Real>
  Matrix<Real> products(const Pass<Real>& pass, Eigen::Index row, Eigen::Index head) const;

  AttentionSlots in_;
  Eigen::Index positions_, heads_;
  Mechanism mechanism_;
  double scale_;
};

}  // namespace nngp
