#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/kernel_step.hpp"
#include "network/taps.hpp"

namespace nngp {

/// How the two sites of a pair read: with the same tap, as where weights are random and shared
/// (convolutions: other taps are independent), or with any two (means of what is there).
enum class TapPairs { same, any };

/// K'(s, s') = sum of factor factor' K(u, u') over the taps (u, factor) of s and (u', factor') of s',
/// and the same for the NTK, summed over operands. `diagonal`: 0 for s != s', where weights differ from
/// site to site.
struct SiteMap final : KernelStep {
  SiteMap(std::string name, std::vector<Operand> operands, std::vector<SiteTaps> taps, TapPairs pairs,
          bool diagonal = false);
  SiteMap(const Operand& operand, std::string name, SiteTaps taps, TapPairs pairs,
          bool diagonal = false)
      : SiteMap(std::move(name), std::vector{operand}, std::vector{std::move(taps)}, pairs, diagonal) {}

  std::string name() const override { return name_; }
  std::vector<Operand> operands() const override { return operands_; }
  Writes writes() const override { return is_filter_ ? Writes::anywhere : Writes::elsewhere; }
  SitePairs reads(std::size_t operand, const Offset& offset) const override;
  std::unique_ptr<TileStep<double>> bind(Binding<double>& inputs) const override;
  std::unique_ptr<TileStep<float>> bind(Binding<float>& inputs) const override;

  const SiteTaps& taps(std::size_t operand) const { return taps_[operand]; }
  TapPairs pairs() const { return pairs_; }
  /// Whether it is the filter of networks on images, 3 x 3 with SAME: every site reads its neighbours.
  bool is_filter() const { return is_filter_; }

 private:
  std::string name_;
  std::vector<Operand> operands_;
  std::vector<SiteTaps> taps_;
  TapPairs pairs_;
  bool diagonal_;
  bool is_filter_;
  /// What was asked of an operand's axes: the offsets along an axis that one of the output is made of.
  mutable std::vector<std::array<std::map<std::ptrdiff_t, std::vector<std::ptrdiff_t>>, 3>> axis_reads_;
};

}  // namespace nngp
