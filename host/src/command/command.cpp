#include "command/command.hpp"

#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>

#include "nngp/text.hpp"

namespace nngp::host {
namespace {

std::vector<std::string> names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back("--" + option->long_name());
  return names;
}

/// A value that was forgotten is not to be the next option, nor nothing.
void check_values(const po::parsed_options& parsed, const po::options_description& options) {
  for (const auto& option : parsed.options) {
    const std::string last = option.original_tokens.empty() ? "" : option.original_tokens.back();
    for (const std::string& value : option.value) {
      if (value.empty() && option.position_key >= 0) throw UsageError("an argument is empty");
      if (value.empty())
        throw UsageError("--" + option.string_key + " is empty; give it a value or leave it out");
      if (value == last && value.starts_with("--") && options.find_nothrow(value.substr(2), false))
        throw UsageError("--" + option.string_key + " takes a value, and '" + value +
                         "' is an option; write ./" + value + " for a file of that name");
    }
  }
}

}  // namespace

po::options_description common_options() {
  po::options_description options("Common options");
  options.add_options()  //
      ("plugin", po::value<std::vector<std::string>>()->composing()->value_name("FILE|FOLDER"),
       "a plugin, or a folder of plugins, to look in first; may be repeated")  //
      ("isa", po::value<std::string>()->value_name("NAME"),
       "the instruction set to compute with, for tests and comparisons: sse2, avx2, avx512 or "
       "avx512-wide on x86-64; the quickest of this machine by default. As the environment variable "
       "NNGP_ISA")  //
      ("help", "this help");
  return options;
}

po::variables_map parse_arguments(const Command& command, const std::vector<std::string>& words) {
  const std::string advice = "; see 'nngp help " + command.name + "'";
  po::options_description visible;
  visible.add(command.options).add(common_options());
  po::options_description all;
  all.add(visible);
  po::positional_options_description positions;
  for (const std::string& name : command.positionals) {
    positions.add(name.c_str(), 1);
    all.add_options()(name.c_str(), po::value<std::string>());
  }
  // Abbreviated names would break scripts when an option is added.
  const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
  po::variables_map arguments;
  try {
    const auto parsed =
        po::command_line_parser(words).options(all).positional(positions).style(style).run();
    check_values(parsed, all);
    po::store(parsed, arguments);
    po::notify(arguments);
  } catch (const po::unknown_option& error) {
    const std::string option = error.get_option_name();
    const std::string suggestion = suggest(option, names(visible));
    throw UsageError("unknown option '" + printable(option) + "'" +
                     (suggestion.empty() ? advice : suggestion));
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError("too many arguments" + advice);
  } catch (const po::required_option& error) {
    throw UsageError("option '" + error.get_option_name() + "' is missing" + advice);
  } catch (const po::multiple_occurrences& error) {
    throw UsageError("option '" + error.get_option_name() + "' is given twice" + advice);
  } catch (const po::error& error) {
    throw UsageError(printable(error.what(), 300) + advice);
  }
  return arguments;
}

std::string text_of(const po::variables_map& arguments, const std::string& option) {
  return arguments.count(option) ? arguments[option].as<std::string>() : "";
}

}  // namespace nngp::host
