#pragma once

// What subcommands do about expectations that are integrated with errors.

#include <vector>

#include "command/command.hpp"
#include "nngp/kernel.hpp"

namespace nngp::host {

/// The option --allow-inexact BOUND.
po::options_description inexact_options();

/// Its value, or the error above which results are refused. Throws UsageError.
double allowed_error(const po::variables_map& arguments);

/// How to go on in spite of the error.
std::string acceptance_text(const InexactError& error);

/// Warns of layers that are less exact than asked for.
void warn_inexact(const std::vector<NumericalLayer>& layers);

/// Warns of `what`. Throws InexactError if its errors are above `allowed`.
void judge_inexact(const std::string& what, const Inexactness& errors, double allowed);

}  // namespace nngp::host
