#include "model/layer_arguments.hpp"

#include <algorithm>
#include <cmath>

#include "network/parameter.hpp"
#include "nngp/text.hpp"

namespace nngp {

LayerArguments::LayerArguments(const ModelReader& reader, const LayerEntry& entry,
                               const Expression& call)
    : reader_(reader),
      entry_(entry),
      call_(call),
      given_(entry.parameters.size()),
      presets_(entry.parameters.size()) {
  if (entry.takes_layers) return;
  bool keyword_seen = false;
  const std::vector<Argument>& arguments = this->call().arguments;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t place = place_of(i, keyword_seen);
    if (given_[place])
      reader_.fail(arguments[i].offset, in_quotes(entry_.parameters[place].name) + " is given twice");
    given_[place] = &arguments[i].value;
  }
  for (std::size_t p = 0; p < given_.size(); ++p) {
    const LayerParameter& parameter = entry_.parameters[p];
    if (given_[p]) continue;
    if (parameter.preset.empty())
      reader_.fail(call_.offset, std::string(entry_.name) + " needs " + in_quotes(parameter.name));
    presets_[p] = parse_expression(parameter.preset);
  }
}

/// The parameter that an argument is for.
std::size_t LayerArguments::place_of(std::size_t argument, bool& keyword_seen) const {
  const Argument& given = call().arguments[argument];
  const std::string name(entry_.name);
  const std::size_t count = entry_.parameters.size();
  if (!given.keyword.empty()) {
    keyword_seen = true;
    const std::size_t place = index_of(given.keyword);
    if (place < count) return place;
    std::vector<std::string> known;
    for (const LayerParameter& parameter : entry_.parameters) known.emplace_back(parameter.name);
    reader_.fail(given.offset, name + " has no parameter " + in_quotes(given.keyword) +
                                   suggest(given.keyword, known));
  }
  if (keyword_seen)
    reader_.fail(given.offset, "a positional argument cannot follow a keyword argument");
  if (argument >= count)
    reader_.fail(given.offset,
                 name + (count == 0 ? " takes no arguments"
                                    : " takes at most " + std::to_string(count) + " arguments"));
  return argument;
}

std::size_t LayerArguments::index_of(std::string_view parameter) const {
  const auto found =
      std::find_if(entry_.parameters.begin(), entry_.parameters.end(),
                   [&](const LayerParameter& candidate) { return candidate.name == parameter; });
  return static_cast<std::size_t>(found - entry_.parameters.begin());
}

const Expression& LayerArguments::value(std::string_view parameter) const {
  const std::size_t place = index_of(parameter);
  return given_.at(place) ? *given_[place] : presets_[place];
}

std::size_t LayerArguments::offset_of(std::string_view parameter) const {
  const std::size_t place = index_of(parameter);
  return place < given_.size() && given_[place] ? given_[place]->offset : call_.offset;
}

void LayerArguments::fail(std::string_view parameter, const std::string& message) const {
  reader_.fail(offset_of(parameter), std::string(parameter) + " must be " + message);
}

double LayerArguments::number(std::string_view parameter) const {
  const Expression& value = this->value(parameter);
  if (const auto* number = std::get_if<double>(&value.value)) return *number;
  fail(parameter, "a number, not " + kind_of(value));
}

std::optional<double> LayerArguments::optional_number(std::string_view parameter) const {
  if (std::holds_alternative<Expression::None>(value(parameter).value)) return std::nullopt;
  return number(parameter);
}

std::vector<double> LayerArguments::numbers(std::string_view parameter) const {
  return reader_.numbers(value(parameter));
}

std::vector<std::string> LayerArguments::strings(std::string_view parameter) const {
  const Expression& value = this->value(parameter);
  if (std::holds_alternative<Expression::None>(value.value)) return {};
  if (const auto* text = std::get_if<std::string>(&value.value)) return {*text};
  const auto* list = std::get_if<Expression::List>(&value.value);
  if (!list) fail(parameter, "None, a string or a list of strings, not " + kind_of(value));
  std::vector<std::string> strings;
  for (const Expression& item : list->items) {
    const auto* text = std::get_if<std::string>(&item.value);
    if (!text) fail(parameter, "None, a string or a list of strings, not of " + kind_of(item));
    strings.push_back(*text);
  }
  return strings;
}

bool LayerArguments::truth(std::string_view parameter) const {
  const Expression& value = this->value(parameter);
  if (const auto* truth = std::get_if<bool>(&value.value)) return *truth;
  fail(parameter, "True or False, not " + kind_of(value));
}

std::vector<std::size_t> LayerArguments::integers(std::string_view parameter) const {
  if (std::holds_alternative<Expression::None>(value(parameter).value)) return {};
  std::vector<std::size_t> integers;
  for (const std::ptrdiff_t number : axes(parameter)) {
    if (number < 0) fail(parameter, "of integers of at least 0, got " + std::to_string(number));
    integers.push_back(static_cast<std::size_t>(number));
  }
  return integers;
}

std::ptrdiff_t LayerArguments::axis(std::string_view parameter) const {
  const std::vector<std::ptrdiff_t> all = axes(parameter);
  if (all.size() != 1) fail(parameter, "one integer, got " + std::to_string(all.size()));
  return all[0];
}

std::vector<std::ptrdiff_t> LayerArguments::axes(std::string_view parameter) const {
  std::vector<std::ptrdiff_t> integers;
  for (const double number : numbers(parameter)) {
    if (number != std::trunc(number) || std::abs(number) > max_integer)
      fail(parameter, "of integers, got " + format_integer(number));
    integers.push_back(static_cast<std::ptrdiff_t>(number));
  }
  return integers;
}

std::vector<IndexItem> LayerArguments::index(std::string_view parameter) const {
  const Expression& value = this->value(parameter);
  const auto* slices = std::get_if<Expression::Slices>(&value.value);
  if (!slices) fail(parameter, "Slice[...], as in Slice[:, 1:-1, ::2], not " + kind_of(value));
  std::vector<IndexItem> items;
  for (const Expression::Slices::Item& item : slices->items) {
    if (item.is_ellipsis) {
      items.push_back({IndexItem::Kind::ellipsis});
      continue;
    }
    const auto bound = [&](std::size_t i) {
      return i < item.bounds.size() ? integer_or_none(parameter, item.bounds[i]) : std::nullopt;
    };
    const auto kind = item.bounds.size() == 1 ? IndexItem::Kind::integer : IndexItem::Kind::slice;
    items.push_back({kind, bound(0), bound(1), bound(2)});
    if (kind == IndexItem::Kind::integer && !items.back().start)
      fail(parameter, "of slices and integers; None, a new axis, is not there");
  }
  return items;
}

std::optional<std::ptrdiff_t> LayerArguments::integer_or_none(std::string_view parameter,
                                                              const Expression& value) const {
  if (std::holds_alternative<Expression::None>(value.value)) return std::nullopt;
  const auto* number = std::get_if<double>(&value.value);
  if (!number || *number != std::trunc(*number) || std::abs(*number) > max_integer)
    fail(parameter,
         "of slices and integers, got " + (number ? format_number(*number) : kind_of(value)));
  return static_cast<std::ptrdiff_t>(*number);
}

void LayerArguments::none(std::string_view parameter, std::string_view reason) const {
  if (!std::holds_alternative<Expression::None>(value(parameter).value))
    fail(parameter, "None: " + std::string(reason));
}

std::size_t LayerArguments::integer(std::string_view parameter, std::size_t minimum) const {
  const Expression& value = this->value(parameter);
  const auto* number = std::get_if<double>(&value.value);
  const std::string got = ", got " + (number ? format_integer(*number) : kind_of(value));
  if (!number || *number != std::trunc(*number) || *number < static_cast<double>(minimum))
    fail(parameter, "an integer of at least " + std::to_string(minimum) + got);
  if (*number > max_integer) fail(parameter, "at most " + format_integer(max_integer) + got);
  return static_cast<std::size_t>(*number);
}

std::size_t LayerArguments::choice(std::string_view parameter,
                                   std::initializer_list<std::string_view> options) const {
  const Expression& value = this->value(parameter);
  const auto* text = std::get_if<std::string>(&value.value);
  const auto found =
      text ? std::find(options.begin(), options.end(), lower_case(*text)) : options.end();
  if (found != options.end()) return static_cast<std::size_t>(found - options.begin());
  std::string wanted;
  for (const std::string_view option : options)
    wanted += (wanted.empty() ? "'" : " or '") + std::string(option) + "'";
  fail(parameter, wanted + ", got " + (text ? in_quotes(*text) : kind_of(value)));
}

void LayerArguments::only(std::string_view parameter, std::initializer_list<double> values,
                          std::string_view reason) const {
  const auto* number = std::get_if<double>(&value(parameter).value);
  if (number && std::find(values.begin(), values.end(), *number) != values.end()) return;
  fail(parameter, format_integer(*values.begin()) + ": " + std::string(reason));
}

Activation LayerArguments::activation(std::string_view parameter) const {
  return reader_.activation(value(parameter));
}

Layer LayerArguments::layer(std::string_view parameter) const {
  return reader_.layer(value(parameter));
}

std::vector<Layer> LayerArguments::layers() const {
  const std::string name(entry_.name);
  if (call().arguments.empty()) reader_.fail(call_.offset, name + " needs at least one layer");
  std::vector<Layer> layers;
  for (const Argument& argument : call().arguments) {
    if (!argument.keyword.empty())
      reader_.fail(argument.offset, name + " takes layers only, not '" + argument.keyword + "='");
    layers.push_back(reader_.layer(argument.value));
  }
  return layers;
}

}  // namespace nngp
