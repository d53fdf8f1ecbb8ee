#pragma once

#include <string>
#include <variant>
#include <vector>

#include "nngp/error.hpp"
#include "nngp/plugin.hpp"

namespace nngp {

/// A ModelError that knows which argument is to blame, so that a parser can point at it.
class ArgumentError : public ModelError {
 public:
  using Place = std::variant<std::monostate, std::size_t, std::string>;
  ArgumentError(const std::string& message, Place place_ = {})
      : ModelError(message), place(std::move(place_)) {}

  Place place;  ///< index of a positional argument, a keyword, or none
};

/// One value per parameter of `activation`, in table order: `arguments` and, for what they leave
/// out, the defaults. Throws ArgumentError for an unknown, missing or unsuitable one.
std::vector<std::vector<double>> bind_arguments(const nngp_activation& activation,
                                                const Arguments& arguments);

/// What makes `values` unsuitable for `parameter`, as in "must be > 0.0, got -1.0"; empty if nothing.
std::string check_values(const nngp_parameter& parameter, const std::vector<double>& values);

/// `values` as a model writes them: "1.0", "3", "True", "[0.1, 0.5]".
std::string format_value(const nngp_parameter& parameter, const std::vector<double>& values);

}  // namespace nngp
