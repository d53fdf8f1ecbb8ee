#include "kernel_report.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <variant>

#include "nngp/kernel.hpp"
#include "terminal.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

ordered_json path_or_null(const std::string& path) {
  return path.empty() ? ordered_json() : ordered_json(path);
}

ordered_json json_of(const std::string& path, const InputReport& input) {
  return {{"path", path}, {"rows", input.rows}, {"columns", input.cols}, {"dtype", input.dtype}};
}

ordered_json json_of(const PluginReport& plugin) {
  return {{"activation", plugin.activation},
          {"version", plugin.version},
          {"library", plugin.library},
          {"abi", plugin.abi},
          {"file", plugin.file}};
}

// A path need not be UTF-8.
std::string dump(const ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

template <class Size>
std::string size_text(Size rows, Size cols) {
  return std::to_string(rows) + " x " + std::to_string(cols);
}

std::string text_of(const std::string& path, const InputReport& input) {
  return path + ": " + size_text(input.rows, input.cols) + ", " + input.dtype;
}

/// A file with its size and time of change: another file of the same name is told apart.
std::string stamp(const std::string& path) {
  std::error_code ignored;
  const auto time = std::filesystem::last_write_time(path, ignored).time_since_epoch().count();
  return std::filesystem::absolute(path, ignored).string() + ", " +
         std::to_string(std::filesystem::file_size(path, ignored)) + " bytes, " + std::to_string(time);
}

template <class... Values>
std::string print(const char* format, Values... values) {
  char buffer[128];
  std::snprintf(buffer, sizeof buffer, format, values...);
  return buffer;
}

std::size_t peak_memory_bytes() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

ordered_json json_of(const NumericalLayer& layer) {
  ordered_json breakpoints = ordered_json::array();
  for (const nngp_breakpoint& point : layer.breakpoints)
    breakpoints.push_back({{"x", point.x}, {"order", point.order}});
  return {{"activation", layer.activation},
          {"tolerance", layer.tolerance},
          {"error_nngp", layer.error_nngp},
          {"error_d_nngp", layer.error_d_nngp},
          {"breakpoints", breakpoints}};
}

void collect(const Layer& layer, std::vector<Activation>& found) {
  if (const auto* elementwise = std::get_if<Elementwise>(&layer.node()))
    found.push_back(elementwise->activation);
  if (const auto* serial = std::get_if<Serial>(&layer.node()))
    for (const Layer& part : serial->layers) collect(part, found);
  if (const auto* parallel = std::get_if<Parallel>(&layer.node()))
    for (const Layer& part : parallel->layers) collect(part, found);
}

}  // namespace

std::string KernelReport::json() const {
  ordered_json used = ordered_json::array();
  for (const PluginReport& plugin : plugins) used.push_back(json_of(plugin));
  ordered_json integrated = ordered_json::array();
  for (const NumericalLayer& layer : numerical) integrated.push_back(json_of(layer));
  return dump({{"nngp_version", NNGP_VERSION},
               {"model", {{"text", request.model}, {"normalised", normalised_model}}},
               {"inputs",
                {{"x1", json_of(request.x1, x1)},
                 {"x2", x2 ? json_of(request.x2, *x2) : ordered_json()}}},
               {"outputs", {{"nngp", path_or_null(request.nngp)}, {"ntk", path_or_null(request.ntk)}}},
               {"rows", {window.row, window.row + window.rows}},
               {"columns", {window.col, window.col + window.cols}},
               {"dtype", request.dtype},
               {"threads", request.threads},
               {"instruction_set", instruction_set()},
               {"plugins", used},
               {"numerical_layers", integrated},
               {"seconds",
                {{"read", read_seconds}, {"compute", compute_seconds}, {"write", write_seconds}}},
               {"peak_memory_bytes", peak_memory_bytes()}},
              2) +
         '\n';
}

std::string KernelReport::identity() const {
  ordered_json files = ordered_json::array({stamp(request.x1)});
  if (x2) files.push_back(stamp(request.x2));
  for (const PluginReport& plugin : plugins) files.push_back(stamp(plugin.file));
  return dump({{"nngp_version", NNGP_VERSION},
               {"model", normalised_model},
               {"files", files},
               {"dtype", request.dtype},
               {"kernels", {request.wants_nngp(), request.wants_ntk()}},
               {"instruction_set", instruction_set()}},
              -1);
}

std::string KernelReport::text() const {
  Table table;
  table.add({bold("model"), normalised_model});
  table.add({bold("x1"), text_of(request.x1, x1)});
  table.add({bold("x2"), x2 ? text_of(request.x2, *x2) : "x1"});
  for (const PluginReport& plugin : plugins)
    table.add({bold("plugin"),
               plugin.activation + " of " + std::filesystem::path(plugin.file).filename().string()});
  table.add({bold("kernels"), size_text(window.rows, window.cols) + ", " + request.dtype});
  table.add({bold("seconds"), print("read %.3f, compute %.3f (%s, %u threads)", read_seconds,
                                    compute_seconds, instruction_set(), request.threads)});
  return table.text();
}

std::vector<PluginReport> plugins_used(const Layer& network, const Registry& registry) {
  std::vector<Activation> activations;
  collect(network, activations);
  std::vector<PluginReport> used;
  for (const Activation& activation : activations) {
    const std::string text = activation.text();
    // The same text may come from two libraries; where the name lies in memory tells which.
    const std::filesystem::path file = boost::dll::symbol_location_ptr(activation.descriptor().name);
    if (std::any_of(used.begin(), used.end(), [&](const PluginReport& one) {
          return one.activation == text && one.file == file;
        }))
      continue;
    PluginReport report = {text, activation.descriptor().version, "", "", file};
    std::error_code ignored;
    for (const ActivationInfo& info : registry.activations())
      if (info.name == activation.name() && std::filesystem::equivalent(info.file, file, ignored)) {
        report.library = info.library;
        report.abi = info.abi;
      }
    used.push_back(std::move(report));
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
