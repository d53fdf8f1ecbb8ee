#include <algorithm>

#include "engine/kernel_builder.hpp"
#include "finite/network_builder.hpp"
#include "finite/pass.hpp"
#include "finite/random.hpp"
#include "layers/all.hpp"
#include "network/parameter.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

template <class Real>
class ScaledDiagonal;

/// K_ii and NTK_ii multiplied by 1 / rate: only an example with itself shares the dropout mask.
struct ScaleDiagonal final : KernelStepOf<ScaleDiagonal, ScaledDiagonal> {
  ScaleDiagonal(const Operand& operand_, double factor_) : operand(operand_), factor(factor_) {}
  std::string name() const override { return "Dropout"; }
  std::vector<Operand> operands() const override { return {operand}; }

  Operand operand;
  double factor;
};

template <class Real>
class ScaledDiagonal final : public TileStep<Real> {
 public:
  ScaledDiagonal(const ScaleDiagonal& step, Binding<Real>&) : step_(step) {}

  void run(const KernelTile<Real>& tile, const Contribution<Real>& part) const override {
    const KernelEntries<Real> to = part.out.entries;
    tile_ops<Real>().copy(step_.operand.pending, to, to, part.out.box->count() * tile.size());
    if (part.out.box->offset != Offset{}) return;
    for (std::size_t place = 0; place < part.out.box->count(); ++place)
      scale_diagonal(tile, part.out.tile(place, tile), part.out.stride(tile));
  }

 private:
  void scale_diagonal(const KernelTile<Real>& tile, const KernelEntries<Real>& to,
                      std::size_t stride) const {
    const auto factor = static_cast<Real>(step_.factor);
    if (tile.own)
      for (std::size_t i = 0; i < tile.cols; ++i) to.nngp[i] *= factor;
    if (tile.own || !tile.symmetric) return;
    const std::size_t end = std::min(tile.row + tile.rows, tile.col + tile.cols);
    for (std::size_t i = std::max(tile.row, tile.col); i < end; ++i) {
      const std::size_t entry = (i - tile.row) * stride + (i - tile.col);
      to.nngp[entry] *= factor;
      if (to.ntk) to.ntk[entry] *= factor;
    }
  }

  const ScaleDiagonal step_;
};

/// out = in, each unit kept with probability `rate` and then divided by it.
class DropoutOp final : public FiniteOpOf<DropoutOp> {
 public:
  DropoutOp(std::size_t out, std::size_t in, std::size_t mask, double rate)
      : FiniteOpOf(out), in_(in), mask_(mask), rate_(rate) {}

  template <class Real>
  void go_forward(Pass<Real>& pass) const {
    Matrix<Real>& mask = pass.jacobian_diagonal(*this);
    mask.resize(pass.rows(), pass.value(in_).cols());
    for (Eigen::Index r = 0; r < pass.rows(); ++r)
      RandomStream{pass.masks(), RandomStream::Purpose::mask, mask_,
                   pass.first_row() + static_cast<std::uint64_t>(r)}
          .mask(rate_, mask.row(r).data(), static_cast<std::size_t>(mask.cols()));
    pass.value(out) = pass.value(in_).cwiseProduct(mask);
  }

  template <class Real>
  void go_backward(Pass<Real>& pass) const {
    const Matrix<Real>& mask = pass.jacobian_diagonal(*this);
    pass.add_rows(out, in_, [&](Eigen::Index r, auto&& in, const auto& by_out) {
      in += by_out.cwiseProduct(mask.row(r));
    });
  }

 private:
  std::size_t in_, mask_;
  double rate_;
};

class DropoutType final : public LayerType {
 public:
  explicit DropoutType(double rate) : rate_(rate) {
    if (rate == 0)
      throw ParameterError("Dropout", "rate", "is the share of units that is kept; it must be above 0");
    share("Dropout", "rate", rate);
  }

  std::string text() const override { return "Dropout(rate=" + format_number(rate_) + ")"; }

  void infinite(KernelBuilder& builder) const override {
    KernelBranch& branch = builder.only_branch();
    if (branch.is_input) builder.fail("cannot be applied to the input; insert Dense(...) before it");
    builder.step<ScaleDiagonal>(branch, 1 / rate_);
    branch.is_gaussian = false;
  }

  void finite(NetworkBuilder& builder) const override {
    const NetworkBranch in = builder.only_branch();
    builder.op<DropoutOp>(in.width, in.slot, builder.new_mask(), rate_);
  }

 private:
  double rate_;
};

constexpr LayerParameter parameters[] = {{"rate"}, {"mode", "'train'"}};

}  // namespace

Layer Dropout(double rate) { return make_layer<DropoutType>(rate); }

extern const LayerEntry dropout_entry = {
    "Dropout", parameters, "keeps a unit with probability `rate`; with `mode='test'` its input",
    [](const LayerCall& call) {
      const Layer layer = Dropout(call.number("rate"));
      return call.choice("mode", {"train", "test"}) == 1 ? Identity() : layer;
    }};

}  // namespace nngp
