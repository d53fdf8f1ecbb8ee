#pragma once

// The syntax of models: a small part of Python, as programs for neural-tangents have it.
//
// clang-format off
//   model      = {import line} [name {"," name} "="] expression
//   expression = product {("+" | "-") product}
//   product    = signed {("*" | "/" | "//" | "%") signed}
//   signed     = ("+" | "-") signed | primary ["**" signed]
//   primary    = layer | number | function | list | string | True | False | None
//              | "(" expression ")" | slices
//   slices     = ["stax."] "Slice" "[" item {"," item} [","] "]"
//   item       = "..." | expression | [expression] ":" [expression] [":" [expression]]
//   layer      = ["stax." | "nt.stax." | "neural_tangents.stax."] name [":" name] ["(" arguments ")"]
//   arguments  = [argument {"," argument} [","]]
//   argument   = [name "="] expression
//   list       = "[" [expression {"," expression} [","]] "]", or the same with "(" and ")"
//   function   = ("np" | "numpy" | "onp" | "jnp" | "jax.numpy" | "math") "." name ["(" arguments ")"]
//              | ("float" | "int") "(" expression ")"
// clang-format on
//
// Blanks, line ends and comments (# to the end of the line) may stand between any two of these.
// Operators and functions take numbers and are computed while the text is read.

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nngp/error.hpp"

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

  /// What stands between the brackets of x[...].
  struct Slices {
    struct Item;
    std::vector<Item> items;
  };

  std::size_t offset = 0;  ///< of its first byte in the text
  std::variant<None, bool, double, std::string, List, Call, Slices> value;
};

/// "...", or one number, or two to three bounds of a slice, of which each may be None.
struct Expression::Slices::Item {
  bool is_ellipsis = false;
  std::vector<Expression> bounds = {};
};

struct Argument {
  std::size_t offset = 0;  ///< of the keyword, or of the value
  std::string keyword;     ///< empty: positional
  Expression value;
};

/// "a number", "a layer", ...: what messages call it.
std::string kind_of(const Expression& expression);

/// Throws ModelError for text that is not one expression, or too long or too deeply nested.
Expression parse_expression(std::string_view text);

/// A ModelError that shows its place in the text.
class PlacedError : public ModelError {
 public:
  using ModelError::ModelError;
};

/// Throws PlacedError of two or three lines: `message` with line and column, the line of `text` that
/// holds `offset` (the part near it if long), and a caret under it.
[[noreturn]] void fail_at(std::string_view text, std::size_t offset, const std::string& message);

}  // namespace nngp
