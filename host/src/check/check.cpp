#include "check/check.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>

#include "check/checks.hpp"
#include "check/messages.hpp"
#include "check/worker_process.hpp"
#include "command/command.hpp"
#include "nngp/error.hpp"
#include "nngp/limits.hpp"
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

/// The findings of several examinations that run at the same time, in the order of those: told as soon
/// as those before are complete.
class Findings {
 public:
  Findings(std::size_t examinations, const std::function<void(const Finding&)>& report)
      : waiting_(examinations), complete_(examinations), report_(report) {}

  void add(std::size_t examination, Finding finding) {
    const std::lock_guard lock(mutex_);
    waiting_[examination].push_back(std::move(finding));
    tell();
  }
  void complete(std::size_t examination) {
    const std::lock_guard lock(mutex_);
    complete_[examination] = true;
    tell();
  }
  std::vector<Finding> take() { return std::move(told_); }

 private:
  void tell() {
    for (; current_ < waiting_.size(); ++current_) {
      for (Finding& finding : waiting_[current_]) {
        told_.push_back(std::move(finding));
        if (report_) report_(told_.back());
      }
      waiting_[current_].clear();
      if (!complete_[current_]) return;
    }
  }

  std::mutex mutex_;  ///< guards what follows
  std::vector<std::vector<Finding>> waiting_;
  std::vector<bool> complete_;
  std::size_t current_ = 0;  ///< the first that is not complete
  std::vector<Finding> told_;
  const std::function<void(const Finding&)>& report_;
};

/// What the library says of itself.
struct Library {
  std::string name, version, abi;
  std::vector<std::string> activations;
};

/// Runs checks of an activation, or of the library as a whole, in a process, and those that are left in
/// another when the plugin ends it.
class Examination {
 public:
  Examination(std::string file, std::string activation, std::vector<std::string> checks,
              const CheckOptions& options, std::function<void(Finding)> add)
      : file_(std::move(file)),
        activation_(std::move(activation)),
        checks_(std::move(checks)),
        options_(options),
        add_(std::move(add)) {}

  void run() {
    int deaths = 0;
    do {
      std::vector<std::string> words = {file_, activation_, std::to_string(options_.memory)};
      words.insert(words.end(), checks_.begin(), checks_.end());
      WorkerProcess worker(words);
      current_ = "";
      if (read(worker)) return;
      const std::string check = current_.empty() ? "load" : current_;
      add(check, failed(worker.end()));
      std::erase(checks_, check);
      // Without its tables nothing more can be known, and a second wait would tell nothing new.
      const bool hopeless = current_.empty() || check == "load" || worker.timed_out();
      if (hopeless || ++deaths == max_deaths) {
        for (const std::string& rest : checks_) add(rest, skipped("not run after that"));
        return;
      }
    } while (!checks_.empty());
  }

  /// What the library says of itself, if it came to that.
  const Library& library() const { return library_; }

 private:
  void add(const std::string& check, Result result) { add_({activation_, check, std::move(result)}); }

  /// Takes in what a worker says and takes off the checks what it has done. False if it died.
  bool read(WorkerProcess& worker) {
    while (const auto line = worker.read_line(options_.seconds)) {
      const ordered_json message = ordered_json::parse(*line, nullptr, false);
      if (!message.is_object()) continue;
      try {
        if (message.contains("done")) return true;
        if (message.contains("begin")) current_ = message["begin"].get<std::string>();
        if (message.contains("library"))
          library_ = {message["library"].get<std::string>(), message["version"].get<std::string>(),
                      message["abi"].get<std::string>(),
                      message["activations"].get<std::vector<std::string>>()};
        if (message.contains("status")) {
          const std::string check = message["check"].get<std::string>();
          add(check, result_from_json(message));
          std::erase(checks_, check);
        }
      } catch (const std::exception&) {
        continue;  // not a line of ours
      }
    }
    return false;
  }

  const std::string file_, activation_;
  std::vector<std::string> checks_;  ///< that are left
  const CheckOptions& options_;
  const std::function<void(Finding)> add_;
  Library library_;
  std::string current_;  ///< the check that has begun
};

/// One run of check_plugin().
class Checker {
 public:
  Checker(const std::filesystem::path& file, const CheckOptions& options) : options_(options) {
    report_.file = file;
  }

  CheckReport run() {
    if (!examine_file()) return report_;
    const std::vector<std::string> activations = examine_library();
    examine(activations);
    return report_;
  }

 private:
  void add(Finding finding) {
    report_.findings.push_back(std::move(finding));
    if (options_.report) options_.report(report_.findings.back());
  }

  /// False if the file cannot be loaded.
  bool examine_file() {
    bool usable = true;
    for (const FileCheck& check : file_checks()) {
      const Result result = check.run(report_.file);
      usable = usable && (result.status != Status::failure || &check != &file_checks().front());
      // A file that is no plugin is found whatever was asked for.
      if (is_wanted(options_, check.name) || !usable) add({"", check.name, result});
      if (!usable) return false;
    }
    return true;
  }

  Examination examination(const std::string& activation, std::vector<std::string> checks,
                          std::function<void(Finding)> add) const {
    return Examination(std::filesystem::absolute(report_.file).string(), activation, std::move(checks),
                       options_, std::move(add));
  }

  /// Returns the names of its activations.
  std::vector<std::string> examine_library() {
    Examination whole = examination("", wanted_names(options_, library_checks()),
                                    [&](Finding finding) { add(std::move(finding)); });
    whole.run();
    report_.library = whole.library().name;
    report_.version = whole.library().version;
    report_.abi = whole.library().abi;
    return whole.library().activations;
  }

  /// As many examinations at a time as there are processors.
  void examine(const std::vector<std::string>& activations) {
    const auto& parts = activation_checks();
    const std::size_t total = activations.size() * parts.size();
    Findings findings(total, options_.report);
    std::atomic<std::size_t> next = 0;
    const auto examine_some = [&] {
      for (std::size_t i; (i = next++) < total; findings.complete(i)) {
        const auto checks = wanted_names(options_, parts[i % parts.size()]);
        if (checks.empty()) continue;
        examination(activations[i / parts.size()], checks, [&, i](Finding finding) {
          findings.add(i, std::move(finding));
        }).run();
      }
    };
    const auto count = std::min<std::size_t>(available_threads().amount, total);
    std::vector<std::future<void>> others;
    for (std::size_t i = 1; i < count; ++i)
      others.push_back(std::async(std::launch::async, examine_some));
    examine_some();
    for (std::future<void>& other : others) other.get();
    for (Finding& finding : findings.take()) report_.findings.push_back(std::move(finding));
  }

  const CheckOptions& options_;
  CheckReport report_;
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
  for (const auto& part : activation_checks())
    for (const Check& check : part) known.push_back({check.name, check.summary});
  return known;
}

}  // namespace nngp::host
