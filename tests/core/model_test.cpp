#include "nngp/model.hpp"

#include <gmock/gmock.h>
#include <clocale>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "catalogue.hpp"
#include "expect_error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

const Registry& plugins() {
  static const Registry all(PluginSearch{{NNGP_TEST_STUBS}, {}});
  return all;
}

Layer parse(std::string_view text) { return parse_model(text, plugins()); }

// The model as it is understood, every option named.
std::string normalised(std::string_view text) { return model_text(parse(text)); }

// What a Dense layer understands of a number.
double read_number(const std::string& text) {
  const std::string dense = normalised("Dense(1, W_std=" + text + ")");
  return std::strtod(dense.c_str() + dense.find("W_std=") + 6, nullptr);
}

// The whole message, as the person at the terminal sees it.
void expect_message(const std::string& model, const std::string& message) {
  try {
    parse(model);
    ADD_FAILURE() << model << ": no error; expected\n" << message;
  } catch (const ModelError& error) {
    EXPECT_EQ(error.what(), message);
  }
}
// The part of the message after line and column.
void expect_reason(const std::string& model, const std::string& reason) {
  SCOPED_TRACE(model);
  expect_error<ModelError>([&] { parse(model); }, ": " + reason + "\n");
}

// ---- What is understood ----

TEST(Model, ReadsDense) {
  EXPECT_EQ(normalised("Dense(512)"), "Dense(512, W_std=1.0, b_std=None)");
  EXPECT_EQ(normalised("Dense(1, 1.5, 0.05, 0, -1, 'standard', (1, 2))"),
            "Dense(1, W_std=1.5, b_std=0.05, parameterization='standard', s=(1.0, 2.0))");
  EXPECT_EQ(normalised("Dense(s=[2,3], parameterization=\"standard\", b_std=None, W_std=2, out_dim=7)"),
            "Dense(7, W_std=2.0, b_std=None, parameterization='standard', s=(2.0, 3.0))");
  EXPECT_EQ(normalised("Dense(1, parameterization='NTK')"), "Dense(1, W_std=1.0, b_std=None)");
  EXPECT_EQ(normalised("Dense(1, b_std=0)"), "Dense(1, W_std=1.0, b_std=0.0)");
}

TEST(Model, ReadsEveryLayer) {
  EXPECT_EQ(normalised("Identity()"), "Identity()");
  EXPECT_EQ(normalised("LayerNorm()"), "LayerNorm()");
  EXPECT_EQ(normalised("LayerNorm(axis=-1)"), "LayerNorm()");
  EXPECT_EQ(normalised("LayerNorm(1, 1e-5, batch_axis=0, channel_axis=-1)"),
            "LayerNorm(axis=1, eps=1e-05)");
  EXPECT_EQ(normalised("LayerNorm(eps=0)"), "LayerNorm(eps=0.0)");
  EXPECT_EQ(normalised("Dropout(0.9)"), "Dropout(rate=0.9)");
  EXPECT_EQ(normalised("Dropout(rate=1.0, mode='train')"), "Dropout(rate=1.0)");
  EXPECT_EQ(normalised("Dropout(0.5, mode='test')"), "Identity()");
  EXPECT_EQ(normalised("FanOut(num=2)"), "FanOut(2)");
  EXPECT_EQ(normalised("FanInSum()"), "FanInSum()");
  EXPECT_EQ(normalised("FanInProd()"), "FanInProd()");
  EXPECT_EQ(normalised("FanInConcat(axis=-1)"), "FanInConcat()");
  EXPECT_EQ(parse("parallel(Identity(), Relu())").parts().size(), 2u);
  EXPECT_EQ(parse("serial(Dense(1), serial(Relu(), Dense(1)))").parts().size(), 2u);
  EXPECT_EQ(normalised("parallel(Identity(), serial(Relu(), FanOut(1)))"),
            "parallel(Identity(), serial(Relu(), FanOut(1)))");
}

// What is left out is what the functions of C++ leave out.
TEST(Model, HasThePresetsOfCpp) {
  const Activation relu = plugins().activation("Relu");
  for (const auto& [text, layer] :
       {std::pair{"Dense(3)", Dense(3)}, std::pair{"LayerNorm()", LayerNorm()},
        std::pair{"ElementwiseNumerical(Relu)", ElementwiseNumerical(relu)}})
    EXPECT_EQ(normalised(text), layer.text());
}

TEST(Model, EveryLayerOfTheTableCanBeWritten) {
  for (const LayerHelp& layer : layer_help()) {
    const std::string& name = layer.name;
    try {
      parse(name + "()");
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(name + " needs ")) << "some argument is required";
    }
    EXPECT_FALSE(layer.summary.empty()) << name;
  }
}

// After a change: NNGP_UPDATE_CATALOGUE=1 build/PRESET/tests/core_model_test --gtest_filter='*Readme*'
TEST(Model, ReadmeListsEveryLayer) {
  std::string table = "| written | meaning |\n|---|---|\n";
  for (const LayerHelp& layer : layer_help())
    table += "| `" + layer.signature + "` | " + layer.summary + " |\n";
  expect_section(NNGP_TEST_DATA "/../README.md", "tests/core/model_test.cpp", table);
}

TEST(Model, ReadsRepetitions) {
  const Layer repeated = parse("repeat(serial(Relu(), Dense(2)), n=8)");
  EXPECT_EQ(repeated.parts().size(), 8u);
  EXPECT_EQ(normalised("repeat(Dense(1), 3)"), "repeat(Dense(1, W_std=1.0, b_std=None), 3)");
  EXPECT_EQ(normalised("repeat(Dense(1), 0)"), "Identity()");
}

TEST(Model, ReadsActivations) {
  const auto text = [](std::string_view model) {
    const Layer layer = parse(model);
    EXPECT_EQ(layer.text(), layer.activation()->text());
    return layer.text();
  };
  EXPECT_EQ(text("Relu()"), "Relu()");
  EXPECT_EQ(text("Erf()"), "Erf(a=1.0, b=1.0, c=0.0)");
  EXPECT_EQ(text("Erf(2, c=-.5)"), "Erf(a=2.0, b=1.0, c=-0.5)");
  EXPECT_EQ(text("Polynomial(coef=[0.1, 0.5, -1.0])"), "Polynomial(coef=[0.1, 0.5, -1.0])");
  EXPECT_EQ(text("Polynomial((1,))"), "Polynomial(coef=[1.0])");
  EXPECT_EQ(text("Monomial(degree=100000)"), "Monomial(degree=100000)");
  EXPECT_EQ(text("Gelu(approximate=True)"), "Gelu(approximate=True)");
  EXPECT_EQ(text("stubs:Relu()"), "Relu()");
  EXPECT_EQ(text("stax.Rbf(gamma=1e-7)"), "Rbf(gamma=1e-07)");
  EXPECT_EQ(text("Elementwise(Relu)"), "Relu()");
  EXPECT_EQ(text("Elementwise(stubs:Erf(b=2))"), "Erf(a=1.0, b=2.0, c=0.0)");
  EXPECT_EQ(text("Elementwise('Relu')"), "Relu()");
  EXPECT_EQ(text("Elementwise(activation=stax.Relu())"), "Relu()");

  EXPECT_EQ(normalised("ElementwiseNumerical(Erf(b=2), tol=1e-6)"),
            "ElementwiseNumerical(Erf(a=1.0, b=2.0, c=0.0), tol=1e-06)");
  EXPECT_EQ(normalised("ElementwiseNumerical('Relu')"), "ElementwiseNumerical(Relu(), tol=1e-10)");
}

TEST(Model, ReadsSingleActivations) {
  EXPECT_EQ(parse_activation("Erf(a=2)", plugins()).text(), "Erf(a=2.0, b=1.0, c=0.0)");
  EXPECT_EQ(parse_activation(" Relu ", plugins()).text(), "Relu()");
  expect_error<ModelError>([] { parse_activation("Dense(3)", plugins()); },
                           "Dense is not an activation");
  expect_error<ModelError>([] { parse_activation("3", plugins()); },
                           "expected an activation, got a number");
}

TEST(Model, AllowsBlanksLinesCommentsAndTrailingCommas) {
  const Layer layers = parse(
      "# a network\r\n"
      "stax.serial (\n"
      "\tDense( 512 , W_std = 1.5, ), # hidden, (with) 'quotes\n"
      "\n"
      "    Polynomial( coef = [ 1 , 2 , ] , ),Dense(1),\n"
      ")  # end");
  EXPECT_EQ(layers.parts().size(), 3u);
  parse("\xEF\xBB\xBFRelu()");
}

TEST(Model, ReadsNumbersInAnyForm) {
  EXPECT_EQ(read_number("1"), 1.0);
  EXPECT_EQ(read_number("+1."), 1.0);
  EXPECT_EQ(read_number(".5"), 0.5);
  EXPECT_EQ(read_number("1.4142135623730951"), 1.4142135623730951);
  EXPECT_EQ(read_number("1e-3"), 1e-3);
  EXPECT_EQ(read_number("1E+3"), 1e3);
  EXPECT_EQ(read_number("5e-324"), 5e-324);
}

TEST(Model, ComputesAsPythonDoes) {
  // Values printed by Python 3.11 and NumPy 2.
  EXPECT_EQ(read_number("2**0.5"), 1.4142135623730951);
  EXPECT_EQ(read_number("2**-0.5"), 0.7071067811865476);
  EXPECT_EQ(read_number("2**3**2"), 512.0);
  EXPECT_EQ(read_number("-2**2 + 5"), 1.0);
  EXPECT_EQ(read_number("(1 + 2) * 3 - 4"), 5.0);
  EXPECT_EQ(read_number("1 - 2 / 4 - 0.25"), 0.25);
  EXPECT_EQ(read_number("7 // 2 + -7 % 3"), 5.0);
  EXPECT_EQ(read_number("7 % -3 + 3"), 1.0);
  EXPECT_EQ(read_number("--1"), 1.0);
  EXPECT_EQ(read_number("1/3"), 0.3333333333333333);
  EXPECT_EQ(read_number("2 * (3)"), 6.0);
  EXPECT_EQ(read_number("1_000.5"), 1000.5);
  EXPECT_EQ(read_number("np.sqrt(2)"), 1.4142135623730951);
  EXPECT_EQ(read_number("jnp.sqrt(2.) / 2"), 0.7071067811865476);
  EXPECT_EQ(read_number("jax.numpy.exp(-1)"), 0.36787944117144233);
  EXPECT_EQ(read_number("math.pi"), 3.141592653589793);
  EXPECT_EQ(read_number("numpy.e"), 2.718281828459045);
  EXPECT_EQ(read_number("np.log(np.e)"), 1.0);
  EXPECT_EQ(read_number("math.pow(2, 0.5)"), 1.4142135623730951);
  EXPECT_EQ(read_number("float(3)"), 3.0);
  // Numbers as NumPy 2 prints them.
  EXPECT_EQ(read_number("np.float64(1.414)"), 1.414);
  EXPECT_EQ(read_number("np.float32(0.1)"), 0.10000000149011612);
  EXPECT_EQ(read_number("np.float16(0.1)"), 0.0999755859375);
  EXPECT_EQ(normalised("Dense(np.int64(512))"), "Dense(512, W_std=1.0, b_std=None)");
  EXPECT_EQ(normalised("Dense(2**9)"), "Dense(512, W_std=1.0, b_std=None)");
  EXPECT_EQ(normalised("Dense(int(1e3 / 3))"), "Dense(333, W_std=1.0, b_std=None)");
  EXPECT_EQ(normalised("Polynomial(np.array([np.float64(1.0), 2*3]))"), "Polynomial(coef=[1.0, 6.0])");
  EXPECT_EQ(normalised("Gelu(np.True_)"), "Gelu(approximate=True)");
  EXPECT_EQ(normalised("Polynomial((3,))"), "Polynomial(coef=[3.0])");
  EXPECT_EQ(normalised("(Relu())"), "Relu()");
}

TEST(Model, ReadsProgramsForNeuralTangents) {
  const std::string expected = model_text(parse("serial(Dense(512), Relu(), Dense(1))"));
  for (const char* text :
       {"nt.stax.serial(nt.stax.Dense(512), nt.stax.Relu(), nt.stax.Dense(1))",
        "neural_tangents.stax.serial(stax.Dense(512), Relu(), Dense(1))",
        "init_fn, apply_fn, kernel_fn = stax.serial(\n    stax.Dense(512), stax.Relu(), "
        "stax.Dense(1)\n)",
        "_, _, kernel_fn = stax.serial(stax.Dense(512), stax.Relu(), stax.Dense(1))",
        "network=serial(Dense(512), Relu(), Dense(1))",
        "import jax.numpy as jnp\nfrom neural_tangents import stax  # layers\n\n"
        "init_fn, apply_fn, \\\n  kernel_fn = stax.serial(stax.Dense(512), stax.Relu(), stax.Dense(1))",
        "import numpy as np; serial(Dense(512), Relu(), Dense(1))",
        "serial(Dense(512), Relu(do_stabilize=True), Dense(1))",
        "serial(Dense(512, batch_axis=0, channel_axis=-1), Relu(do_stabilize=False), Dense(1))"})
    EXPECT_EQ(model_text(parse(text)), expected) << text;
  EXPECT_EQ(model_text(parse("serial(Flatten(), Dense(1))")),
            "serial(Flatten(), Dense(1, W_std=1.0, b_std=None))");
  EXPECT_EQ(normalised("Flatten(batch_axis=0)"), "Flatten()");
}

TEST(ModelError, NamesWhatPythonCannotCompute) {
  expect_reason("Dense(1, 1 / 0)", "this divides by zero");
  expect_reason("Dense(1, 1 % 0)", "this divides by zero");
  expect_reason("Dense(1, 0 ** -1)", "this divides by zero");
  expect_reason("Dense(1, (-8)**(1/3))", "the result is not a real number");
  expect_reason("Dense(1, 10.0**400)", "the result is beyond the range of numbers");
  expect_reason("Dense(1, np.sqrt(-1))", "the result is not a real number");
  expect_reason("Dense(1, math.log(0))", "the result is beyond the range of numbers");
  expect_reason("Dense(1, 2 * None)", "'*' takes numbers, not None");
  expect_reason("Dense(1, -'a')", "'-' takes numbers, not a string");
  expect_reason("Relu() + Relu()", "'+' takes numbers, not a layer");
  expect_reason("Dense(1, 2**[1])", "'**' takes numbers, not a list");
  expect_reason("Dense(1, -)", "expected a number after the sign");
  expect_reason("Dense(1, np.sqrt())", "np.sqrt takes one argument, got 0");
  expect_reason("Dense(1, math.pow(2))", "math.pow takes two arguments, got 1");
  expect_reason("Dense(1, np.sqrt(Relu))", "'np.sqrt' takes numbers, not a layer");
  expect_reason("Dense(1, np.sqr(2))", "models know no 'np.sqr'; did you mean 'np.sqrt'?");
  expect_reason("Elementwise(jnp.tan)", "jnp.tan is a function of numbers, as in np.sqrt(2)");
  expect_reason("Dense(1, 1__0)", "this is not a number");
  expect_reason("Dense(1, 1_)", "this is not a number");
  expect_reason("Dense(1, " + std::string(1000, '-') + "1)", "too many signs");
  std::string powers = "2";
  for (int i = 0; i < 1000; ++i) powers += "**1";
  expect_reason("Dense(1, " + powers + ")", "too many powers");
  // The caret stands under the operator.
  expect_message("Dense(1, 1 / 0)",
                 "line 1, column 12: this divides by zero\n"
                 "  Dense(1, 1 / 0)\n"
                 "             ^");
}

TEST(ModelError, NamesLayersOfNeuralTangentsThatAreNotThere) {
  expect_reason("DotGeneral()",
                "the layer DotGeneral of neural-tangents is not there: a constant matrix can be "
                "multiplied to the inputs before");
  for (const char* name : {"Aggregate", "DotGeneral"})
    expect_error<ModelError>([&] { parse(std::string(name) + "()"); },
                             "the layer " + std::string(name) + " of neural-tangents is not there: ");
  expect_reason("MaxPool((2, 2))",
                "no kernel is known of infinitely wide networks with MaxPool: AvgPool(...) has one");
  expect_reason("BatchNorm()", "LayerNorm() normalises each example by itself");
  expect_reason(
      "Flatten(batch_axis=1)",
      "batch_axis must be 0: inputs are arrays of examples, positions, channels, in this order");
  expect_reason(
      "Dense(1, channel_axis=0)",
      "channel_axis must be -1: inputs are arrays of examples, positions, channels, in this order");
  expect_reason(
      "Dense(1, channel_axis=1)",
      "channel_axis must be -1: inputs are arrays of examples, positions, channels, in this order");
  expect_reason("Relu(do_stabilize=1)", "Relu has no parameter 'do_stabilize'; it has none");
}

TEST(Model, DoesNotDependOnTheLocale) {
  // Where the machine has one with a decimal comma.
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"}) std::setlocale(LC_ALL, name);
  EXPECT_EQ(normalised("Erf(1.5)"), "Erf(a=1.5, b=1.0, c=0.0)");
  std::setlocale(LC_ALL, before.c_str());
}

TEST(Model, ReadsTheReferenceNetworks) {
  const auto file =
      nlohmann::json::parse(std::ifstream(NNGP_TEST_DATA "/golden/networks/networks.json"));
  for (const auto& entry : file["models"]) {
    EXPECT_NO_THROW(parse(entry["model"].get<std::string>())) << entry["model"];
  }
}

// ---- What is not ----

TEST(ModelError, ShowsTheLineAndACaret) {
  expect_message("serial(Dense(512), Rleu(), Dense(1))",
                 "line 1, column 20: no layer or activation is called 'Rleu'; did you mean 'Relu'?\n"
                 "  serial(Dense(512), Rleu(), Dense(1))\n"
                 "                     ^");
  expect_message("serial(\n  Dense(512),\n  Erf(a=1, d=2))",
                 "line 3, column 12: Erf has no parameter 'd'; its parameters are a, b, c\n"
                 "    Erf(a=1, d=2))\n"
                 "             ^");
}

TEST(ModelError, ShowsPartOfALongLine) {
  const std::string many = "Dense(512, W_std=1.5), Relu(), Dense(512, W_std=1.5), Relu(), ";
  expect_message("serial(" + many + "Foo(), " + many + "Dense(1))",
                 "line 1, column 70: no layer or activation is called 'Foo'\n"
                 "  ...u(), Dense(512, W_std=1.5), Relu(), Foo(), Dense(512, W_std=1.5), Relu()...\n"
                 "                                         ^");
}

TEST(ModelError, CountsCharactersAndHidesControlCharacters) {
  expect_message("Polynomial('\xC3\xA9\x1B' 3)",
                 "line 1, column 17: expected ',' or ')', got '3'\n"
                 "  Polynomial('\xC3\xA9?' 3)\n"
                 "                  ^");
}

TEST(ModelError, NamesTheSyntaxError) {
  expect_reason("", "the model is empty");
  expect_reason(" \n# nothing\n", "the model is empty");
  expect_reason("serial(Dense(1)", "this '(' is never closed; add ')'");
  expect_reason("Polynomial([1, 2", "this '[' is never closed; add ']'");
  expect_reason("Polynomial([1, 2)", "expected ',' or ']', got ')'");
  expect_reason("serial(Dense(1) Relu())", "expected ',' or ')', got 'R'");
  expect_reason("serial(Dense(1),, Relu())", "expected a layer or value, got ','");
  expect_reason("Relu())", "expected the end of the model, got ')'");
  expect_reason("Relu(), Relu()", "expected the end of the model, got ','");
  expect_reason("Dense(1, W_std=)", "expected a layer or value, got ')'");
  expect_reason("serial(*[Relu()])",
                "expected a layer or value, got '*'; a list cannot be unpacked: write its layers, or "
                "repeat(layer, n)");
  expect_reason(
      "net = Relu()\nprint(net)",
      "expected the end of the model, got 'p'; a model is one expression, in which values are "
      "written out");
  expect_reason("Dense({1, 2})",
                "expected a layer or value, got '{'; braces make a template of many models, which nngp "
                "compare takes");
  expect_reason("Dense(1, parameterization='ntk)", "this string has no closing quote");
  expect_reason("Dense(1, parameterization='ntk\n')", "this string has no closing quote");
  expect_reason("Dense(1, W_std=1.5.2)", "this is not a number");
  expect_reason("Dense(1, W_std=0x10)", "this is not a number");
  expect_reason("Dense(1, W_std=.)", "this is not a number");
  expect_reason("Dense(1, W_std=1e)", "this is not a number");
  expect_reason("Dense(1, W_std=1e999)", "this number is too large or too small");
  expect_reason("stax.", "expected a name after 'stax.', but the model ends here");
  expect_reason("nt.", "expected a name after 'nt.', but the model ends here");
  expect_reason("nn.Relu()",
                "'nn' is not a module that models know; layers are written Relu() or stax.Relu(), "
                "functions of numbers np.sqrt(2)");
  expect_reason("stubs:", "expected an activation's name after ':', but the model ends here");
  expect_reason(std::string("Relu(\0)", 7), "expected a layer or value, got '?'");
}

TEST(ModelError, NamesWhatIsNoLayer) {
  expect_reason("3", "expected a layer, got a number");
  expect_reason("serial(None)", "expected a layer, got None");
  expect_reason("serial([Relu()])", "expected a layer, got a list");
  expect_reason("serial(True)", "expected a layer, got a truth value");
  expect_reason("serial(Dense(1), Relu)", "a layer has parentheses: Relu()");
  expect_reason("serial", "a layer has parentheses: serial()");
  expect_reason("serial()", "serial needs at least one layer");
  expect_reason("parallel()", "parallel needs at least one layer");
  expect_reason("serial(Relu(), n=3)", "serial takes layers only, not 'n='");
}

TEST(ModelError, SuggestsTheNearestNames) {
  expect_reason("dense(3)", "no layer or activation is called 'dense'; did you mean 'Dense'?");
  expect_reason("Sequential(Relu())", "no layer or activation is called 'Sequential'");
  expect_reason("Leakyrelu(0.1)",
                "no layer or activation is called 'Leakyrelu'; did you mean 'LeakyRelu'?");
  expect_reason("FanInsum()", "no layer or activation is called 'FanInsum'; did you mean 'FanInSum'?");
  expect_reason("stubs:Rel()", "no activation is called 'stubs:Rel'; did you mean 'stubs:Relu'?");
  expect_reason("stub:Relu()", "no activation is called 'stub:Relu'; did you mean 'stubs:Relu'?");
  expect_reason("Elementwise('Rel')", "no activation is called 'Rel'; did you mean 'Relu'?");
  expect_reason("Dense(1, W_sdt=2)", "Dense has no parameter 'W_sdt'; did you mean 'W_std'?");
  expect_reason("Dense(1, bias=0)", "Dense has no parameter 'bias'");
}

TEST(ModelError, NamesTheWrongArgument) {
  expect_reason("Dense()", "Dense needs 'out_dim'");
  expect_reason("Dense(W_std=1)", "Dense needs 'out_dim'");
  expect_reason("Dense(1, 2, 3, 'ntk', (1, 1), 0, -1, 8)", "Dense takes at most 7 arguments");
  expect_reason("Dense(1, out_dim=2)", "'out_dim' is given twice");
  expect_reason("Dense(out_dim=1, 2)", "a positional argument cannot follow a keyword argument");
  expect_reason("Dense(0)", "out_dim must be an integer of at least 1, got 0");
  expect_reason("Dense(1.5)", "out_dim must be an integer of at least 1, got 1.5");
  expect_reason("Dense(1e300)", "out_dim must be at most 1000000000000000, got 1e+300");
  expect_reason("Dense('a')", "out_dim must be an integer of at least 1, got a string");
  expect_reason("Dense(1, W_std=-1)", "W_std must be at least 0.0 and finite, got -1.0");
  expect_reason("Dense(1, W_std=inf)", "W_std must be at least 0.0 and finite, got inf");
  expect_reason("Dense(1, W_std=nan)", "W_std must be at least 0.0 and finite, got nan");
  expect_reason("Dense(1, W_std=None)", "W_std must be a number, not None");
  expect_reason("Dense(1, b_std=-inf)", "b_std must be at least 0.0 and finite, got -inf");
  expect_reason("Dense(1, b_std=True)", "b_std must be a number, not a truth value");
  expect_reason("Dense(1, parameterization='mup')",
                "parameterization must be 'ntk' or 'standard', got 'mup'");
  expect_reason("Dense(1, parameterization=1)",
                "parameterization must be 'ntk' or 'standard', got a number");
  expect_reason("Dense(1, s=(1, 0))", "s must be two positive numbers, as in s=(1, 1)");
  expect_reason("Dense(1, s=1)", "s must be two positive numbers, as in s=(1, 1)");
  expect_reason("Dropout(0)", "rate is the share of units that is kept; it must be above 0");
  expect_reason("Dropout(1.5)", "rate must be between 0.0 and 1.0, got 1.5");
  expect_reason("Dropout(0.5, mode='eval')", "mode must be 'train' or 'test', got 'eval'");
  expect_reason("LayerNorm(axis=0)", "axis must not contain 0, the examples");
  expect_reason("FanInConcat(axis=0)", "axis must not be 0, the examples");
  expect_reason("LayerNorm(eps=-1)", "eps must be at least 0.0 and finite, got -1.0");
  expect_reason("LayerNorm(eps=nan)", "eps must be at least 0.0 and finite, got nan");
  expect_reason(
      "LayerNorm(batch_axis=1)",
      "batch_axis must be 0: inputs are arrays of examples, positions, channels, in this order");
  expect_reason("FanOut(0)", "num must be an integer of at least 1, got 0");
  expect_reason("FanOut(1000000000)", "num must be at most 1000, got 1000000000");
  expect_reason("FanInSum(2)", "FanInSum takes no arguments");
  expect_reason("Identity(x=1)", "Identity has no parameter 'x'");
  expect_reason("repeat(Relu())", "repeat needs 'n'");
  expect_reason("repeat(Relu(), -1)", "n must be an integer of at least 0, got -1");
  expect_reason("repeat(3, 3)", "expected a layer, got a number");
  expect_reason("Elementwise(Dense(1))", "Dense is not an activation");
  expect_reason("Elementwise(3)", "expected an activation, got a number");
  expect_reason("ElementwiseNumerical(Erf, tol=2)", "tol must be between 0.0 and 1.0, got 2.0");
  expect_reason("ElementwiseNumerical(Erf, tol=0)", "tol must be above 0");
  // The caret stands under the argument, of a layer inside another one too.
  expect_message("serial(Dense(1), Dropout(rate=2))",
                 "line 1, column 31: rate must be between 0.0 and 1.0, got 2.0\n"
                 "  serial(Dense(1), Dropout(rate=2))\n"
                 "                                ^");
}

TEST(ModelError, NamesTheWrongActivationArgument) {
  expect_reason("Erf(1, 2, 3, 4)", "Erf takes at most 3 parameters, got 4; its parameters are a, b, c");
  expect_reason("Relu(alpha=1)", "Relu has no parameter 'alpha'; it has none");
  expect_reason("LeakyRelu()",
                "LeakyRelu: parameter 'alpha' has no default; write LeakyRelu(alpha=...)");
  expect_reason("LeakyRelu(0.1, alpha=1)", "LeakyRelu: parameter 'alpha' is given twice");
  expect_reason("LeakyRelu(alpha=0.1, alpha=1)", "'alpha' is given twice");
  expect_reason("Erf(a=1, 2)", "a positional argument cannot follow a keyword argument");
  expect_reason("Rbf(gamma=0)", "Rbf: parameter 'gamma' must be > 0.0, got 0.0");
  expect_reason("Monomial(1.5)", "Monomial: parameter 'degree' must be an integer, got 1.5");
  expect_reason("Monomial(-1)", "Monomial: parameter 'degree' must be >= 0, got -1");
  expect_reason("Gelu(2)", "Gelu: parameter 'approximate' must be True or False, got 2.0");
  expect_reason("Erf([1, 2])", "Erf: parameter 'a' must be a number, got [1.0, 2.0]");
  expect_reason("Erf(inf)", "Erf: parameter 'a' must be finite, got inf");
  expect_reason("Polynomial([])",
                "Polynomial: parameter 'coef' must be a list of one or more numbers, got []");
  expect_reason("Polynomial([1, None])", "expected a number, got None");
  expect_reason("Erf(None)", "expected a number, True, False or a list of numbers, got None");
  expect_reason("Erf('a')", "expected a number, True, False or a list of numbers, got a string");
  // The caret stands under the argument.
  expect_message("Erf(1, b=inf)",
                 "line 1, column 8: Erf: parameter 'b' must be finite, got inf\n"
                 "  Erf(1, b=inf)\n"
                 "         ^");
}

TEST(ModelError, LimitsDepthAndSize) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "serial(";
  expect_reason(deep, "nested more than 200 levels deep; use repeat(layer, n)");
  expect_reason(std::string(100000, '['), "nested more than 200 levels deep; use repeat(layer, n)");

  std::string nested = "Relu()";
  for (int i = 0; i < 150; ++i) nested = "serial(" + nested + ")";
  EXPECT_NO_THROW(parse(nested));

  expect_reason("serial(" + std::string(2'000'000, ' '),
                "the model has 2000007 bytes, more than 1048576; use repeat(layer, n)");
  expect_reason("repeat(Relu(), 100001)", "the network has more than 100000 layers");
  expect_reason("repeat(Relu(), 1e15)", "the network has more than 100000 layers");
  expect_reason("repeat(repeat(repeat(Relu(), 100), 100), 100)",
                "the network has more than 100000 layers");
  expect_reason("serial(repeat(Relu(), 60000), repeat(Relu(), 60000))",
                "the network has more than 100000 layers");
  EXPECT_EQ(parse("repeat(repeat(Relu(), 100), 900)").size(), 90901u);
}

TEST(Layer, LimitsDepthAndSize) {
  Layer layer = Identity();
  expect_error<ModelError>(
      [&] {
        for (int i = 0; i < 1'000'000; ++i) layer = serial(layer);
      },
      "the network is nested more than 1000 levels deep; use one serial() for layers that follow each "
      "other");
  expect_error<ModelError>([&] { repeat(layer, 1000); }, "more than 100000 layers");
  EXPECT_EQ(repeat(Identity(), 10).size(), 11u);
}

TEST(Layer, ChecksItself) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto refused = [](auto make, const std::string& message) {
    expect_error<ModelError>([&] { make(); }, message);
  };
  refused([] { Dense(0); }, "Dense: out_dim must be an integer of at least 1, got 0");
  refused([] { Dense(static_cast<std::size_t>(-1)); },
          "Dense: out_dim must be at most 1000000000000000, got 18446744073709551615");
  for (const double bad : {-1.0, nan, infinity}) {
    const std::string got = ", got " + format_number(bad);
    refused([&] { Dense(1, {.W_std = bad}); }, "Dense: W_std must be at least 0.0 and finite" + got);
    refused([&] { Dense(1, {.b_std = bad}); }, "Dense: b_std must be at least 0.0 and finite" + got);
    refused([&] { Dense(1, {.s = {1, bad}}); }, "Dense: s must be above 0.0 and finite" + got);
    refused([&] { LayerNorm(bad); }, "LayerNorm: eps must be at least 0.0 and finite" + got);
    refused([&] { Dropout(bad); }, "Dropout: rate must be between 0.0 and 1.0" + got);
    refused([&] { ElementwiseNumerical(plugins().activation("Relu"), bad); },
            "ElementwiseNumerical: tol must be between 0.0 and 1.0" + got);
  }
  refused([] { Dropout(0); }, "Dropout: rate is the share of units that is kept; it must be above 0");
  refused([] { FanOut(0); }, "FanOut: num must be an integer of at least 1, got 0");
  refused([] { FanOut(1'000'000'000); }, "FanOut: num must be at most 1000, got 1000000000");
  refused([] { serial(std::vector<Layer>()); }, "serial needs at least one layer");
  refused([] { parallel(std::vector<Layer>()); }, "parallel needs at least one layer");
}

// Numbers do not turn into layers.
static_assert(!std::is_constructible_v<Layer, double> &&
              !std::is_constructible_v<Layer, unsigned long>);
template <class... Arguments>
concept composes = requires(Arguments... arguments) {
  serial(arguments...);
};
static_assert(composes<Layer, Layer> && !composes<Layer, double> && !composes<Layer, unsigned long>);

}  // namespace
}  // namespace nngp
