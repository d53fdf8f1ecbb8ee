#include "finite/pass.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

#include "finite/random.hpp"
#include "nngp/error.hpp"
#include "simd/gemm.hpp"

namespace nngp {
namespace {

template <class Real>
void fill_normal(const RandomStream& stream, double scale, KernelMatrix<Real>& matrix) {
  constexpr std::size_t piece = 4096;
  static_assert(piece % RandomStream::block == 0);
  const auto size = static_cast<std::size_t>(matrix.size());
  oneapi::tbb::parallel_for(std::size_t{0}, (size + piece - 1) / piece, [&](std::size_t p) {
    const std::size_t first = p * piece;
    stream.normal(first, scale, matrix.data() + first, std::min(piece, size - first));
  });
}

[[noreturn]] void fail(const std::string& name, const char* function, double value, double x) {
  throw NumericalError(
      fmt::format("{}: {}({}) is {}; scale the data or W_std so that it stays in range", name, function,
                  x, std::isnan(value) ? "NaN" : "infinite"));
}

}  // namespace

template <class Real>
Parameters<Real> sample_parameters(const FiniteProgram& program, const SampleKey& key) {
  Parameters<Real> parameters(program.dense_count);
  for (const FiniteStep& step : program.steps) {
    const auto* dense = std::get_if<DenseStep>(&step);
    if (!dense) continue;
    const auto n_in = static_cast<Eigen::Index>(dense->n_in);
    const auto n_out = static_cast<Eigen::Index>(dense->n_out);
    auto& [W, b] = parameters[dense->index];
    W = KernelMatrix<Real>(n_in, n_out);
    fill_normal({key, RandomStream::Purpose::weights, dense->index}, dense->W_std, W);
    if (!dense->has_bias) continue;
    b = KernelMatrix<Real>(1, n_out);
    fill_normal({key, RandomStream::Purpose::bias, dense->index}, dense->b_std, b);
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
      slopes_(program.steps.size()),
      cotangents_(program.slots.size()) {
  values_[0] = x;
  for (std::size_t s = 1; s < values_.size(); ++s)
    values_[s].resize(rows_, static_cast<Eigen::Index>(program.slots[s].width));
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    std::visit([&](const auto& step) { forward(step, i); }, program.steps[i]);
}

// ---- Forward -----------------------------------------------------------------------------------

template <class Real>
void Pass<Real>::forward(const DenseStep& step, std::size_t) {
  const auto& [W, b] = parameters_[step.index];
  Matrix<Real>& out = values_[step.out];
  multiply(view(values_[step.in]), W.view(), false, map(out));
  out *= static_cast<Real>(step.weight_scale);
  if (step.has_bias) out.rowwise() += static_cast<Real>(step.bias_scale) * b.view().row(0);
}

template <class Real>
void Pass<Real>::forward(const ActivationStep& step, std::size_t index) {
  const Matrix<Real>& in = values_[step.in];
  Matrix<Real>& out = values_[step.out];
  for (Eigen::Index i = 0; i < in.size(); ++i) {
    const double x = in.data()[i], y = step.activation.fn(x);
    // What an earlier layer made infinite is not the fault of fn.
    if (!std::isfinite(y) && std::isfinite(x)) fail(step.name, "fn", y, x);
    out.data()[i] = static_cast<Real>(y);
  }
  if (!derivatives_ || !trained(step.in)) return;
  Matrix<Real>& slope = slopes_[index];
  slope.resize(in.rows(), in.cols());
  for (Eigen::Index i = 0; i < in.size(); ++i) {
    const double x = in.data()[i], y = step.activation.d_fn(x);
    if (!std::isfinite(y) && std::isfinite(x)) fail(step.name, "the derivative of fn", y, x);
    slope.data()[i] = static_cast<Real>(y);
  }
}

template <class Real>
void Pass<Real>::forward(const DropoutStep& step, std::size_t index) {
  Matrix<Real>& mask = slopes_[index];
  mask.resize(rows_, values_[step.in].cols());
  for (Eigen::Index r = 0; r < rows_; ++r)
    RandomStream{masks_, RandomStream::Purpose::mask, step.index,
                 first_row_ + static_cast<std::uint64_t>(r)}
        .mask(step.rate, mask.row(r).data(), static_cast<std::size_t>(mask.cols()));
  values_[step.out] = values_[step.in].cwiseProduct(mask);
}

namespace {

constexpr double layer_norm_eps = 1e-12;  // neural-tangents' default

/// 1 / sqrt(eps + variance) of one row.
template <class Row>
auto inverse_deviation(const Row& row) {
  using Real = typename Row::Scalar;
  const Real variance = (row.array() - row.mean()).square().mean();
  return 1 / std::sqrt(static_cast<Real>(layer_norm_eps) + variance);
}

}  // namespace

template <class Real>
void Pass<Real>::forward(const LayerNormStep& step, std::size_t) {
  for (Eigen::Index r = 0; r < rows_; ++r) {
    const auto row = values_[step.in].row(r);
    values_[step.out].row(r) = (row.array() - row.mean()) * inverse_deviation(row);
  }
}

template <class Real>
void Pass<Real>::forward(const SumStep& step, std::size_t) {
  values_[step.out] = values_[step.in[0]];
  for (std::size_t b = 1; b < step.in.size(); ++b) values_[step.out] += values_[step.in[b]];
}

template <class Real>
void Pass<Real>::forward(const ProductStep& step, std::size_t) {
  values_[step.out] = values_[step.in[0]];
  for (std::size_t b = 1; b < step.in.size(); ++b)
    values_[step.out].array() *= values_[step.in[b]].array();
}

template <class Real>
void Pass<Real>::forward(const ConcatStep& step, std::size_t) {
  Eigen::Index col = 0;
  for (const std::size_t branch : step.in) {
    const Matrix<Real>& in = values_[branch];
    values_[step.out].middleCols(col, in.cols()) = in;
    col += in.cols();
  }
}

// ---- Backward ----------------------------------------------------------------------------------

template <class Real>
void Pass<Real>::pull_back(std::size_t first, std::size_t count) {
  count_ = static_cast<Eigen::Index>(count);
  for (Matrix<Real>& cotangent : cotangents_) cotangent.resize(0, 0);
  Matrix<Real>& last = cotangents_[program_.output];
  last.setZero(rows_ * count_, output().cols());
  for (Eigen::Index r = 0; r < rows_; ++r)
    for (Eigen::Index c = 0; c < count_; ++c)
      last(r * count_ + c, static_cast<Eigen::Index>(first) + c) = 1;
  for (std::size_t i = program_.steps.size(); i-- > 0;)
    std::visit(
        [&](const auto& step) {
          if (trained(step.out)) backward(step, i);
        },
        program_.steps[i]);
}

template <class Real>
MatrixView<Real> Pass<Real>::derivatives(std::size_t slot) const {
  const Matrix<Real>& all = cotangents_[slot];
  return {all.data(), rows_, count_ * all.cols(), Eigen::OuterStride<>(count_ * all.cols())};
}

template <class Real>
template <class Row>
void Pass<Real>::add_rows(std::size_t from, std::size_t to, Row row) {
  if (!trained(to)) return;
  Matrix<Real>& out = cotangents_[to];
  if (out.size() == 0) out.setZero(rows_ * count_, values_[to].cols());
  for (Eigen::Index r = 0; r < rows_; ++r)
    for (Eigen::Index c = 0; c < count_; ++c)
      row(r, out.row(r * count_ + c), cotangents_[from].row(r * count_ + c));
}

template <class Real>
void Pass<Real>::backward(const DenseStep& step, std::size_t) {
  if (!trained(step.in)) return;
  Matrix<Real>& in = cotangents_[step.in];
  const bool add = in.size() > 0;
  if (!add) in.resize(rows_ * count_, values_[step.in].cols());
  const Matrix<Real> scaled = static_cast<Real>(step.weight_scale) * cotangents_[step.out];
  multiply_transposed(view(scaled), parameters_[step.index].W.view(), add, map(in));
}

template <class Real>
void Pass<Real>::backward(const ActivationStep& step, std::size_t index) {
  add_rows(step.out, step.in, [&](Eigen::Index r, auto&& in, const auto& out) {
    in += out.cwiseProduct(slopes_[index].row(r));
  });
}

template <class Real>
void Pass<Real>::backward(const DropoutStep& step, std::size_t index) {
  add_rows(step.out, step.in, [&](Eigen::Index r, auto&& in, const auto& out) {
    in += out.cwiseProduct(slopes_[index].row(r));
  });
}

template <class Real>
void Pass<Real>::backward(const LayerNormStep& step, std::size_t) {
  // y = (x - mean) / s: the derivative by x is (g - mean(g) - y mean(g y)) / s.
  add_rows(step.out, step.in, [&](Eigen::Index r, auto&& in, const auto& out) {
    const auto y = values_[step.out].row(r);
    const Real mean = out.mean(), slope = out.cwiseProduct(y).mean();
    in.array() += (out.array() - mean - y.array() * slope) * inverse_deviation(values_[step.in].row(r));
  });
}

template <class Real>
void Pass<Real>::backward(const SumStep& step, std::size_t) {
  for (const std::size_t branch : step.in)
    add_rows(step.out, branch, [](Eigen::Index, auto&& in, const auto& out) { in += out; });
}

template <class Real>
void Pass<Real>::backward(const ProductStep& step, std::size_t) {
  for (std::size_t b = 0; b < step.in.size(); ++b)
    add_rows(step.out, step.in[b], [&](Eigen::Index r, auto&& in, const auto& out) {
      Eigen::Matrix<Real, 1, Eigen::Dynamic> product = out;
      for (std::size_t other = 0; other < step.in.size(); ++other)
        if (other != b) product.array() *= values_[step.in[other]].row(r).array();
      in += product;
    });
}

template <class Real>
void Pass<Real>::backward(const ConcatStep& step, std::size_t) {
  Eigen::Index col = 0;
  for (const std::size_t branch : step.in) {
    const Eigen::Index cols = values_[branch].cols();
    add_rows(step.out, branch,
             [&](Eigen::Index, auto&& in, const auto& out) { in += out.segment(col, cols); });
    col += cols;
  }
}

template class Pass<double>;
template class Pass<float>;
template Parameters<double> sample_parameters(const FiniteProgram&, const SampleKey&);
template Parameters<float> sample_parameters(const FiniteProgram&, const SampleKey&);

}  // namespace nngp
