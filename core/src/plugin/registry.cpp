#include "nngp/registry.hpp"

#include <algorithm>
#include <cstdlib>

#include "nngp/error.hpp"
#include "nngp/plugin_file.hpp"
#include "nngp/text.hpp"
#include "plugin/library.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) { return printable(path.string(), 300); }

// An environment variable, empty if unset.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// The folders of a list that colons separate. A backslash before a colon or backslash makes it part of
// a name.
std::vector<fs::path> split_path(const std::string& list) {
  std::vector<fs::path> folders;
  std::string folder;
  const auto finish = [&] {
    if (!folder.empty()) folders.emplace_back(folder);
    folder.clear();
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool escapes =
        list[i] == '\\' && i + 1 < list.size() && (list[i + 1] == ':' || list[i + 1] == '\\');
    if (list[i] == ':')
      finish();
    else
      folder += list[escapes ? ++i : i];
  }
  finish();
  return folders;
}

// Whether a file is called like a library with its version, such as libwave.so.1.
bool is_versioned(const fs::path& file) {
  fs::path name = file.filename();
  const auto is_number = [](const std::string& text) {
    return text.size() > 1 && text.find_first_not_of("0123456789", 1) == text.npos;
  };
  while (is_number(name.extension().string())) name.replace_extension();
  return name != file.filename() && name.extension() == boost::dll::shared_library::suffix();
}

// The shared libraries of a folder, in the order of their names; none if it cannot be read. Libraries
// that plugins need may lie beside them under versioned names, which are no plugins.
std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const bool suffix =
        entry->path().extension() == boost::dll::shared_library::suffix() ||
        (is_versioned(entry->path()) && check_shared_library(entry->path(), NNGP_ENTRY_SYMBOL).empty());
    if (suffix && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

PluginSearch PluginSearch::standard(std::vector<fs::path> named, const fs::path& installed) {
  PluginSearch search{std::move(named), {}, {}, {}};
  search.folders = split_path(environment("NNGP_PLUGIN_PATH"));
  const std::string data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (fs::path(data).is_absolute()) {
    search.user = fs::path(data) / "nngp/plugins";
  } else if (!home.empty()) {
    search.user = fs::path(home) / ".local/share/nngp/plugins";
  }
  search.installed = installed;
  return search;
}

const char* name_of(PluginSource source) {
  switch (source) {
    case PluginSource::program:
      return "program";
    case PluginSource::named:
      return "named";
    case PluginSource::path:
      return "path";
    case PluginSource::user:
      return "user";
    default:
      return "installed";
  }
}

Registry::Registry(PluginSearch search) : searched_(std::move(search)) {
  for (const fs::path& named : searched_.named) add_named(named);
  for (const fs::path& folder : searched_.folders) scan(folder, PluginSource::path);
  if (!searched_.user.empty()) scan(searched_.user, PluginSource::user);
  if (!searched_.installed.empty()) scan(searched_.installed, PluginSource::installed);
}

bool Registry::is_new(const fs::path& file) {
  std::error_code error;
  const fs::path identity = fs::canonical(file, error);
  return seen_.insert(error ? file : identity).second;
}

std::string ActivationInfo::place() const {
  return source == PluginSource::program ? "the program's own library " + library : file.string();
}

void Registry::add(const nngp_plugin* plugin, std::shared_ptr<const void> owner) {
  struct Owned {
    std::shared_ptr<const void> owner;
    PluginTables tables;
  };
  if (!plugin) throw PluginError("a plugin in memory: the pointer to its tables is null");
  const auto owned = std::make_shared<Owned>(Owned{std::move(owner), {}});
  try {
    owned->tables = PluginTables(*plugin);
  } catch (const PluginError& error) {
    throw PluginError(std::string("a plugin in memory: ") + error.what());
  }

  const PluginTables& tables = owned->tables;
  std::vector<ActivationInfo> all;
  for (const Descriptor& one : tables.activations()) {
    all.push_back({one->name,
                   one->summary,
                   one->version,
                   tables.name(),
                   {},
                   PluginSource::program,
                   tables.abi(),
                   "",
                   {owned, &*one}});
    for (ActivationInfo& info : activations_)
      if (info.name == one->name) info.shadowed_by = all.back().place();
  }
  all.insert(all.end(), activations_.begin(), activations_.end());
  activations_ = std::move(all);
  for (const std::string& reason : tables.unsupported())
    warnings_.push_back("the program's own library " + tables.name() + ": " + reason);
}

void Registry::add_found(const PluginTables& tables, const fs::path& file, PluginSource source) {
  for (const Descriptor& found : tables.activations()) {
    const auto first =
        std::find_if(activations_.begin(), activations_.end(),
                     [&](const ActivationInfo& info) { return info.name == found->name; });
    activations_.push_back({found->name, found->summary, found->version, tables.name(), file, source,
                            tables.abi(), first == activations_.end() ? "" : first->place()});
  }
  for (const std::string& reason : tables.unsupported()) {
    warnings_.push_back(shown(file) + ": " + reason);
  }
}

void Registry::add_named(const fs::path& named) {
  std::error_code error;
  const fs::file_status status = fs::status(named, error);
  if (fs::is_directory(status)) return scan(named, PluginSource::named);
  if (!fs::is_regular_file(status)) {
    throw PluginError(
        shown(named) +
        (fs::exists(status) ? ": neither a file nor a folder" : ": no such file or folder") +
        "; give a plugin or a folder of plugins");
  }
  if (is_new(named)) add_found(PluginFile(named).tables(), named, PluginSource::named);
}

void Registry::scan(const fs::path& folder, PluginSource source) {
  if (folder.is_relative() && source != PluginSource::named) {
    warnings_.push_back(shown(folder) +
                        ": not searched for plugins, since a relative folder depends on where nngp is "
                        "started; give the whole path, or name it as a plugin");
    return;
  }
  std::error_code error;
  if (source == PluginSource::path && fs::equivalent(folder, ".", error)) {
    warnings_.push_back(shown(folder) +
                        ": not searched for plugins, since it is the current folder; name it as a "
                        "plugin, or start nngp elsewhere");
    return;
  }
  for (const fs::path& file : libraries_in(folder)) {
    const std::string distrust = source == PluginSource::named ? "" : reason_to_distrust(file);
    if (!distrust.empty()) {
      warnings_.push_back(shown(file) + ": not used, because " + distrust +
                          ", or name the file itself as a plugin");
      continue;
    }
    if (!is_new(file)) continue;
    try {
      add_found(PluginFile(file).tables(), file, source);
    } catch (const PluginError& reason) {
      warnings_.push_back(reason.what());
    }
  }
}

const ActivationInfo& Registry::find(std::string_view name) const {
  const std::size_t colon = name.find(':');
  const std::string_view library = colon == name.npos ? "" : name.substr(0, colon);
  const std::string_view plain = colon == name.npos ? name : name.substr(colon + 1);
  const auto info = std::find_if(activations_.begin(), activations_.end(), [&](const auto& candidate) {
    return candidate.name == plain && (colon == name.npos || candidate.library == library);
  });
  if (info == activations_.end()) throw ModelError(unknown(name));
  return *info;
}

std::shared_ptr<const nngp_activation> Registry::descriptor(const ActivationInfo& info) const {
  if (info.table) return info.table;
  const auto opened = std::make_shared<const Library>(info.file);
  for (const Descriptor& found : opened->tables().activations()) {
    if (found->name == info.name) return {opened, &*found};
  }
  throw PluginError(shown(info.file) + ": no longer offers " + info.name +
                    "; the file was changed while in use");
}

Activation Registry::activation(std::string_view name, const Arguments& arguments) const {
  const auto found = descriptor(find(name));
  return Activation(found, *found, arguments);
}

std::string Registry::unknown(std::string_view name) const {
  std::string message = "no activation is called '" + printable(name) + "'";
  if (activations_.empty()) {
    message += "; no plugins were found in";
    std::vector<fs::path> places = searched_.named;
    places.insert(places.end(), searched_.folders.begin(), searched_.folders.end());
    places.insert(places.end(), {searched_.user, searched_.installed});
    for (const fs::path& place : places) message += place.empty() ? "" : " " + shown(place);
    return message;
  }
  std::vector<std::string> known;
  for (const ActivationInfo& info : activations_) {
    known.push_back(name.find(':') == name.npos ? info.name : info.library + ":" + info.name);
  }
  return message + suggest(name, known);
}

}  // namespace nngp
