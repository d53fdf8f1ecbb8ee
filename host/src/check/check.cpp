#include "check/check.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "check/checks.hpp"
#include "check/messages.hpp"
#include "check/worker_process.hpp"
#include "command/command.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

using nlohmann::ordered_json;

// A plugin that ends so many processes in a row will end the next.
constexpr int max_deaths = 4;

const char* const status_names[] = {"pass", "skipped", "warning", "failure"};

bool is_wanted(const CheckOptions& options, const std::string& name) {
  return options.only.empty() ||
         std::find(options.only.begin(), options.only.end(), name) != options.only.end();
}

void refuse_unknown(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const CheckInfo& info : known_checks()) known.push_back(info.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string suggestion = suggest(name, known);
    throw UsageError("no check is called '" + printable(name) + "'" +
                     (suggestion.empty() ? "; see 'nngp plugins check --list-checks'" : suggestion));
  }
}

template <class Checks>
std::vector<std::string> wanted_names(const CheckOptions& options, const Checks& checks) {
  std::vector<std::string> names;
  for (const auto& check : checks)
    if (is_wanted(options, check.name)) names.push_back(check.name);
  return names;
}

/// One run of check_plugin().
class Checker {
 public:
  Checker(const std::filesystem::path& file, const CheckOptions& options) : options_(options) {
    report_.file = file;
  }

  CheckReport run() {
    if (!examine_file()) return report_;
    run_workers("", wanted_names(options_, library_checks()));
    for (const std::string& activation : activations_)
      run_workers(activation, wanted_names(options_, activation_checks()));
    return report_;
  }

 private:
  void add(const std::string& activation, const std::string& check, Result result) {
    report_.findings.push_back({activation, check, std::move(result)});
    if (options_.report) options_.report(report_.findings.back());
  }

  /// False if the file cannot be loaded.
  bool examine_file() {
    bool usable = true;
    for (const FileCheck& check : file_checks()) {
      const Result result = check.run(report_.file);
      usable = usable && (result.status != Status::failure || &check != &file_checks().front());
      // A file that is no plugin is found whatever was asked for.
      if (is_wanted(options_, check.name) || !usable) add("", check.name, result);
      if (!usable) return false;
    }
    return true;
  }

  /// Runs checks in a process, those that are left in another when the plugin ends it.
  void run_workers(const std::string& activation, std::vector<std::string> checks) {
    int deaths = 0;
    do {
      std::vector<std::string> words = {std::filesystem::absolute(report_.file).string(), activation,
                                        std::to_string(options_.memory)};
      words.insert(words.end(), checks.begin(), checks.end());
      WorkerProcess worker(words);
      current_ = "";
      if (read(worker, activation, checks)) return;
      const std::string check = current_.empty() ? "load" : current_;
      add(activation, check, failed(worker.end()));
      std::erase(checks, check);
      // Without its tables nothing more can be known, and a second wait would tell nothing new.
      const bool hopeless = current_.empty() || check == "load" || worker.timed_out();
      if (hopeless || ++deaths == max_deaths) {
        for (const std::string& rest : checks) add(activation, rest, skipped("not run after that"));
        return;
      }
    } while (!checks.empty());
  }

  /// Takes in what a worker says and takes off `checks` what it has done. False if it died.
  bool read(WorkerProcess& worker, const std::string& activation, std::vector<std::string>& checks) {
    while (const auto line = worker.read_line(options_.seconds)) {
      const ordered_json message = ordered_json::parse(*line, nullptr, false);
      if (!message.is_object()) continue;
      try {
        if (message.contains("done")) return true;
        if (message.contains("begin")) current_ = message["begin"].get<std::string>();
        if (message.contains("library")) take_library(message);
        if (message.contains("status")) {
          const std::string check = message["check"].get<std::string>();
          add(activation, check, result_from_json(message));
          std::erase(checks, check);
        }
      } catch (const std::exception&) {
        continue;  // not a line of ours
      }
    }
    return false;
  }

  void take_library(const ordered_json& message) {
    report_.library = message["library"].get<std::string>();
    report_.version = message["version"].get<std::string>();
    report_.abi = message["abi"].get<std::string>();
    activations_ = message["activations"].get<std::vector<std::string>>();
  }

  const CheckOptions& options_;
  CheckReport report_;
  std::vector<std::string> activations_;
  std::string current_;  ///< the check that has begun
};

}  // namespace

const char* name_of(Status status) { return status_names[static_cast<int>(status)]; }

Status CheckReport::worst() const {
  Status worst = Status::pass;
  for (const Finding& finding : findings)
    if (finding.result.status != Status::skipped) worst = std::max(worst, finding.result.status);
  return worst;
}

std::string CheckReport::summary() const {
  std::size_t counts[4] = {};
  for (const Finding& finding : findings) ++counts[static_cast<int>(finding.result.status)];
  const auto text = [](std::size_t count, const char* one, const char* many) {
    return std::to_string(count) + (count == 1 ? one : many);
  };
  std::string summary = text(counts[0], " check passed", " checks passed");
  if (counts[2]) summary += text(counts[2], " warning", " warnings").insert(0, ", ");
  if (counts[3]) summary += text(counts[3], " failure", " failures").insert(0, ", ");
  return summary;
}

ordered_json to_json(const Result& result) {
  ordered_json json = {{"status", name_of(result.status)}, {"message", result.message}};
  // JSON has no infinity: the text says it.
  if (result.error)
    json["error"] = std::isfinite(*result.error) ? ordered_json(*result.error) : ordered_json();
  if (result.tolerance) json["tolerance"] = *result.tolerance;
  return json;
}

Result result_from_json(const ordered_json& json) {
  const auto name = json.at("status").get<std::string>();
  const auto found = std::find(std::begin(status_names), std::end(status_names), name);
  if (found == std::end(status_names)) throw Error("unknown status");
  Result result{static_cast<Status>(found - std::begin(status_names)),
                printable(json.at("message").get<std::string>(), 1000)};
  const auto number = [&](const char* key) -> std::optional<double> {
    if (!json.contains(key)) return std::nullopt;
    return json[key].is_null() ? INFINITY : json[key].get<double>();
  };
  result.error = number("error");
  result.tolerance = number("tolerance");
  return result;
}

CheckReport check_plugin(const std::filesystem::path& file, const CheckOptions& options) {
  refuse_unknown(options.only);
  return Checker(file, options).run();
}

std::vector<CheckInfo> known_checks() {
  std::vector<CheckInfo> known;
  for (const FileCheck& check : file_checks()) known.push_back({check.name, check.summary});
  for (const LibraryCheck& check : library_checks()) known.push_back({check.name, check.summary});
  for (const Check& check : activation_checks()) known.push_back({check.name, check.summary});
  return known;
}

}  // namespace nngp::host
