// Piecewise linear activations with one kink at 0.
#include "shipped.hpp"

using nngp::pi;

constexpr const char* cho_saul = "Y. Cho and L. K. Saul, Kernel Methods for Deep Learning, NIPS 2009";

// E[relu(x1) relu(x2)] = (s + (pi - theta) cov12) / (2 pi) with s = sqrt(var1 var2) sin(theta) and
// theta the angle between the two inputs: the arc-cosine kernel of degree 1, and that of degree 0 is
// its derivative. pi - theta is computed as such, for it is what is small where the kernel is.
struct Relu {
  static constexpr nngp::info info{.name = "Relu",
                                   .summary = "Rectified linear unit",
                                   .formula = "max(x, 0)",
                                   .reference = cho_saul};

  auto fn(auto x) const { return select(x > 0.0, x, 0.0 * x); }
  auto breakpoints() const { return std::array{nngp::breakpoint(0, 1)}; }

  auto nngp_and_d_nngp_fn(auto cov12, auto var1, auto var2) const {
    const auto s = root_det(cov12, var1, var2);
    const auto d = acos2(-cov12, s) * (0.5 / pi);
    return nngp::kernel_pair{fma(cov12, d, s * (0.5 / pi)), d};
  }
};

NNGP_PLUGIN(shipped("relu"), Relu);
