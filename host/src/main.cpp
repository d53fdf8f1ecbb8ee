// The command: picks the subcommand, prints help, turns errors into messages and exit codes.

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <sstream>
#include <utility>

#include "check/check.hpp"
#include "command/command.hpp"
#include "command/inexact.hpp"
#include "command/interrupt.hpp"
#include "command/process_guard.hpp"
#include "command/terminal.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/instruction_set.hpp"
#include "nngp/kernel.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

enum ExitCode { done = 0, failed = 1, wrong_usage = 2 };

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      kernel_command(),     predict_command(), compare_command(), spectrum_command(), sample_command(),
      montecarlo_command(), eval_command(),    plugins_command(), info_command()};
  return table;
}

void print_general_help() {
  output() << "nngp: kernels of infinitely wide neural networks\n\n"
           << bold("Usage") << ": nngp SUBCOMMAND [options]\n\n"
           << bold("Subcommands") << ":\n";
  Table table(2);
  for (const Command& command : commands()) table.add({command.name, command.summary});
  table.add({"help", "help on a subcommand: nngp help kernel"});
  output() << table.text() << '\n'
           << common_options() << "  --version             the version\n\n"
           << "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.\n";
}

void print_help(const Command& command) {
  std::istringstream usages(command.usage);
  for (std::string line, lead = bold("Usage") + ": nngp "; std::getline(usages, line);
       lead = "       nngp ")
    output() << lead << command.name << ' ' << line << '\n';
  output() << '\n' << command.summary << "\n\n" << command.options << '\n' << common_options();
  if (!command.details.empty()) output() << '\n' << command.details;
}

const Command& find_command(const std::string& name) {
  std::vector<std::string> known = {"help"};
  for (const Command& command : commands()) {
    if (command.name == name) return command;
    known.push_back(command.name);
  }
  const std::string suggestion = suggest(name, known);
  throw UsageError("unknown subcommand '" + printable(name) + "'" +
                   (suggestion.empty() ? "; see 'nngp --help'" : suggestion));
}

/// Puts common options written before the subcommand behind it: "nngp --plugin X kernel" is
/// "nngp kernel --plugin X".
void move_subcommand_to_front(std::vector<std::string>& words) {
  auto word = words.begin();
  while (word != words.end() && (word->starts_with("--plugin") || word->starts_with("--isa")))
    word += (*word == "--plugin" || *word == "--isa") && word + 1 != words.end() ? 2 : 1;
  if (word == words.end()) throw UsageError("a subcommand is missing; see 'nngp --help'");
  if (word->starts_with('-') && *word != "--help" && *word != "-h" && *word != "--version")
    throw UsageError("a subcommand must come before '" + printable(*word) + "'; see 'nngp --help'");
  std::rotate(words.begin(), word, word + 1);
}

/// What --isa says, or else NNGP_ISA, which is checked now and not in the middle of the work.
void choose_instruction_set(const po::variables_map& arguments) {
  try {
    if (arguments.count("isa")) use_instruction_set(text_of(arguments, "isa"));
  } catch (const Error& error) {
    throw UsageError(std::string("--isa: ") + error.what());
  }
  try {
    instruction_set();
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

void print_version(const std::vector<std::string>& options) {
  Command version = {};
  version.name = "--version";
  choose_instruction_set(parse_arguments(version, options));
  output() << "nngp " NNGP_VERSION "\ninstruction set " << instruction_set() << " of";
  const char* separator = " ";
  for (const std::string_view name : instruction_sets())
    output() << std::exchange(separator, ", ") << name;
  output() << '\n';
}

void run(std::vector<std::string> words) {
  move_subcommand_to_front(words);
  if (words[0] == "--version") return print_version({words.begin() + 1, words.end()});
  if (words[0] == "--help" || words[0] == "-h") return print_general_help();
  if (words[0] == "help") {
    if (words.size() == 1) return print_general_help();
    return print_help(find_command(words[1]));
  }
  const Command& command = find_command(words[0]);
  words.erase(words.begin());
  if (std::find(words.begin(), words.end(), "--help") != words.end() ||
      std::find(words.begin(), words.end(), "-h") != words.end())
    return print_help(command);
  const po::variables_map arguments = parse_arguments(command, words);
  choose_instruction_set(arguments);
  command.run(arguments);
}

/// Takes no memory: there may be none.
void print_error(std::string_view text, std::string_view more = "") {
  std::cerr << (is_lively(2) ? "\033[1;31mnngp:\033[0m " : "nngp: ") << text << more << '\n';
}

constexpr const char* out_of_memory = "out of memory; use fewer examples or units, or --dtype float32";

// What a handler of the language tells another can be nothing but a global.
std::atomic<bool> memory_ran_out = false;
std::terminate_handler end_as_ever = nullptr;

/// Libraries take memory even where they may throw nothing, which ends the process: nlohmann::json to
/// destroy a value, libstdc++ to read a folder. That is an error like any other.
void watch_memory() {
  std::set_new_handler([] {
    memory_ran_out = true;
    throw std::bad_alloc();
  });
  end_as_ever = std::set_terminate([] {
    if (!memory_ran_out) end_as_ever();
    abandon_outputs();
    print_error(out_of_memory);
    end_at_once(failed);
  });
}

/// Files that are opened get the lowest descriptor that is free: where the parent closed one of the
/// standard streams, what is printed would go into an output. A closed stream gets a place in which
/// reading and writing fail, as they do with closed ones.
void occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/// False for a pipe whose other end is closed.
bool has_reader(int descriptor) {
  pollfd one = {descriptor, POLLOUT, 0};
  return ::poll(&one, 1, 0) <= 0 || !(one.revents & POLLERR);
}

int checked_run(int count, char** words) {
  // Both turn into errors of the call that met them.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  SignalWatch watch;
  output().exceptions(std::ios::failbit | std::ios::badbit);
  try {
    run({words + std::min(count, 1), words + count});
    output().flush();
    return done;
  } catch (const std::ios_base::failure&) {
    int error = errno;
    output().exceptions(std::ios::goodbit);
    // What was called on the way may have set errno, and another thread has its own; a descriptor that
    // never takes anything says so again.
    if (::write(standard_output_descriptor(), "", 0) < 0) error = errno;
    if (error == EPIPE || !has_reader(standard_output_descriptor())) return done;  // who had enough
    print_error("cannot write to standard output: ", std::strerror(error));
  } catch (const UsageError& error) {
    print_error(error.what());
    return wrong_usage;
  } catch (const InexactError& error) {
    print_error(error.reason(), acceptance_text(error));
  } catch (const Interruption& interruption) {
    watch.end_in_order();
    print_error(interruption.message);
    return 128 + interruption.signal;
  } catch (const std::bad_alloc&) {
    rlimit limit = {};
    const bool limited = ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    print_error(out_of_memory, limited ? "; what limits it is ulimit -v" : "");
  } catch (const std::exception& error) {
    print_error(error.what());
  } catch (...) {
    print_error("an exception that is no std::exception was thrown: by a plugin, for nngp throws none");
  }
  return failed;
}

}  // namespace
}  // namespace nngp::host

int main(int count, char** words) {
  namespace host = nngp::host;
  host::occupy_standard_streams();
  if (count > 1 && std::string_view(words[1]) == host::check_worker_word)
    return host::run_check_worker({words + 2, words + count});
  host::watch_memory();
  const host::ProcessGuard guard;
  return host::checked_run(count, words);
}
