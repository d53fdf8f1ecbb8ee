#include "model/expression.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "nngp/error.hpp"
#include "nngp/text.hpp"

namespace nngp {
namespace {

constexpr std::size_t max_text = 1 << 20;
constexpr int max_depth = 200;  // far from the end of the stack

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_identifier(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Where the UTF-8 character that holds byte `at` begins.
std::size_t character_begin(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && (text[at] & 0xC0) == 0x80) --at;
  return at;
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Expression parse() {
    if (text_.size() > max_text) {
      fail(0, "the model has " + std::to_string(text_.size()) + " bytes, more than " +
                  std::to_string(max_text) + "; use repeat(layer, n)");
    }
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // the byte order mark some editors write
    skip_blanks();
    if (at_ == text_.size()) fail(at_, "the model is empty");
    Expression result = expression(0);
    skip_blanks();
    if (at_ < text_.size()) fail(at_, unexpected("the end of the model"));
    return result;
  }

 private:
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    fail_at(text_, offset, message);
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool accept(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        ++at_;
      } else if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  // What stands at the current place instead of what should.
  std::string unexpected(const std::string& wanted) const {
    if (at_ == text_.size()) return "expected " + wanted + ", but the model ends here";
    const std::size_t length = std::max<std::size_t>(1, character_end(at_) - at_);
    std::string message = "expected " + wanted + ", got '" + printable(text_.substr(at_, length)) + "'";
    if (std::string_view("+-*/%").find(text_[at_]) != std::string_view::npos) {
      message += "; a model has numbers but no arithmetic";
    } else if (text_[at_] == '{') {
      message += "; braces make a template of many models, which nngp compare takes";
    }
    return message;
  }

  std::size_t character_end(std::size_t at) const {
    do ++at;
    while (at < text_.size() && (text_[at] & 0xC0) == 0x80);
    return at;
  }

  std::string identifier() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (starts_identifier(text_[at_]) || is_digit(text_[at_]))) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Expression expression(int depth) {
    if (depth > max_depth) {
      fail(at_, "nested more than " + std::to_string(max_depth) + " levels deep; use repeat(layer, n)");
    }
    const std::size_t begin = at_;
    const char c = peek();
    Expression result;
    if (starts_identifier(c)) {
      result = named(depth);
    } else if (is_digit(c) || c == '.' || c == '-' || c == '+') {
      result.value = number();
    } else if (c == '\'' || c == '"') {
      result.value = string();
    } else if (c == '[' || c == '(') {
      result.value = list(depth);
    } else {
      fail(begin, unexpected("a layer or value"));
    }
    result.offset = begin;
    skip_blanks();
    return result;
  }

  Expression named(int depth) {
    std::string name = identifier();
    if (name == "stax" && peek() == '.') {
      ++at_;
      if (!starts_identifier(peek())) fail(at_, unexpected("a name after 'stax.'"));
      name = identifier();
    }
    if (peek() == ':') {
      ++at_;
      if (!starts_identifier(peek())) fail(at_, unexpected("an activation's name after ':'"));
      name += ':';
      name += identifier();
    }
    Expression result;
    if (name == "True" || name == "False") {
      result.value = name == "True";
    } else if (name == "None") {
      result.value = Expression::None{};
    } else if (name == "inf" || name == "nan") {
      result.value = name == "inf" ? std::numeric_limits<double>::infinity()
                                   : std::numeric_limits<double>::quiet_NaN();
    } else {
      skip_blanks();
      const std::size_t open = at_;
      Expression::Call call{std::move(name), accept('('), {}};
      if (call.has_arguments) {
        call.arguments = sequence<Argument>(open, ')', [&] { return argument(depth + 1); });
      }
      result.value = std::move(call);
    }
    return result;
  }

  Argument argument(int depth) {
    const std::size_t begin = at_;
    if (starts_identifier(peek())) {
      std::string keyword = identifier();
      skip_blanks();
      if (accept('=')) return {begin, std::move(keyword), expression(depth)};
      at_ = begin;
    }
    return {begin, "", expression(depth)};
  }

  Expression::List list(int depth) {
    const std::size_t open = at_;
    const char close = text_[at_++] == '[' ? ']' : ')';
    skip_blanks();
    return {sequence<Expression>(open, close, [&] { return expression(depth + 1); })};
  }

  // Items parted by commas up to `close`; a comma may follow the last.
  template <class Item, class ReadItem>
  std::vector<Item> sequence(std::size_t open, char close, ReadItem read_item) {
    std::vector<Item> items;
    while (!accept(close)) {
      if (at_ == text_.size()) unclosed(open, close);
      items.push_back(read_item());
      if (accept(',')) continue;
      if (accept(close)) break;
      if (at_ == text_.size()) unclosed(open, close);
      fail(at_, unexpected("',' or '" + std::string(1, close) + "'"));
    }
    return items;
  }

  [[noreturn]] void unclosed(std::size_t open, char close) const {
    fail(open, "this '" + std::string(1, text_[open]) + "' is never closed; add '" +
                   std::string(1, close) + "'");
  }

  double number() {
    const std::size_t begin = at_;
    const bool negative = text_[at_] == '-';
    if (text_[at_] == '-' || text_[at_] == '+') ++at_;
    if (text_.substr(at_).starts_with("inf")) {
      at_ += 3;
      return negative ? -std::numeric_limits<double>::infinity()
                      : std::numeric_limits<double>::infinity();
    }
    if (!is_digit(peek()) && peek() != '.') fail(begin, "expected a number after the sign");
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) fail(begin, "this number is too large or too small");
    if (error != std::errc()) fail(begin, "this is not a number");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (starts_identifier(peek()) || is_digit(peek()) || peek() == '.') {
      fail(begin, "this is not a number");
    }
    return negative ? -value : value;
  }

  std::string string() {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    const std::size_t end = std::min(text_.find(quote, at_), text_.find('\n', at_));
    if (end == text_.npos || text_[end] != quote) fail(begin, "this string has no closing quote");
    const std::string_view content = text_.substr(at_, end - at_);
    at_ = end + 1;
    return std::string(content);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Expression parse_expression(std::string_view text) { return Parser(text).parse(); }

void fail_at(std::string_view text, std::size_t offset, const std::string& message) {
  constexpr std::size_t width = 72;  // bytes shown of a long line
  offset = character_begin(text, std::min(offset, text.size()));
  const std::string_view before = text.substr(0, offset);
  const std::size_t line = 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
  const std::size_t end = std::min(text.find('\n', offset), text.size());
  const std::size_t column = 1 + count_characters(text.substr(begin, offset - begin));

  std::size_t first = begin, last = end;
  if (end - begin > width) {
    first = offset - begin > width / 2 ? character_begin(text, offset - width / 2) : begin;
    last = std::min(end, character_begin(text, first + width));
  }
  const std::string prefix = first > begin ? "..." : "";
  std::string shown = prefix + printable(text.substr(first, last - first), width + 8);
  if (last < end) shown += "...";
  const std::size_t indent = prefix.size() + count_characters(text.substr(first, offset - first));
  throw ModelError("line " + std::to_string(line) + ", column " + std::to_string(column) + ": " +
                   message + "\n  " + shown + "\n  " + std::string(indent, ' ') + "^");
}

}  // namespace nngp
