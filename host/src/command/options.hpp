#pragma once

// Options that several subcommands share.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "command/command.hpp"

namespace nngp::host {

/// The output path that means standard output.
inline constexpr const char* standard_output = "-";

/// The input path that means standard input.
inline constexpr const char* standard_input = "-";

/// An option that takes text, which help calls `value_name`.
po::typed_value<std::string>* text(const char* value_name);

/// What --model and --threads take, as help says it.
inline constexpr const char* model_help =
    "the network: an expression as of neural_tangents.stax, or @FILE that holds one";
inline constexpr const char* threads_help = "how many threads; 0: as many as the process may use";
po::typed_value<int>* threads_value();

/// The value of --model: the expression, or what the file of "@FILE" holds. Throws DataError.
std::string read_model(const std::string& argument);

/// The value of --threads, but not more than there are processors; 0: as many as the process may use,
/// by its affinity and the quota of its control group. Throws UsageError.
unsigned threads_from(int number);

/// The value of --dtype: float64 or float32. Throws UsageError.
std::string dtype_from(const std::string& text);

/// "1G", "512M": a number of bytes, with powers of 1024. Throws UsageError.
std::size_t parse_size(const std::string& text);

/// How much memory a command may use, and who says so.
struct Memory {
  std::size_t bytes = 0;
  std::string by;  ///< "--memory", "half of what the machine has", ...
  std::string text() const;
};

/// The value of --memory; by default half of what the process may use.
Memory memory_from(const po::variables_map& arguments);

/// "1.5 GiB"
std::string bytes_text(std::size_t bytes);

/// A finite number, whatever the locale. Throws UsageError that names `option`, and what it takes
/// beside numbers: " or inf".
double parse_number(const std::string& text, const std::string& option,
                    const std::string& or_else = "");

/// Options and the paths they were given, or "".
using Paths = std::vector<std::pair<std::string, std::string>>;

/// An output must not replace another file of the same command, and standard input is read once. Throws
/// UsageError.
void check_paths(const Paths& inputs, const Paths& outputs);

}  // namespace nngp::host
