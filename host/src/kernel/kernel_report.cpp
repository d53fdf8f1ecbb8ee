#include "kernel/kernel_report.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "command/terminal.hpp"

namespace nngp::host {
namespace {

/// A file with its size and time of change: another file of the same name is told apart.
std::string stamp(const std::string& path) {
  std::error_code ignored;
  const auto time = std::filesystem::last_write_time(path, ignored).time_since_epoch().count();
  return std::filesystem::absolute(path, ignored).string() + ", " +
         std::to_string(std::filesystem::file_size(path, ignored)) + " bytes, " + std::to_string(time);
}

}  // namespace

std::string KernelReport::json() const {
  return finish_report(
      {{"nngp_version", NNGP_VERSION},
       {"model", {{"text", request.model}, {"normalised", normalised_model}}},
       {"inputs",
        {{"x1", json_of(request.x1, x1)}, {"x2", x2 ? json_of(request.x2, *x2) : ordered_json()}}},
       {"outputs", {{"nngp", path_or_null(request.nngp)}, {"ntk", path_or_null(request.ntk)}}},
       {"rows", {window.row, window.row + window.rows}},
       {"columns", {window.col, window.col + window.cols}},
       {"layers", json_of(work)},
       {"memory", json_of(request.memory)}},
      {request.dtype,
       request.threads,
       plugins,
       numerical,
       {{"read", read_seconds}, {"compute", compute_seconds}, {"write", write_seconds}}});
}

std::string KernelReport::identity() const {
  ordered_json files = ordered_json::array({stamp(request.x1)});
  if (x2) files.push_back(stamp(request.x2));
  for (const PluginReport& plugin : plugins)
    if (!plugin.file.empty()) files.push_back(stamp(plugin.file));
  return dump({{"nngp_version", NNGP_VERSION},
               {"model", normalised_model},
               {"files", files},
               {"positions", x1.sites.extents},
               {"taken_for", {x1.remarks, x2 ? x2->remarks : std::vector<std::string>()}},
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
  add_plugins(table, plugins);
  add_numerical(table, numerical);
  table.add({bold("kernels"), size_text(window.rows, window.cols) + ", " + request.dtype});
  table.add({bold("seconds"), print("read %.3f, compute %.3f (%s, %u threads)", read_seconds,
                                    compute_seconds, instruction_set(), request.threads)});
  return table.text();
}

}  // namespace nngp::host
