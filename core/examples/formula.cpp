// Three ways to an activation without a plugin: formulas, C++ functions, and fn alone, which is
// integrated. Each against the Erf that comes with nngp.

#include <cmath>
#include <numbers>

#include "example.hpp"

int main(int count, char** words) {
  return example::run(count, words, [](const nngp::Registry& plugins) {
    const auto erf = example::kernels(nngp::Elementwise(plugins.activation("Erf")));

    std::puts("formulas against Erf:");
    const nngp::Layer formulas = nngp::Elementwise(
        {.fn = "erf(x)", .nngp_fn = "2/pi * arcsin(2*cov12 / sqrt((1 + 2*var1) * (1 + 2*var2)))"});
    const bool formulas_are_close = example::close(example::kernels(formulas), erf, 1e-12);

    // The derivative of the second function is taken numerically.
    std::puts("C++ functions against Erf:");
    const nngp::Layer functions =
        nngp::Elementwise([](double x) { return std::erf(x); },
                          [](double cov12, double var1, double var2) {
                            const double sine = 2 * cov12 / std::sqrt((1 + 2 * var1) * (1 + 2 * var2));
                            return 2 / std::numbers::pi * std::asin(sine);
                          });
    const bool functions_are_close = example::close(example::kernels(functions), erf, 1e-9);

    std::puts("fn alone against Erf:");
    const nngp::Layer alone = nngp::Elementwise([](double x) { return std::erf(x); });
    const bool integral_is_close = example::close(example::kernels(alone), erf, 1e-9);

    return formulas_are_close && functions_are_close && integral_is_close;
  });
}
