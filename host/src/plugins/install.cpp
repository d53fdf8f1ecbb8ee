// nngp plugins install, remove and pack: plugins from one person to another.

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "check/check.hpp"
#include "command/plugin_search.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/text.hpp"
#include "plugin/plugin_file.hpp"
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

/// The bytes of the library in a file or an archive, the metadata of which must be the library's.
std::string read_library(const fs::path& file) {
  const FileBytes contents(file);
  if (contents.text().starts_with("\x7F"
                                  "ELF"))
    return std::string(contents.text());
  const Archive archive = read_archive(contents.bytes(), file.string());
  const std::string shown = printable(file.string(), 300);
  try {
    const PluginFile plugin(std::make_unique<std::istringstream>(archive.library));
    const ordered_json metadata = ordered_json::parse(archive.metadata, nullptr, false);
    if (metadata != ordered_json::parse(dump(metadata_of(plugin.tables()))))
      throw PluginError(
          "its plugin.json does not say what its library says; it was not made by 'nngp "
          "plugins pack', or was changed since");
  } catch (const PluginError& error) {
    throw PluginError(shown + ": " + error.what());
  }
  return archive.library;
}

/// A library in a private folder of its own, removed at the end: what is checked there is what gets
/// installed, whatever happens to the file it came from.
class Staged {
 public:
  explicit Staged(const std::string& bytes) {
    std::string name = (fs::temp_directory_path() / "nngp-install-XXXXXX").string();
    if (!::mkdtemp(name.data()))
      throw Error("cannot make a folder in " + fs::temp_directory_path().string());
    folder_ = name;
    write_file(file(), bytes);
  }
  ~Staged() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  fs::path file() const { return folder_ / "plugin.so"; }

 private:
  fs::path folder_;
};

/// Throws PluginError with the findings of a library that fails a check, or has failed one before.
void check(const fs::path& library, const fs::path& origin, const Refusals& refusals) {
  if (const std::string reason = refusals.reason(); !reason.empty())
    throw PluginError(printable(origin.string(), 300) +
                      ": not installed, since this very file failed before: " + reason +
                      "; to have it checked again, remove " + refusals.file().string());
  const CheckReport report = check_plugin(library);
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
  check(staged.file(), origin, Refusals(bytes));

  fs::create_directories(target.parent_path());
  OutputFile file(target);
  place();  // refused again if another process was faster
  file.write(0, std::as_bytes(std::span(bytes)));
  fs::permissions(file.partial_path(), fs::perms(0644));
  file.commit();
  std::cout << "installed " << name << " as " << printable(target.string(), 1000) << '\n';
  for (const Descriptor& one : tables.activations()) std::cout << "  " << one->name << '\n';
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
  std::cout << "removed " << what << '\n';
}

void pack_plugin(const po::variables_map& arguments) {
  const fs::path origin = text_of(arguments, "name");
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
  std::cout << "wrote " << target.string() << '\n';
}

}  // namespace nngp::host
