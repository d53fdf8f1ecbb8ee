// An activation known by fn alone: Gelu with its kernels integrated numerically, against its closed
// form, with the bounds of the errors that the integration gives. And the same checked by networks of
// finite width.

#include "example.hpp"
#include "nngp/monte_carlo.hpp"

int main(int count, char** words) {
  return example::run(count, words, [](const nngp::Registry& plugins) {
    const nngp::Activation gelu = plugins.activation("Gelu");
    const nngp::Layer exact = nngp::Elementwise(gelu), integrated = nngp::ElementwiseNumerical(gelu);

    std::puts("numerical integration against the closed form:");
    const bool close = example::close(example::kernels(integrated), example::kernels(exact), 1e-10);

    const nngp::Matrix<double> x = example::inputs().topRows(10);
    const nngp::Layer network = nngp::serial(nngp::Dense(512), integrated, nngp::Dense(1));
    const auto infinite = nngp::KernelFn(network).bind(x);
    for (const nngp::NumericalLayer& layer : infinite.numerical_layers())
      std::printf("%s: error bounds %.1e (nngp), %.1e (d_nngp)\n", layer.activation.c_str(),
                  layer.error.nngp, layer.error.d_nngp);

    const auto sampled = nngp::monte_carlo_kernels(network, nngp::MatrixView(x), std::nullopt,
                                                   nngp::Get::ntk, {.seed = 1, .samples = 100});
    const auto kernels = nngp::KernelFn(network)(x);
    const nngp::Deviation deviation = nngp::deviation(sampled.ntk, kernels.ntk.view());
    std::printf("ntk of %zu sampled networks: %.1e away, %.2f standard errors (rms), %.2f at most\n",
                sampled.samples, deviation.relative, deviation.rms, deviation.largest);
    return close && deviation.largest < 6;
  });
}
