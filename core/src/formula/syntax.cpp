#include "formula/syntax.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numbers>
#include <optional>

#include "formula/functions.hpp"
#include "nngp/text.hpp"

namespace nngp::formula {
namespace {

constexpr std::size_t max_text = 16384;
constexpr int max_depth = 100;  ///< of parentheses, calls and signs
constexpr int steps = 3;        ///< of the parser that may nest in one of these

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::optional<double> constant_value(std::string_view name) {
  if (name == "pi") return std::numbers::pi;
  if (name == "e") return std::numbers::e;
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "True") return 1;
  if (name == "False") return 0;
  return std::nullopt;
}

constexpr std::string_view modules[] = {
    "np",      "numpy",       "jnp",        "math",   "jax.numpy", "jax.scipy.special", "scipy.special",
    "special", "jsp.special", "sp.special", "jax.nn", "nn",        "jax.lax",           "lax"};
constexpr std::string_view variables[] = {"x", "cov12", "var1", "var2"};

// Recursive descent by Python's precedences.
class Parser {
 public:
  Parser(std::string_view text, const Names& names, Graph& graph, std::set<std::string>& used)
      : text_(text), names_(names), graph_(graph), used_(used) {}

  Id parse() {
    if (text_.size() > max_text)
      fail(0, "the formula has " + std::to_string(text_.size()) + " bytes, more than " +
                  std::to_string(max_text) + "; write a plugin instead");
    skip_blanks();
    if (at_ == text_.size()) fail(at_, "the formula is empty");
    const Term result = conditional();
    if (at_ < text_.size()) fail(at_, unexpected("the end of the formula"));
    return result.id;
  }

 private:
  /// One level of nesting more, for as long as it lives.
  struct Nested {
    explicit Nested(Parser& parser_) : parser(parser_) {
      if (++parser.depth_ > steps * max_depth)
        parser.fail(parser.at_, "nested more than " + std::to_string(max_depth) + " levels deep");
    }
    ~Nested() { --parser.depth_; }
    Parser& parser;
  };

  [[noreturn]] void fail(std::size_t offset, const std::string& message) const {
    throw SyntaxError{offset, message};
  }

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool accept(std::string_view symbol) {
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    skip_blanks();
    return true;
  }
  /// A word of the language, such as `and`.
  bool accept_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    const char next = peek(word.size());
    if (starts_name(next) || is_digit(next)) return false;
    return accept(word);
  }

  std::string unexpected(const std::string& wanted) const {
    if (at_ == text_.size()) return "expected " + wanted + ", but the formula ends here";
    std::size_t end = at_ + 1;
    while (end < text_.size() && (text_[end] & 0xC0) == 0x80) ++end;
    std::string message =
        "expected " + wanted + ", got '" + printable(text_.substr(at_, end - at_)) + "'";
    if (text_[at_] == '^') message += "; powers are written **";
    if (text_[at_] == '&') message += "; write 'and'";
    if (text_[at_] == '|') message += "; write 'or'";
    if (text_[at_] == '=') message += "; equality is written ==";
    if (text_[at_] == '%') message += "; there is no remainder";
    return message;
  }

  // a if condition else b
  Term conditional() {
    const Nested nested(*this);
    const Term value = disjunction();
    if (!accept_word("if")) return value;
    const Term condition = disjunction();
    if (!accept_word("else")) fail(at_, unexpected("'else'"));
    return select(condition, value, conditional());
  }

  Term disjunction() {
    Term left = conjunction();
    while (accept_word("or")) left = left.with(Op::either, conjunction());
    return left;
  }
  Term conjunction() {
    Term left = negation();
    while (accept_word("and")) left = left.with(Op::both, negation());
    return left;
  }
  Term negation() {
    const Nested nested(*this);
    if (accept_word("not")) return negation().with(Op::opposite);
    return comparison();
  }

  // a < b <= c means a < b and b <= c.
  Term comparison() {
    Term left = sum();
    std::optional<Term> all;
    while (const auto compared = next_comparison(left)) {
      all = all ? all->with(Op::both, *compared) : *compared;
    }
    return all ? *all : left;
  }
  /// Moves `left` on to what the next comparison begins with.
  std::optional<Term> next_comparison(Term& left) {
    const auto compare = [&](auto make) {
      const Term before = left;
      left = sum();
      return make(before, left);
    };
    if (accept("<=")) return compare([](Term a, Term b) { return a.with(Op::less_equal, b); });
    if (accept(">=")) return compare([](Term a, Term b) { return b.with(Op::less_equal, a); });
    if (accept("==")) return compare([](Term a, Term b) { return a.with(Op::equal, b); });
    if (accept("!="))
      return compare([](Term a, Term b) { return a.with(Op::equal, b).with(Op::opposite); });
    if (accept("<")) return compare([](Term a, Term b) { return a < b; });
    if (accept(">")) return compare([](Term a, Term b) { return b < a; });
    return std::nullopt;
  }

  Term sum() {
    Term left = product();
    for (;;) {
      if (accept("+"))
        left = left + product();
      else if (accept("-"))
        left = left - product();
      else
        return left;
    }
  }
  Term product() {
    Term left = signed_power();
    for (;;) {
      if (peek() == '*' && peek(1) != '*') {
        accept("*");
        left = left * signed_power();
      } else if (peek() == '/' && peek(1) == '/') {
        fail(at_, "there is no '//'; write floor(a / b)");
      } else if (accept("/")) {
        left = left / signed_power();
      } else {
        return left;
      }
    }
  }
  Term signed_power() {
    const Nested nested(*this);
    if (accept("-")) return -signed_power();
    if (accept("+")) return signed_power();
    return power();
  }
  // -a ** b is -(a ** b), a ** -b ** c is a ** (-(b ** c)).
  Term power() {
    const Term base = atom();
    if (!accept("**")) return base;
    return base.with(Op::power, signed_power());
  }

  Term atom() {
    const std::size_t begin = at_;
    if (accept("(")) {
      const Term inner = conditional();
      if (at_ == text_.size()) fail(begin, "this '(' is never closed; add ')'");
      if (!accept(")")) fail(at_, unexpected("')'"));
      return inner;
    }
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return number();
    if (starts_name(peek())) return named();
    fail(begin, unexpected("a number, a name or '('"));
  }

  Term constant(double value) { return {&graph_, graph_.constant(value)}; }

  Term number() {
    const std::size_t begin = at_;
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) fail(begin, "this number is too large or too small");
    if (error != std::errc()) fail(begin, "this is not a number");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (starts_name(peek())) fail(at_, "expected '*' between a number and a name");
    if (peek() == '.') fail(begin, "this is not a number");
    skip_blanks();
    return constant(value);
  }

  std::string_view name() {
    const std::size_t begin = at_;
    while (starts_name(peek()) || is_digit(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  Term named() {
    const std::size_t begin = at_;
    std::string_view last = name();
    std::size_t last_begin = begin;
    while (peek() == '.' && starts_name(peek(1))) {
      ++at_;
      last_begin = at_;
      last = name();
    }
    std::string_view module;
    if (last_begin > begin) {
      module = text_.substr(begin, last_begin - 1 - begin);
      if (std::find(std::begin(modules), std::end(modules), module) == std::end(modules))
        fail(begin, "no module is called " + in_quotes(module) +
                        suggest(module, {std::begin(modules), std::end(modules)}));
    }
    skip_blanks();
    if (peek() == '(') return call(begin, module, last);
    if (module.empty()) {
      const auto node = names_.nodes.find(last);
      if (node != names_.nodes.end()) {
        used_.emplace(last);
        return {&graph_, node->second};
      }
    }
    if (const auto value = constant_value(last)) return constant(*value);
    unknown(begin, last);
  }

  [[noreturn]] void unknown(std::size_t begin, std::string_view name) const {
    if (const auto known = names_.elsewhere.find(name); known != names_.elsewhere.end())
      fail(begin, known->second);
    if (find_function(name))
      fail(begin, std::string(name) + " is a function: " + std::string(name) + "(...)");
    if (names_.nodes.contains(name)) fail(begin, in_quotes(name) + " has no module in front");
    if (name == "lambda") fail(begin, "write the formula alone, without 'lambda'");
    std::vector<std::string> known = function_names();
    for (const auto& [other, node] : names_.nodes) known.push_back(other);
    const std::string suggestion = name.size() > 1 ? suggest(name, known) : "";
    fail(begin, "nothing is called " + in_quotes(name) +
                    (suggestion.empty()
                         ? "; numbers of your own are keywords, as in Elementwise(fn='a * x', a=2)"
                         : suggestion));
  }

  Term call(std::size_t begin, std::string_view module, std::string_view name) {
    const Nested nested(*this);
    const Function* function = find_function(name);
    if (!function) {
      if (names_.nodes.contains(name)) fail(begin, in_quotes(name) + " is a number, not a function");
      std::vector<std::string> known = function_names();
      fail(begin, "no function is called " + in_quotes(name) + suggest(name, known));
    }
    accept("(");
    std::vector<std::optional<Term>> arguments(function->most);
    std::size_t count = 0;
    while (!accept(")")) {
      if (at_ == text_.size())
        fail(begin, "the '(' of " + std::string(name) + " is never closed; add ')'");
      const std::size_t place = argument_place(*function, count);
      if (place >= function->most) wrong_count(begin, *function);
      if (arguments[place]) fail(at_, "this argument of " + std::string(name) + " is given twice");
      arguments[place] = conditional();
      ++count;
      if (accept(",") || peek() == ')') continue;
      if (at_ < text_.size()) fail(at_, unexpected("',' or ')'"));
    }
    const bool approximate = function->name == "gelu" && (module == "jax.nn" || module == "nn");
    if (approximate && count == 1) arguments[1] = constant(1);
    std::vector<Term> given;
    for (const auto& argument : arguments)
      if (argument)
        given.push_back(*argument);
      else
        break;
    if (given.size() < function->least) wrong_count(begin, *function);
    return function->build(given);
  }

  /// The place of the argument that begins here: by its keyword, or the next one.
  std::size_t argument_place(const Function& function, std::size_t next) {
    const std::size_t begin = at_;
    if (!starts_name(peek())) return next;
    const std::string_view keyword = name();
    skip_blanks();
    if (peek() != '=' || peek(1) == '=') {
      at_ = begin;
      return next;
    }
    std::string_view rest = function.keywords;
    std::vector<std::string> known;
    for (std::size_t place = 0; !rest.empty(); ++place) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      known.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (known.back() != keyword) continue;
      accept("=");
      return place;
    }
    fail(begin, std::string(function.name) + " has no argument called " + in_quotes(keyword) +
                    suggest(keyword, known));
  }

  [[noreturn]] void wrong_count(std::size_t begin, const Function& function) const {
    const std::string least = std::to_string(function.least);
    const std::string count =
        function.least == function.most ? least : least + " to " + std::to_string(function.most);
    fail(begin, std::string(function.name) + " takes " + count +
                    (function.most == 1 ? " argument" : " arguments"));
  }

  std::string_view text_;
  const Names& names_;
  Graph& graph_;
  std::set<std::string>& used_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Id parse(std::string_view text, const Names& names, Graph& graph, std::set<std::string>& used) {
  try {
    return Parser(text, names, graph, used).parse();
  } catch (const TooLarge&) {
    throw SyntaxError{0, "the formula is too large; write a plugin instead"};
  }
}

bool is_reserved(std::string_view name) {
  return find_function(name) || constant_value(name) ||
         std::find(std::begin(variables), std::end(variables), name) != std::end(variables) ||
         name == "and" || name == "or" || name == "not" || name == "if" || name == "else";
}

}  // namespace nngp::formula
