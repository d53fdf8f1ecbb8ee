#include "plugins/formula_project.hpp"

#include <cmath>
#include <iostream>

#include "command/options.hpp"
#include "nngp/error.hpp"
#include "nngp/formula_source.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

std::string literal(double value) {
  if (std::isnan(value)) return "NAN";
  if (std::isinf(value)) return value > 0 ? "INFINITY" : "-INFINITY";
  return format_number(value);
}

std::string row_of(std::initializer_list<double> values) {
  std::string row;
  for (const double value : values) row += (row.empty() ? "" : ", ") + literal(value);
  return "    {" + row + "},\n";
}

void replace(std::string& text, const std::string& place, const std::string& by) {
  if (const std::size_t at = text.find(place); at != text.npos) text.replace(at, place.size(), by);
}

std::string test_of(const Activation& activation) {
  std::string of_x, of_cov12;
  if (activation.has_fn())
    for (const double x : {-30.0, -4.1, -1.7, -0.6, -0.01, 1e-3, 0.4, 0.9, 1.3, 2.9, 5.2, 40.0})
      of_x += row_of({x, activation.fn(x), activation.d_fn(x)});
  if (activation.has_nngp_fn()) {
    const bool derivative = activation.descriptor().d_nngp_fn;
    for (const double rho : {-0.9, -0.3, 0.0, 0.2, 0.6, 0.99})
      for (const auto& [var1, var2] : {std::pair(1.0, 1.0), {0.3, 2.0}, {5.0, 0.01}}) {
        const double cov12 = rho * std::sqrt(var1 * var2);
        of_cov12 += row_of({cov12, var1, var2, activation.nngp_fn(cov12, var1, var2),
                            derivative ? activation.d_nngp_fn(cov12, var1, var2) : NAN});
      }
  }
  std::string test = formula_test();
  replace(test, "@OF_X@", of_x);
  replace(test, "@OF_COV12@", of_cov12);
  return test;
}

std::string source_of(const Formulas& formulas, const std::string& library,
                      const std::string& activation) {
  return "#include <nngp/activation.hpp>\n\n" + formula_source(formulas, activation) +
         "\nconstexpr nngp::library library{.name = \"" + library +
         "\", .version = \"1.0\", .author = \"You\", .license = \"MIT\"};\nNNGP_PLUGIN(library, " +
         activation + ");\n";
}

}  // namespace

po::options_description formula_options() {
  po::options_description options;
  options.add_options()  //
      ("fn", po::value<std::string>()->value_name("FORMULA"),
       "write the activation of this formula of x, in C++")  //
      ("nngp-fn", po::value<std::string>()->value_name("FORMULA"),
       "its expectation E[fn(x1) fn(x2)], of cov12, var1 and var2")  //
      ("d-nngp-fn", po::value<std::string>()->value_name("FORMULA"),
       "that of its derivative; derived from --nngp-fn by default")  //
      ("parameter", po::value<std::vector<std::string>>()->composing()->value_name("NAME=VALUE"),
       "a number that the formulas use, with its default; may be repeated");
  return options;
}

std::optional<Formulas> formulas_from(const po::variables_map& arguments) {
  Formulas formulas{.fn = text_of(arguments, "fn"),
                    .nngp_fn = text_of(arguments, "nngp-fn"),
                    .d_nngp_fn = text_of(arguments, "d-nngp-fn")};
  if (arguments.count("parameter"))
    for (const std::string& text : arguments["parameter"].as<std::vector<std::string>>()) {
      const std::size_t equals = text.find('=');
      if (equals == text.npos)
        throw UsageError("--parameter takes NAME=VALUE, as in a=1.5, not '" + printable(text) + "'");
      formulas.parameters.emplace_back(text.substr(0, equals),
                                       parse_number(text.substr(equals + 1), "parameter"));
    }
  const bool given = !formulas.fn.empty() || !formulas.nngp_fn.empty() || !formulas.d_nngp_fn.empty() ||
                     !formulas.parameters.empty();
  if (!given) return std::nullopt;
  return formulas;
}

void put_formulas(const Formulas& formulas, const std::string& library, const std::string& activation,
                  std::vector<Template::File>& files) {
  const Activation computed = formula_activation(formulas);
  for (Template::File& file : files) {
    if (file.path == library + ".cpp") file.text = source_of(formulas, library, activation);
    if (file.path == "test.c") file.text = test_of(computed);
    if (file.path == "README.md")
      replace(file.text, "a sum over a grid", "the values that `nngp` computed of them");
  }
  if (const auto mismatch = formula_mismatch(computed))
    std::cerr << "nngp: warning: " << *mismatch << '\n';
}

}  // namespace nngp::host
