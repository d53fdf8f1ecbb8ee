#include "finite/gather_op.hpp"

#include "finite/pass.hpp"

namespace nngp {
namespace {

/// Calls body(target, source, factor) for every tap of every position: target = position taps + tap.
template <class Body>
void for_each_tap(const SiteTaps& taps, const std::vector<std::size_t>& filter, Body body) {
  const auto& [outer, middle, inner] = taps.axes;
  const auto place = [&](std::size_t axis, std::size_t before, const Tap& tap) {
    return axis < filter.size() ? before * filter[axis] + tap.tap : before;
  };
  std::size_t size = 1;
  for (const std::size_t width : filter) size *= width;
  std::size_t target = 0;
  for (const std::vector<Tap>& site0 : outer.sites)
    for (const std::vector<Tap>& site1 : middle.sites)
      for (const std::vector<Tap>& site2 : inner.sites) {
        for (const Tap& a : site0)
          for (const Tap& b : site1)
            for (const Tap& c : site2)
              body(target + place(2, place(1, place(0, 0, a), b), c),
                   (a.source * middle.sources + b.source) * inner.sources + c.source,
                   a.factor * b.factor * c.factor);
        target += size;
      }
}

/// The number of positions that taps read.
Eigen::Index sources(const SiteTaps& taps) {
  return static_cast<Eigen::Index>(taps.axes[0].sources * taps.axes[1].sources * taps.axes[2].sources);
}

}  // namespace

GatherOp::GatherOp(std::size_t out_, Patches patches)
    : FiniteOpOf(out_), patches_(std::move(patches)) {}

template <class Real>
void GatherOp::go_forward(Pass<Real>& pass) const {
  Matrix<Real>& to = pass.value(out);
  to.setZero();
  for (std::size_t b = 0; b < patches_.in.size(); ++b) {
    const Matrix<Real>& from = pass.value(patches_.in[b]);
    const Eigen::Index channels = from.cols() / sources(patches_.taps[b]);
    for (Eigen::Index r = 0; r < from.rows(); ++r)
      for_each_tap(patches_.taps[b], patches_.filter,
                   [&](std::size_t target, std::size_t source, double factor) {
                     to.row(r).segment(static_cast<Eigen::Index>(target) * channels, channels) +=
                         static_cast<Real>(factor) *
                         from.row(r).segment(static_cast<Eigen::Index>(source) * channels, channels);
                   });
  }
}

template <class Real>
void GatherOp::go_backward(Pass<Real>& pass) const {
  for (std::size_t b = 0; b < patches_.in.size(); ++b) {
    const SiteTaps& taps = patches_.taps[b];
    const Eigen::Index channels = pass.value(patches_.in[b]).cols() / sources(taps);
    pass.add_rows(out, patches_.in[b], [&](Eigen::Index, auto&& in, const auto& by_out) {
      for_each_tap(taps, patches_.filter, [&](std::size_t target, std::size_t source, double factor) {
        in.segment(static_cast<Eigen::Index>(source) * channels, channels) +=
            static_cast<Real>(factor) *
            by_out.segment(static_cast<Eigen::Index>(target) * channels, channels);
      });
    });
  }
}

template void GatherOp::go_forward(Pass<double>&) const;
template void GatherOp::go_forward(Pass<float>&) const;
template void GatherOp::go_backward(Pass<double>&) const;
template void GatherOp::go_backward(Pass<float>&) const;

}  // namespace nngp
