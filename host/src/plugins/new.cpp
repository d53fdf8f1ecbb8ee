// nngp plugins new: a project for an activation of one's own.

#include <iostream>
#include <regex>
#include <set>

#include "command/names.hpp"
#include "command/process_guard.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/text.hpp"
#include "plugins/actions.hpp"
#include "plugins/formula_project.hpp"
#include "plugins/templates.hpp"

namespace nngp::host {
namespace {

namespace fs = std::filesystem;

/// Words that CMake keeps for its own targets, or the languages for themselves.
const std::set<std::string> reserved = {"all",           "clean",      "edit_cache",
                                        "help",          "install",    "list_install_components",
                                        "package",       "preinstall", "package_source",
                                        "rebuild_cache", "test",       "nngp",
                                        "eof",           "infinity",   "nan",
                                        "null"};

void check_name(const std::string& name) {
  const std::string shown = "'" + printable(name) + "'";
  if (!is_name(name.c_str()) || name[0] == '_')
    throw UsageError(shown +
                     " cannot be the name of an activation: it must be letters, digits and '_' "
                     "and begin with a letter, as in 'Swish'");
  if (reserved.count(lower_case(name)))
    throw UsageError(shown + " cannot be the name of an activation: the project's tools use it");
}

const Template& find_template(const std::string& language) {
  std::string known;
  for (const Template& one : templates()) {
    if (one.language == language) return one;
    if (!known.empty()) known += &one == &templates().back() ? " or " : ", ";
    known += one.language;
  }
  throw UsageError("there is no template in '" + printable(language) + "'; --lang is " + known);
}

/// The names of one activation in the place of another's, where they are words or parts of them
/// joined by '_', and in the names of files.
std::string renamed(std::string text, const Template& from, const std::string& library,
                    const std::string& activation) {
  text = std::regex_replace(text, std::regex("\\b(lib)?" + from.library + "(?![a-z])"), "$1" + library);
  return std::regex_replace(text, std::regex("\\b" + from.activation + "\\b"), activation);
}

/// The example under its new name, with the formulas in it if there are any.
std::vector<Template::File> files_of(const Template& project, const std::optional<Formulas>& formulas,
                                     const std::string& library, const std::string& activation) {
  std::vector<Template::File> files = project.files;
  for (Template::File& file : files) {
    file.path = renamed(file.path, project, library, activation);
    file.text = renamed(file.text, project, library, activation);
  }
  if (formulas) put_formulas(*formulas, library, activation, files);
  return files;
}

/// A new folder, removed with what is in it unless it is kept.
class NewFolder {
 public:
  explicit NewFolder(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    if (!fs::create_directory(path_, error)) {
      if (!error || error == std::errc::file_exists)
        throw Error("'" + path_.string() + "' exists already; nothing was written");
      throw Error("cannot make the folder '" + path_.string() + "': " + error.message());
    }
  }
  ~NewFolder() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(path_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  const fs::path& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  fs::path path_;
  bool kept_ = false;
};

}  // namespace

void new_plugin(const po::variables_map& arguments) {
  const std::string library = text_of(arguments, "name");
  check_name(library);
  std::string activation = library;
  activation[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(activation[0])));
  for (const std::string& name : {library, activation})
    if (is_layer(name))
      throw UsageError("'" + library + "' cannot be the name of an activation: models read '" + name +
                       "' as the layer of that name");
  const Template& project = find_template(text_of(arguments, "lang"));

  const std::optional<Formulas> formulas = formulas_from(arguments);
  if (formulas && project.language != "cpp")
    throw UsageError("formulas are written in C++: leave out --lang");
  const std::vector<Template::File> files = files_of(project, formulas, library, activation);

  NewFolder folder(fs::path(text_of(arguments, "dir")) / library);
  for (const Template::File& file : files) write_file(folder.path() / file.path, file.text);
  folder.keep();
  if (const std::string shadows = shadowing(activation, library); !shadows.empty())
    std::cerr << "nngp: " << shadows << '\n';

  const std::string place = folder.path().lexically_normal().string();
  output() << "wrote " << place << ": the activation " << activation
           << (formulas ? " of your formulas\n" : " with the formulas of an example\n") << "next:\n"
           << "  cd " << place << "\n  cmake -B build && cmake --build build\n"
           << "  nngp plugins check build/lib" << library << ".so\n";
}

}  // namespace nngp::host
