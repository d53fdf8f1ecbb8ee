#pragma once

#include <boost/dll/shared_library.hpp>
#include <filesystem>

#include "nngp/plugin_file.hpp"

namespace nngp {

/// An open plugin library whose tables have been checked. It stays loaded while this lives.
class Library {
 public:
  /// Throws PluginError, in one line, for a file that cannot be used as a plugin. The file is examined
  /// before any of its code may run.
  explicit Library(const std::filesystem::path& file);

  const PluginTables& tables() const { return tables_; }

 private:
  boost::dll::shared_library library_;
  PluginTables tables_;
};

}  // namespace nngp
