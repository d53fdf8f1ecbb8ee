#include "command/inexact.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "command/options.hpp"
#include "nngp/error.hpp"

namespace nngp::host {
namespace {

constexpr const char* kOption = "allow-inexact";
constexpr double kRefused = 1e-3;

std::string short_text(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.2g", x);
  return buffer;
}

std::string advice(const Inexactness& errors) {
  if (!errors.noise)
    return "smaller inputs or W_std help; 'nngp eval' tells whether the values of fn are noisy";
  if (*errors.noise > 0)
    return "the values of fn itself have relative errors of " + short_text(*errors.noise) +
           ": compute fn in double precision, or give nngp_fn";
  return "fn varies on scales too small beside the inputs: smaller inputs or W_std help, or a plugin "
         "that gives nngp_fn";
}

}  // namespace

po::options_description inexact_options() {
  po::options_description options;
  options.add_options()(
      kOption, po::value<std::string>()->value_name("BOUND"),
      "accept integrated expectations with relative errors up to this; default: 0.001");
  return options;
}

double allowed_error(const po::variables_map& arguments) {
  if (!arguments.count(kOption)) return kRefused;
  const std::string text = text_of(arguments, kOption);
  const double bound = parse_number(text, std::string("--") + kOption);
  if (bound < 0)
    throw UsageError(std::string("--") + kOption + " takes a bound from 0 on, not " + text);
  return bound;
}

void judge_inexact(const std::string& what, const Inexactness& errors, double allowed) {
  const std::string text = what + " is integrated with relative errors up to " +
                           short_text(errors.nngp) + " (nngp) and " + short_text(errors.d_nngp) +
                           " (d_nngp)";
  const double worst = std::max(errors.nngp, errors.d_nngp);
  if (!(worst <= allowed))
    throw NumericalError(text + ", above " + short_text(allowed) + ": " + advice(errors) + "; --" +
                         kOption + ' ' + short_text(2 * worst) + " accepts them as they are");
  std::cerr << "nngp: warning: " + text + "; " + advice(errors) + '\n';
}

}  // namespace nngp::host
