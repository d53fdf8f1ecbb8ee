#pragma once

// A formula as a graph of operations. Equal operations are one node, constants are folded, and angles
// between inputs are brought into forms that keep their digits where inputs are nearly parallel.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

namespace nngp::formula {

enum class Op : std::uint8_t {
  constant,
  variable,
  add,
  subtract,
  multiply,
  divide,
  negate,
  power,
  integer_power,
  // Conditions are 1 or 0.
  less,
  less_equal,
  equal,
  both,
  either,
  opposite,
  select,
  minimum,
  maximum,
  abs,
  sign,
  floor,
  ceil,
  round,
  sqrt,
  cbrt,
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  asin,
  acos,
  atan,
  atan2,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  erf,
  erfc,
  erfcx,
  sigmoid,
  softplus,
  // Not written by a user: what simplification and differentiation make.
  root_det,         ///< sqrt(b c - a^2) of (a, b, c), accurate where it is small
  asin2,            ///< the angle whose sine is a / sqrt(a^2 + b^2), b >= 0
  acos2,            ///< the angle whose cosine is that
  inverse_or_zero,  ///< 1 / a, 0 for a = 0: the slope of a root is taken as 0 where the root is 0
};
constexpr std::size_t op_count = static_cast<std::size_t>(Op::inverse_or_zero) + 1;

using Id = std::uint32_t;

struct Node {
  Op op;
  std::array<Id, 3> arg;  ///< as many as arity(op) of them count
  double value;           ///< of a constant; the number of a variable; the exponent of integer_power
};

constexpr std::size_t arity(Op op) {
  switch (op) {
    case Op::constant:
    case Op::variable:
      return 0;
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::power:
    case Op::less:
    case Op::less_equal:
    case Op::equal:
    case Op::both:
    case Op::either:
    case Op::minimum:
    case Op::maximum:
    case Op::atan2:
    case Op::asin2:
    case Op::acos2:
      return 2;
    case Op::select:
    case Op::root_det:
      return 3;
    default:
      return 1;
  }
}

/// Thrown where a formula would need more nodes than any sensible one does.
struct TooLarge {};

/// Nodes in an order in which arguments come before what uses them.
class Graph {
 public:
  static constexpr std::size_t max_nodes = 20000;
  static constexpr std::uint32_t max_depth =
      1500;  ///< of nodes in nodes: what walks through them recurs

  /// With `angles`, formulas of angles between inputs take the forms root_det, asin2, acos2, in which
  /// |cov12| beyond sqrt(var1 var2) counts as on the boundary.
  explicit Graph(bool angles) : angles_(angles), inputs_(angles ? 3 : 1) {}

  Id constant(double value);
  Id variable(std::size_t number);
  /// The node of an operation, or a simpler one that is equal. Throws TooLarge.
  Id make(Op op, Id a, Id b = 0, Id c = 0);
  /// x^n for a whole n.
  Id integer_power(Id x, int n);

  const Node& operator[](Id id) const { return nodes_[id]; }
  std::size_t size() const { return nodes_.size(); }
  bool is_constant(Id id) const { return nodes_[id].op == Op::constant; }
  /// Whether a node depends on x, or on cov12, var1 or var2.
  bool is_of_inputs(Id id) const { return of_inputs_[id]; }
  bool is_constant(Id id, double value) const { return is_constant(id) && nodes_[id].value == value; }

  /// The nodes that `roots` need, arguments first.
  std::vector<Id> needed_by(std::span<const Id> roots) const;

 private:
  Id add(Op op, std::array<Id, 3> arg, double value);
  Id simplify(Op op, Id a, Id b, Id c);
  /// By the angle between two inputs, where the node is one.
  std::optional<Id> simplify_product(Id a, Id b);
  std::optional<Id> simplify_quotient(Id a, Id b);
  std::optional<Id> simplify_angle(Op op, Id a, Id b);

  bool angles_;
  double inputs_;  ///< the first variables; others are numbers whose value is not known
  std::vector<Node> nodes_;
  std::vector<bool> of_inputs_;  ///< by node
  std::vector<std::uint32_t> depth_;
  std::map<std::tuple<Op, std::array<Id, 3>, std::uint64_t>, Id> known_;
};

/// A node together with its graph, for arithmetic that reads like a formula.
struct Term {
  Graph* graph;
  Id id;

  friend Term operator+(Term a, Term b) { return a.with(Op::add, b); }
  friend Term operator-(Term a, Term b) { return a.with(Op::subtract, b); }
  friend Term operator*(Term a, Term b) { return a.with(Op::multiply, b); }
  friend Term operator/(Term a, Term b) { return a.with(Op::divide, b); }
  friend Term operator+(Term a, double b) { return a + a.number(b); }
  friend Term operator-(Term a, double b) { return a - a.number(b); }
  friend Term operator*(Term a, double b) { return a * a.number(b); }
  friend Term operator/(Term a, double b) { return a / a.number(b); }
  friend Term operator+(double a, Term b) { return b.number(a) + b; }
  friend Term operator-(double a, Term b) { return b.number(a) - b; }
  friend Term operator*(double a, Term b) { return b.number(a) * b; }
  friend Term operator/(double a, Term b) { return b.number(a) / b; }
  friend Term operator-(Term a) { return a.with(Op::negate); }
  friend Term operator<(Term a, Term b) { return a.with(Op::less, b); }
  friend Term operator<(Term a, double b) { return a < a.number(b); }
  friend Term operator<(double a, Term b) { return b.number(a) < b; }

  Term with(Op op) const { return {graph, graph->make(op, id)}; }
  Term with(Op op, Term b) const { return {graph, graph->make(op, id, b.id)}; }
  Term with(Op op, Term b, Term c) const { return {graph, graph->make(op, id, b.id, c.id)}; }
  Term to(int n) const { return {graph, graph->integer_power(id, n)}; }
  Term number(double value) const { return {graph, graph->constant(value)}; }
};

inline Term select(Term condition, Term a, Term b) { return condition.with(Op::select, a, b); }

}  // namespace nngp::formula
