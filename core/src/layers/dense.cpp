#include <cmath>

#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "finite/pass.hpp"
#include "layers/all.hpp"
#include "layers/weights.hpp"
#include "network/parameter.hpp"
#include "simd/gemm.hpp"

namespace nngp {
namespace {

/// out = weight_scale in W + bias_scale b.
class DenseOp final : public FiniteOpOf<DenseOp> {
 public:
  DenseOp(std::size_t out, std::size_t in, const Weights& weights, double weight_scale,
          double bias_scale)
      : FiniteOpOf(out),
        in_(in),
        weights_(weights),
        weight_scale_(weight_scale),
        bias_scale_(bias_scale) {}

  const Weights* weights() const override { return &weights_; }

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    const auto& [W, b] = pass.parameters(weights_);
    Matrix<Real>& to = pass.value(out);
    multiply(view(pass.value(in_)), W.view(), false, map(to));
    to *= static_cast<Real>(weight_scale_);
    if (weights_.has_bias) to.rowwise() += static_cast<Real>(bias_scale_) * b.view().row(0);
  }

  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    if (!pass.trained(in_)) return;
    Matrix<Real>& to = pass.cotangent(in_);
    const bool add = to.size() > 0;
    const Matrix<Real> scaled = static_cast<Real>(weight_scale_) * pass.cotangent(out);
    if (!add) to.resize(scaled.rows(), pass.value(in_).cols());
    multiply_transposed(view(scaled), pass.parameters(weights_).W.view(), add, map(to));
  }

  void add_ntk(const Pass<double>& x1, const Pass<double>& x2, double outputs,
               Matrix<double>& ntk) const override {
    add_gradients(x1, x2, outputs, ntk);
  }
  void add_ntk(const Pass<float>& x1, const Pass<float>& x2, float outputs,
               Matrix<float>& ntk) const override {
    add_gradients(x1, x2, outputs, ntk);
  }

 private:
  /// The inner products of the inputs times those of the derivatives by the outputs.
  template <class Real>
  void add_gradients(const Pass<Real>& x1, const Pass<Real>& x2, Real outputs,
                     Matrix<Real>& ntk) const {
    const auto square = [](double x) { return static_cast<Real>(x * x); };
    Matrix<Real> inputs(ntk.rows(), ntk.cols()), gradients(ntk.rows(), ntk.cols());
    multiply_transposed(view(x1.value(in_)), view(x2.value(in_)), false, map(inputs));
    multiply_transposed(x1.derivatives(out), x2.derivatives(out), false, map(gradients));
    ntk.array() +=
        (square(weight_scale_) * inputs.array() + square(weights_.has_bias ? bias_scale_ : 0)) *
        (gradients.array() / outputs);
  }

  std::size_t in_;
  Weights weights_;
  double weight_scale_, bias_scale_;
};

class DenseType final : public LayerType {
 public:
  DenseType(std::size_t out_dim, const DenseOptions& options)
      : out_dim_(at_least_one("Dense", "out_dim", out_dim)), options_(options) {
    check_weights("Dense", options);
  }

  std::string text() const override {
    return "Dense(" + std::to_string(out_dim_) + weights_text(options_) + ")";
  }

  /// Changes the five numbers of the affine map that is pending, and computes nothing.
  void infinite(KernelBuilder& builder) const override {
    apply_weights(builder.only_branch(), options_, 1, out_dim_);
  }

  void finite(NetworkBuilder& builder) const override {
    const NetworkBranch in = builder.only_branch();
    const bool ntk = options_.parameterization == Parameterization::ntk;
    const std::size_t width = ntk ? out_dim_ : scaled_width(builder);
    if (width == 0 || width > NetworkBuilder::max_units ||
        in.width > NetworkBuilder::max_weights / width)
      builder.fail(fmt::format("a finite network cannot have {} x {} weights here", in.width, width));
    const double b_std = options_.b_std.value_or(0);
    const auto n = static_cast<double>(in.width);
    const Weights weights{.rows = in.width,
                          .cols = width,
                          .W_std = ntk ? 1 : options_.W_std * std::sqrt(options_.s[0] / n),
                          .b_std = ntk ? 1 : b_std,
                          .has_bias = options_.b_std.has_value(),
                          .index = builder.new_weights()};
    builder.op<DenseOp>(width, in.slot, weights,
                        ntk ? options_.W_std / std::sqrt(n) : 1 / std::sqrt(options_.s[0]),
                        !options_.b_std ? 0
                        : ntk           ? b_std
                                        : 1);
  }

  std::optional<Layer> with_hidden_width(std::size_t width, bool& hidden) const override {
    const bool widened = hidden;
    hidden = true;
    if (!widened) return std::nullopt;
    return Dense(width, options_);
  }

 private:
  /// s[1] out_dim, which must be a whole number.
  std::size_t scaled_width(const NetworkBuilder& builder) const {
    const double units = static_cast<double>(out_dim_) * options_.s[1];
    if (!(units >= 1 && units <= static_cast<double>(NetworkBuilder::max_units)) ||
        units != std::floor(units))
      builder.fail(
          fmt::format("a finite network cannot have s[1] * out_dim = {} units; choose s so "
                      "that this is a whole number",
                      units));
    return static_cast<std::size_t>(units);
  }

  std::size_t out_dim_;
  DenseOptions options_;
};

constexpr LayerParameter parameters[] = {
    {"out_dim"},     {"W_std", "1.0"},    {"b_std", "None"},     {"parameterization", "'ntk'"},
    {"s", "(1, 1)"}, {"batch_axis", "0"}, {"channel_axis", "-1"}};

Layer make(const LayerCall& call) {
  const DenseOptions options = weight_options(call, "Dense");
  call.only("batch_axis", {0, -2}, rows_of_features);
  call.only("channel_axis", {-1, 1}, rows_of_features);
  return Dense(call.integer("out_dim", 1), options);
}

}  // namespace

Layer Dense(std::size_t out_dim, const DenseOptions& options) {
  return make_layer<DenseType>(out_dim, options);
}

extern const LayerEntry dense_entry = {"Dense", parameters,
                                       "y = x W + b, fully connected, at each position", make};

}  // namespace nngp
