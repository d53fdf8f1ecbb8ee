#include "finite/attention_ops.hpp"

#include "finite/pass.hpp"
#include "simd/gemm.hpp"

namespace nngp {
namespace {

/// The channels of one head of a row of units: positions x channels.
template <class Units>
auto head_of(Units&& units, Eigen::Index positions, Eigen::Index heads, Eigen::Index head) {
  using Real = std::remove_reference_t<decltype(*units.data())>;
  using Row = std::conditional_t<std::is_const_v<Real>, const Matrix<std::remove_const_t<Real>>,
                                 Matrix<std::remove_const_t<Real>>>;
  const Eigen::Index channels = units.size() / positions / heads;
  return Eigen::Map<Row, 0, Eigen::OuterStride<>>(units.data() + head * channels, positions, channels,
                                                  Eigen::OuterStride<>(heads * channels));
}

template <class Real>
void add_embedding_ntk(const Pass<Real>& x1, const Pass<Real>& x2, std::size_t slot, Real factor,
                       Matrix<Real>& ntk) {
  Matrix<Real> products(ntk.rows(), ntk.cols());
  multiply_transposed(x1.derivatives(slot), x2.derivatives(slot), false, map(products));
  ntk += factor * products;
}

}  // namespace

template <class Real>
void EmbeddingOp::go_forward(Pass<Real>& pass) const {
  const OwnedMatrix<Real>& W = pass.parameters(weights_).W;
  const Eigen::Map<const Eigen::Matrix<Real, 1, Eigen::Dynamic>> all(W.data(), W.size());
  pass.value(out) = (static_cast<Real>(scale_) * all).replicate(pass.rows(), 1);
}

void EmbeddingOp::add_ntk(const Pass<double>& x1, const Pass<double>& x2, double outputs,
                          Matrix<double>& ntk) const {
  add_embedding_ntk(x1, x2, out, scale_ * scale_ / outputs, ntk);
}
void EmbeddingOp::add_ntk(const Pass<float>& x1, const Pass<float>& x2, float outputs,
                          Matrix<float>& ntk) const {
  add_embedding_ntk(x1, x2, out, static_cast<float>(scale_ * scale_) / outputs, ntk);
}

template <class Real>
Matrix<Real> AttentionOp::products(const Pass<Real>& pass, Eigen::Index row, Eigen::Index head) const {
  return static_cast<Real>(scale_) *
         (head_of(pass.value(in_.queries).row(row), positions_, heads_, head) *
          head_of(pass.value(in_.keys).row(row), positions_, heads_, head).transpose());
}

template <class Real>
Matrix<Real> AttentionOp::attention(const Pass<Real>& pass, Eigen::Index row, Eigen::Index head) const {
  Matrix<Real> weights = products(pass, row, head);
  switch (mechanism_) {
    case Mechanism::identity:
      break;
    case Mechanism::abs:
      weights = weights.cwiseAbs().eval();
      break;
    case Mechanism::relu:
      weights = weights.cwiseMax(Real(0)).eval();
      break;
    case Mechanism::softmax:
      for (Eigen::Index s = 0; s < positions_; ++s) {
        auto line = weights.row(s);
        line = (line.array() - line.maxCoeff()).exp().eval();
        line /= line.sum();
      }
  }
  return weights;
}

template <class Real>
Matrix<Real> AttentionOp::by_products(const Matrix<Real>& weights, const Matrix<Real>& products,
                                      const Matrix<Real>& by_weights) const {
  switch (mechanism_) {
    case Mechanism::identity:
      return by_weights;
    case Mechanism::abs:
      return by_weights.cwiseProduct(products.cwiseSign());
    case Mechanism::relu:
      return by_weights.cwiseProduct(products.cwiseSign().cwiseMax(Real(0)));
    case Mechanism::softmax:
      break;
  }
  const Matrix<Real> product = weights.cwiseProduct(by_weights);
  return product - (weights.array().colwise() * product.rowwise().sum().array()).matrix();
}

template <class Real>
void AttentionOp::go_forward(Pass<Real>& pass) const {
  for (Eigen::Index r = 0; r < pass.rows(); ++r)
    for (Eigen::Index h = 0; h < heads_; ++h)
      head_of(pass.value(out).row(r), positions_, heads_, h) =
          attention(pass, r, h) * head_of(pass.value(in_.values).row(r), positions_, heads_, h);
}

template <class Real>
void AttentionOp::go_backward(Pass<Real>& pass) const {
  const auto head = [&](auto&& units, Eigen::Index h) { return head_of(units, positions_, heads_, h); };
  pass.add_rows(out, in_.values, [&](Eigen::Index r, auto&& in, const auto& by_out) {
    for (Eigen::Index h = 0; h < heads_; ++h)
      head(in, h) += attention(pass, r, h).transpose() * head(by_out, h);
  });
  const auto add = [&](std::size_t slot, std::size_t other, bool transposed) {
    pass.add_rows(out, slot, [&](Eigen::Index r, auto&& in, const auto& by_out) {
      for (Eigen::Index h = 0; h < heads_; ++h) {
        const Matrix<Real> by_weights =
            head(by_out, h) * head(pass.value(in_.values).row(r), h).transpose();
        Matrix<Real> by = by_products<Real>(attention(pass, r, h), products(pass, r, h), by_weights);
        if (transposed) by.transposeInPlace();
        head(in, h) += static_cast<Real>(scale_) * (by * head(pass.value(other).row(r), h));
      }
    });
  };
  add(in_.queries, in_.keys, false);
  add(in_.keys, in_.queries, true);
}

template void EmbeddingOp::go_forward(Pass<double>&) const;
template void EmbeddingOp::go_forward(Pass<float>&) const;
template void AttentionOp::go_forward(Pass<double>&) const;
template void AttentionOp::go_forward(Pass<float>&) const;
template void AttentionOp::go_backward(Pass<double>&) const;
template void AttentionOp::go_backward(Pass<float>&) const;

}  // namespace nngp
