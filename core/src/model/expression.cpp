#include "model/expression.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>

#include "model/arithmetic.hpp"
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
    while (skip_import()) skip_blanks();
    skip_targets();
    if (at_ == text_.size()) fail(at_, "the model is empty");
    Expression result = expression(0);
    skip_blanks();
    if (at_ < text_.size()) {
      const bool statement = starts_identifier(peek());
      fail(at_, unexpected("the end of the model") +
                    (statement ? "; a model is one expression, in which values are written out" : ""));
    }
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
      } else if (text_.substr(at_).starts_with("\\\n") || text_.substr(at_).starts_with("\\\r\n")) {
        ++at_;  // a line that goes on
      } else {
        return;
      }
    }
  }

  /// Passes over a line such as "from neural_tangents import stax".
  bool skip_import() {
    const std::string_view rest = text_.substr(at_);
    const std::size_t length = rest.starts_with("import") ? 6 : rest.starts_with("from") ? 4 : 0;
    if (length == 0 || length == rest.size() || (rest[length] != ' ' && rest[length] != '\t'))
      return false;
    at_ = std::min(text_.find_first_of("\n;", at_), text_.size());
    if (peek() == ';') ++at_;
    return true;
  }

  /// Passes over the names that a program gives a network: "init_fn, apply_fn, kernel_fn =".
  void skip_targets() {
    const std::size_t begin = at_;
    do {
      if (!starts_identifier(peek())) break;
      identifier();
      skip_blanks();
    } while (accept(','));
    const bool assigned = at_ > begin && peek() == '=' && !text_.substr(at_).starts_with("==");
    if (assigned)
      accept('=');
    else
      at_ = begin;
  }

  // What stands at the current place instead of what should.
  std::string unexpected(const std::string& wanted) const {
    if (at_ == text_.size()) return "expected " + wanted + ", but the model ends here";
    const std::size_t length = std::max<std::size_t>(1, character_end(at_) - at_);
    std::string message = "expected " + wanted + ", got '" + printable(text_.substr(at_, length)) + "'";
    if (text_[at_] == '*') {
      message += "; a list cannot be unpacked: write its layers, or repeat(layer, n)";
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

  // In the order in which Python's operators bind, loosest first.
  Expression expression(int depth) {
    if (depth > max_depth) {
      fail(at_, "nested more than " + std::to_string(max_depth) + " levels deep; use repeat(layer, n)");
    }
    return chain({"+", "-"}, [&] { return product(depth); });
  }

  Expression product(int depth) {
    return chain({"//", "/", "*", "%"}, [&] { return signed_power(depth); });
  }

  Expression signed_power(int depth) {
    const std::size_t begin = at_;
    const char sign = peek();
    if (sign != '-' && sign != '+') return power(depth);
    if (depth > max_depth) fail(at_, "too many signs");
    ++at_;
    skip_blanks();
    if (at_ == text_.size() || std::string_view(",)]").find(peek()) != std::string_view::npos)
      fail(begin, "expected a number after the sign");
    Expression result = signed_power(depth + 1);
    const double value = operand(result, std::string_view(&sign, 1));
    result.value = sign == '-' ? -value : value;
    result.offset = begin;
    return result;
  }

  Expression power(int depth) {
    Expression base = primary(depth);
    const std::size_t at = at_;
    if (!accept_operator("**")) return base;
    if (depth > max_depth) fail(at, "too many powers");
    const Expression exponent = signed_power(depth + 1);
    return computed(at, "**", base, exponent);
  }

  // Operands of operators that bind alike, from left to right.
  template <class ReadOperand>
  Expression chain(std::initializer_list<std::string_view> operators, ReadOperand read_operand) {
    Expression left = read_operand();
    for (;;) {
      const std::size_t at = at_;
      const auto found = std::find_if(operators.begin(), operators.end(),
                                      [&](std::string_view op) { return accept_operator(op); });
      if (found == operators.end()) return left;
      const Expression right = read_operand();
      left = computed(at, *found, left, right);
    }
  }

  bool accept_operator(std::string_view op) {
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(op) || (op == "*" && rest.starts_with("**"))) return false;
    at_ += op.size();
    skip_blanks();
    return true;
  }

  // The value of an operator that stands at `offset`.
  Expression computed(std::size_t offset, std::string_view op, const Expression& left,
                      const Expression& right) const {
    const double a = operand(left, op), b = operand(right, op);
    Expression result;
    result.offset = left.offset;
    try {
      result.value = arithmetic(op, a, b);
    } catch (const ModelError& error) {
      fail(offset, error.what());
    }
    return result;
  }

  double operand(const Expression& expression, std::string_view op) const {
    if (const auto* number = std::get_if<double>(&expression.value)) return *number;
    fail(expression.offset, "'" + std::string(op) + "' takes numbers, not " + kind_of(expression));
  }

  Expression primary(int depth) {
    const std::size_t begin = at_;
    const char c = peek();
    Expression result;
    if (starts_identifier(c)) {
      result = named(depth);
    } else if (is_digit(c) || c == '.') {
      result.value = number();
    } else if (c == '\'' || c == '"') {
      result.value = string();
    } else if (c == '[' || c == '(') {
      result = bracketed(depth);
    } else {
      fail(begin, unexpected("a layer or value"));
    }
    result.offset = begin;
    skip_blanks();
    return result;
  }

  Expression named(int depth) {
    const std::size_t begin = at_;
    std::string module, name = identifier();
    while (peek() == '.') {
      ++at_;
      module += (module.empty() ? "" : ".") + name;
      if (!starts_identifier(peek()))
        fail(at_, unexpected("a name after '" + printable(module) + ".'"));
      name = identifier();
    }
    if (is_module_of_numbers(module)) return mathematical(begin, module + ".", name, depth);
    if (!module.empty() && !is_module_of_layers(module))
      fail(begin, "'" + printable(module) +
                      "' is not a module that models know; layers are written "
                      "Relu() or stax.Relu(), functions of numbers np.sqrt(2)");
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
      result.value = math_constant(name).value();
    } else if (name == "Slice") {
      result.value = slices(depth);
    } else if (module.empty() && (name == "float" || name == "int")) {
      return mathematical(begin, "", name, depth);
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

  static bool is_module_of_layers(std::string_view module) {
    return module == "stax" || module == "nt.stax" || module == "neural_tangents.stax";
  }
  static bool is_module_of_numbers(std::string_view module) {
    constexpr std::array modules = {"np", "numpy", "onp", "jnp", "jax.numpy", "math"};
    return std::find(modules.begin(), modules.end(), module) != modules.end();
  }

  // A constant, or a function with its arguments.
  Expression mathematical(std::size_t begin, const std::string& module, const std::string& name,
                          int depth) {
    Expression result;
    const std::string full = printable(module + name);
    if (name == "True_" || name == "False_") {
      result.value = name == "True_";
      return result;
    }
    if (const auto constant = math_constant(name)) {
      result.value = *constant;
      return result;
    }
    const bool list = name == "array" || name == "asarray" || name == "bool_";
    const MathFunction* function = math_function(name);
    if (!list && !function) {
      std::vector<std::string> known = math_names();
      for (std::string& one : known) one = module + one;
      fail(begin, "models know no '" + full + "'" + suggest(module + name, known));
    }
    skip_blanks();
    const std::size_t open = at_;
    if (!accept('(')) fail(begin, full + " is a function of numbers, as in np.sqrt(2)");
    std::vector<Expression> arguments =
        sequence<Expression>(open, ')', [&] { return expression(depth + 1); });
    const std::size_t wanted = list ? 1 : function->arguments;
    if (arguments.size() != wanted)
      fail(begin, full + " takes " + (wanted == 1 ? "one argument" : "two arguments") + ", got " +
                      std::to_string(arguments.size()));
    if (list) return std::move(arguments.front());
    std::vector<double> numbers;
    for (const Expression& argument : arguments) numbers.push_back(operand(argument, full));
    try {
      result.value = (*function)(numbers);
    } catch (const ModelError& error) {
      fail(begin, error.what());
    }
    return result;
  }

  Expression::Slices slices(int depth) {
    skip_blanks();
    const std::size_t open = at_;
    if (!accept('[')) fail(at_, unexpected("'[' after Slice, as in Slice[:, 1:-1]"));
    return {sequence<Expression::Slices::Item>(open, ']', [&] { return slice(depth + 1); })};
  }

  Expression::Slices::Item slice(int depth) {
    if (text_.substr(at_).starts_with("...")) {
      at_ += 3;
      skip_blanks();
      return {true};
    }
    Expression::Slices::Item item;
    const auto bound = [&] {
      const bool is_absent =
          at_ == text_.size() || std::string_view(":,]").find(peek()) != std::string_view::npos;
      item.bounds.push_back(is_absent ? Expression{at_, Expression::None{}} : expression(depth));
    };
    if (peek() == ',' || peek() == ']') fail(at_, unexpected("a slice, an integer or '...'"));
    bound();
    while (item.bounds.size() < 3 && accept(':')) bound();
    return item;
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

  // A list; or what stands in parentheses, if that is one expression without a comma.
  Expression bracketed(int depth) {
    const std::size_t open = at_;
    const char close = text_[at_++] == '[' ? ']' : ')';
    skip_blanks();
    bool comma = false;
    std::vector<Expression> items = sequence<Expression>(
        open, close, [&] { return expression(depth + 1); }, &comma);
    if (close == ')' && items.size() == 1 && !comma) return std::move(items.front());
    Expression result;
    result.value = Expression::List{std::move(items)};
    return result;
  }

  // Items parted by commas up to `close`; a comma may follow the last. `comma` becomes true if there
  // is any.
  template <class Item, class ReadItem>
  std::vector<Item> sequence(std::size_t open, char close, ReadItem read_item, bool* comma = nullptr) {
    std::vector<Item> items;
    while (!accept(close)) {
      if (at_ == text_.size()) unclosed(open, close);
      items.push_back(read_item());
      if (accept(',')) {
        if (comma) *comma = true;
        continue;
      }
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
    std::string digits;  // without the '_' that may stand between two
    while (is_digit(peek()) || peek() == '_') {
      const bool between =
          at_ > begin && is_digit(text_[at_ - 1]) && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]);
      if (peek() == '_' && !between) fail(begin, "this is not a number");
      if (peek() != '_') digits += peek();
      ++at_;
    }
    const std::size_t fraction = text_.find_first_not_of(".0123456789", at_) - at_;
    digits += text_.substr(at_, fraction);
    at_ += std::min(fraction, text_.size() - at_);
    digits += exponent();
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc::result_out_of_range) fail(begin, "this number is too large or too small");
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    if (!whole || starts_identifier(peek()) || is_digit(peek()) || peek() == '.')
      fail(begin, "this is not a number");
    return value;
  }

  // What follows the digits of a number: "e-3", or nothing.
  std::string_view exponent() {
    const std::size_t begin = at_;
    if (peek() != 'e' && peek() != 'E') return {};
    ++at_;
    if (peek() == '-' || peek() == '+') ++at_;
    while (is_digit(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
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

std::string kind_of(const Expression& expression) {
  constexpr std::array names = {"None",   "a truth value", "a number", "a string",
                                "a list", "a layer",       "a slice"};
  return names[expression.value.index()];
}

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
  throw PlacedError("line " + std::to_string(line) + ", column " + std::to_string(column) + ": " +
                    message + "\n  " + shown + "\n  " + std::string(indent, ' ') + "^");
}

}  // namespace nngp
