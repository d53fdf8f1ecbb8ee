// nngp plugins check: runs the checks and shows the findings.

#include "check/check_command.hpp"

#include <nlohmann/json.hpp>

#include "check/check.hpp"
#include "check/messages.hpp"
#include "command/process_guard.hpp"
#include "command/terminal.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

void list_checks(bool as_json) {
  if (as_json) {
    ordered_json list = ordered_json::array();
    for (const CheckInfo& info : known_checks())
      list.push_back({{"name", info.name}, {"summary", info.summary}});
    output() << list.dump(2) << '\n';
    return;
  }
  Table table;
  for (const CheckInfo& info : known_checks()) table.add({info.name, info.summary});
  output() << table.text();
}

/// Findings come one by one and are shown as they come.
class TextReport {
 public:
  void add(const Finding& finding) {
    if (!begun_ || finding.activation != activation_) {
      output() << (begun_ ? "\n" : "")
               << bold(finding.activation.empty() ? "library" : finding.activation) << '\n';
      activation_ = finding.activation;
      begun_ = true;
    }
    Table table(2);
    std::string status = name_of(finding.result.status);
    status.resize(width("skipped"), ' ');
    std::string check = finding.check;
    check.resize(std::max(check.size(), name_width_), ' ');
    const bool bad = finding.result.status >= Status::warning;
    table.add({bad ? bold(status) + "  " + check : status + "  " + check, finding.result.message});
    output() << table.text() << std::flush;
  }

 private:
  static std::size_t width(std::string_view text) { return text.size(); }
  static std::size_t longest_name() {
    std::size_t longest = 0;
    for (const CheckInfo& info : known_checks()) longest = std::max(longest, info.name.size());
    return longest;
  }

  std::size_t name_width_ = longest_name();
  std::string activation_;
  bool begun_ = false;
};

ordered_json json_of(const CheckReport& report) {
  ordered_json findings = ordered_json::array();
  for (const Finding& finding : report.findings) {
    ordered_json one = {
        {"activation", finding.activation.empty() ? ordered_json() : ordered_json(finding.activation)},
        {"check", finding.check}};
    one.update(to_json(finding.result));
    findings.push_back(one);
  }
  return {{"file", report.file.string()},      {"library", report.library},
          {"version", report.version},         {"abi", report.abi},
          {"result", name_of(report.worst())}, {"findings", findings}};
}

}  // namespace

po::options_description check_options() {
  po::options_description options("Options of check");
  options.add_options()  //
      ("check", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
       "run this check alone; may be repeated")             //
      ("list-checks", "list all checks and what they ask")  //
      ("time-limit", po::value<double>()->default_value(20)->value_name("S"),
       "seconds that one check may take")  //
      ("memory-limit", po::value<double>()->default_value(2048)->value_name("MIB"),
       "memory that the plugin may use");
  return options;
}

void run_check(const po::variables_map& arguments) {
  const bool as_json = arguments.count("json") > 0;
  if (arguments.count("list-checks")) return list_checks(as_json);
  const std::string file = text_of(arguments, "name");
  if (file.empty()) throw UsageError("a file is missing: nngp plugins check FILE");

  CheckOptions options;
  if (arguments.count("check")) options.only = arguments["check"].as<std::vector<std::string>>();
  options.seconds = arguments["time-limit"].as<double>();
  const double memory = arguments["memory-limit"].as<double>();
  if (!(options.seconds > 0)) throw UsageError("--time-limit must be more than 0 seconds");
  if (!(memory >= 512 && memory <= 1e9)) throw UsageError("--memory-limit must be 512 MiB or more");
  options.memory = static_cast<std::size_t>(memory) << 20;

  TextReport text;
  if (!as_json) options.report = [&](const Finding& finding) { text.add(finding); };
  const CheckReport report = check_plugin(file, options);
  if (as_json) {
    output() << json_of(report).dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  } else {
    output() << '\n' << report.summary() << '\n';
  }
  output().flush();
  if (!report.passed()) throw PluginError(printable(file, 300) + ": " + report.summary());
}

}  // namespace nngp::host
