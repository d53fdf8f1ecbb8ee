#include <cmath>

#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "finite/pass.hpp"
#include "layers/all.hpp"
#include "network/parameter.hpp"
#include "nngp/simd.hpp"
#include "nngp/text.hpp"
#include "simd/affine_lanes.hpp"
#include "simd/dispatch.hpp"

// As in simd.hpp: vectors never cross a call, so notes on vector calling conventions are moot.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace nngp {
namespace {

template <class Real>
class NormalizedTile;

/// K and NTK divided by sqrt((eps + K_ii)(eps + K_jj)).
struct Normalize final : KernelStepOf<Normalize, NormalizedTile> {
  Normalize(const Operand& operand_, double eps_) : operand(operand_), eps(eps_) {}
  std::string name() const override { return "LayerNorm"; }
  std::vector<Operand> operands() const override { return {operand}; }

  Operand operand;
  double eps;
};

/// The step on `rows` rows of `cols` entries, in vectors. Variances are those before the pending
/// layers.
template <class Real>
struct NormalizeRows {
  const Affine& pending;
  double eps;
  Block<Real> tile;
  std::size_t rows, cols, ld;
  const Real *var1, *var2;

  template <class Isa>
  void run() {
    using V = vec<Real, Isa>;
    const AffineLanes<V> dense(pending);
    const V shift(eps);
    for (std::size_t i = 0; i < rows; ++i) {
      Real* const k_row = tile.k + i * ld;
      Real* const t_row = tile.t ? tile.t + i * ld : nullptr;
      const V sigma1 = sqrt(shift + dense.k(V(static_cast<double>(var1[i]))));
      for (std::size_t j = 0; j < cols; j += V::size) {
        const V norm = sigma1 * sqrt(shift + dense.k(V::load(var2 + j)));
        const V k = V::load(k_row + j);
        (dense.k(k) / norm).store(k_row + j);
        if (t_row) (dense.t(k, V::load(t_row + j)) / norm).store(t_row + j);
      }
    }
  }
};

template <class Real>
class NormalizedTile final : public TileStep<Real> {
 public:
  NormalizedTile(const Normalize& step, Binding<Real>& inputs)
      : step_(step), before_(inputs, step.operand.slot) {
    // Each variance is a tile of one entry, by the same operations as the others.
    inputs.for_each_input([&](RowVariances<Real>& variances) {
      AlignedVector<Real> k(KernelTile<Real>::ld), v(KernelTile<Real>::ld);
      AlignedVector<Real>& all = variances.slots[step_.operand.slot];
      for (std::size_t i = 0; i < variances.rows; ++i) {
        k[0] = v[0] = all[i];
        normalize({k.data(), nullptr}, 1, 1, v.data(), v.data());
        all[i] = k[0];
      }
    });
  }

  void run(KernelTile<Real>& tile) const override {
    normalize(tile.slots[step_.operand.slot], tile.rows, tile.cols, before_.from_row(tile.row),
              before_.from_col(tile.col));
  }

 private:
  void normalize(Block<Real> tile, std::size_t rows, std::size_t cols, const Real* var1,
                 const Real* var2) const {
    NormalizeRows<Real> body{step_.operand.pending, step_.eps, tile, rows, cols,
                             KernelTile<Real>::ld,  var1,      var2};
    dispatch(body);
  }

  const Normalize step_;
  const KeptVariances<Real> before_;
};

/// out = (in - mean) / sqrt(eps + variance) over the units of each row.
class NormalizeUnits final : public FiniteOpOf<NormalizeUnits> {
 public:
  NormalizeUnits(std::size_t out, std::size_t in, double eps) : FiniteOpOf(out), in_(in), eps_(eps) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    for (Eigen::Index r = 0; r < pass.rows(); ++r) {
      const auto row = pass.value(in_).row(r);
      pass.value(out).row(r) = (row.array() - row.mean()) * inverse_deviation(row);
    }
  }

  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    // y = (x - mean) / s: the derivative by x is (g - mean(g) - y mean(g y)) / s.
    pass.add_rows(out, in_, [&](Eigen::Index r, auto&& in, const auto& by_out) {
      const auto y = pass.value(out).row(r);
      const Real mean = by_out.mean(), slope = by_out.cwiseProduct(y).mean();
      in.array() +=
          (by_out.array() - mean - y.array() * slope) * inverse_deviation(pass.value(in_).row(r));
    });
  }

 private:
  /// 1 / sqrt(eps + variance) of one row.
  template <class Row>
  auto inverse_deviation(const Row& row) const {
    using Real = typename Row::Scalar;
    const Real variance = (row.array() - row.mean()).square().mean();
    return 1 / std::sqrt(static_cast<Real>(eps_) + variance);
  }

  std::size_t in_;
  double eps_;
};

class LayerNormType final : public LayerType {
 public:
  explicit LayerNormType(double eps) : eps_(not_negative("LayerNorm", "eps", eps)) {}

  std::string text() const override {
    return eps_ == default_eps ? "LayerNorm()" : "LayerNorm(eps=" + format_number(eps_) + ")";
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.gaussian_branch("only implemented for Gaussian inputs");
    builder.step<Normalize>(branch.operand, eps_);
    branch.operand.pending = {};
  }

  void finite(NetworkBuilder& builder) const override {
    const NetworkBranch in = builder.only_branch();
    builder.op<NormalizeUnits>(in.width, in.slot, eps_);
  }

 private:
  static constexpr double default_eps = 1e-12;
  double eps_;
};

constexpr LayerParameter parameters[] = {
    {"axis", "-1"}, {"eps", "1e-12"}, {"batch_axis", "0"}, {"channel_axis", "-1"}};

}  // namespace

Layer LayerNorm(double eps) { return make_layer<LayerNormType>(eps); }

extern const LayerEntry layer_norm_entry = {
    "LayerNorm", parameters, "subtracts the mean of the features and divides by their deviation",
    [](const LayerCall& call) {
      call.only("axis", {-1, 1}, rows_of_features);
      call.only("batch_axis", {0, -2}, rows_of_features);
      call.only("channel_axis", {-1, 1}, rows_of_features);
      return LayerNorm(call.number("eps"));
    }};

}  // namespace nngp
