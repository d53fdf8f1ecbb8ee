#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nngp/activation.h"
#include "nngp/error.hpp"

namespace nngp {

/// A sound table that needs what only a newer host has.
class Unsupported : public PluginError {
 public:
  using PluginError::PluginError;
};

/// An activation's table as this host knows it: checked, and copied into structures of this host's
/// size in which everything the plugin's own, possibly older, structures lack is null or zero. The
/// strings, functions and default values stay the plugin's.
class Descriptor {
 public:
  /// More than any activation has: a count beyond it is a damaged table.
  static constexpr std::size_t max_parameters = 1000;
  static constexpr std::size_t max_default_count = 1'000'000;

  /// Throws PluginError, which names the activation, for a table that breaks the rules of
  /// nngp/activation.h, and Unsupported for one that needs more than this host offers.
  explicit Descriptor(const nngp_activation& table);

  const nngp_activation& operator*() const { return tables_->activation; }
  const nngp_activation* operator->() const { return &tables_->activation; }

 private:
  // Holds pointers into itself, so it stays where it was made.
  struct Tables {
    nngp_activation activation = {};
    std::vector<nngp_parameter> parameters;
    std::vector<const nngp_parameter*> pointers;
  };
  std::shared_ptr<const Tables> tables_;
};

/// "1.0": the version of the ABI this host is built with.
std::string host_abi();

/// "features this nngp does not know (bits 0x10)", empty if it knows all that are required.
std::string unknown_features(std::uint64_t required);

}  // namespace nngp
