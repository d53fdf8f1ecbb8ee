#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace nngp::host {

namespace po = boost::program_options;

/// The command line is wrong: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The person pressed Ctrl-C, or the like: exit code 128 + signal.
struct Interruption {
  int signal;
  std::string message;
};

/// A subcommand: `nngp NAME ...`.
struct Command {
  std::string name;
  std::string summary;                   ///< one line
  std::string usage;                     ///< what follows "nngp NAME"
  std::string details;                   ///< what its help says after the options
  po::options_description options;       ///< those of its own
  std::vector<std::string> positionals;  ///< names of positional arguments, in order
  void (*run)(const po::variables_map& arguments);
};

Command kernel_command();
Command predict_command();
Command compare_command();
Command spectrum_command();
Command sample_command();
Command montecarlo_command();
Command eval_command();
Command plugins_command();
Command info_command();

/// The options that every subcommand takes.
po::options_description common_options();

/// Reads the words after the subcommand. Throws UsageError.
po::variables_map parse_arguments(const Command& command, const std::vector<std::string>& words);

/// The text of an option that was given, or "".
std::string text_of(const po::variables_map& arguments, const std::string& option);

}  // namespace nngp::host
