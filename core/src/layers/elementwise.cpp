#include <algorithm>
#include <chrono>
#include <cmath>
#include <type_traits>

#include "engine/dual_activation.hpp"
#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "finite/pass.hpp"
#include "layers/all.hpp"
#include "network/parameter.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

constexpr double default_tolerance = 1e-10;  // as in nngp/stax.hpp
constexpr double min_tolerance_in_float32 = 3e-6;

template <class Real>
class ActivationTile;

/// K = nngp_fn(K, K_ii, K_jj), NTK = d_nngp_fn(K, K_ii, K_jj) NTK.
struct Activate final : KernelStepOf<Activate, ActivationTile> {
  Activate(const Operand& operand_, const Activation& activation_,
           const std::optional<double>& tolerance_)
      : operand(operand_), activation(activation_), tolerance(tolerance_) {}
  std::string name() const override { return activation.text(); }
  std::vector<Operand> operands() const override { return {operand}; }
  SitePairs keeps() const override { return same_sites(); }
  bool needs_range() const override { return tolerance || !activation.has_nngp_fn(); }

  Operand operand;
  Activation activation;
  std::optional<double>
      tolerance;  ///< by numerical integration with this tolerance; nullopt: if need be
};

template <class Real>
std::unique_ptr<const DualActivation> make_dual(const Activate& step, Binding<Real>& inputs) {
  const Activation& activation = step.activation;
  if (!step.needs_range()) return std::make_unique<ClosedFormDual>(activation);
  constexpr bool float32 = std::is_same_v<Real, float>;
  const double tolerance = step.tolerance.value_or(default_tolerance);
  const auto start = std::chrono::steady_clock::now();
  // Aims below the tolerance: the estimate, which is compared with it, is a bound with room to spare.
  NumericalDual dual([activation](double x) { return activation.fn(x); }, activation.breakpoints(),
                     inputs.range, {.tolerance = tolerance / 10, .float32 = float32});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  inputs.numerical_layers.push_back({activation.text(),
                                     std::max(tolerance, float32 ? min_tolerance_in_float32 : 0),
                                     dual.error(), dual.breakpoints(), dual.calls(), took.count()});
  return std::make_unique<IntegratedDual>(std::move(dual));
}

template <class Real>
class ActivationTile final : public TileStep<Real> {
 public:
  ActivationTile(const Activate& step, Binding<Real>& inputs)
      : operand_(step.operand), dual_(make_dual(step, inputs)), before_(inputs.kept_variances()) {}

  void keep(const KernelTile<Real>& own, const Plane<Real>& plane) override {
    before_.keep(own, plane);
  }

  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    const Plane<Real>& plane = part.out;
    if (tile.own) {
      plane.box->for_each([&](std::size_t place, std::size_t s1, std::size_t s2) {
        examples_with_themselves(tile, s1, s2, plane.entries.nngp + place * tile.ld);
      });
      return;
    }
    typename TileOf<Real>::type entries = {};
    entries.struct_size = sizeof entries;
    entries.rows = tile.rows;
    entries.cols = tile.cols;
    entries.cov12_ld = entries.nngp_ld = entries.ntk_ld = plane.stride(tile);
    set_affine(operand_.pending, entries);
    entries.output = tile.output;
    const TileSides<Real> sides = before_.of_tile(tile);
    if (sides.cols_step > 0) {  // whole panels: a part of one takes longer than all of it
      const std::size_t whole = tile_ops<Real>().panel_cols;
      entries.cols = (tile.cols + whole - 1) / whole * whole;
    }
    plane.box->for_each([&](std::size_t place, std::size_t s1, std::size_t s2) {
      const KernelEntries<Real> block = plane.tile(place, tile);
      entries.cov12 = entries.nngp = block.nngp;
      entries.ntk = block.ntk;
      entries.var1 = sides.of_rows(s1);
      entries.var2 = sides.of_cols(s2);
      dual_->tile(entries, tile.memory->columns);
    });
  }

 private:
  /// Variances if the sites are the same. Else each entry has variances of its own on both sides.
  void examples_with_themselves(const KernelTile<Real>& own, std::size_t s1, std::size_t s2,
                                Real* k) const {
    const Real* const var1 = before_.of(*own.own, s1, own.col);
    const Real* const var2 = before_.of(*own.own, s2, own.col);
    const auto scale = static_cast<Real>(operand_.pending.cov_scale);
    const auto shift = static_cast<Real>(operand_.pending.cov_shift);
    if (s1 == s2)
      dual_->diagonal(var1, own.cols, scale, shift, k);
    else
      dual_->entries(var1, var2, own.cols, scale, shift, k);
  }

  const Operand operand_;
  const std::unique_ptr<const DualActivation> dual_;
  KeptVariances<Real> before_;
};

[[noreturn]] void fail(const std::string& name, const char* function, double value, double x) {
  throw NumericalError(
      fmt::format("{}: {}({}) is {}; scale the data or W_std so that it stays in range", name, function,
                  x, std::isnan(value) ? "NaN" : "infinite"));
}

/// out = fn(in), entry by entry.
class ApplyOp final : public FiniteOpOf<ApplyOp> {
 public:
  ApplyOp(std::size_t out, std::size_t in, const Activation& activation, std::string place)
      : FiniteOpOf(out), in_(in), activation_(activation), place_(std::move(place)) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    const Matrix<Real>& from = pass.value(in_);
    Matrix<Real>& to = pass.value(out);
    for (Eigen::Index i = 0; i < from.size(); ++i) {
      const double x = from.data()[i], y = activation_.fn(x);
      // What an earlier layer made infinite is not the fault of fn.
      if (!std::isfinite(y) && std::isfinite(x)) fail(place_, "fn", y, x);
      to.data()[i] = static_cast<Real>(y);
    }
    if (!pass.wants_derivatives(in_)) return;
    Matrix<Real>& slope = pass.jacobian_diagonal(*this);
    slope.resize(from.rows(), from.cols());
    for (Eigen::Index i = 0; i < from.size(); ++i) {
      const double x = from.data()[i], y = activation_.d_fn(x);
      if (!std::isfinite(y) && std::isfinite(x)) fail(place_, "the derivative of fn", y, x);
      slope.data()[i] = static_cast<Real>(y);
    }
  }

  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    const Matrix<Real>& slope = pass.jacobian_diagonal(*this);
    pass.add_rows(out, in_, [&](Eigen::Index r, auto&& in, const auto& by_out) {
      in += by_out.cwiseProduct(slope.row(r));
    });
  }

 private:
  std::size_t in_;
  Activation activation_;
  std::string place_;  ///< for messages: "layer 2, Relu()"
};

class ElementwiseType final : public LayerType {
 public:
  ElementwiseType(Activation activation, std::optional<double> tolerance)
      : activation_(std::move(activation)), tolerance_(tolerance) {
    if (tolerance_) share("ElementwiseNumerical", "tol", *tolerance_);
  }

  std::string text() const override {
    const std::string text = activation_.text();
    if (!tolerance_) return text;
    return "ElementwiseNumerical(" + text + ", tol=" + format_number(*tolerance_) + ")";
  }
  std::string name() const override { return activation_.text(); }
  const Activation* activation() const override { return &activation_; }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.gaussian_branch("the input of a non-linearity must be Gaussian");
    if (!activation_.has_fn() && (tolerance_ || !activation_.has_nngp_fn()))
      throw NotImplemented(fmt::format(
          "{}: the kernel is not implemented: it has no {}", builder.place(),
          tolerance_ ? "fn to integrate; use the activation itself"
                     : "nngp_fn, and no fn to integrate; add one of them to the plugin, or use "
                       "another activation"));
    builder.step<Activate>(branch, activation_, tolerance_);
    branch.is_gaussian = false;
  }

  void finite(NetworkBuilder& builder) const override {
    const NetworkBranch in = builder.only_branch();
    if (!activation_.has_fn())
      throw NotImplemented(
          builder.place() +
          ": a network of finite width cannot be sampled, it has no fn; its kernels of "
          "infinite width can be computed, and fn may be added to the plugin");
    builder.op<ApplyOp>(in.width, in.slot, activation_, builder.place());
  }

 private:
  Activation activation_;
  std::optional<double> tolerance_;  ///< always by numerical integration
};

constexpr LayerParameter by_name[] = {{"activation"}};
constexpr LayerParameter numerical[] = {{"activation"}, {"tol", "1e-10"}};

}  // namespace

Layer Elementwise(Activation activation) {
  return make_layer<ElementwiseType>(std::move(activation), std::nullopt);
}

Layer Elementwise(const Formulas& formulas) { return Elementwise(formula_activation(formulas)); }

Layer ElementwiseNumerical(Activation activation, double tolerance) {
  return make_layer<ElementwiseType>(std::move(activation), tolerance);
}

extern const LayerEntry elementwise_entry = {
    "Elementwise", by_name,
    "an activation, by name or by formulas: `Elementwise(fn='x * sigmoid(x)', nngp_fn=None, "
    "d_nngp_fn=None)`",
    [](const LayerCall& call) { return Elementwise(call.activation("activation")); }};

extern const LayerEntry elementwise_numerical_entry = {
    "ElementwiseNumerical", numerical,
    "an activation by numerical integration of fn, even where it has a formula",
    [](const LayerCall& call) {
      return ElementwiseNumerical(call.activation("activation"), call.number("tol"));
    }};

}  // namespace nngp
