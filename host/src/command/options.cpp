#include "command/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string_view>

#include "command/command.hpp"
#include "nngp/error.hpp"
#include "nngp/file.hpp"
#include "nngp/limits.hpp"
#include "nngp/text.hpp"

namespace nngp::host {

po::typed_value<std::string>* text(const char* value_name) {
  return po::value<std::string>()->value_name(value_name);
}

po::typed_value<int>* threads_value() { return po::value<int>()->default_value(0)->value_name("N"); }

std::string read_model(const std::string& argument) {
  if (!argument.starts_with('@')) return argument;
  return std::string(FileBytes(std::filesystem::path(argument.substr(1))).text());
}

unsigned threads_from(int number) {
  constexpr int most = 4096;
  if (number < 0 || number > most)
    throw UsageError("--threads is a number from 1 to " + std::to_string(most) +
                     ", or 0 for as many as the process may use");
  return number > 0 ? std::min(static_cast<unsigned>(number), available_processors())
                    : static_cast<unsigned>(available_threads().amount);
}

std::string dtype_from(const std::string& text) {
  if (text != "float64" && text != "float32")
    throw UsageError("--dtype is float64 or float32, not '" + printable(text) + "'");
  return text;
}

std::size_t parse_size(const std::string& text) {
  constexpr std::string_view units = "KMGT";
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = error == std::errc();
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::size_t unit = 0;
  if (number && !rest.empty()) {
    unit = units.find(rest.front()) + 1;  // 0: not found
    rest.remove_prefix(1);
    if (unit == 0) rest = "?";
  }
  const std::size_t scale = std::size_t{1} << (10 * unit);
  if (!number || value == 0 || !rest.empty() || value > std::numeric_limits<std::size_t>::max() / scale)
    throw UsageError("--memory takes a size such as 500M or 4G, not '" + printable(text) + "'");
  return value * scale;
}

Memory memory_from(const po::variables_map& arguments) {
  if (arguments.count("memory")) return {parse_size(text_of(arguments, "memory")), "--memory"};
  const Limit limit = available_memory();
  return {limit.amount / 2,
          "half of what " + limit.by + (limit.by == "the machine" ? " has" : " grants")};
}

std::string Memory::text() const { return bytes_text(bytes) + ", " + by; }

std::string bytes_text(std::size_t bytes) {
  constexpr double unit = 1024;
  const auto value = static_cast<double>(bytes);
  char text[64];
  if (value < unit * unit)
    std::snprintf(text, sizeof text, "%.3g KiB", value / unit);
  else if (value < unit * unit * unit)
    std::snprintf(text, sizeof text, "%.4g MiB", value / unit / unit);
  else
    std::snprintf(text, sizeof text, "%.4g GiB", value / unit / unit / unit);
  return text;
}

double parse_number(const std::string& text, const std::string& option, const std::string& or_else) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    throw UsageError("--" + option + " takes a finite number" + or_else + ", not '" + printable(text) +
                     "'");
  return value;
}

namespace {

std::filesystem::path place(const std::string& path) {
  return path == standard_output ? std::filesystem::path(path) : output_place(path);
}

/// Throws UsageError if what is written to `output` lies at `other` until it is finished.
void check_way(const Paths::value_type& output, const Paths::value_type& other) {
  for (const char* suffix : {".partial", ".journal"})
    if (place(other.second) == place(output.second).concat(suffix))
      throw UsageError(output.first + " '" + printable(output.second) + "' is written by way of '" +
                       printable(other.second) + "', which " + other.first +
                       " names; rename one of them");
}

}  // namespace

void check_paths(const Paths& inputs, const Paths& outputs) {
  const std::pair<std::string, std::string>* piped = nullptr;
  for (const auto& input : inputs) {
    if (input.second != standard_input) continue;
    if (piped) throw UsageError(piped->first + " and " + input.first + " both read standard input");
    piped = &input;
  }
  const auto check_place = [](const auto& one, const auto& other) {
    if (place(one.second) == place(other.second))
      throw UsageError(one.first + " and " + other.first + " name the same place '" +
                       printable(other.second) + "'");
  };
  for (auto output = outputs.begin(); output != outputs.end(); ++output) {
    if (output->second.empty()) continue;
    for (const auto& input : inputs) {
      if (input.second == standard_input || input.second.empty()) continue;
      check_place(input, *output);
      check_way(*output, input);
    }
    for (auto before = outputs.begin(); before != output; ++before) {
      if (before->second.empty()) continue;
      check_place(*before, *output);
      check_way(*output, *before);
      check_way(*before, *output);
    }
  }
}

}  // namespace nngp::host
