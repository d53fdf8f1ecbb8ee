#pragma once

// Parts of the reports of several subcommands, as JSON and for reading.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "command/options.hpp"
#include "command/terminal.hpp"
#include "nngp/array.hpp"
#include "nngp/data.hpp"
#include "nngp/kernel.hpp"
#include "nngp/registry.hpp"
#include "nngp/stax.hpp"

namespace nngp::host {

/// What gets members one by one starts as ordered_json::object(): a null that `[]` turns into an object
/// where memory runs out is broken, and its destructor ends the process.
using nlohmann::ordered_json;

/// The matrix of one input file.
struct InputReport {
  Eigen::Index rows = 0;
  Eigen::Index cols = 0;
  std::string dtype;
  std::vector<std::string> names = {};    ///< of its columns, if it has any
  std::vector<std::string> remarks = {};  ///< what was taken for what in text
  Sites sites = {};                       ///< the positions of an example
};

template <class Real>
InputReport input_report(const Dataset<Real>& data) {
  return {data.rows(),         data.cols(),           data.dtype(),
          data.source().names, data.source().remarks, data.sites()};
}
/// An input file, as a report names it.
struct InputFile {
  std::string name;  ///< of the option
  std::string path;
  InputReport matrix;
};

/// An activation that a computation used, and where it came from.
struct PluginReport {
  std::string activation;  ///< as a model writes it, parameters named
  std::string version;
  std::string library;
  std::string abi;
  std::string file;  ///< empty: the program made it

  bool operator==(const PluginReport&) const = default;
};

/// The activations of a network that come from plugins, each once, in order of appearance.
std::vector<PluginReport> plugins_used(const Layer& network, const Registry& registry);

/// Null for the path of an output that was not wanted.
ordered_json path_or_null(const std::string& path);
ordered_json json_of(const std::string& path, const InputReport& input);
ordered_json json_of(const Memory& memory);
/// Of each layer, the pairs of positions of a pair of examples that are computed, and how many there
/// are.
ordered_json json_of(const std::vector<LayerWork>& layers);
ordered_json json_of(const std::vector<PluginReport>& plugins);
ordered_json json_of(const std::vector<NumericalLayer>& layers);
/// As text; a path in it need not be UTF-8.
std::string dump(const ordered_json& value, int indent);

/// "x.npy: 1797 x 64, uint8", "x.csv: 3 x 2, csv; header a, b"
std::string text_of(const std::string& path, const InputReport& input);
/// The range of a kernel's entries and its upper left corner, for reading.
template <class Real>
std::string kernel_text(const std::string& name, const MatrixView<Real>& kernel, bool symmetric);
/// A row for each plugin.
void add_plugins(Table& table, const std::vector<PluginReport>& plugins);
/// A row for each layer that is integrated: its error, and what preparation took.
void add_numerical(Table& table, const std::vector<NumericalLayer>& layers);
/// "1797 x 64"
std::string size_text(std::size_t rows, std::size_t cols);

/// As std::printf writes it, for numbers; NaN has no sign.
template <class... Values>
std::string print(const char* format, Values... values) {
  std::string text(static_cast<std::size_t>(std::max(0, std::snprintf(nullptr, 0, format, values...))),
                   ' ');
  std::snprintf(text.data(), text.size() + 1, format, values...);
  for (auto at = text.find("-nan"); at != text.npos; at = text.find("-nan")) text.erase(at, 1);
  return text;
}

/// The most memory that the process has used so far.
std::size_t peak_memory_bytes();

/// How a computation ran: the end of every report.
struct RunReport {
  std::string dtype;
  unsigned threads = 0;
  std::vector<PluginReport> plugins;
  std::vector<NumericalLayer> numerical;
  std::vector<std::pair<std::string, double>> seconds;  ///< by what was done
};

/// `report` with the fields of `run` and the peak memory of the process so far, as text.
std::string finish_report(ordered_json report, const RunReport& run);

/// The report of --report `path`: printed if that is standard output, which is returned, written if it
/// is a file. Nothing for an empty path.
bool give_report(const std::string& path, const std::string& json);

}  // namespace nngp::host
