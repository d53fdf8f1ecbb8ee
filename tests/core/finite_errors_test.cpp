// Networks of finite width: what their layers may be, and errors.

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "matrices.hpp"
#include "nngp/error.hpp"
#include "nngp/finite.hpp"
#include "shipped_registry.hpp"

namespace nngp {
namespace {

using test::inputs;
using test::shipped_model;
using test::view;

// ---- Widths ------------------------------------------------------------------------------------

TEST(FiniteNetwork, WidensHiddenLayersAlone) {
  const auto widened = [](const std::string& model) {
    return model_text(with_hidden_width(shipped_model(model), 9));
  };
  const auto text = [](const std::string& model) { return model_text(shipped_model(model)); };
  EXPECT_EQ(widened("serial(Dense(5), Relu(), Dense(6), Relu(), Dense(7))"),
            text("serial(Dense(9), Relu(), Dense(9), Relu(), Dense(7))"));
  EXPECT_EQ(widened("serial(Dense(5), Relu(), Dense(6), Relu())"),
            text("serial(Dense(9), Relu(), Dense(6), Relu())"));
  // The first Dense layer reaches the output through Identity, so that its width is the output's.
  EXPECT_EQ(widened("serial(Dense(5), FanOut(2), parallel(Identity(), serial(Dense(4), Relu(), "
                    "Dense(5))), FanInSum())"),
            text("serial(Dense(5), FanOut(2), parallel(Identity(), serial(Dense(9), Relu(), "
                 "Dense(5))), FanInSum())"));
  EXPECT_EQ(widened("serial(repeat(serial(Dense(5), Relu()), 3), Dense(1))"),
            text("serial(repeat(serial(Dense(9), Relu()), 3), Dense(1))"));
}

// ---- Errors ------------------------------------------------------------------------------------

TEST(FiniteNetwork, NamesTheActivationThatHasNoFn) {
  expect_error<NotImplemented>(
      [] { FiniteNetwork(shipped_model("serial(Dense(5), ExpNormalized(), Dense(1))"), 2); },
      "layer 2, ExpNormalized(gamma=1.0, shift=-1.0, do_clip=False): a network of finite width cannot "
      "be sampled, it "
      "has no fn");
}

TEST(FiniteNetwork, NamesLayersThatDoNotFit) {
  const auto expect_model_error = [](const std::string& model, const std::string& part) {
    expect_error<ModelError>([&] { FiniteNetwork(shipped_model(model), 2); }, part);
  };
  expect_model_error("serial(Dense(5), FanOut(2))", "the network ends in 2 branches");
  expect_model_error("serial(FanOut(2), Relu())", "layer 2, Relu(): its input has 2 branches");
  expect_model_error("serial(FanOut(2), parallel(Dense(2), Dense(3)), FanInSum())",
                     "FanInSum: all branches need the same width, got 2 and 3");
  expect_model_error("parallel(Dense(2), Dense(3))", "put FanOut(2) before it");
  expect_model_error("serial(FanOut(1000000))", "num must be at most 1000, got 1000000");
  expect_model_error("serial(Dense(1000000000), Dense(1000000000))",
                     "layer 2, Dense: a finite network cannot have 1000000000 x 1000000000 weights");
  expect_model_error("serial(Dense(3, parameterization='standard', s=(1, 1.5)), Dense(1))",
                     "s[1] * out_dim = 4.5 units");
}

TEST(FiniteNetwork, RefusesInputsAndParametersOfOtherNetworks) {
  const FiniteNetwork network(serial(Dense(2), Dense(1)), 3);
  const Matrix<double> x = inputs(2, 3), narrow = inputs(2, 2);
  const auto weights = network.init<double>({});
  expect_error<DataError>([&] { network.apply(weights, view(narrow)); },
                          "x is 2 x 2; the network takes rows of 3 features");
  expect_error<DataError>([&] { network.kernels(weights, view(x), view(narrow)); }, "x2 is 2 x 2");
  expect_error<DataError>([&] { network.apply(Parameters<double>(), view(x)); },
                          "the parameters do not fit this network");
}

TEST(FiniteNetwork, NamesValuesThatAreNotFinite) {
  const auto expect_failure = [](const std::string& model, double scale, const auto& expect) {
    const FiniteNetwork network(shipped_model(model), 3);
    const Matrix<double> x = inputs(2, 3) * scale;
    expect([&] { network.apply(network.template init<double>({}), view(x)); });
  };
  expect_failure("serial(Dense(5), Exp(), Dense(1))", 1e4, [](auto run) {
    expect_error<NumericalError>(run, "layer 2, Exp(a=1.0, b=1.0): fn(");
  });
  expect_failure("serial(Dense(5, 1e200), Dense(1, 1e200))", 1, [](auto run) {
    expect_error<DataError>(run, "the output of row 0 (counted from 0) is not finite");
  });
}

TEST(FiniteNetwork, StopsWhenAsked) {
  const FiniteNetwork network(Dense(1), 3);
  const Matrix<double> x = inputs(2, 3);
  const auto weights = network.init<double>({});
  expect_error<Interrupted>(
      [&] { network.apply(weights, view(x), {.keep_going = [] { return false; }}); }, "interrupted");
}

}  // namespace
}  // namespace nngp
