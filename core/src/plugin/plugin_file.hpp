#pragma once

#include <deque>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "plugin/plugin_tables.hpp"

namespace nngp {

/// A sound library whose tables are not constants in its file: its own code fills them in.
class NotInFile : public PluginError {
 public:
  using PluginError::PluginError;
};

/// What a plugin says of itself, read from its file without running any of it. The tables are those a
/// host sees after loading, since they are constants (nngp/activation.h): they need no second
/// description that could differ from them, and plugins in whatever language have them. Functions are
/// null where none is offered; they must not be called.
class PluginFile {
 public:
  /// Throws PluginError, in one line that begins with the file, for a file that cannot be used as a
  /// plugin, NotInFile for one that must be loaded to know.
  explicit PluginFile(const std::filesystem::path& file);
  /// The same from contents in memory, without the file's name in messages.
  explicit PluginFile(std::unique_ptr<std::istream> contents);

  const PluginTables& tables() const { return tables_; }

 private:
  /// Copies, in containers that leave their elements where they are.
  struct Copies {
    std::deque<std::string> texts;
    std::deque<std::vector<double>> numbers;
    std::deque<nngp_parameter> parameters;
    std::deque<std::vector<const nngp_parameter*>> parameter_lists;
    std::deque<nngp_activation> activations;
    std::vector<const nngp_activation*> list;
  };
  class Reader;

  std::unique_ptr<Copies> copies_ = std::make_unique<Copies>();
  PluginTables tables_;
};

}  // namespace nngp
