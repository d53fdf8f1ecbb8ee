#include "check/specimen.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nngp/text.hpp"

namespace nngp::host {
namespace {

constexpr std::size_t max_settings = 10;
constexpr std::size_t max_breakpoints = 10'000;

bool allows(const nngp_parameter& p, double x) {
  return (p.flags & NNGP_MINIMUM_EXCLUDED ? x > p.minimum : x >= p.minimum) &&
         (p.flags & NNGP_MAXIMUM_EXCLUDED ? x < p.maximum : x <= p.maximum);
}

/// Values of a number's range. Not its far end: a degree of 100 or an exponent of 1e6 says little.
/// `apart` keeps parameters without bounds from being equal.
std::vector<double> spread(const nngp_parameter& p, double apart) {
  const bool low = std::isfinite(p.minimum), high = std::isfinite(p.maximum);
  std::vector<double> values;
  if (p.kind == NNGP_BOOLEAN) {
    values = {0, 1};
  } else if (p.kind == NNGP_INTEGER) {
    const double from = low ? std::ceil(p.minimum) : high ? std::floor(p.maximum) - 5 : -2;
    values = {from, from + 1, from + 2, from + 5};
  } else if (low && high) {
    const double length = p.maximum - p.minimum;
    for (const double part : {0.0, 0.2, 0.5, 0.8, 1.0}) values.push_back(p.minimum + part * length);
  } else if (low) {
    values = {p.minimum, p.minimum + 0.4, p.minimum + 1.7};
  } else if (high) {
    values = {p.maximum, p.maximum - 0.4, p.maximum - 1.7};
  } else {
    values = {-0.6 + apart, 0.35 + apart, 1.4 + apart};
  }
  std::erase_if(values, [&](double x) { return !allows(p, x); });
  return values;
}

std::vector<std::vector<double>> values_of(const nngp_parameter& p, double apart) {
  if (p.kind == NNGP_LIST) {
    std::vector<std::vector<double>> lists;
    for (const std::vector<double>& list :
         {std::vector<double>{0.3, -0.5, 0.25}, {0.7}, {0.1, 0.9, 0.2, 0.05, 0.3}})
      if (std::all_of(list.begin(), list.end(), [&](double x) { return allows(p, x); }))
        lists.push_back(list);
    return lists;
  }
  std::vector<std::vector<double>> values;
  for (const double x : spread(p, apart)) values.push_back({x});
  return values;
}

std::string value_text(const nngp_parameter& p, const std::vector<double>& value) {
  if (p.kind == NNGP_BOOLEAN) return value[0] != 0 ? "True" : "False";
  if (p.kind == NNGP_INTEGER) return format_integer(value[0]);
  if (p.kind == NNGP_NUMBER) return format_number(value[0]);
  std::string text;
  for (const double x : value) text += (text.empty() ? "" : ", ") + format_number(x);
  return "[" + text + "]";
}

}  // namespace

Instance::Instance(const nngp_activation& table, Setting setting)
    : table_(&table), setting_(std::move(setting)) {
  std::vector<nngp_value> values;
  for (const std::vector<double>& value : setting_) values.push_back({value.data(), value.size()});
  std::array<char, 512> error = {};
  void* made = table.create(values.data(), values.size(), error.data(), error.size());
  if (!made) {
    error.back() = '\0';
    throw NotMade(text(), printable(error.data(), 200));
  }
  instance_ = {made, table.destroy};
}

void Instance::spoil_values() {
  for (std::vector<double>& value : setting_) std::fill(value.begin(), value.end(), 0.77);
}

std::string Instance::text() const {
  std::string text = std::string(table_->name) + "(";
  for (std::size_t i = 0; i < setting_.size(); ++i) {
    const nngp_parameter& p = *table_->parameters[i];
    text += (i ? ", " : "") + std::string(p.name) + "=" + value_text(p, setting_[i]);
  }
  return text + ")";
}

std::vector<nngp_breakpoint> Instance::breakpoints() const {
  if (!table_->breakpoints) return {};
  const std::size_t count = table_->breakpoints(get(), nullptr, 0);
  std::vector<nngp_breakpoint> points(std::min(count, max_breakpoints));
  if (!points.empty()) table_->breakpoints(get(), points.data(), points.size());
  return points;
}

Specimen::Specimen(const nngp_activation& activation, MemoryMap memory)
    : table(&activation), memory_before(std::move(memory)) {
  Setting base;
  std::vector<std::vector<std::vector<double>>> others;
  for (std::size_t i = 0; i < activation.parameter_count; ++i) {
    const nngp_parameter& p = *activation.parameters[i];
    others.push_back(values_of(p, 0.08 * static_cast<double>(i)));
    if (p.default_value) {
      base.push_back({p.default_value, p.default_value + p.default_count});
    } else {
      base.push_back(others[i].empty() ? std::vector<double>{0.5} : others[i][others[i].size() / 2]);
    }
  }
  settings.push_back(base);
  // All parameters get their second value before one gets its third.
  for (std::size_t round = 0; settings.size() < max_settings; ++round) {
    bool more = false;
    for (std::size_t i = 0; i < base.size() && settings.size() < max_settings; ++i) {
      if (round >= others[i].size()) continue;
      more = true;
      if (others[i][round] == base[i]) continue;
      settings.push_back(base);
      settings.back()[i] = others[i][round];
    }
    if (!more) break;
  }
}

}  // namespace nngp::host
