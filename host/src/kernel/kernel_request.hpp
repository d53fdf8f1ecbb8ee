#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "command/command.hpp"
#include "command/inputs.hpp"
#include "command/options.hpp"

namespace nngp::host {

/// Entries begin ... end - 1 of a range, as in Python.
struct Slice {
  std::size_t begin = 0;
  std::optional<std::size_t> end;  ///< none: to the end of the range
};

/// What `nngp kernel` is asked for.
struct KernelRequest {
  std::string model;  ///< the expression
  std::string x1;
  std::string x2;    ///< empty: x1
  std::string nngp;  ///< output paths; empty: not wanted, "-": standard output
  std::string ntk;
  std::string report;
  std::string plot;  ///< a picture of the first kernel that is wanted
  ReadOptions reading;
  std::string dtype;
  Slice rows;
  Slice columns;
  unsigned threads = 0;
  Memory memory;  ///< that results may take before they are streamed to disk
  bool resume = false;
  double allowed_error = 0;  ///< of layers that are integrated; above it nothing is written

  bool wants_summary() const { return nngp.empty() && ntk.empty(); }
  bool wants_nngp() const { return !nngp.empty() || wants_summary(); }
  bool wants_ntk() const { return !ntk.empty() || wants_summary(); }
  /// Whether every kernel wanted goes to a file.
  bool writes_files_alone() const {
    return !wants_summary() && nngp != standard_output && ntk != standard_output;
  }
};

po::options_description kernel_options();

/// Reads the options, and the model's file if one is named. Throws UsageError, DataError.
KernelRequest kernel_request(const po::variables_map& arguments);

/// "10:20", ":20", "10:". Throws UsageError.
Slice parse_slice(const std::string& text);

}  // namespace nngp::host
