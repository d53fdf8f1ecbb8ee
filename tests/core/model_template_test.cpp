// Templates of models: which texts they stand for, and what is said of those that stand for none.

#include "nngp/model_template.hpp"

#include "expect_error.hpp"
#include "nngp/model.hpp"

namespace {

using nngp::expand_model;
using Texts = std::vector<std::string>;

Texts texts(std::string_view text, std::size_t most = 1000) {
  Texts all;
  for (const nngp::ModelChoice& model : expand_model(text, most)) all.push_back(model.text);
  return all;
}

TEST(ModelTemplate, WithoutBracesStandsForItself) {
  EXPECT_EQ(texts("Dense(1) # all"), Texts{"Dense(1) # all"});
  EXPECT_EQ(texts(""), Texts{""});
  EXPECT_TRUE(expand_model("Relu()").front().choices.empty());
}

TEST(ModelTemplate, ListsEveryCombinationTheLastChangingFirst) {
  EXPECT_EQ(texts("f({1, 2}, {a,b,c})"),
            (Texts{"f(1, a)", "f(1, b)", "f(1, c)", "f(2, a)", "f(2, b)", "f(2, c)"}));
  EXPECT_EQ(expand_model("f({1, 2}, {a,b,c})")[4].choices, (Texts{"2", "b"}));
}

TEST(ModelTemplate, CommasInBracketsDoNotSeparateChoices) {
  EXPECT_EQ(texts("{Erf(a=1, b=2), [1, 2], Relu()}"), (Texts{"Erf(a=1, b=2)", "[1, 2]", "Relu()"}));
}

TEST(ModelTemplate, BracesNest) {
  EXPECT_EQ(texts("{Relu, Erf(a={1, 2})}()"), (Texts{"Relu()", "Erf(a=1)()", "Erf(a=2)()"}));
  EXPECT_EQ(expand_model("{Relu, Erf(a={1, 2})}()")[2].choices, Texts{"Erf(a=2)"});
  EXPECT_EQ(texts("{{1,2},{3,4}}"), (Texts{"1", "2", "3", "4"}));
}

TEST(ModelTemplate, OneChoiceIsNone) {
  EXPECT_EQ(texts("{Relu}()"), Texts{"Relu()"});
  EXPECT_TRUE(expand_model("{Relu}()").front().choices.empty());
  EXPECT_EQ(texts("{relu:Relu}"), Texts{"relu:Relu"});
}

TEST(ModelTemplate, RangesAreInEqualRatios) {
  EXPECT_EQ(texts("{1:4:3}"), (Texts{"1", "2", "4"}));
  EXPECT_EQ(texts("{ 0.01 : 1 : 3 }"), (Texts{"0.01", "0.1", "1"}));
  EXPECT_EQ(texts("{2:3:1}"), Texts{"2"});
  EXPECT_EQ(texts("{{1:4:2}, 0}"), (Texts{"1", "4", "0"}));
  EXPECT_EQ(texts("{1:2:3}")[1], "1.41421");
}

TEST(ModelTemplate, CommentsStandForNothing) {
  EXPECT_EQ(texts("{Relu, # not {Erf}\nSin}()"), (Texts{"Relu()", "Sin()"}));
}

TEST(ModelTemplate, TheNumberOfModelsIsLimited) {
  EXPECT_EQ(texts("{1,2}{1,2}{1,2}", 8).size(), 8u);
  expect_error<nngp::ModelError>(
      [&] { expand_model("{1,2}{1,2}{1,2}", 7); },
      "line 1, column 11: with these braces there are more than 7 models; give fewer choices\n"
      "  {1,2}{1,2}{1,2}\n"
      "            ^");
  expect_error<nngp::ModelError>([&] { expand_model("{1:2:1e9}"); }, "there are more than 1000 models");
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "{1,2}";
  expect_error<nngp::ModelError>([&] { expand_model(many); }, "there are more than 1000 models");
  // Work grows with what comes out alone.
  std::string single;
  for (int i = 0; i < 10000; ++i) single += "{1}";
  EXPECT_EQ(texts("{1:2:1000}" + single).size(), 1000u);
}

TEST(ModelTemplate, ErrorsShowThePlace) {
  const auto fails = [](std::string_view text, const std::string& message) {
    expect_error<nngp::ModelError>([&] { expand_model(text); }, message);
  };
  fails("serial({Relu, Erf(), Dense(1))", "column 8: this brace is never closed");
  fails("serial(Relu})", "column 12: this brace closes nothing");
  fails("{", "column 1: this brace is never closed");
  fails("{}", "column 2: there is nothing to choose here");
  fails("{a, }", "column 4: there is nothing to choose here");
  fails("{,a}", "column 2: there is nothing to choose here");
  fails("f({1:x:3})", "column 3: a range is {LOW:HIGH:COUNT}, such as {0.5:2:5}");
  fails("f({1:2:2.5})", "a range is {LOW:HIGH:COUNT}");
  fails("f({1:2:0})", "a range is {LOW:HIGH:COUNT}");
  fails("f({1:2:nan})", "a range is {LOW:HIGH:COUNT}");
  fails("f({0:2:3})", "a range is in equal ratios, 0 < LOW <= HIGH");
  fails("f({2:1:3})", "a range is in equal ratios, 0 < LOW <= HIGH");
  fails("f({1:inf:3})", "a range is in equal ratios, 0 < LOW <= HIGH");
  fails(std::string(51, '{'), "braces are nested more than 50 deep");
  fails("{" + std::string(1 << 16, '1') + "}", "a model with braces may have 65536 bytes, not 65538");
}

}  // namespace
