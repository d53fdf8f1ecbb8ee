#pragma once

#include <optional>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "nngp/formula.hpp"
#include "plugins/templates.hpp"

namespace nngp::host {

/// The options --fn, --nngp-fn, --d-nngp-fn and --parameter.
po::options_description formula_options();

/// What they say; nothing if none is given. Throws UsageError.
std::optional<Formulas> formulas_from(const po::variables_map& arguments);

/// Puts formulas into the files of a project in C++: their source, and a test that holds their values.
/// Standard error tells if nngp_fn is not the expectation of fn. Throws FormulaError.
void put_formulas(const Formulas& formulas, const std::string& library, const std::string& activation,
                  std::vector<Template::File>& files);

}  // namespace nngp::host
