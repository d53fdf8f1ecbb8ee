#include "finite/dense_op.hpp"

#include <algorithm>
#include <type_traits>

#include "finite/pass.hpp"
#include "simd/gemm.hpp"

namespace nngp {
namespace {

/// The places that one copy of weights serves, one a row: of `copies` copies all positions of a row of
/// units if there is one, else its own.
template <class Real, class Data>
auto places(Data* data, Eigen::Index rows, Eigen::Index width, std::size_t copies, std::size_t copy) {
  using View = std::conditional_t<std::is_const_v<Data>, MatrixView<Real>, MatrixMap<Real>>;
  const auto n = static_cast<Eigen::Index>(copies);
  return View(data + static_cast<Eigen::Index>(copy) * width, rows / n, width,
              Eigen::OuterStride<>(n * width));
}

/// The weights of one copy.
template <class Real>
MatrixView<Real> weights_of(const OwnedMatrix<Real>& W, const Weights& weights, std::size_t copy) {
  const auto rows = static_cast<Eigen::Index>(weights.rows);
  const auto cols = static_cast<Eigen::Index>(weights.cols);
  return {W.data() + static_cast<Eigen::Index>(copy) * rows * cols, rows, cols,
          Eigen::OuterStride<>(cols)};
}

}  // namespace

DenseOp::DenseOp(std::size_t out_, std::size_t in, const Weights& weights, std::size_t positions,
                 double weight_scale, double bias_scale)
    : FiniteOpOf(out_),
      in_(in),
      weights_(weights),
      positions_(static_cast<Eigen::Index>(positions)),
      weight_scale_(weight_scale),
      bias_scale_(weights.has_bias ? bias_scale : 0) {}

template <class Real>
void DenseOp::go_forward(Pass<Real>& pass) const {
  const auto& [W, b] = pass.parameters(weights_);
  const Matrix<Real>& from = pass.value(in_);
  Matrix<Real>& to = pass.value(out);
  const Eigen::Index rows = pass.rows() * positions_;
  for (std::size_t copy = 0; copy < weights_.copies; ++copy)
    multiply(places<Real>(from.data(), rows, from.cols() / positions_, weights_.copies, copy),
             weights_of(W, weights_, copy), false,
             places<Real>(to.data(), rows, to.cols() / positions_, weights_.copies, copy));
  to *= static_cast<Real>(weight_scale_);
  if (!weights_.has_bias) return;
  Eigen::Map<Matrix<Real>> all(to.data(), to.size() / b.size(), b.size());
  all.rowwise() += static_cast<Real>(bias_scale_) * b.view().row(0);
}

template <class Real>
void DenseOp::go_backward(Pass<Real>& pass) const {
  if (!pass.trained(in_)) return;
  const OwnedMatrix<Real>& W = pass.parameters(weights_).W;
  Matrix<Real>& to = pass.cotangent(in_);
  const bool add = to.size() > 0;
  const Matrix<Real> scaled = static_cast<Real>(weight_scale_) * pass.cotangent(out);
  if (!add) to.resize(scaled.rows(), pass.value(in_).cols());
  const Eigen::Index rows = scaled.rows() * positions_;
  for (std::size_t copy = 0; copy < weights_.copies; ++copy)
    multiply_transposed(
        places<Real>(scaled.data(), rows, scaled.cols() / positions_, weights_.copies, copy),
        weights_of(W, weights_, copy), add,
        places<Real>(to.data(), rows, to.cols() / positions_, weights_.copies, copy));
}

// ---- The NTK ------------------------------------------------------------------------------------

// The gradient by W of an output of a row is G = sum over positions of in(position)^T g(position), g
// being the derivatives by the op's outputs there. The inner product of two of them is the sum over
// pairs of positions of <in, in'> <g, g'>, or that of the matrices G themselves. For one position the
// first is quicker, for many the second.

/// What the NTK of one op is made of, for two passes.
template <class Real>
class DenseOp::Gradients {
 public:
  Gradients(const DenseOp& op, const Pass<Real>& x1, const Pass<Real>& x2, Real outputs,
            Matrix<Real>& ntk)
      : op_(op), x1_(x1), x2_(x2), outputs_(outputs), ntk_(ntk) {}

  void add() {
    const double pairs = per_copy() * per_copy() * (inputs() + units());
    // Matrices of a block of rows are formed once for the block.
    const double matrices = inputs() * units() * (1 + 2 * per_copy() / 64.0);
    if (op_.weights_.copies > 1 || pairs <= matrices)
      add_by_pairs();
    else
      add_by_matrices();
  }

 private:
  double inputs() const { return static_cast<double>(op_.weights_.rows); }
  double units() const { return static_cast<double>(op_.weights_.cols); }
  double per_copy() const {
    return static_cast<double>(op_.positions_) / static_cast<double>(op_.weights_.copies);
  }
  static Real square(double x) { return static_cast<Real>(x * x); }
  Real weight_square() const { return square(op_.weight_scale_); }
  Real bias_square() const { return square(op_.bias_scale_); }
  Eigen::Index channels() const { return static_cast<Eigen::Index>(op_.weights_.cols); }
  Eigen::Index count(const Pass<Real>& pass) const {
    return pass.derivatives(op_.out).cols() / (op_.positions_ * channels());
  }

  // ---- By pairs of positions ----

  void add_by_pairs() {
    const Matrix<Real> g1 = by_position(x1_), g2 = by_position(x2_);
    const std::size_t copies = op_.weights_.copies;
    const auto m = op_.positions_ / static_cast<Eigen::Index>(copies);
    const Eigen::Index step = std::max<Eigen::Index>(1, 64 / m);  // rows whose pairs are kept at a time
    Matrix<Real> products, derivatives;
    for (std::size_t copy = 0; copy < copies; ++copy) {
      const MatrixView<Real> in1 = inputs_at(x1_, copy), in2 = inputs_at(x2_, copy);
      const MatrixView<Real> by1 = derivatives_at(g1, copy), by2 = derivatives_at(g2, copy);
      for (Eigen::Index first = 0; first < ntk_.rows(); first += step) {
        const Eigen::Index rows = std::min(step, ntk_.rows() - first);
        products.resize(rows * m, in2.rows());
        derivatives.resize(rows * m, in2.rows());
        multiply_transposed(in1.slice(first * m, rows * m), in2, false, map(products));
        multiply_transposed(by1.slice(first * m, rows * m), by2, false, map(derivatives));
        derivatives.array() =
            (weight_square() * products.array() + bias_square()) * (derivatives.array() / outputs_);
        if (m == 1)
          ntk_.middleRows(first, rows) += derivatives;
        else
          add_blocks(derivatives, first, m);
      }
    }
  }

  void add_blocks(const Matrix<Real>& pairs, Eigen::Index first, Eigen::Index m) {
    for (Eigen::Index i = 0; i < pairs.rows() / m; ++i)
      for (Eigen::Index j = 0; j < ntk_.cols(); ++j)
        ntk_(first + i, j) += pairs.block(i * m, j * m, m, m).sum();
  }

  MatrixView<Real> inputs_at(const Pass<Real>& pass, std::size_t copy) const {
    const Matrix<Real>& all = pass.value(op_.in_);
    return places<Real>(all.data(), all.rows() * op_.positions_, all.cols() / op_.positions_,
                        op_.weights_.copies, copy);
  }
  MatrixView<Real> derivatives_at(const Matrix<Real>& g, std::size_t copy) const {
    return places<Real>(g.data(), g.rows(), g.cols(), op_.weights_.copies, copy);
  }

  /// Derivatives of all outputs side by side: (rows positions) x (count channels).
  Matrix<Real> by_position(const Pass<Real>& pass) const {
    const MatrixView<Real> all = pass.derivatives(op_.out);
    const Eigen::Index outputs = count(pass), width = op_.positions_ * channels();
    Matrix<Real> g(all.rows() * op_.positions_, outputs * channels());
    for (Eigen::Index r = 0; r < all.rows(); ++r)
      for (Eigen::Index s = 0; s < op_.positions_; ++s)
        for (Eigen::Index o = 0; o < outputs; ++o)
          g.row(r * op_.positions_ + s).segment(o * channels(), channels()) =
              all.row(r).segment(o * width + s * channels(), channels());
    return g;
  }

  // ---- By matrices ----

  void add_by_matrices() {
    constexpr Eigen::Index most = Eigen::Index{1} << 14;  // numbers of a matrix at a time
    const auto rows = static_cast<Eigen::Index>(op_.weights_.rows);
    const Eigen::Index step = std::clamp<Eigen::Index>(most / channels(), 1, rows);
    Matrix<Real> sum = Matrix<Real>::Zero(ntk_.rows(), ntk_.cols());
    for (Eigen::Index o = 0; o < count(x1_); ++o)
      for (Eigen::Index first = 0; first < rows; first += step)
        add_products(
            [&](const Pass<Real>& pass) {
              return matrices(pass, o, first, std::min(step, rows - first));
            },
            sum);
    ntk_ += (weight_square() / outputs_) * sum;
    if (op_.bias_scale_ == 0) return;
    sum.setZero();
    for (Eigen::Index o = 0; o < count(x1_); ++o)
      add_products([&](const Pass<Real>& pass) { return bias_gradients(pass, o); }, sum);
    ntk_ += (bias_square() / outputs_) * sum;
  }

  template <class Form>
  void add_products(const Form& form, Matrix<Real>& sum) const {
    const Matrix<Real> first = form(x1_);
    if (&x1_ == &x2_) return multiply_transposed(view(first), view(first), true, map(sum));
    multiply_transposed(view(first), view(form(x2_)), true, map(sum));
  }

  /// Rows first ... first + size - 1 of G for output o, all in one row: rows x (size channels).
  Matrix<Real> matrices(const Pass<Real>& pass, Eigen::Index o, Eigen::Index first,
                        Eigen::Index size) const {
    const Matrix<Real>& in = pass.value(op_.in_);
    const Eigen::Index width = in.cols() / op_.positions_;
    Matrix<Real> all(in.rows(), size * channels()), transposed;
    for (Eigen::Index r = 0; r < in.rows(); ++r) {
      const Eigen::Map<const Matrix<Real>> example(in.row(r).data(), op_.positions_, width);
      transposed = example.middleCols(first, size).transpose();
      multiply(view(transposed), derivatives_of(pass, r, o), false,
               MatrixMap<Real>(all.row(r).data(), size, channels(), Eigen::OuterStride<>(channels())));
    }
    return all;
  }

  Matrix<Real> bias_gradients(const Pass<Real>& pass, Eigen::Index o) const {
    Matrix<Real> all(pass.rows(), channels());
    for (Eigen::Index r = 0; r < pass.rows(); ++r)
      all.row(r) = derivatives_of(pass, r, o).colwise().sum();
    return all;
  }

  /// Of output o of a row: positions x channels.
  MatrixView<Real> derivatives_of(const Pass<Real>& pass, Eigen::Index r, Eigen::Index o) const {
    const MatrixView<Real> all = pass.derivatives(op_.out);
    return {all.row(r).data() + o * op_.positions_ * channels(), op_.positions_, channels(),
            Eigen::OuterStride<>(channels())};
  }

  const DenseOp& op_;
  const Pass<Real>&x1_, &x2_;
  const Real outputs_;
  Matrix<Real>& ntk_;
};

void DenseOp::add_ntk(const Pass<double>& x1, const Pass<double>& x2, double outputs,
                      Matrix<double>& ntk) const {
  Gradients<double>(*this, x1, x2, outputs, ntk).add();
}
void DenseOp::add_ntk(const Pass<float>& x1, const Pass<float>& x2, float outputs,
                      Matrix<float>& ntk) const {
  Gradients<float>(*this, x1, x2, outputs, ntk).add();
}

template void DenseOp::go_forward(Pass<double>&) const;
template void DenseOp::go_forward(Pass<float>&) const;
template void DenseOp::go_backward(Pass<double>&) const;
template void DenseOp::go_backward(Pass<float>&) const;

}  // namespace nngp
