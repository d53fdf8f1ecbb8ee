#pragma once

// Plugins as files, of which nothing is run: for programs that list, check and install them.

#include <unistd.h>

#include <deque>
#include <filesystem>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "nngp/activation.h"
#include "nngp/api.hpp"
#include "nngp/error.hpp"

NNGP_API_BEGIN
namespace nngp {

/// A table that is valid but requires a newer host.
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

/// The tables of a plugin, checked. Wherever they lie, in a loaded library or in copies, they must
/// outlive this.
class PluginTables {
 public:
  /// More activations than any library has: a count beyond it is a damaged table.
  static constexpr std::size_t max_activations = 10'000;

  PluginTables() = default;
  /// Throws PluginError, in one line without the file's name, for tables that break the rules of
  /// nngp/activation.h or need more than this host has.
  explicit PluginTables(const nngp_plugin& entry);

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const std::string& abi() const { return abi_; }  ///< "1.0", what it was compiled with
  /// The activations this host can use, at least one.
  const std::vector<Descriptor>& activations() const { return activations_; }
  /// One line for each activation that needs a newer host.
  const std::vector<std::string>& unsupported() const { return unsupported_; }

 private:
  std::string name_, version_, abi_;
  std::vector<Descriptor> activations_;
  std::vector<std::string> unsupported_;
};

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

/// Examines a shared library without running any of it: whole, for this machine, and defining the
/// data symbol `symbol`. Returns what is wrong and what to do, or nothing.
std::string check_shared_library(const std::filesystem::path& file, const std::string& symbol);

/// The dynamic symbols that a library defines for others, in the order of its table, cut at a thousand
/// characters; none of a file that check_shared_library() finds fault with.
std::vector<std::string> exported_symbols(const std::filesystem::path& file);

/// Why a file found in a folder must not be run unasked by `user`, and what to do; or nothing. It, or a
/// folder it lies in or is linked from, can be changed by someone else than the user and root.
std::string reason_to_distrust(const std::filesystem::path& file, uid_t user = ::geteuid());

}  // namespace nngp
NNGP_API_END
