// Activations with a mistake each. What the compiler says must be the line behind "error:", once, and
// nothing else: mistakes_test.cmake compares.
// clang-format off
#include <nngp/activation.hpp>

#define NNGP_INFO(name_) \
  static constexpr nngp::info info { .name = name_, .summary = "s", .formula = "f" }

struct Misspelt {  // error: the SDK knows no member 'nnpg_fn'; is it 'nngp_fn'?
  NNGP_INFO("Misspelt");
  auto fn(auto x) const { return x; }
  auto nnpg_fn(auto cov12, auto, auto) const { return cov12; }
};
struct MisspeltDerivative {  // error: the SDK knows no member 'dnngp_fn'; is it 'd_nngp_fn'?
  NNGP_INFO("MisspeltDerivative");
  auto nngp_fn(auto cov12, auto, auto) const { return cov12; }
  auto dnngp_fn(auto cov12, auto, auto) const { return cov12; }
};
struct MisspeltParameters {  // error: the SDK knows no member 'params'; is it 'parameters'?
  double a = 1;
  NNGP_INFO("MisspeltParameters");
  static constexpr auto params = std::tuple{nngp::parameter("a", &MisspeltParameters::a, "s")};
  auto fn(auto x) const { return a * x; }
};
struct NoParameters {  // error: the activation has members but no 'parameters'
  double a = 1;
  NNGP_INFO("NoParameters");
  auto fn(auto x) const { return a * x; }
};
struct OddParameters {  // error: parameters must be: static constexpr auto parameters = std::tuple{
  double a = 1;
  NNGP_INFO("OddParameters");
  static constexpr auto parameters = nngp::parameter("a", &OddParameters::a, "s");
  auto fn(auto x) const { return a * x; }
};
struct NoInfo {  // error: an activation needs: static constexpr nngp::info info{.name = ..., ...}
  auto fn(auto x) const { return x; }
};
struct OddName {  // error: info.name must be a C identifier
  NNGP_INFO("Odd name");
  auto fn(auto x) const { return x; }
};
struct Nothing {  // error: an activation needs fn or nngp_fn
  NNGP_INFO("Nothing");
};
struct NoTemplate {  // error: fn must be a const template of x: auto fn(auto x) const
  NNGP_INFO("NoTemplate");
  double fn(double x) const { return x; }
};
struct NotConst {  // error: nngp_fn must be: auto nngp_fn(auto cov12, auto var1, auto var2) const
  NNGP_INFO("NotConst");
  auto nngp_fn(auto cov12, auto, auto) { return cov12; }
};
struct TwoArguments {  // error: d_nngp_fn must be: auto d_nngp_fn(auto cov12, auto var1, auto var2) const
  NNGP_INFO("TwoArguments");
  auto nngp_fn(auto cov12, auto, auto) const { return cov12; }
  auto d_nngp_fn(auto cov12, auto) const { return cov12; }
};
struct OldSecondStep {  // error: two steps must be: auto start(auto cov12, auto var1, auto var2) const
  NNGP_INFO("OldSecondStep");
  auto start(auto cov12, auto, auto) const { return cov12; }
  auto finish_it(auto x) const { return nngp::kernel_pair{x, x}; }
};
struct BothKernels {  // error: give nngp_fn or nngp_and_d_nngp_fn, not both
  NNGP_INFO("BothKernels");
  auto nngp_fn(auto cov12, auto, auto) const { return cov12; }
  auto nngp_and_d_nngp_fn(auto c, auto, auto) const { return nngp::kernel_pair{c, c}; }
};
struct OddBreakpoints {  // error: breakpoints must be: auto breakpoints() const
  NNGP_INFO("OddBreakpoints");
  auto fn(auto x) const { return x; }
  auto breakpoints() const { return 0.0; }
};
struct GeneralAndMore {  // error: an activation with 'general' has no functions of its own
  NNGP_INFO("GeneralAndMore");
  NotConst general() const { return {}; }
  auto fn(auto x) const { return x; }
};
struct NoDerivative {  // error: map(x, f) has no derivative: write map(x, f, d_f)
  NNGP_INFO("NoDerivative");
  auto fn(auto x) const { return map(x, [](double y) { return y; }); }
};

constexpr nngp::library library{.name = "a", .version = "1", .author = "You", .license = "MIT"};
NNGP_PLUGIN(library, Misspelt, MisspeltDerivative, MisspeltParameters, NoParameters, OddParameters, NoInfo,
            OddName, Nothing, NoTemplate, NotConst, TwoArguments, OldSecondStep, BothKernels,
            OddBreakpoints, GeneralAndMore, NoDerivative);
