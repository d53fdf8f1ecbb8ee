#pragma once

// How subcommands read models: with the plugins of the command line, and with a look at the formulas in
// them.

#include <set>
#include <string>
#include <vector>

#include "command/command.hpp"
#include "nngp/registry.hpp"
#include "nngp/stax.hpp"

namespace nngp::host {

/// The option --strict.
po::options_description model_options();

/// Reads models. An activation that has both formulas, fn and nngp_fn, is compared with the integral of
/// fn, once: standard error tells if nngp_fn is not its expectation; with --strict that is a
/// ModelError.
class Models {
 public:
  /// Looks for plugins as find_plugins() does.
  explicit Models(const po::variables_map& arguments);

  /// Throws ModelError.
  Layer network(const std::string& text);
  Activation activation(const std::string& text);

  const Registry& plugins() const { return plugins_; }

 private:
  void compare_formulas(const Activation& activation);

  Registry plugins_;
  bool strict_;
  std::set<std::string> compared_;
};

/// The activations of a network in order of appearance, repeated ones too.
std::vector<Activation> activations_of(const Layer& network);

}  // namespace nngp::host
