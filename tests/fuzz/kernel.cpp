// Any text that is a model, or one that a template stands for, has finite kernels of a few inputs, the
// same for all threads, or an error. So have its networks of finite width.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nngp/error.hpp"
#include "nngp/finite.hpp"
#include "nngp/kernel.hpp"
#include "nngp/model.hpp"
#include "nngp/model_template.hpp"
#include "pinned_plugins.hpp"

namespace {

const nngp::Registry& plugins() {
  static const nngp::Registry all(nngp::PluginSearch{{NNGP_FUZZ_PLUGINS}, {}});
  return all;
}

const nngp::Matrix<double>& inputs() {
  static const nngp::Matrix<double> x =
      (nngp::Matrix<double>(4, 3) << 1, -2, 0.5, 0, 0, 0, 1e-3, 2, -1, -1, 2, -0.5).finished();
  return x;
}

template <class Real>
void compute(const nngp::Layer& network) {
  const nngp::Matrix<Real> x = inputs().cast<Real>();
  const nngp::MatrixView<Real> view(x);
  try {
    const nngp::Kernels<Real> all = nngp::KernelFn(network)(view);
    if (!all.nngp.view().allFinite() || !all.ntk.view().allFinite()) std::abort();
    if (all.nngp.view() != all.nngp.view().transpose()) std::abort();
    if ((all.nngp.view().diagonal().array() < 0).any()) std::abort();
  } catch (const nngp::Error& error) {
    if (std::string(error.what()).empty()) std::abort();
  }
}

void read(std::string_view model) {
  try {
    const nngp::Layer network = nngp::parse_model(model, plugins());
    if (nngp::model_text(network).size() > 3000) return;  // hours of tables
    compute<double>(network);
    compute<float>(network);
    nngp::FiniteNetwork(network, 3);
  } catch (const nngp::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  pin_plugins(NNGP_FUZZ_PLUGINS);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    for (const nngp::ModelChoice& model : nngp::expand_model(text, 3)) read(model.text);
  } catch (const nngp::ModelError&) {
  }
  return 0;
}
