// nngp plugins: picks the action.

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "check/check_command.hpp"
#include "nngp/text.hpp"
#include "plugins/actions.hpp"
#include "plugins/formula_project.hpp"

namespace nngp::host {
namespace {

struct Action {
  std::string name;
  std::string usage;                 ///< the line of the help
  bool named;                        ///< whether it needs a word behind it
  std::vector<std::string> options;  ///< those of the command's options that it takes
  void (*run)(const po::variables_map& arguments);
};

const std::vector<Action>& actions() {
  static const std::vector<Action> table = {
      {"list", "list [--verify] [--json]", false, {"json", "verify"}, list_plugins},
      {"show", "show NAME [--json]", true, {"json"}, show_plugin},
      {"check",
       "check FILE [--json] [--check NAME]... [--time-limit S]\ncheck --list-checks [--json]",
       false,
       {"json", "check", "list-checks", "time-limit", "memory-limit"},
       run_check},
      {"new",
       "new NAME [--lang cpp|c|rust|fortran|numba] [--dir FOLDER]\n"
       "new NAME --fn FORMULA [--nngp-fn FORMULA] [--parameter A=1]",
       true,
       {"lang", "dir", "fn", "nngp-fn", "d-nngp-fn", "parameter"},
       new_plugin},
      {"install", "install FILE|ARCHIVE [--force]", true, {"force"}, install_plugin},
      {"remove", "remove LIBRARY", true, {}, remove_plugin},
      {"pack", "pack FILE [--force]", true, {"force"}, pack_plugin},
  };
  return table;
}

/// "list or show".
std::string names_of_actions() {
  std::string names;
  for (const Action& action : actions()) {
    if (!names.empty()) names += &action == &actions().back() ? " or " : ", ";
    names += action.name;
  }
  return names;
}

const Action& find_action(const std::string& name) {
  if (name.empty()) throw UsageError("say what to do: nngp plugins " + names_of_actions());
  std::vector<std::string> known;
  for (const Action& action : actions()) {
    if (action.name == name) return action;
    known.push_back(action.name);
  }
  const std::string suggestion = suggest(name, known);
  throw UsageError("unknown action '" + printable(name) + "'" +
                   (suggestion.empty() ? "; it is " + names_of_actions() : suggestion));
}

void run_plugins(const po::variables_map& arguments) {
  const Action& action = find_action(text_of(arguments, "action"));
  const std::string name = text_of(arguments, "name");
  if (action.named && name.empty()) throw UsageError("a name is missing: nngp plugins " + action.usage);
  for (const auto& [option, value] : arguments) {
    const bool common = option == "plugin" || option == "action" || option == "name";
    const auto& own = action.options;
    if (!common && !value.defaulted() && std::find(own.begin(), own.end(), option) == own.end())
      throw UsageError("'plugins " + action.name + "' takes no --" + option +
                       "; see 'nngp help plugins'");
  }
  action.run(arguments);
}

}  // namespace

void print_json(const nlohmann::ordered_json& value) {
  std::cout << value.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

Command plugins_command() {
  po::options_description options("Options");
  options.add_options()                                   //
      ("json", "as JSON")                                 //
      ("verify", "list: check each file, which runs it")  //
      ("force", "install, pack: replace what is there");
  options.add(check_options());
  po::options_description new_options("Options of new");
  new_options.add_options()  //
      ("lang", po::value<std::string>()->default_value("cpp")->value_name("LANGUAGE"),
       "cpp, c, rust, fortran or numba")  //
      ("dir", po::value<std::string>()->default_value(".")->value_name("FOLDER"),
       "where the project's folder is made");
  options.add(new_options.add(formula_options()));
  std::string usage;
  for (const Action& action : actions()) usage += (usage.empty() ? "" : "\n") + action.usage;
  return {"plugins",
          "List, check, write and install plugins.",
          usage,
          "Plugins are looked for in this order: --plugin, the folders of NNGP_PLUGIN_PATH,\n"
          "the user's data folder (~/.local/share/nngp/plugins), the installed ones. Of two\n"
          "activations of one name the first is used; LIBRARY:NAME picks one explicitly.\n",
          options,
          {"action", "name"},
          run_plugins};
}

}  // namespace nngp::host
