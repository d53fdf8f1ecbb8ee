#pragma once

// The syntax of models: a small part of Python's expressions.
//
//   expression = name ["(" [argument {"," argument} [","]] ")"] | list | number | string | True | False
//   | None argument   = [identifier "="] expression list       = "[" [expression {"," expression}
//   [","]] "]", or the same with "(" and ")" name       = ["stax."] identifier [":" identifier]
//
// Blanks, line ends and comments (# to the end of the line) may stand between any two of these.

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace nngp {

struct Argument;

struct Expression {
  struct None {};
  struct List {
    std::vector<Expression> items;
  };
  struct Call {
    std::string name;
    bool has_arguments;  ///< Relu() as opposed to Relu
    std::vector<Argument> arguments;
  };

  std::size_t offset = 0;  ///< of its first byte in the text
  std::variant<None, bool, double, std::string, List, Call> value;
};

struct Argument {
  std::size_t offset = 0;  ///< of the keyword, or of the value
  std::string keyword;     ///< empty: positional
  Expression value;
};

/// Throws ModelError for text that is not one expression, or too long or too deeply nested.
Expression parse_expression(std::string_view text);

/// Throws ModelError of two or three lines: `message` with line and column, the line of `text` that
/// holds `offset` (the part near it if long), and a caret under it.
[[noreturn]] void fail_at(std::string_view text, std::size_t offset, const std::string& message);

}  // namespace nngp
