#include "nngp/model_template.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "model/expression.hpp"
#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

constexpr std::size_t max_template = 1 << 16;
constexpr int max_braces = 50;
constexpr std::string_view blanks = " \t\r\n\f\v";

struct Choice;

/// Text with choices in it.
struct Sequence {
  std::string text;             ///< without the choices
  std::vector<Choice> choices;  ///< in order
  std::size_t count = 1;        ///< of the texts that it stands for
};

/// One pair of braces.
struct Choice {
  std::size_t place;  ///< in the text of the sequence: what it comes before
  std::vector<Sequence> alternatives;
  std::size_t count;
};

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(blanks) + 1 - first));
}

std::optional<double> number(std::string_view text) {
  const std::string word = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

class TemplateParser {
 public:
  TemplateParser(std::string_view text, std::size_t max) : text_(text), max_(max) {}

  Sequence parse() {
    Sequence whole = sequence(0);
    if (at_ < text_.size()) fail(at_, "this brace closes nothing");
    return whole;
  }

 private:
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    fail_at(text_, offset, message);
  }
  void check_count(std::size_t offset, std::size_t count) const {
    if (count > max_)
      fail(offset,
           fmt::format("with these braces there are more than {} models; give fewer choices", max_));
  }

  /// Up to a closing brace, or inside of braces to a comma outside of brackets.
  Sequence sequence(int depth) {
    Sequence result;
    int brackets = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '}' || (c == ',' && depth > 0 && brackets == 0)) break;
      if (c == '{') {
        const std::size_t offset = at_;
        result.choices.push_back(choice(result.text.size(), depth + 1));
        result.count *= result.choices.back().count;
        check_count(offset, result.count);
      } else if (c == '#') {
        // What a comment holds stands for nothing.
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        brackets += (c == '(' || c == '[') - (c == ')' || c == ']');
        result.text += c;
        ++at_;
      }
    }
    return result;
  }

  Choice choice(std::size_t place, int depth) {
    const std::size_t begin = at_;
    if (depth > max_braces) fail(begin, fmt::format("braces are nested more than {} deep", max_braces));
    Choice result{place, {}, 0};
    do {
      const std::size_t first = ++at_;
      while (at_ < text_.size() && blanks.find(text_[at_]) != std::string_view::npos) ++at_;
      result.alternatives.push_back(sequence(depth));
      Sequence& last = result.alternatives.back();
      if (last.choices.empty()) last.text = trimmed(last.text);
      if (last.choices.empty() && last.text.empty() && at_ < text_.size())
        fail(first, "there is nothing to choose here; choices are written {0.5, 1, 2} or {0.5:2:5}");
    } while (at_ < text_.size() && text_[at_] == ',');
    if (at_ == text_.size()) fail(begin, "this brace is never closed");
    ++at_;
    const Sequence& first = result.alternatives.front();
    if (result.alternatives.size() == 1 && first.choices.empty() &&
        std::count(first.text.begin(), first.text.end(), ':') == 2)
      result.alternatives = range(begin, std::string(first.text));
    for (const Sequence& alternative : result.alternatives) {
      result.count += alternative.count;
      check_count(begin, result.count);
    }
    return result;
  }

  std::vector<Sequence> range(std::size_t offset, std::string_view text) const {
    const std::size_t first = text.find(':'), second = text.find(':', first + 1);
    const auto low = number(text.substr(0, first)),
               high = number(text.substr(first + 1, second - first - 1)),
               count = number(text.substr(second + 1));
    if (!low || !high || !count || !(*count >= 1) || *count != std::floor(*count))
      fail(offset, "a range is {LOW:HIGH:COUNT}, such as {0.5:2:5}");
    check_count(offset, *count > static_cast<double>(max_) ? max_ + 1 : 1);
    if (!(*low > 0) || !(*high >= *low) || !std::isfinite(*high))
      fail(offset, "a range is in equal ratios, 0 < LOW <= HIGH; other values can be listed, {0, 0.1}");
    std::vector<Sequence> values;
    for (const double value : logarithmic_grid(*low, *high, static_cast<std::size_t>(*count)))
      // More digits would only be hard to read.
      values.push_back({fmt::format("{:.6g}", value), {}, 1});
    return values;
  }

  std::string_view text_;
  std::size_t max_;
  std::size_t at_ = 0;
};

/// Appends number `index` of the texts that `sequence` stands for, and what was chosen to `choices`.
void write(const Sequence& sequence, std::size_t index, std::string& out,
           std::vector<std::string>* choices) {
  std::size_t at = 0, rest = sequence.count;
  for (const Choice& choice : sequence.choices) {
    out.append(sequence.text, at, choice.place - at);
    at = choice.place;
    rest /= choice.count;
    std::size_t chosen = index / rest;
    index %= rest;
    auto alternative = choice.alternatives.begin();
    for (; chosen >= alternative->count; ++alternative) chosen -= alternative->count;
    const std::size_t begin = out.size();
    write(*alternative, chosen, out, nullptr);
    if (choices && choice.count > 1) choices->push_back(trimmed(std::string_view(out).substr(begin)));
  }
  out.append(sequence.text, at);
}

}  // namespace

std::vector<ModelChoice> expand_model(std::string_view text, std::size_t max) {
  if (text.find_first_of("{}") == std::string_view::npos) return {{std::string(text), {}}};
  if (text.size() > max_template)
    fail_at(text, 0,
            fmt::format("a model with braces may have {} bytes, not {}", max_template, text.size()));
  const Sequence parsed = TemplateParser(text, max).parse();
  std::vector<ModelChoice> models(parsed.count);
  for (std::size_t i = 0; i < models.size(); ++i) write(parsed, i, models[i].text, &models[i].choices);
  return models;
}

}  // namespace nngp
