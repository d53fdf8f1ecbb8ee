#include "command/report.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <nlohmann/json.hpp>

#include "command/models.hpp"
#include "command/options.hpp"
#include "command/process_guard.hpp"
#include "nngp/file.hpp"
#include "nngp/formula.hpp"

namespace nngp::host {
namespace {

/// The file that an activation was loaded from, by where its name lies in memory; empty for a plugin
/// that the program made.
std::filesystem::path file_of(const Activation& activation) {
  std::error_code error;
  return boost::dll::symbol_location_ptr(activation.descriptor().name, error).string();
}

/// What the registry says of an activation; null if it knows neither its tables nor its file. The same
/// name may come from several libraries.
const ActivationInfo* info_of(const Activation& activation, const Registry& registry) {
  const std::string_view name = activation.descriptor().name;
  const std::filesystem::path file = file_of(activation);
  std::error_code error;
  for (const ActivationInfo& info : registry.activations()) {
    if (info.table ? info.table->name == name.data()
                   : info.name == name && std::filesystem::equivalent(info.file, file, error))
      return &info;
  }
  return nullptr;
}

}  // namespace

ordered_json path_or_null(const std::string& path) {
  return path.empty() ? ordered_json() : ordered_json(path);
}

ordered_json json_of(const std::string& path, const InputReport& input) {
  return {{"path", path},
          {"rows", input.rows},
          {"columns", input.cols},
          {"dtype", input.dtype},
          {"positions", input.sites.extents},
          {"names", input.names.empty() ? ordered_json() : ordered_json(input.names)},
          {"taken_for", input.remarks}};
}

ordered_json json_of(const Memory& memory) { return {{"bytes", memory.bytes}, {"by", memory.by}}; }

ordered_json json_of(const std::vector<LayerWork>& layers) {
  ordered_json list = ordered_json::array();
  for (const LayerWork& layer : layers)
    list.push_back({{"layer", layer.layer}, {"pairs", layer.pairs}, {"of", layer.of}});
  return list;
}

ordered_json json_of(const std::vector<PluginReport>& plugins) {
  ordered_json list = ordered_json::array();
  for (const PluginReport& plugin : plugins)
    list.push_back({{"activation", plugin.activation},
                    {"version", plugin.version},
                    {"library", plugin.library},
                    {"abi", plugin.abi},
                    {"file", path_or_null(plugin.file)}});
  return list;
}

std::string dump(const ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

std::string size_text(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

std::string text_of(const std::string& path, const InputReport& input) {
  std::string text =
      path + ": " +
      size_text(static_cast<std::size_t>(input.rows), static_cast<std::size_t>(input.cols)) + ", " +
      input.dtype;
  if (input.sites.dimensions() > 0) text += ", " + input.sites.text() + " positions";
  for (const std::string& remark : input.remarks) text += "; " + remark;
  return text;
}

void add_plugins(Table& table, const std::vector<PluginReport>& plugins) {
  for (const PluginReport& plugin : plugins)
    table.add({bold("plugin"),
               plugin.activation + " of " +
                   (plugin.file.empty() ? plugin.library
                                        : std::filesystem::path(plugin.file).filename().string())});
}

void add_numerical(Table& table, const std::vector<NumericalLayer>& layers) {
  for (const NumericalLayer& layer : layers)
    table.add({bold("integrated"),
               layer.activation +
                   print(": errors up to %.1g (nngp) and %.1g (d_nngp), ", layer.error.nngp,
                         layer.error.d_nngp) +
                   print("prepared in %.3f s with %zu calls of fn", layer.seconds, layer.calls)});
}

std::size_t peak_memory_bytes() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

ordered_json json_of(const std::vector<NumericalLayer>& layers) {
  ordered_json list = ordered_json::array();
  for (const NumericalLayer& layer : layers) {
    ordered_json breakpoints = ordered_json::array();
    for (const nngp_breakpoint& point : layer.breakpoints)
      breakpoints.push_back({{"x", point.x}, {"order", point.order}});
    list.push_back({{"activation", layer.activation},
                    {"tolerance", layer.tolerance},
                    {"error_nngp", layer.error.nngp},
                    {"error_d_nngp", layer.error.d_nngp},
                    {"fn_noise", layer.error.noise},
                    {"breakpoints", breakpoints},
                    {"fn_calls", layer.calls},
                    {"seconds", layer.seconds}});
  }
  return list;
}

std::string finish_report(ordered_json report, const RunReport& run) {
  report["dtype"] = run.dtype;
  report["threads"] = run.threads;
  report["instruction_set"] = instruction_set();
  report["plugins"] = json_of(run.plugins);
  report["numerical_layers"] = json_of(run.numerical);
  ordered_json seconds = ordered_json::object();
  for (const auto& [part, value] : run.seconds) seconds[part] = value;
  report["seconds"] = seconds;
  report["peak_memory_bytes"] = peak_memory_bytes();
  return dump(report, 2) + '\n';
}

bool give_report(const std::string& path, const std::string& json) {
  if (path == standard_output) {
    output() << json;
    return true;
  }
  if (!path.empty()) write_file(path, json);
  return false;
}

std::vector<PluginReport> plugins_used(const Layer& network, const Registry& registry) {
  std::vector<PluginReport> used;
  for (const Activation& activation : activations_of(network)) {
    if (is_formula(activation)) continue;  // the model has all of it
    PluginReport report = {activation.text(), activation.descriptor().version, "", "",
                           file_of(activation).string()};
    if (const ActivationInfo* info = info_of(activation, registry)) {
      report.library = info->library;
      report.abi = info->abi;
      report.file = info->file.string();
    }
    if (std::find(used.begin(), used.end(), report) == used.end()) used.push_back(std::move(report));
  }
  return used;
}

template <class Real>
std::string kernel_text(const std::string& name, const MatrixView<Real>& kernel, bool symmetric) {
  constexpr Eigen::Index corner = 4;
  std::string text = bold(name) + print(": entries from %.6g to %.6g", double(kernel.minCoeff()),
                                        double(kernel.maxCoeff()));
  if (symmetric)
    text += print(", diagonal from %.6g to %.6g", double(kernel.diagonal().minCoeff()),
                  double(kernel.diagonal().maxCoeff()));
  text += '\n';
  for (Eigen::Index i = 0; i < std::min(kernel.rows(), corner); ++i) {
    for (Eigen::Index j = 0; j < std::min(kernel.cols(), corner); ++j)
      text += print("%14.6g", double(kernel(i, j)));
    text += kernel.cols() > corner ? "  ...\n" : "\n";
  }
  if (kernel.rows() > corner) text += std::string(11, ' ') + "...\n";
  return text;
}

template std::string kernel_text(const std::string&, const MatrixView<double>&, bool);
template std::string kernel_text(const std::string&, const MatrixView<float>&, bool);

}  // namespace nngp::host
