#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "nngp/api.hpp"

NNGP_API_BEGIN
namespace nngp {

/// One of the models that a template stands for.
struct ModelChoice {
  std::string text;                  ///< as parse_model() reads it
  std::vector<std::string> choices;  ///< what stands in place of the outer braces, in order
};

/// The models that `text` stands for: in each pair of braces one of several is chosen, `{Relu, Erf}` by
/// name or `{0.5:2:5}` five values from 0.5 to 2 in equal ratios, and all combinations are listed, the
/// last choice changing first. Braces nest; choices are separated by commas outside of brackets. A text
/// without braces stands for itself. Throws ModelError with a caret for braces that do not close, empty
/// choices, ranges that are none, and more than `most` models.
std::vector<ModelChoice> expand_model(std::string_view text, std::size_t most = 1000);

}  // namespace nngp
NNGP_API_END
