#include "engine/kernel_builder.hpp"
#include "layers/all.hpp"
#include "layers/weights.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

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

  void finite(NetworkBuilder& builder) const override { add_weights(builder, options_, out_dim_); }

  std::optional<Layer> with_hidden_width(std::size_t width, bool& hidden) const override {
    const bool widened = hidden;
    hidden = true;
    if (!widened) return std::nullopt;
    return Dense(width, options_);
  }

 private:
  std::size_t out_dim_;
  DenseOptions options_;
};

constexpr LayerParameter parameters[] = {
    {"out_dim"},         {"W_std", "1.0"},       {"b_std", "None"},
    {"batch_axis", "0"}, {"channel_axis", "-1"}, {"parameterization", "'ntk'"},
    {"s", "(1, 1)"}};

Layer make(const LayerCall& call) {
  const DenseOptions options = weight_options(call, "Dense");
  check_axes(call);
  return Dense(call.integer("out_dim", 1), options);
}

}  // namespace

Layer Dense(std::size_t out_dim, const DenseOptions& options) {
  return make_layer<DenseType>(out_dim, options);
}

extern const LayerEntry dense_entry = {"Dense", parameters,
                                       "y = x W + b, fully connected, at each position", make};

}  // namespace nngp
