#include "layers/weights.hpp"

#include <cmath>

#include "finite/dense_op.hpp"
#include "network/parameter.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

/// s[1] out_dim, which must be a whole number.
std::size_t scaled_width(const NetworkBuilder& builder, const DenseOptions& options,
                         std::size_t out_dim) {
  const double units = static_cast<double>(out_dim) * options.s[1];
  if (!(units >= 1 && units <= static_cast<double>(NetworkBuilder::max_units)) ||
      units != std::floor(units))
    builder.fail(
        fmt::format("a finite network cannot have s[1] * out_dim = {} units; choose s so "
                    "that this is a whole number",
                    units));
  return static_cast<std::size_t>(units);
}

}  // namespace

void check_weights(std::string_view layer, const DenseOptions& options) {
  not_negative(layer, "W_std", options.W_std);
  if (options.b_std) not_negative(layer, "b_std", *options.b_std);
  for (const double multiplier : options.s) positive(layer, "s", multiplier);
}

std::string weights_text(const DenseOptions& options) {
  std::string text = ", W_std=" + format_number(options.W_std) +
                     ", b_std=" + (options.b_std ? format_number(*options.b_std) : "None");
  if (options.parameterization == Parameterization::standard)
    text += ", parameterization='standard', s=(" + format_number(options.s[0]) + ", " +
            format_number(options.s[1]) + ")";
  return text;
}

DenseOptions weight_options(const LayerCall& call, std::string_view layer) {
  DenseOptions options;
  options.W_std = call.number("W_std");
  options.b_std = call.optional_number("b_std");
  if (call.choice("parameterization", {"ntk", "standard"}) == 1)
    options.parameterization = Parameterization::standard;
  const std::vector<double> s = call.numbers("s");
  if (s.size() != 2 || !(s[0] > 0 && s[1] > 0) || std::isinf(s[0] + s[1]))
    throw ParameterError(layer, "s", "must be two positive numbers, as in s=(1, 1)");
  options.s = {s[0], s[1]};
  return options;
}

void apply_weights(KernelBranch& branch, const DenseOptions& options, double taps,
                   std::size_t out_dim) {
  const double w2 = options.W_std * options.W_std;
  const double b2 = options.b_std ? *options.b_std * *options.b_std : 0.0;
  const Affine in = branch.operand.pending;
  // A shift of 0 stays 0 where the square of W_std is infinite.
  const double scaled_shift = in.cov_shift == 0 ? 0 : w2 * in.cov_shift;
  Affine out{.cov_scale = w2 * in.cov_scale, .cov_shift = scaled_shift + b2};
  if (options.parameterization == Parameterization::ntk) {
    out.ntk_cov = out.cov_scale + w2 * in.ntk_cov;
    out.ntk_shift = out.cov_shift + w2 * in.ntk_shift;
  } else {
    const double n = branch.width * taps / options.s[0];
    out.ntk_cov = n * in.cov_scale + w2 * in.ntk_cov;
    out.ntk_shift = n * in.cov_shift + w2 * in.ntk_shift + (options.b_std ? 1.0 : 0.0);
  }
  out.ntk_scale = w2 * in.ntk_scale;
  branch.operand.pending = out;
  branch.width = static_cast<double>(out_dim);
  if (options.parameterization == Parameterization::standard) branch.width *= options.s[1];
  branch.is_gaussian = true;
  branch.is_input = false;
}

void add_weights(NetworkBuilder& builder, const DenseOptions& options, std::size_t out_dim,
                 bool own_weights) {
  const NetworkBranch in = builder.only_branch();
  const bool ntk = options.parameterization == Parameterization::ntk;
  const std::size_t positions = in.sites.count();
  const std::size_t copies = own_weights ? positions : 1;
  const std::size_t width = ntk ? out_dim : scaled_width(builder, options, out_dim);
  if (width == 0 || width > NetworkBuilder::max_units ||
      in.width > NetworkBuilder::max_weights / width / copies)
    builder.fail(
        copies == 1
            ? fmt::format("a finite network cannot have {} x {} weights here", in.width, width)
            : fmt::format("a finite network cannot have {} x {} weights at each of {} positions",
                          in.width, width, in.sites.text()));
  const double b_std = options.b_std.value_or(0);
  const auto n = static_cast<double>(in.width);
  const Weights weights{.rows = in.width,
                        .cols = width,
                        .copies = copies,
                        .W_std = ntk ? 1 : options.W_std * std::sqrt(options.s[0] / n),
                        .b_std = ntk ? 1 : b_std,
                        .has_bias = options.b_std.has_value(),
                        .index = builder.new_weights()};
  const double weight_scale = ntk ? options.W_std / std::sqrt(n) : 1 / std::sqrt(options.s[0]);
  builder.op<DenseOp>(width, in.slot, weights, positions, weight_scale, ntk ? b_std : 1);
}

}  // namespace nngp
