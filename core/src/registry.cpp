#include "nngp/registry.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "library.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) { return printable(path.string(), 300); }

// An environment variable, empty if unset.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// The shared libraries of a folder, in the order of their names; none if it cannot be read.
std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const bool suffix = entry->path().extension() == boost::dll::shared_library::suffix();
    if (suffix && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

PluginSearch PluginSearch::standard(std::vector<fs::path> named, const fs::path& installed) {
  PluginSearch search{std::move(named), {}};
  const std::string list = environment("NNGP_PLUGIN_PATH");
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) search.folders.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  const std::string data = environment("XDG_DATA_HOME"), home = environment("HOME");
  if (fs::path(data).is_absolute()) {
    search.folders.push_back(fs::path(data) / "nngp/plugins");
  } else if (!home.empty()) {
    search.folders.push_back(fs::path(home) / ".local/share/nngp/plugins");
  }
  if (!installed.empty()) search.folders.push_back(installed);
  return search;
}

Registry::Registry(PluginSearch search) {
  std::set<fs::path> seen;  // a file reached in two ways would shadow itself

  const auto add = [&](const fs::path& file) {
    std::error_code error;
    const fs::path identity = fs::canonical(file, error);
    if (!seen.insert(error ? file : identity).second) return;
    const Library library(file);
    for (const Descriptor& found : library.activations()) {
      const auto first =
          std::find_if(activations_.begin(), activations_.end(),
                       [&](const ActivationInfo& info) { return info.name == found->name; });
      activations_.push_back({found->name, found->summary, found->version, library.name(), file,
                              library.abi(), first == activations_.end() ? fs::path() : first->file});
    }
    for (const std::string& reason : library.unsupported()) {
      warnings_.push_back(shown(file) + ": " + reason);
    }
  };
  const auto scan = [&](const fs::path& folder) {
    for (const fs::path& file : libraries_in(folder)) {
      try {
        add(file);
      } catch (const PluginError& reason) {
        warnings_.push_back(reason.what());
      }
    }
  };

  for (const fs::path& named : search.named) {
    std::error_code error;
    const fs::file_status status = fs::status(named, error);
    if (fs::is_directory(status)) {
      scan(named);
    } else if (fs::is_regular_file(status)) {
      add(named);
    } else {
      throw PluginError(
          shown(named) +
          (fs::exists(status) ? ": neither a file nor a folder" : ": no such file or folder") +
          "; give a plugin or a folder of plugins");
    }
  }
  for (const fs::path& folder : search.folders) scan(folder);
  searched_ = std::move(search);
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
  const auto opened = std::make_shared<const Library>(info.file);
  for (const Descriptor& found : opened->activations()) {
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
    for (const auto& places : {searched_.named, searched_.folders}) {
      for (const fs::path& place : places) message += " " + shown(place);
    }
    return message;
  }
  std::vector<std::string> known;
  for (const ActivationInfo& info : activations_) {
    known.push_back(name.find(':') == name.npos ? info.name : info.library + ":" + info.name);
  }
  return message + suggest(name, known);
}

}  // namespace nngp
