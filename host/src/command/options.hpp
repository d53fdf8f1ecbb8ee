#pragma once

// Options that several subcommands share.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace nngp::host {

/// The output path that means standard output.
inline constexpr const char* standard_output = "-";

/// The input path that means standard input.
inline constexpr const char* standard_input = "-";

/// The value of --model: the expression, or what the file of "@FILE" holds. Throws DataError.
std::string read_model(const std::string& argument);

/// The value of --threads; 0: as many as the machine has. Throws UsageError.
unsigned threads_from(int number);

/// The value of --dtype: float64 or float32. Throws UsageError.
std::string dtype_from(const std::string& text);

/// "1G", "512M": a number of bytes, with powers of 1024. Throws UsageError.
std::size_t parse_size(const std::string& text);

/// Half of the machine's memory.
std::size_t default_memory();

/// A finite number, whatever the locale. Throws UsageError that names `option`.
double parse_number(const std::string& text, const std::string& option);

/// Options and the paths they were given, or "".
using Paths = std::vector<std::pair<std::string, std::string>>;

/// An output must not replace another file of the same command, and standard input is read once. Throws
/// UsageError.
void check_paths(const Paths& inputs, const Paths& outputs);

}  // namespace nngp::host
