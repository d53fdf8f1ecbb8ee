#include <cmath>

#include "engine/kernel_builder.hpp"
#include "engine/site_map.hpp"
#include "finite/gather_op.hpp"
#include "finite/network_builder.hpp"
#include "layers/all.hpp"
#include "layers/window.hpp"
#include "network/parameter.hpp"

namespace nngp {
namespace {

enum class Method { linear, nearest };

/// As jax.image.resize: the centres of `extent` sites among those of `sources`.
AxisTaps resizing_taps(std::size_t sources, std::size_t extent, Method method, bool antialias) {
  const auto n = static_cast<double>(sources), ratio = n / static_cast<double>(extent);
  AxisTaps taps{sources, std::vector<std::vector<Tap>>(extent)};
  for (std::size_t s = 0; s < extent; ++s) {
    const double centre = (static_cast<double>(s) + 0.5) * ratio;
    std::vector<Tap>& site = taps.sites[s];
    if (method == Method::nearest) {
      site.push_back({0, std::min(sources - 1, static_cast<std::size_t>(centre))});
      continue;
    }
    const double reach = antialias ? std::max(ratio, 1.0) : 1.0;
    const auto first = static_cast<std::size_t>(std::max(0.0, std::floor(centre - 0.5 - reach)));
    double sum = 0;
    for (std::size_t p = first; p < sources && static_cast<double>(p) <= centre - 0.5 + reach; ++p) {
      const double weight = 1 - std::abs(centre - 0.5 - static_cast<double>(p)) / reach;
      if (weight <= 0) continue;
      site.push_back({p, p, weight});
      sum += weight;
    }
    for (Tap& tap : site) tap.factor /= sum;
  }
  return taps;
}

class ImageResizeType final : public LayerType {
 public:
  /// A size of -1 stays as it is; those of examples and channels are.
  ImageResizeType(std::vector<std::ptrdiff_t> shape, Method method, bool antialias)
      : shape_(std::move(shape)), method_(method), antialias_(antialias) {
    const auto fail = [](const std::string& reason) {
      throw ParameterError("ImageResize", "shape", reason);
    };
    if (shape_.size() < 3 || shape_.size() > Sites::max_dimensions + 2)
      fail(fmt::format("must have 3 to {} sizes, of examples, positions and channels, got {}",
                       Sites::max_dimensions + 2, shape_.size()));
    if (shape_.front() != -1 || shape_.back() != -1)
      fail("must begin and end with -1: examples and channels stay as they are");
    for (const std::ptrdiff_t size : shape_)
      if (size == 0 || size < -1 || size > static_cast<std::ptrdiff_t>(max_positions))
        fail(fmt::format("must be of sizes from 1 to {}, or -1, got {}", max_positions, size));
  }

  std::string text() const override {
    std::string sizes;
    for (const std::ptrdiff_t size : shape_)
      sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
    return "ImageResize((" + sizes + "), method='" +
           (method_ == Method::linear ? "linear" : "nearest") + "'" +
           (antialias_ ? "" : ", antialias=False") + ")";
  }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.spatial_branch();
    SiteTaps taps = this->taps(builder, branch.sites);
    branch.sites = taps.extents(branch.sites.dimensions());
    builder.step<SiteMap>(branch, name(), std::move(taps), TapPairs::any);
  }

  void finite(NetworkBuilder& builder) const override {
    NetworkBranch& branch = builder.spatial_branch();
    SiteTaps taps = this->taps(builder, branch.sites);
    branch.sites = taps.extents(branch.sites.dimensions());
    builder.op<GatherOp>(branch.width, Patches{{branch.slot}, {std::move(taps)}});
  }

 private:
  template <class Builder>
  SiteTaps taps(const Builder& builder, const Sites& sites) const {
    const std::size_t axes = sites.dimensions();
    if (shape_.size() != axes + 2)
      builder.fail(fmt::format("shape has {} sizes, its input has {} axes: examples, {}, channels",
                               shape_.size(), axes + 2, sites.text()));
    double positions = 1;
    SiteTaps taps;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const std::size_t n = sites.extents[axis];
      const std::size_t m = shape_[axis + 1] == -1 ? n : static_cast<std::size_t>(shape_[axis + 1]);
      positions *= static_cast<double>(m);
      if (positions > static_cast<double>(max_positions))
        builder.fail(fmt::format("makes more than {} positions", max_positions));
      taps.axes[axis] = resizing_taps(n, m, method_, antialias_);
    }
    return taps;
  }

  std::vector<std::ptrdiff_t> shape_;
  Method method_;
  bool antialias_;
};

constexpr LayerParameter parameters[] = {{"shape"},
                                         {"method"},
                                         {"antialias", "True"},
                                         {"precision", "None"},
                                         {"batch_axis", "0"},
                                         {"channel_axis", "-1"}};

}  // namespace

extern const LayerEntry image_resize_entry = {
    "ImageResize", parameters, "more or fewer positions, in between those of its input",
    [](const LayerCall& call) {
      check_axes(call);
      call.none("precision", "sums have the precision of the inputs");
      return make_layer<ImageResizeType>(
          call.axes("shape"), static_cast<Method>(call.choice("method", {"linear", "nearest"})),
          call.truth("antialias"));
    }};

}  // namespace nngp
