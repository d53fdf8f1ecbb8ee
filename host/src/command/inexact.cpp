#include "command/inexact.hpp"

#include <iostream>
#include <limits>

#include "command/options.hpp"
#include "command/report.hpp"

namespace nngp::host {
namespace {

constexpr const char* option_name = "allow-inexact";

void warn(const std::string& what, const Inexactness& errors) {
  std::cerr << "nngp: warning: " + inexact_text(what, errors) + '\n';
}

}  // namespace

po::options_description inexact_options() {
  po::options_description options;
  options.add_options()(
      option_name, po::value<std::string>()->value_name("BOUND"),
      "accept integrated expectations with relative errors up to this; default: 0.001");
  return options;
}

double allowed_error(const po::variables_map& arguments) {
  if (!arguments.count(option_name)) return KernelOptions().allowed_error;
  const std::string text = text_of(arguments, option_name);
  if (text == "inf") return std::numeric_limits<double>::infinity();
  const double bound = parse_number(text, option_name, " or inf");
  if (bound < 0)
    throw UsageError(std::string("--") + option_name + " takes a bound from 0 on, not " + text);
  return bound;
}

std::string acceptance_text(const InexactError& error) {
  return print("; --%s %.2g accepts them as they are", option_name, error.sufficient());
}

void warn_inexact(const std::vector<NumericalLayer>& layers) {
  for (const NumericalLayer& layer : layers)
    if (layer.error.worst() > layer.tolerance) warn(layer.activation, layer.error);
}

void judge_inexact(const std::string& what, const Inexactness& errors, double allowed) {
  refuse_inexact(what, errors, allowed);
  warn(what, errors);
}

}  // namespace nngp::host
