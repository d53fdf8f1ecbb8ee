#include <algorithm>
#include <array>
#include <cmath>
#include <map>

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

/// Whether a mean is taken over an axis of positions too.
using OverAxes = std::array<bool, Sites::max_dimensions>;

/// K and NTK divided by sqrt(q_i q_j), q the means of eps + K_ii over the axes of positions given.
struct Normalize final : KernelStepOf<Normalize, NormalizedTile> {
  Normalize(const Operand& operand_, double eps_, const OverAxes& over_)
      : operand(operand_), eps(eps_), over(over_) {}
  std::string name() const override { return "LayerNorm"; }
  std::vector<Operand> operands() const override { return {operand}; }
  SitePairs keeps() const override { return same_sites(); }

  Operand operand;
  double eps;
  OverAxes over;
};

/// Deviations of `count` variances before the pending layers, in vectors.
template <class Real>
struct Deviations {
  const Affine& pending;
  double eps;
  Real* values;
  std::size_t count;

  template <class Isa>
  void run() {
    using V = vec<Real, Isa>;
    const AffineLanes<V> dense(pending);
    const V shift(eps);
    for (std::size_t j = 0; j < count; j += V::size)
      sqrt(shift + dense.nngp(V::load(values + j))).store(values + j);
  }
};

/// The step on `rows` rows of `cols` entries, in vectors; row i is divided by sigma1[i] sigma2[j].
template <class Real>
struct NormalizeRows {
  const Affine& pending;
  KernelEntries<Real> tile;
  std::size_t rows, cols, ld;
  const Real *sigma1, *sigma2;

  template <class Isa>
  void run() {
    using V = vec<Real, Isa>;
    const AffineLanes<V> dense(pending);
    for (std::size_t i = 0; i < rows; ++i) {
      Real* const k_row = tile.nngp + i * ld;
      Real* const t_row = tile.ntk ? tile.ntk + i * ld : nullptr;
      const V row(static_cast<double>(sigma1[i]));
      for (std::size_t j = 0; j < cols; j += V::size) {
        const V norm = row * V::load(sigma2 + j);
        const V k = V::load(k_row + j);
        (dense.nngp(k) / norm).store(k_row + j);
        if (t_row) (dense.ntk(k, V::load(t_row + j)) / norm).store(t_row + j);
      }
    }
  }
};

/// The same for entries with deviations of their own on both sides.
template <class Real>
struct NormalizeOwn {
  const Affine& pending;
  Real* k;
  std::size_t count;
  const Real *sigma1, *sigma2;

  template <class Isa>
  void run() {
    using V = vec<Real, Isa>;
    const AffineLanes<V> dense(pending);
    for (std::size_t j = 0; j < count; j += V::size)
      (dense.nngp(V::load(k + j)) / (V::load(sigma1 + j) * V::load(sigma2 + j))).store(k + j);
  }
};

template <class Real>
class NormalizedTile final : public TileStep<Real> {
 public:
  NormalizedTile(const Normalize& step, Binding<Real>& inputs)
      : step_(step), deviations_(inputs.kept_variances()) {}

  void keep(const KernelTile<Real>& own, const Plane<Real>& plane) override {
    AlignedVector<Real> mean(plane.box->count() * own.ld);
    const bool is_mean = std::find(step_.over.begin(), step_.over.end(), true) != step_.over.end();
    if (is_mean)
      mean_over_axes(own, plane, mean);
    else
      std::copy_n(plane.entries.nngp, mean.size(), mean.begin());
    Deviations<Real> body{step_.operand.pending, step_.eps, mean.data(), mean.size()};
    dispatch(body);
    deviations_.keep(own, {plane.box, {mean.data(), nullptr}});
  }

  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    const TileSides<Real> sides = tile.own ? TileSides<Real>{} : deviations_.of_tile(tile);
    part.out.box->for_each([&](std::size_t place, std::size_t s1, std::size_t s2) {
      const KernelEntries<Real> block = part.out.tile(place, tile);
      if (tile.own) {
        NormalizeOwn<Real> body{step_.operand.pending, block.nngp, tile.cols,
                                deviations_.of(*tile.own, s1, tile.col),
                                deviations_.of(*tile.own, s2, tile.col)};
        return dispatch(body);
      }
      NormalizeRows<Real> body{
          step_.operand.pending, block, tile.rows, tile.cols, part.out.stride(tile), sides.of_rows(s1),
          sides.of_cols(s2)};
      dispatch(body);
    });
  }

 private:
  /// The mean of the variances over axes of positions, at each of them. Dense layers that are pending
  /// and eps may come after it.
  void mean_over_axes(const KernelTile<Real>& own, const Plane<Real>& plane,
                      AlignedVector<Real>& mean) const {
    const auto& extent = plane.box->extent;
    const auto group = [&](std::size_t place) {
      const std::size_t k = place % extent[2], j = place / extent[2] % extent[1],
                        i = place / extent[2] / extent[1];
      return ((step_.over[0] ? 0 : i) * extent[1] + (step_.over[1] ? 0 : j)) * extent[2] +
             (step_.over[2] ? 0 : k);
    };
    std::vector<std::size_t> sizes(plane.box->count());
    for (std::size_t place = 0; place < sizes.size(); ++place) {
      ++sizes[group(place)];
      for (std::size_t i = 0; i < own.ld; ++i)
        mean[group(place) * own.ld + i] += plane.entries.nngp[place * own.ld + i];
    }
    for (std::size_t place = 0; place < sizes.size(); ++place)
      for (std::size_t i = 0; i < own.ld && group(place) == place; ++i)
        mean[place * own.ld + i] /= static_cast<Real>(sizes[place]);
    for (std::size_t place = 0; place < sizes.size(); ++place)
      std::copy_n(&mean[group(place) * own.ld], own.ld, &mean[place * own.ld]);
  }

  const Normalize step_;
  KeptVariances<Real> deviations_;
};

/// out = (in - mean) / sqrt(eps + variance) over the channels of all positions of a group.
class NormalizeUnits final : public FiniteOpOf<NormalizeUnits> {
 public:
  /// `groups` are the positions that are normalised together.
  NormalizeUnits(std::size_t out, std::size_t in, double eps,
                 std::vector<std::vector<std::size_t>> groups)
      : FiniteOpOf(out), in_(in), eps_(eps), groups_(std::move(groups)) {
    for (const auto& group : groups_) positions_ += static_cast<Eigen::Index>(group.size());
  }

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    for_each_group(pass, [&](Eigen::Index r, const auto& group, Eigen::Index width) {
      const Row<Real> units = units_of(pass.value(in_).row(r), group, width);
      const Row<Real> normal = (units.array() - units.mean()) * inverse_deviation(units);
      for (std::size_t s = 0; s < group.size(); ++s)
        at(pass.value(out).row(r), group[s], width) = at(normal, s, width);
    });
  }

  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    // y = (x - mean) / s: the derivative by x is (g - mean(g) - y mean(g y)) / s.
    const Eigen::Index width = pass.value(in_).cols() / positions_;
    pass.add_rows(out, in_, [&](Eigen::Index r, auto&& in, const auto& by_out) {
      for (const std::vector<std::size_t>& group : groups_) {
        const Row<Real> y = units_of(pass.value(out).row(r), group, width);
        const Row<Real> g = units_of(by_out, group, width);
        const Real mean = g.mean(), slope = g.cwiseProduct(y).mean();
        const Row<Real> by_in = (g.array() - mean - y.array() * slope) *
                                inverse_deviation<Real>(units_of(pass.value(in_).row(r), group, width));
        for (std::size_t s = 0; s < group.size(); ++s) at(in, group[s], width) += at(by_in, s, width);
      }
    });
  }

 private:
  template <class Real>
  using Row = Eigen::Matrix<Real, 1, Eigen::Dynamic>;

  template <class Real, class Body>
  void for_each_group(Pass<Real>& pass, Body body) const {
    const Eigen::Index width = pass.value(in_).cols() / positions_;
    for (Eigen::Index r = 0; r < pass.rows(); ++r)
      for (const std::vector<std::size_t>& group : groups_) body(r, group, width);
  }

  /// The channels of one position.
  template <class Units>
  static auto at(Units&& units, std::size_t position, Eigen::Index width) {
    return units.segment(static_cast<Eigen::Index>(position) * width, width);
  }

  /// The channels of a group side by side.
  template <class Units>
  static auto units_of(const Units& row, const std::vector<std::size_t>& group, Eigen::Index width) {
    Row<typename Units::Scalar> units(static_cast<Eigen::Index>(group.size()) * width);
    for (std::size_t s = 0; s < group.size(); ++s) at(units, s, width) = at(row, group[s], width);
    return units;
  }

  /// 1 / sqrt(eps + variance).
  template <class Real>
  Real inverse_deviation(const Row<Real>& units) const {
    const Real variance = (units.array() - units.mean()).square().mean();
    return 1 / std::sqrt(static_cast<Real>(eps_) + variance);
  }

  std::size_t in_;
  double eps_;
  std::vector<std::vector<std::size_t>> groups_;
  Eigen::Index positions_ = 0;
};

class LayerNormType final : public LayerType {
 public:
  LayerNormType(double eps, std::vector<std::ptrdiff_t> axes)
      : eps_(not_negative("LayerNorm", "eps", eps)), axes_(std::move(axes)) {
    if (std::find(axes_.begin(), axes_.end(), 0) != axes_.end())
      throw ParameterError("LayerNorm", "axis", "must not contain 0, the examples");
  }

  std::string text() const override {
    std::string arguments = is_default_axis() ? "" : "axis=" + axes_text();
    if (eps_ != default_eps) arguments += (arguments.empty() ? "eps=" : ", eps=") + format_number(eps_);
    return "LayerNorm(" + arguments + ")";
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.gaussian_branch("only implemented for Gaussian inputs");
    builder.step<Normalize>(branch, eps_, over_axes(builder));
  }

  void finite(NetworkBuilder& builder) const override {
    const NetworkBranch in = builder.only_branch();
    builder.op<NormalizeUnits>(in.width, in.slot, eps_, groups_of(in.sites, over_axes(builder)));
  }

 private:
  /// The positions that differ along the axes of means alone.
  static std::vector<std::vector<std::size_t>> groups_of(const Sites& sites, const OverAxes& over) {
    std::map<std::size_t, std::vector<std::size_t>> groups;  // by their first position
    const PairBox all(sites, {});
    std::size_t position = 0;
    for (std::size_t i = 0; i < all.extent[0]; ++i)
      for (std::size_t j = 0; j < all.extent[1]; ++j)
        for (std::size_t k = 0; k < all.extent[2]; ++k) {
          const std::size_t first =
              ((over[0] ? 0 : i) * all.extent[1] + (over[1] ? 0 : j)) * all.extent[2] +
              (over[2] ? 0 : k);
          groups[first].push_back(position++);
        }
    std::vector<std::vector<std::size_t>> lists;
    for (auto& [first, positions] : groups) lists.push_back(std::move(positions));
    return lists;
  }

  bool is_default_axis() const { return axes_ == std::vector<std::ptrdiff_t>{-1}; }
  std::string axes_text() const {
    std::string text;
    for (const std::ptrdiff_t axis : axes_) text += (text.empty() ? "" : ", ") + std::to_string(axis);
    return axes_.size() == 1 ? text : "(" + text + ")";
  }

  template <class Builder>
  OverAxes over_axes(const Builder& builder) const {
    OverAxes over = {};
    bool channels = false;
    for (const std::ptrdiff_t axis : axes_) {
      if (const std::optional<std::size_t> place = builder.axis_of_positions(axis))
        over[*place] = true;
      else
        channels = true;
    }
    if (!channels) builder.fail("axis must contain the channels, -1");
    return over;
  }

  double eps_;
  std::vector<std::ptrdiff_t> axes_;
};

constexpr LayerParameter parameters[] = {
    {"axis", "-1"}, {"eps", "1e-12"}, {"batch_axis", "0"}, {"channel_axis", "-1"}};

}  // namespace

Layer LayerNorm(double eps, std::vector<std::ptrdiff_t> axis) {
  return make_layer<LayerNormType>(eps, std::move(axis));
}

extern const LayerEntry layer_norm_entry = {
    "LayerNorm", parameters, "subtracts the mean of the features and divides by their deviation",
    [](const LayerCall& call) {
      check_axes(call);
      return LayerNorm(call.number("eps"), call.axes("axis"));
    }};

}  // namespace nngp
