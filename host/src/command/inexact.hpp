#pragma once

// What subcommands do about expectations that are integrated with errors.

#include <optional>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "nngp/kernel.hpp"

namespace nngp::host {

/// Errors of one expectation or layer, relative to sqrt(E fn(x1)^2 E fn(x2)^2) and the same for fn'.
struct Inexactness {
  double nngp, d_nngp;
  /// The relative error of fn's own values, 0 where it is no more than rounding, none if not known.
  std::optional<double> noise;
};

/// The option --allow-inexact BOUND.
po::options_description inexact_options();

/// Its value, or the error above which results are refused. Throws UsageError.
double allowed_error(const po::variables_map& arguments);

/// Warns of `what`. Throws NumericalError if its errors are above `allowed`.
void judge_inexact(const std::string& what, const Inexactness& errors, double allowed);

}  // namespace nngp::host
