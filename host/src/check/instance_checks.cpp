// Making instances: what they keep to themselves, and their parameters.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "check/calls.hpp"
#include "check/checks.hpp"
#include "check/measure.hpp"
#include "nngp/text.hpp"

namespace nngp::host {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

// ---- parameters

/// Values that the declaration of a parameter excludes.
std::vector<double> excluded_values(const nngp_parameter& p) {
  std::vector<double> values = {std::numeric_limits<double>::quiet_NaN(), inf, -inf};
  if (std::isfinite(p.minimum)) values.push_back(p.minimum - 1);
  if (std::isfinite(p.maximum)) values.push_back(p.maximum + 1);
  if (p.flags & NNGP_MINIMUM_EXCLUDED) values.push_back(p.minimum);
  if (p.flags & NNGP_MAXIMUM_EXCLUDED) values.push_back(p.maximum);
  if (p.kind == NNGP_INTEGER || p.kind == NNGP_BOOLEAN) values.push_back(0.5);
  return values;
}

const char* const accepted = "is accepted";

/// What is wrong with how `create` refuses values: it must return null, and write one line that fits.
std::string refusal_fault(const nngp_activation& table, const std::vector<nngp_value>& values) {
  for (const std::size_t size : {std::size_t{200}, std::size_t{8}}) {
    std::vector<char> error(size + 16, '\x7f');
    error[0] = '\0';
    if (void* made = table.create(values.data(), values.size(), error.data(), size)) {
      table.destroy(made);
      return accepted;
    }
    if (std::any_of(error.begin() + static_cast<std::ptrdiff_t>(size), error.end(),
                    [](char c) { return c != '\x7f'; }))
      return "is refused with a message that is longer than the room for it";
    if (!std::memchr(error.data(), '\0', size)) return "is refused with a message without an end";
    if (!error[0]) return "is refused without a message";
    if (std::strchr(error.data(), '\n')) return "is refused with more than one line";
  }
  return "";
}

/// Whether all parameters of a setting have their defaults.
bool is_default(const nngp_activation& table) {
  return std::all_of(table.parameters, table.parameters + table.parameter_count,
                     [](const nngp_parameter* p) { return p->default_value; });
}

/// Values out of range must be refused. NaN and infinity should be, though no host passes them.
Result try_excluded(const Specimen& specimen) {
  const nngp_activation& table = *specimen.table;
  std::vector<nngp_value> values;
  for (const auto& one : specimen.settings.front()) values.push_back({one.data(), one.size()});
  Result result;
  int refused = 0;
  for (std::size_t i = 0; i < table.parameter_count; ++i) {
    for (const double value : excluded_values(*table.parameters[i])) {
      std::vector<nngp_value> changed = values;
      changed[i] = {&value, 1};
      const std::string fault = refusal_fault(table, changed);
      const std::string text =
          std::string(table.parameters[i]->name) + "=" + format_number(value) + " " + fault;
      if (fault.empty()) {
        ++refused;
      } else if (fault != accepted || std::isfinite(value)) {
        return failed(text);
      } else if (result.status == Status::pass) {
        result = {Status::warning, text};
      }
    }
  }
  if (result.status == Status::pass) result.message = std::to_string(refused) + " out of range refused";
  return result;
}

/// Whether two settings differ in the parameter i and in no other.
bool differs_in_one(Setting a, const Setting& b, std::size_t i) {
  if (a[i] == b[i]) return false;
  a[i] = b[i];
  return a == b;
}

/// Which values of a number or list give the same functions, or nothing: "all values of scale", or
/// "degree=3 and degree=5", of which one is taken for the other.
std::string same_values(const Specimen& specimen) {
  const std::vector<Call> calls = calls_of(*specimen.table, Tiles::small);
  const std::vector<Setting>& settings = specimen.settings;
  std::vector<std::vector<double>> results(settings.size());
  std::vector<std::string> texts(settings.size());  // none where parameters depend on each other
  for (std::size_t k = 0; k < settings.size(); ++k) {
    try {
      const Instance f(*specimen.table, settings[k]);
      texts[k] = f.text();
      for (const Call& call : calls)
        if (call.is_steady)
          for (unsigned place = 0; place < 8; ++place) call.run(f, place, results[k]);
    } catch (const NotMade&) {
      continue;
    }
  }
  if (texts[0].empty()) return "";
  for (std::size_t i = 0; i < specimen.table->parameter_count; ++i) {
    // A switch may be for extreme arguments alone.
    if (specimen.table->parameters[i]->kind == NNGP_BOOLEAN) continue;
    std::vector<std::size_t> of_i = {0};
    for (std::size_t k = 1; k < settings.size(); ++k)
      if (!texts[k].empty() && differs_in_one(settings[k], settings[0], i)) of_i.push_back(k);
    std::string pair;
    std::size_t different = 0;
    for (std::size_t k = 1; k < of_i.size(); ++k)
      for (std::size_t l = 0; l < k; ++l)
        if (!same_bits(results[of_i[k]], results[of_i[l]]))
          ++different;
        else if (pair.empty())
          pair = texts[of_i[l]] + " and " + texts[of_i[k]];
    if (of_i.size() > 1 && different == 0)
      return std::string("all values of ") + specimen.table->parameters[i]->name;
    if (!pair.empty()) return pair;
  }
  return "";
}

Result check_parameters(const Specimen& specimen) {
  // In range: a plugin may refuse with a reason, as where parameters depend on each other.
  std::size_t made_count = 0;
  std::string reason;
  for (const Setting& setting : specimen.settings) {
    try {
      const Instance made(*specimen.table, setting);
      ++made_count;
    } catch (const NotMade& error) {
      const bool first = &setting == &specimen.settings.front();
      if (!error.has_reason() || (first && is_default(*specimen.table))) return failed(error.what());
      if (reason.empty()) reason = error.what();
    }
  }
  Result result = try_excluded(specimen);
  if (result.status == Status::failure) return result;
  if (made_count == 0) return {Status::warning, "nothing could be checked: " + reason};
  if (const auto same = same_values(specimen); !same.empty())
    return {Status::warning, same + " give the same functions"};
  const std::size_t rest = specimen.settings.size() - made_count;
  result.message = std::to_string(made_count) + " settings accepted, " + result.message;
  if (rest > 0) result.message += ", " + std::to_string(rest) + " in range too: " + reason;
  return result;
}

// ---- instances

/// The settings of a specimen, and for each number neighbours of the first: a cache that takes some
/// values for equal would mix them up.
std::vector<Setting> settings_with_neighbours(const Specimen& specimen) {
  std::vector<Setting> settings = specimen.settings;
  for (std::size_t i = 0; i < specimen.table->parameter_count; ++i) {
    if (specimen.table->parameters[i]->kind != NNGP_NUMBER) continue;
    const nngp_parameter& p = *specimen.table->parameters[i];
    const Setting& first = specimen.settings.front();
    for (const double step : {0.011, 1e-9}) {
      const double x = first[i][0], up = x + step * std::max(1.0, std::abs(x));
      settings.push_back(first);
      settings.back()[i][0] = up < p.maximum ? up : x - (up - x);
    }
  }
  return settings;
}

/// Instances with different values that live at the same time.
class Instances {
 public:
  explicit Instances(const Specimen& specimen) : calls_(calls_of(*specimen.table, Tiles::small)) {
    // Before this process makes its first.
    std::vector<Setting> made;
    for (const Setting& setting : settings_with_neighbours(specimen)) {
      auto digest = digests_alone(calls_, *specimen.table, setting);
      if (digest.empty()) continue;
      alone_.push_back(std::move(digest));
      made.push_back(setting);
    }
    for (const Setting& setting : made) {
      // Two of a setting, of which the first ones get destroyed.
      for (auto* instances : {&first_, &second_}) instances->emplace_back(*specimen.table, setting);
      texts_.push_back(first_.back().text());
    }
  }

  std::size_t size() const { return second_.size(); }

  /// Which function of one of them gives something else than alone, with the reason, or nothing.
  std::string fault() {
    std::string fault = difference("beside instances with other values");
    first_.clear();
    if (fault.empty()) fault = difference("when other instances have been destroyed");
    for (Instance& one : second_) one.spoil_values();
    // Those that "create" would be given are no more.
    calls_.erase(calls_.begin());
    for (auto& digests : alone_) digests.erase(digests.begin(), digests.begin() + digest_places);
    if (fault.empty()) fault = difference("when the values that create was given are overwritten");
    return fault;
  }

 private:
  /// Instance by instance for each function, so that each call follows one on another instance.
  std::string difference(const char* when) const {
    for (std::size_t call = 0; call < calls_.size(); ++call)
      for (unsigned place = 0; place < digest_places; ++place)
        for (std::size_t i = 0; i < second_.size(); ++i)
          if (digest(calls_[call], second_[i], place) != alone_[i][digest_places * call + place])
            return texts_[i] + ": " + calls_[call].name + " gives other results " + when;
    return "";
  }

  std::vector<Call> calls_;
  std::vector<std::vector<std::uint64_t>> alone_;
  std::vector<Instance> first_, second_;
  std::vector<std::string> texts_;
};

/// Instances as many as a deep network with several readers of each layer has, at once; what goes wrong
/// with one of them, or nothing.
std::string crowd_fault(const Specimen& specimen) {
  constexpr std::size_t many = 200;
  std::vector<Instance> crowd;
  try {
    while (crowd.size() < many) crowd.emplace_back(*specimen.table, specimen.settings.front());
  } catch (const NotMade& error) {
    if (!crowd.empty()) return "beside " + std::to_string(crowd.size()) + " others " + error.what();
  }
  return "";
}

Result check_instances(const Specimen& specimen) {
  // Elsewhere, so that the first calls of this process are those of the next check.
  return run_in_copy([&] {
    Instances all(specimen);
    if (all.size() == 0) return skipped("no instance can be made");
    if (const auto fault = all.fault(); !fault.empty()) return failed(fault);
    if (const auto fault = crowd_fault(specimen); !fault.empty()) return failed(fault);
    return passed(std::to_string(all.size()) + " settings, the same bits together as alone");
  });
}

}  // namespace

std::vector<Check> instance_checks() {
  return {{"instances", "instances do not depend on others, nor on values kept by pointer",
           check_instances}};
}

std::vector<Check> parameter_checks() {
  return {
      {"parameters", "values in range are accepted, others refused with a message", check_parameters}};
}

}  // namespace nngp::host
