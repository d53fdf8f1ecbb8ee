#include "check/specimen.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "nngp/text.hpp"

namespace nngp::host {
namespace {

constexpr std::size_t max_settings = 12;
constexpr std::size_t max_breakpoints = 10'000;
constexpr double farthest = 100;  // an end of a range beyond says little: there functions overflow

bool allows(const nngp_parameter& p, double x) {
  return (p.flags & NNGP_MINIMUM_EXCLUDED ? x > p.minimum : x >= p.minimum) &&
         (p.flags & NNGP_MAXIMUM_EXCLUDED ? x < p.maximum : x <= p.maximum);
}

/// Values of a parameter, each list in the order in which it is tried.
struct Choice {
  using Values = std::vector<std::vector<double>>;
  Values ordinary;  ///< of which all parameters can have some at once
  Values far;       ///< the ends of the range, and others towards them

  void add(std::initializer_list<double> usual, std::initializer_list<double> ends) {
    for (const double x : usual) ordinary.push_back({x});
    for (const double x : ends) far.push_back({x});
  }
  /// Keeps what `is_wanted`, each once.
  template <class Wanted>
  void restrict_to(Wanted is_wanted) {
    Values seen;
    for (Values* values : {&ordinary, &far})
      std::erase_if(*values, [&](const std::vector<double>& value) {
        if (!is_wanted(value) || std::find(seen.begin(), seen.end(), value) != seen.end()) return true;
        seen.push_back(value);
        return false;
      });
  }
};

/// `apart` keeps parameters without bounds from being equal.
void add_numbers(const nngp_parameter& p, double apart, Choice& choice) {
  const bool low = std::isfinite(p.minimum), high = std::isfinite(p.maximum);
  const double length = p.maximum - p.minimum;
  // Beside an end that is excluded.
  const double inset = 0.05 * std::min(length, 1.0);
  const double bottom = p.minimum + (p.flags & NNGP_MINIMUM_EXCLUDED ? inset : 0);
  const double top = p.maximum - (p.flags & NNGP_MAXIMUM_EXCLUDED ? inset : 0);
  if (length <= farthest / 10) {
    const double m = p.minimum;
    choice.add({m + 0.5 * length, m + 0.2 * length, m + 0.8 * length}, {top, bottom});
  } else if (low && p.minimum > -farthest / 10) {
    const double m = p.minimum;
    choice.add({m + 0.4, m + 1.7}, {high ? std::min(top, m + farthest) : m + 7.3, bottom, m + 12.3});
  } else if (high && p.maximum < farthest / 10) {
    const double m = p.maximum;
    choice.add({m - 0.4, m - 1.7}, {low ? std::max(bottom, m - farthest) : m - 7.3, top, m - 12.3});
  } else {
    choice.add({0.35 + apart, 1.4 + apart, -0.6 + apart},
               {high ? std::min(top, farthest) : 7.3 + apart});
    if (low) choice.add({}, {std::max(bottom, -farthest)});
  }
}

void add_integers(const nngp_parameter& p, Choice& choice) {
  const bool low = std::isfinite(p.minimum), high = std::isfinite(p.maximum);
  double first = std::ceil(p.minimum), last = std::floor(p.maximum);
  if (!allows(p, first)) ++first;
  if (!allows(p, last)) --last;
  if (low && first > -farthest) {
    choice.add({first + 2, first + 5, first + 1},
               {high ? std::min(last, first + farthest) : first + 12, first, first + 12});
  } else if (high && last < farthest) {
    choice.add({last - 2, last - 5, last - 1},
               {low ? std::max(first, last - farthest) : last - 12, last});
  } else {
    choice.add({2, 5, -1, 0}, {12, -12});
  }
}

Choice choice_of(const nngp_parameter& p, double apart) {
  Choice choice;
  if (p.kind == NNGP_LIST)
    choice = {{{0.3, -0.5, 0.25}, {0.1, 0.9, 0.2, 0.05, 0.3}}, {{0.7}}};
  else if (p.kind == NNGP_BOOLEAN)
    choice.add({1, 0}, {});
  else if (p.kind == NNGP_INTEGER)
    add_integers(p, choice);
  else
    add_numbers(p, apart, choice);
  choice.restrict_to([&](const std::vector<double>& value) {
    return std::all_of(value.begin(), value.end(), [&](double x) { return allows(p, x); });
  });
  return choice;
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
  std::vector<Choice> others;
  for (std::size_t i = 0; i < activation.parameter_count; ++i) {
    const nngp_parameter& p = *activation.parameters[i];
    others.push_back(choice_of(p, 0.08 * static_cast<double>(i)));
    Choice& choice = others.back();
    if (p.default_value)
      base.push_back({p.default_value, p.default_value + p.default_count});
    else
      base.push_back(choice.ordinary.empty() ? std::vector<double>{0.5} : choice.ordinary.front());
    choice.restrict_to([&](const auto& value) { return value != base.back(); });
  }
  settings.push_back(base);
  const auto add = [&](const Setting& setting) {
    const bool is_new = std::find(settings.begin(), settings.end(), setting) == settings.end();
    if (is_new && settings.size() < max_settings) settings.push_back(setting);
  };
  // Each parameter alone.
  const auto add_round = [&](Choice::Values Choice::*values, std::size_t round) {
    for (std::size_t i = 0; i < base.size(); ++i) {
      if (round >= (others[i].*values).size()) continue;
      Setting setting = base;
      setting[i] = (others[i].*values)[round];
      add(setting);
    }
  };
  // All of them, for what is wrong with products of parameters.
  const auto add_joint = [&](std::size_t round) {
    Setting setting = base;
    for (std::size_t i = 0; i < base.size(); ++i) {
      const Choice& choice = others[i];
      const Choice::Values& values = choice.ordinary.empty() ? choice.far : choice.ordinary;
      if (!values.empty()) setting[i] = values[(round + i) % values.size()];
    }
    add(setting);
  };
  add_joint(0);
  add_joint(1);
  for (const std::size_t round : {0, 1, 2}) {
    add_round(&Choice::far, round);
    add_round(&Choice::ordinary, round);
  }
}

}  // namespace nngp::host
