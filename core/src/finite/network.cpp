#include <fmt/format.h>

#include "finite/empirical.hpp"
#include "finite/pass.hpp"
#include "nngp/error.hpp"
#include "nngp/finite.hpp"
#include "parallel.hpp"

namespace nngp {
namespace {

template <class Real>
void check_parameters(const FiniteProgram& program, const Parameters<Real>& parameters) {
  bool fit = parameters.size() == program.with_weights.size();
  for (const FiniteOp* op : program.with_weights) {
    if (!fit) break;
    const Weights& weights = *op->weights();
    const auto& [W, b] = parameters[weights.index];
    const auto rows = static_cast<Eigen::Index>(weights.copies * weights.rows);
    const auto cols = static_cast<Eigen::Index>(weights.cols);
    fit = W.rows() == rows && W.cols() == cols &&
          b.size() == (weights.has_bias ? static_cast<Eigen::Index>(weights.copies) * cols : 0);
  }
  if (!fit)
    throw DataError("the parameters do not fit this network; take those that it is initialised with");
}

}  // namespace

FiniteNetwork::FiniteNetwork(const Layer& network, std::size_t features, const Sites& sites)
    : program_(std::make_shared<const FiniteProgram>(compile_finite(network, features, sites))) {}

std::size_t FiniteNetwork::features() const { return program_->features(); }

std::size_t FiniteNetwork::out_dim() const { return program_->out_dim(); }

std::size_t FiniteNetwork::parameter_count() const {
  std::size_t count = 0;
  for (const FiniteOp* op : program_->with_weights) count += op->weights()->count();
  return count;
}

template <class Real>
Parameters<Real> FiniteNetwork::init(const SampleKey& key, unsigned threads) const {
  return arena(threads).execute([&] { return sample_parameters<Real>(*program_, key); });
}

template <class Real>
OwnedMatrix<Real> FiniteNetwork::apply(const Parameters<Real>& parameters,
                                       const std::type_identity_t<MatrixView<Real>>& x,
                                       const ApplyOptions& options) const {
  check_input<Real>(*program_, x, "x");
  check_parameters(*program_, parameters);
  OwnedMatrix<Real> out(x.rows(), static_cast<Eigen::Index>(out_dim()));
  arena(options.threads).execute([&] {
    empirical_outputs<Real>(*program_, parameters, x, options, out.data());
  });
  return out;
}

template <class Real>
Kernels<Real> FiniteNetwork::kernels(const Parameters<Real>& parameters,
                                     const std::type_identity_t<MatrixView<Real>>& x1,
                                     const std::optional<std::type_identity_t<MatrixView<Real>>>& x2,
                                     Get get, const ApplyOptions& options) const {
  check_input<Real>(*program_, x1, "x1");
  if (x2) check_input<Real>(*program_, *x2, "x2");
  check_parameters(*program_, parameters);
  return arena(options.threads).execute([&] {
    return empirical_kernels<Real>(*program_, parameters, x1, x2, get, options);
  });
}

#define NNGP_INSTANTIATE(Real)                                                                     \
  template Parameters<Real> FiniteNetwork::init(const SampleKey&, unsigned) const;                 \
  template OwnedMatrix<Real> FiniteNetwork::apply(                                                 \
      const Parameters<Real>&, const std::type_identity_t<MatrixView<Real>>&, const ApplyOptions&) \
      const;                                                                                       \
  template Kernels<Real> FiniteNetwork::kernels(                                                   \
      const Parameters<Real>&, const std::type_identity_t<MatrixView<Real>>&,                      \
      const std::optional<std::type_identity_t<MatrixView<Real>>>&, Get, const ApplyOptions&) const;
NNGP_INSTANTIATE(double)
NNGP_INSTANTIATE(float)
#undef NNGP_INSTANTIATE

}  // namespace nngp
