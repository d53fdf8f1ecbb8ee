#include "engine/site_map.hpp"

#include <algorithm>
#include <cstdint>

namespace nngp {
namespace {

constexpr std::size_t axes = Sites::max_dimensions;

bool matches(TapPairs pairs, const Tap& a, const Tap& b) {
  return pairs == TapPairs::any || a.tap == b.tap;
}

/// Whether each site reads itself and its two neighbours, as far as there are any, by three taps.
bool reads_neighbours(const AxisTaps& taps) {
  if (taps.extent() != taps.sources) return false;
  if (taps.extent() == 1) return taps.sites[0].size() == 1 && taps.sites[0][0].factor == 1;
  for (std::size_t s = 0; s < taps.extent(); ++s) {
    const std::size_t first = s == 0 ? 0 : s - 1, last = std::min(s + 1, taps.sources - 1);
    if (taps.sites[s].size() != last - first + 1) return false;
    for (std::size_t u = first; u <= last; ++u) {
      const Tap& tap = taps.sites[s][u - first];
      if (tap.source != u || tap.tap != u + 1 - s || tap.factor != 1) return false;
    }
  }
  return true;
}

/// The first site of a pair of this offset on an axis of `extent` sites, and how many there are.
std::pair<std::size_t, std::size_t> pair_range(std::size_t extent, std::ptrdiff_t offset) {
  const auto length = static_cast<std::size_t>(std::abs(offset));
  return {offset < 0 ? length : 0, length < extent ? extent - length : 0};
}

std::size_t shifted(std::size_t site, std::ptrdiff_t offset) {
  return static_cast<std::size_t>(static_cast<std::ptrdiff_t>(site) + offset);
}

/// The offsets along one axis that pairs of one offset are made of.
std::vector<std::ptrdiff_t> axis_reads(const AxisTaps& taps, TapPairs pairs, std::ptrdiff_t offset) {
  std::vector<char> read(2 * taps.sources - 1);
  const auto [first, count] = pair_range(taps.extent(), offset);
  for (std::size_t s = first; s < first + count; ++s)
    for (const Tap& a : taps.sites[s])
      for (const Tap& b : taps.sites[shifted(s, offset)])
        if (matches(pairs, a, b)) read[b.source + taps.sources - 1 - a.source] = 1;
  std::vector<std::ptrdiff_t> offsets;
  for (std::size_t i = 0; i < read.size(); ++i)
    if (read[i])
      offsets.push_back(static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(taps.sources - 1));
  return offsets;
}

/// Along one axis: of which lines of a plane `in` the lines of a plane `out` are made.
template <class Real>
struct Lines {
  std::vector<std::uint32_t> begin = {0};  ///< of the terms of each line
  std::vector<std::uint32_t> from = {};
  std::vector<Real> factors = {};
  /// Lines from here on whose terms are those of the one before, a line further.
  std::vector<std::uint32_t> alike = {};
  bool has_factors = false;
  bool is_identity = true;
  std::size_t in_extent = 1;

  std::size_t extent() const { return begin.size() - 1; }
  std::size_t terms(std::size_t line) const { return begin[line + 1] - begin[line]; }
};

/// Whether a line is made as the one before, of lines one further.
template <class Real>
bool follows(const Lines<Real>& lines, std::size_t line) {
  const std::size_t count = lines.terms(line), begin = lines.begin[line];
  if (count == 0 || lines.terms(line - 1) != count) return false;
  for (std::size_t t = begin; t < begin + count; ++t)
    if (lines.from[t] != lines.from[t - count] + 1 || lines.factors[t] != lines.factors[t - count])
      return false;
  return true;
}

template <class Real>
void find_lines(const AxisTaps& taps, TapPairs pairs, std::ptrdiff_t in, std::ptrdiff_t out,
                Lines<Real>& lines) {
  const auto [first, count] = pair_range(taps.extent(), out);
  const auto [in_first, in_count] = pair_range(taps.sources, in);
  lines.begin.assign(1, 0);
  lines.from.clear();
  lines.factors.clear();
  lines.has_factors = false;
  lines.is_identity = count == in_count;
  lines.in_extent = in_count;
  for (std::size_t s = first; s < first + count; ++s) {
    const std::vector<Tap>& others = taps.sites[shifted(s, out)];
    for (const Tap& a : taps.sites[s]) {
      const auto partner = static_cast<std::ptrdiff_t>(a.source) + in;
      if (partner < 0) continue;
      auto b = std::lower_bound(others.begin(), others.end(), static_cast<std::size_t>(partner),
                                [](const Tap& tap, std::size_t source) { return tap.source < source; });
      for (; b != others.end() && b->source == static_cast<std::size_t>(partner); ++b) {
        if (!matches(pairs, a, *b)) continue;
        lines.from.push_back(static_cast<std::uint32_t>(a.source - in_first));
        lines.factors.push_back(static_cast<Real>(a.factor * b->factor));
        lines.has_factors = lines.has_factors || lines.factors.back() != 1;
      }
    }
    const auto line = static_cast<std::uint32_t>(s - first);
    lines.is_identity = lines.is_identity && !lines.has_factors && lines.from.size() == line + 1 &&
                        lines.from.back() == line;
    lines.begin.push_back(static_cast<std::uint32_t>(lines.from.size()));
  }
  lines.alike.assign(count, 1);
  for (std::size_t line = count; line-- > 1;)
    if (follows(lines, line)) lines.alike[line - 1] = lines.alike[line] + 1;
}

/// The sums of one plane, axis after axis from the outermost: the lines of an axis are added up, and
/// what comes out is a plane of the axes inside.
template <class Real>
class Sums {
 public:
  Sums(const std::array<Lines<Real>, axes>& lines, std::size_t entries,
       std::vector<AlignedVector<Real>>& scratch)
      : lines_(lines), scratch_(scratch) {
    in_size_[axes] = out_size_[axes] = entries;
    for (std::size_t axis = axes; axis-- > 0;) {
      in_size_[axis] = in_size_[axis + 1] * lines[axis].in_extent;
      out_size_[axis] = out_size_[axis + 1] * lines[axis].extent();
    }
    while (last_ > 0 && lines[last_ - 1].is_identity) --last_;
    for (std::size_t axis = 0; axis + 1 < last_; ++axis)
      if (scratch_[axis].size() < in_size_[axis + 1]) scratch_[axis].resize(in_size_[axis + 1]);
  }

  void add(const Real* in, bool first, Real* out) { add(0, in, first, out); }

 private:
  void add(std::size_t axis, const Real* in, bool first, Real* out) {
    if (axis == last_) {
      const Real* one = in;
      ops_.sum(&one, nullptr, 1, first, out, out_size_[axis]);
      return;
    }
    const Lines<Real>& lines = lines_[axis];
    const std::size_t in_size = in_size_[axis + 1], out_size = out_size_[axis + 1];
    const bool inside = axis + 1 < last_;
    std::size_t alike = 1;
    for (std::size_t line = 0; line < lines.extent(); line += alike, out += alike * out_size) {
      const std::size_t begin = lines.begin[line], count = lines.terms(line);
      alike = inside ? 1 : lines.alike[line];  // the last axis sums them as one
      if (count == 0) {
        if (first) std::fill_n(out, out_size, Real(0));
        continue;
      }
      const Real* const factors = lines.has_factors ? &lines.factors[begin] : nullptr;
      if (inside && count == 1 && !factors) {
        add(axis + 1, in + lines.from[begin] * in_size, first, out);
        continue;
      }
      Real* const to = inside ? scratch_[axis].data() : out;
      bool begins = inside || first;
      for (std::size_t done = 0; done < count; done += most) {
        const Real* terms[most];
        const std::size_t some = std::min(most, count - done);
        for (std::size_t t = 0; t < some; ++t) terms[t] = in + lines.from[begin + done + t] * in_size;
        ops_.sum(terms, factors ? factors + done : nullptr, some, begins, to, alike * in_size);
        begins = false;
      }
      if (inside) add(axis + 1, to, first, out);
    }
  }

  static constexpr std::size_t most = 16;  ///< terms that are summed in registers

  const std::array<Lines<Real>, axes>& lines_;
  std::vector<AlignedVector<Real>>& scratch_;
  std::array<std::size_t, axes + 1> in_size_, out_size_;
  std::size_t last_ = axes;  ///< the axes from here on stay as they are
  const TileOps<Real>& ops_ = tile_ops<Real>();
};

template <class Real>
class MappedTile final : public TileStep<Real> {
 public:
  explicit MappedTile(const SiteMap& step) : step_(step), operands_(step.operands()) {}

  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    if (step_.is_filter()) return filter(tile, part);
    const Offset &in = part.in.box->offset, &out = part.out.box->offset;
    std::array<Lines<Real>, axes> lines;
    for (std::size_t axis = 0; axis < axes; ++axis)
      find_lines(step_.taps(part.operand).axes[axis], step_.pairs(), in[axis], out[axis], lines[axis]);
    if (tile.scratch->size() < axes + 2) tile.scratch->resize(axes + 2);
    const KernelEntries<Real> from = applied(tile, part);
    Sums<Real> sums(lines, tile.ld, *tile.scratch);
    const std::size_t in_stride = part.in.stride(tile), out_stride = part.out.stride(tile);
    const KernelEntries<Real> to = part.out.entries;
    for (std::size_t row = 0; row < tile.rows; ++row) {
      sums.add(from.nngp + row * in_stride, part.first, to.nngp + row * out_stride);
      if (from.ntk) sums.add(from.ntk + row * in_stride, part.first, to.ntk + row * out_stride);
    }
  }

 private:
  /// A plane, which may take its own place.
  void filter(const KernelTile<Real>& tile, const Contribution<Real>& part) const {
    const TileOps<Real>& ops = tile_ops<Real>();
    const std::size_t lines = part.in.box->extent[0], positions = part.in.box->extent[1];
    if (tile.scratch->size() < axes + 2) tile.scratch->resize(axes + 2);
    AlignedVector<Real>& scratch = tile.scratch->front();
    if (scratch.size() < 6 * positions * ops.panel_cols) scratch.resize(6 * positions * ops.panel_cols);
    const KernelEntries<Real> from = applied(tile, part), to = part.out.entries;
    const std::size_t stride = part.in.stride(tile);
    // The NTK of the input is 0, and so is what a filter makes of it.
    const bool is_zero = operands_[0].value == 0 && from.nngp == part.in.entries.nngp;
    if (is_zero && from.ntk != to.ntk) std::fill_n(to.ntk, tile.rows * stride, Real(0));
    for (std::size_t row = 0; row < tile.rows; ++row) {
      const std::size_t at = row * stride;
      ops.filter(from.nngp + at, lines, positions, tile.ld, tile.cols, to.nngp + at, scratch.data());
      if (from.ntk && !is_zero)
        ops.filter(from.ntk + at, lines, positions, tile.ld, tile.cols, to.ntk + at, scratch.data());
    }
  }

  /// What is pending may add to a covariance, but nothing where the grid ends: it is applied before.
  KernelEntries<Real> applied(const KernelTile<Real>& tile, const Contribution<Real>& part) const {
    const Affine& pending = operands_[part.operand].pending;
    const KernelEntries<Real> from = part.in.entries;
    if (pending.is_identity()) return from;
    const std::size_t entries = part.in.box->count() * tile.size();
    std::vector<AlignedVector<Real>>& scratch = *tile.scratch;
    for (std::size_t i = axes; i < axes + 2; ++i)
      if (scratch[i].size() < entries) scratch[i].resize(entries);
    const KernelEntries<Real> to = {scratch[axes].data(),
                                    from.ntk ? scratch[axes + 1].data() : nullptr};
    tile_ops<Real>().copy(pending, from, to, entries);
    return to;
  }

  const SiteMap& step_;
  std::vector<Operand> operands_;
};

}  // namespace

SiteMap::SiteMap(std::string name, std::vector<Operand> operands, std::vector<SiteTaps> taps,
                 TapPairs pairs, bool diagonal)
    : name_(std::move(name)),
      operands_(std::move(operands)),
      taps_(std::move(taps)),
      pairs_(pairs),
      diagonal_(diagonal),
      axis_reads_(operands_.size()) {
  for (SiteTaps& of_operand : taps_)
    for (AxisTaps& axis : of_operand.axes)
      for (std::vector<Tap>& site : axis.sites)
        std::stable_sort(site.begin(), site.end(),
                         [](const Tap& a, const Tap& b) { return a.source < b.source; });
  const std::array<AxisTaps, axes>& of_axes = taps_[0].axes;
  is_filter_ = taps_.size() == 1 && pairs_ == TapPairs::same && !diagonal_ &&
               reads_neighbours(of_axes[0]) && reads_neighbours(of_axes[1]) &&
               reads_neighbours(of_axes[2]) && of_axes[2].extent() == 1;
}

SitePairs SiteMap::reads(std::size_t operand, const Offset& offset) const {
  SitePairs read;
  if (diagonal_ && offset != Offset{}) return read;
  std::array<const std::vector<std::ptrdiff_t>*, axes> by_axis;
  std::size_t count = 1;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    auto& known = axis_reads_[operand][axis];
    const auto [found, is_new] = known.try_emplace(offset[axis]);
    if (is_new) found->second = axis_reads(taps_[operand].axes[axis], pairs_, offset[axis]);
    by_axis[axis] = &found->second;
    count *= found->second.size();
  }
  check_offsets(count, name_);
  for (const std::ptrdiff_t i : *by_axis[0])
    for (const std::ptrdiff_t j : *by_axis[1])
      for (const std::ptrdiff_t k : *by_axis[2]) read.insert(read.end(), {i, j, k});
  return read;
}

std::unique_ptr<TileStep<double>> SiteMap::bind(Binding<double>&) const {
  return std::make_unique<MappedTile<double>>(*this);
}
std::unique_ptr<TileStep<float>> SiteMap::bind(Binding<float>&) const {
  return std::make_unique<MappedTile<float>>(*this);
}

}  // namespace nngp
