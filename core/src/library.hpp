#pragma once

#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "descriptor.hpp"

namespace nngp {

/// An open plugin library whose tables have been checked. It stays loaded while this lives.
class Library {
 public:
  /// Throws PluginError, in one line, for a file that cannot be used as a plugin. The file is examined
  /// before any of its code may run.
  explicit Library(const std::filesystem::path& file);

  std::string name() const;
  std::string abi() const;  ///< "1.0", what it was compiled with
  /// The activations this host can use, at least one.
  const std::vector<Descriptor>& activations() const { return activations_; }
  /// One line for each activation that needs a newer host.
  const std::vector<std::string>& unsupported() const { return unsupported_; }

 private:
  boost::dll::shared_library library_;
  const nngp_plugin* entry_ = nullptr;
  std::vector<Descriptor> activations_;
  std::vector<std::string> unsupported_;
};

}  // namespace nngp
