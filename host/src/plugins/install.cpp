// nngp plugins install, remove and pack: plugins from one person to another.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "check/check.hpp"
#include "command/plugin_search.hpp"
#include "command/process_guard.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "plugins/actions.hpp"
#include "plugins/archive.hpp"
#include "plugins/refusals.hpp"

namespace nngp::host {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// What a library says of itself, for those who cannot load it.
ordered_json metadata_of(const PluginTables& tables) {
  ordered_json activations = ordered_json::array();
  const auto text = [](const char* value) { return value ? ordered_json(value) : ordered_json(); };
  for (const Descriptor& one : tables.activations())
    activations.push_back({{"name", text(one->name)},
                           {"summary", text(one->summary)},
                           {"formula", text(one->formula)},
                           {"version", text(one->version)},
                           {"author", text(one->author)},
                           {"license", text(one->license)},
                           {"reference", text(one->reference)}});
  return {{"name", tables.name()},
          {"version", tables.version()},
          {"abi", tables.abi()},
          {"activations", activations}};
}

std::string dump(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

/// Throws PluginError for what has no end to wait for, such as a pipe, and for folders.
void require_file(const fs::path& path) {
  std::error_code error;
  if (const fs::file_status status = fs::status(path, error);
      fs::exists(status) && !fs::is_regular_file(status))
    throw PluginError(printable(path.string(), 300) +
                      ": not a file; copy a pipe's contents to one, and name a file in a folder");
}

/// The bytes of the library in a file or an archive, the metadata of which must be the library's.
std::string read_library(const fs::path& file) {
  require_file(file);
  const FileBytes contents(file);
  if (contents.text().starts_with("\x7F"
                                  "ELF"))
    return std::string(contents.text());
  const Archive archive = read_archive(contents.bytes(), file.string());
  const std::string shown = printable(file.string(), 300);
  try {
    const PluginFile plugin(std::make_unique<std::istringstream>(archive.library));
    const ordered_json metadata = ordered_json::parse(archive.metadata, nullptr, false);
    // What is no JSON is equal to nothing, and unequal to nothing.
    if (!(metadata == ordered_json::parse(dump(metadata_of(plugin.tables())))))
      throw PluginError(
          "its plugin.json does not say what its library says; it was not made by 'nngp "
          "plugins pack', or was changed since");
  } catch (const PluginError& error) {
    throw PluginError(shown + ": " + error.what());
  }
  return archive.library;
}

/// A library in a file in memory that nobody can change: what is checked there is what gets installed,
/// whatever happens to the file it came from. It vanishes with this process, however that ends.
class Staged {
 public:
  explicit Staged(std::string_view bytes)
      : descriptor_(::memfd_create("nngp-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    if (descriptor_ < 0) fail(errno);
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) fail(errno);
      bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
    if (::fcntl(descriptor_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) !=
        0)
      fail(errno);
  }
  ~Staged() { ::close(descriptor_); }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  /// Its name for this process and others of the user.
  fs::path file() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(descriptor_);
  }

 private:
  [[noreturn]] static void fail(int error) {
    throw Error("cannot hold the library in memory: " + std::generic_category().message(error));
  }

  int descriptor_;
};

/// Throws PluginError with the findings of a library that fails a check, or has failed one before. Says
/// whose names it takes.
void check_library(const fs::path& library, const fs::path& origin, const Refusals& refusals) {
  if (const std::string reason = refusals.reason(); !reason.empty())
    throw PluginError(printable(origin.string(), 300) +
                      ": not installed, since this very file failed before: " + reason +
                      "; to have it checked again, remove " + refusals.file().string());
  const CheckReport report = check_plugin(library);
  for (const Finding& finding : report.findings)
    if (finding.check == "names" && finding.result.status == Status::warning)
      std::cerr << "nngp: " << finding.result.message << '\n';
  if (report.passed()) return;
  std::string first;
  for (const Finding& finding : report.findings)
    if (finding.result.status == Status::failure && first.empty())
      first = (finding.activation.empty() ? "" : finding.activation + ", ") + finding.check + ": " +
              printable(finding.result.message, 200);
  refusals.add(report.summary() + " (" + first + ")");
  throw PluginError(printable(origin.string(), 300) + ": not installed, " + report.summary() + " (" +
                    first + "); see 'nngp plugins check'");
}

/// "quadratic 1.0 in FILE", of an installed file that may no longer be a plugin.
std::string described(const fs::path& file) {
  const std::string where = printable(file.string(), 300);
  try {
    const PluginFile plugin(file);
    return plugin.tables().name() + " " + printable(plugin.tables().version()) + " in " + where;
  } catch (const PluginError&) {
    return "what is no plugin in " + where;
  }
}

std::string file_name(const std::string& library) { return "lib" + library + ".so"; }

/// The user's file with a library: where it gets installed or, put there by hand, under any name. A
/// library that is not there would be put into `file`; then `others` are those that are.
struct Installed {
  explicit Installed(const std::string& library) {
    const fs::path folder = user_plugins();
    if (folder.empty())
      throw Error("there is no user's folder for plugins: neither HOME nor XDG_DATA_HOME is set");
    file = folder / file_name(library);
    exists = fs::exists(fs::symlink_status(file));
    if (!exists) find(folder, library);
  }

  fs::path file;
  bool exists;
  std::vector<std::string> others;

 private:
  void find(const fs::path& folder, const std::string& library) {
    std::error_code error;
    for (fs::directory_iterator one(folder, error), end; !error && one != end; one.increment(error)) {
      if (one->path().extension() != ".so") continue;
      try {
        others.push_back(PluginFile(one->path()).tables().name());
      } catch (const PluginError&) {
        continue;  // what is no plugin has no name
      }
      if (others.back() != library) continue;
      file = one->path();
      exists = true;
      return;
    }
  }
};

}  // namespace

void install_plugin(const po::variables_map& arguments) {
  const fs::path origin = text_of(arguments, "name");
  const std::string bytes = read_library(origin);
  const Staged staged(bytes);
  // Read before it is run: its name says where it goes, and a wrong file is refused.
  const PluginFile plugin = [&] {
    try {
      return PluginFile(std::make_unique<std::istringstream>(bytes));
    } catch (const PluginError& error) {
      throw PluginError(printable(origin.string(), 300) + ": " + error.what());
    }
  }();
  const PluginTables& tables = plugin.tables();
  const std::string name = tables.name() + " " + printable(tables.version());
  const auto place = [&] {
    const Installed installed(tables.name());
    if (installed.exists && !arguments.count("force"))
      throw PluginError(described(installed.file) + " is installed already; --force replaces it with " +
                        name);
    return installed.file;
  };
  const fs::path target = place();
  check_library(staged.file(), origin, Refusals(bytes));

  fs::create_directories(target.parent_path());
  // Beside it first: where a link has its name, that gives way and not what it points to.
  const fs::path fresh = target.string() + ".new";
  fs::remove(fresh);
  OutputFile file(fresh);
  place();  // refused again if another process was faster
  file.write(0, std::as_bytes(std::span(bytes)));
  fs::permissions(file.partial_path(), fs::perms(0644));
  if (const std::string distrust = reason_to_distrust(file.partial_path()); !distrust.empty())
    throw PluginError("not installed in " + printable(target.parent_path().string(), 300) + ": " +
                      distrust);
  file.commit();
  fs::rename(fresh, target);
  output() << "installed " << name << " as " << printable(target.string(), 1000) << '\n';
  for (const Descriptor& one : tables.activations()) output() << "  " << one->name << '\n';
}

void remove_plugin(const po::variables_map& arguments) {
  const std::string name = text_of(arguments, "name");
  if (!is_name(name.c_str()))
    throw UsageError("'" + printable(name) + "' is not the name of a library; see 'nngp plugins list'");
  const Installed installed(name);
  if (!installed.exists)
    throw PluginError("the user's folder " + printable(installed.file.parent_path().string(), 300) +
                      " has no '" + name + "'" + suggest(name, installed.others));
  const std::string what = described(installed.file);
  fs::remove(installed.file);
  output() << "removed " << what << '\n';
}

void pack_plugin(const po::variables_map& arguments) {
  const fs::path origin = text_of(arguments, "name");
  require_file(origin);
  const PluginFile plugin(origin);
  const PluginTables& tables = plugin.tables();
  const std::string folder = tables.name() + "-" + tables.version();
  if (folder.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-") !=
      std::string::npos)
    throw PluginError(printable(origin.string(), 300) + ": its version '" +
                      printable(tables.version()) + "' cannot be part of a file's name");
  const Archive archive{std::string(FileBytes(origin).text()), dump(metadata_of(tables))};
  const fs::path target = folder + ".tar";
  if (fs::exists(target) && !arguments.count("force"))
    throw PluginError("'" + target.string() + "' exists already; --force replaces it");
  write_file(target, write_archive(archive, folder, file_name(tables.name())));
  output() << "wrote " << target.string() << '\n';
}

}  // namespace nngp::host
