#include "finite/pass.hpp"

#include <algorithm>

#include "finite/random.hpp"
#include "parallel.hpp"

namespace nngp {
namespace {

template <class Real>
void fill_normal(const RandomStream& stream, double scale, OwnedMatrix<Real>& matrix) {
  constexpr std::size_t piece = 4096;
  static_assert(piece % RandomStream::block == 0);
  const auto size = static_cast<std::size_t>(matrix.size());
  parallel_for((size + piece - 1) / piece, [&](std::size_t p) {
    const std::size_t first = p * piece;
    stream.normal(first, scale, matrix.data() + first, std::min(piece, size - first));
  });
}

}  // namespace

template <class Real>
Parameters<Real> sample_parameters(const FiniteProgram& program, const SampleKey& key) {
  Parameters<Real> parameters(program.with_weights.size());
  for (const FiniteOp* op : program.with_weights) {
    const Weights& weights = *op->weights();
    const auto rows = static_cast<Eigen::Index>(weights.copies * weights.rows);
    const auto cols = static_cast<Eigen::Index>(weights.cols);
    auto& [W, b] = parameters[weights.index];
    W = OwnedMatrix<Real>(rows, cols);
    fill_normal({key, RandomStream::Purpose::weights, weights.index}, weights.W_std, W);
    if (!weights.has_bias) continue;
    b = OwnedMatrix<Real>(1, static_cast<Eigen::Index>(weights.copies) * cols);
    fill_normal({key, RandomStream::Purpose::bias, weights.index}, weights.b_std, b);
  }
  return parameters;
}

template <class Real>
Pass<Real>::Pass(const FiniteProgram& program, const Parameters<Real>& parameters,
                 const MatrixView<Real>& x, std::uint64_t first_row, const SampleKey& masks,
                 bool derivatives)
    : program_(program),
      parameters_(parameters),
      rows_(x.rows()),
      first_row_(first_row),
      masks_(masks),
      derivatives_(derivatives),
      values_(program.slots.size()),
      jacobian_diagonals_(program.ops.size()),
      cotangents_(program.slots.size()) {
  values_[0] = x;
  for (std::size_t s = 1; s < values_.size(); ++s)
    values_[s].resize(rows_, static_cast<Eigen::Index>(program.slots[s].width));
  for (const auto& op : program.ops) op->forward(*this);
}

template <class Real>
void Pass<Real>::pull_back(std::size_t first, std::size_t count) {
  count_ = static_cast<Eigen::Index>(count);
  for (Matrix<Real>& cotangent : cotangents_) cotangent.resize(0, 0);
  Matrix<Real>& last = cotangents_[program_.output];
  last.setZero(rows_ * count_, output().cols());
  for (Eigen::Index r = 0; r < rows_; ++r)
    for (Eigen::Index c = 0; c < count_; ++c)
      last(r * count_ + c, static_cast<Eigen::Index>(first) + c) = 1;
  for (auto op = program_.ops.rbegin(); op != program_.ops.rend(); ++op)
    if (trained((*op)->out)) {
      (*op)->backward(*this);
      if (!(*op)->weights()) cotangents_[(*op)->out].resize(0, 0);
    }
}

template <class Real>
MatrixView<Real> Pass<Real>::derivatives(std::size_t slot) const {
  const Matrix<Real>& all = cotangents_[slot];
  return {all.data(), rows_, count_ * all.cols(), Eigen::OuterStride<>(count_ * all.cols())};
}

template class Pass<double>;
template class Pass<float>;
template Parameters<double> sample_parameters(const FiniteProgram&, const SampleKey&);
template Parameters<float> sample_parameters(const FiniteProgram&, const SampleKey&);

}  // namespace nngp
