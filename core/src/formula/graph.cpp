#include "formula/graph.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "formula/evaluate.hpp"

namespace nngp::formula {
namespace {

/// u = p / sqrt(q1 q2), the form of the cosine of an angle between inputs.
struct Cosine {
  Id p, q1, q2;
};

// Reads forms off a graph. Each function gives nothing where its form is not found.
class Match {
 public:
  explicit Match(Graph& graph) : graph_(graph) {}

  std::optional<Cosine> cosine(Id u) const {
    const Node node = graph_[u];
    if (const auto inner = unclipped(node, 0.99, 1)) return cosine(*inner);
    if (node.op == Op::negate) {
      auto found = cosine(node.arg[0]);
      if (found) found->p = graph_.make(Op::negate, found->p);
      return found;
    }
    if (node.op == Op::multiply) {
      for (const auto& [factor, quotient] :
           {std::pair{node.arg[0], node.arg[1]}, std::pair{node.arg[1], node.arg[0]}})
        if (auto found = cosine(quotient)) {
          found->p = graph_.make(Op::multiply, factor, found->p);
          return found;
        }
      return std::nullopt;
    }
    if (node.op != Op::divide) return std::nullopt;
    const Node below = graph_[node.arg[1]];
    if (below.op == Op::multiply) {  // p / (sqrt(q1) sqrt(q2))
      const Node first = graph_[below.arg[0]], second = graph_[below.arg[1]];
      if (first.op != Op::sqrt || second.op != Op::sqrt) return std::nullopt;
      return Cosine{node.arg[0], first.arg[0], second.arg[0]};
    }
    if (below.op != Op::sqrt) return std::nullopt;
    const Node above = graph_[node.arg[0]];
    if (above.op == Op::divide && graph_[above.arg[1]].op == Op::sqrt)  // p / sqrt(q1) / sqrt(q2)
      return Cosine{above.arg[0], graph_[above.arg[1]].arg[0], below.arg[0]};
    const auto [q1, q2] = factors(below.arg[0]);
    return Cosine{node.arg[0], q1, q2};
  }

  /// p of p^2, up to its sign, also where that is a product of squares and positive numbers.
  std::optional<Id> square_root(Id square) const {
    const Node node = graph_[square];
    if (node.op == Op::constant && node.value > 0) return graph_.constant(std::sqrt(node.value));
    if (node.op == Op::integer_power && node.value == 2) return node.arg[0];
    if (node.op != Op::multiply) return std::nullopt;
    if (node.arg[0] == node.arg[1]) return node.arg[0];
    const auto first = square_root(node.arg[0]), second = square_root(node.arg[1]);
    if (!first || !second) return std::nullopt;
    return graph_.make(Op::multiply, *first, *second);
  }

  /// u of min(u, b) and max(u, b), b a constant with |b| from `least` to `most`: what keeps rounding
  /// from leaving the range of a function, which the forms here do by themselves.
  std::optional<Id> unclipped(const Node& node, double least, double most) const {
    if (node.op != Op::minimum && node.op != Op::maximum) return std::nullopt;
    for (const auto& [bound, u] :
         {std::pair{node.arg[0], node.arg[1]}, std::pair{node.arg[1], node.arg[0]}})
      if (graph_.is_constant(bound) && std::abs(graph_[bound].value) >= least &&
          std::abs(graph_[bound].value) <= most)
        return u;
    return std::nullopt;
  }

  /// sqrt(q1 q2 - p^2) as root_det, sqrt(1 - u^2) by the angle whose cosine u is.
  std::optional<Id> root_of_difference(Id difference) const {
    const Node node = graph_[difference];
    if (node.op == Op::abs) return root_of_difference(node.arg[0]);
    if (node.op == Op::maximum)
      if (const auto inner = unclipped(node, 0, 1e-7)) return root_of_difference(*inner);
    std::optional<Id> p;
    std::pair<Id, Id> q;
    if (node.op == Op::subtract) {
      p = square_root(node.arg[1]);
      q = factors(node.arg[0]);
    } else if (node.op == Op::multiply) {  // (a - u) (a + u)
      const Node first = graph_[node.arg[0]], second = graph_[node.arg[1]];
      for (const auto& [minus, plus] : {std::pair{first, second}, std::pair{second, first}})
        if (minus.op == Op::subtract && plus.op == Op::add &&
            ((plus.arg[0] == minus.arg[0] && plus.arg[1] == minus.arg[1]) ||
             (plus.arg[1] == minus.arg[0] && plus.arg[0] == minus.arg[1]))) {
          p = minus.arg[1];
          q = {minus.arg[0], minus.arg[0]};
        }
    }
    if (!p || !graph_.is_of_inputs(*p)) return std::nullopt;
    if (q.first == q.second && graph_[q.first].op == Op::sqrt) q = factors(graph_[q.first].arg[0]);
    if (graph_.is_constant(q.first, 1) && graph_.is_constant(q.second, 1))
      if (const auto u = cosine(*p))
        return graph_.make(Op::divide, graph_.make(Op::root_det, u->p, u->q1, u->q2),
                           graph_.make(Op::sqrt, graph_.make(Op::multiply, u->q1, u->q2)));
    return graph_.make(Op::root_det, *p, q.first, q.second);
  }

  std::pair<Id, Id> factors(Id product) const {
    const Node node = graph_[product];
    if (node.op == Op::multiply) return {node.arg[0], node.arg[1]};
    if (node.op == Op::integer_power && node.value == 2) return {node.arg[0], node.arg[0]};
    return {product, graph_.constant(1)};
  }

 private:
  Graph& graph_;
};

bool commutes(Op op) {
  return op == Op::add || op == Op::multiply || op == Op::equal || op == Op::both || op == Op::either;
}

}  // namespace

Id Graph::add(Op op, std::array<Id, 3> arg, double value) {
  const auto [entry, is_new] = known_.try_emplace({op, arg, std::bit_cast<std::uint64_t>(value)},
                                                  static_cast<Id>(nodes_.size()));
  if (is_new) {
    if (nodes_.size() >= max_nodes) {
      known_.erase(entry);
      throw TooLarge{};
    }
    bool of_inputs = op == Op::variable && value < inputs_;
    std::uint32_t depth = 0;
    for (std::size_t k = 0; k < arity(op); ++k) {
      of_inputs = of_inputs || of_inputs_[arg[k]];
      depth = std::max(depth, depth_[arg[k]] + 1);
    }
    if (depth > max_depth) {
      known_.erase(entry);
      throw TooLarge{};
    }
    nodes_.push_back({op, arg, value});
    of_inputs_.push_back(of_inputs);
    depth_.push_back(depth);
  }
  return entry->second;
}

Id Graph::constant(double value) { return add(Op::constant, {}, value); }

Id Graph::variable(std::size_t number) { return add(Op::variable, {}, static_cast<double>(number)); }

Id Graph::integer_power(Id x, int n) {
  if (n == 0) return constant(1);
  if (n == 1) return x;
  if (is_constant(x)) return constant(std::pow(nodes_[x].value, n));
  return add(Op::integer_power, {x}, n);
}

Id Graph::make(Op op, Id a, Id b, Id c) {
  const std::size_t count = arity(op);
  if (count < 2) b = 0;
  if (count < 3) c = 0;
  const std::array<Id, 3> arg{a, b, c};
  if (std::all_of(arg.begin(), arg.begin() + static_cast<std::ptrdiff_t>(count),
                  [&](Id id) { return is_constant(id); }))
    return constant(evaluate(op, nodes_[a].value, nodes_[b].value, nodes_[c].value));
  return simplify(op, a, b, c);
}

Id Graph::simplify(Op op, Id a, Id b, Id c) {
  switch (op) {
    case Op::add:
      if (is_constant(a, 0)) return b;
      if (is_constant(b, 0)) return a;
      if (nodes_[b].op == Op::negate) return make(Op::subtract, a, nodes_[b].arg[0]);
      if (nodes_[a].op == Op::negate) return make(Op::subtract, b, nodes_[a].arg[0]);
      break;
    case Op::subtract:
      if (is_constant(b, 0)) return a;
      if (is_constant(a, 0)) return make(Op::negate, b);
      if (a == b) return constant(0);
      if (nodes_[b].op == Op::negate) return make(Op::add, a, nodes_[b].arg[0]);
      break;
    case Op::multiply:
      if (const auto product = simplify_product(a, b)) return *product;
      break;
    case Op::divide:
      if (const auto quotient = simplify_quotient(a, b)) return *quotient;
      break;
    case Op::negate:
      if (nodes_[a].op == Op::negate) return nodes_[a].arg[0];
      if (nodes_[a].op == Op::subtract) return make(Op::subtract, nodes_[a].arg[1], nodes_[a].arg[0]);
      break;
    case Op::power: {
      if (!is_constant(b)) break;
      const double n = nodes_[b].value;
      if (n == 0.5) return make(Op::sqrt, a);
      if (n == -0.5) return make(Op::divide, constant(1), make(Op::sqrt, a));
      if (n == std::trunc(n) && std::abs(n) <= 64) return integer_power(a, static_cast<int>(n));
      break;
    }
    case Op::select:
      if (is_constant(a)) return nodes_[a].value != 0 ? b : c;
      if (b == c) return b;
      break;
    case Op::both:
      if (is_constant(a, 0) || is_constant(b, 0)) return constant(0);
      break;
    case Op::minimum:
    case Op::maximum:
      if (a == b) return a;
      break;
    default:
      if (const auto angle = angles_ ? simplify_angle(op, a, b) : std::nullopt) return *angle;
      break;
  }
  if (commutes(op) && b < a) std::swap(a, b);
  return add(op, {a, b, c}, 0);
}

std::optional<Id> Graph::simplify_product(Id a, Id b) {
  if (is_constant(a, 0) || is_constant(b, 0)) return constant(0);
  if (is_constant(a, 1)) return b;
  if (is_constant(b, 1)) return a;
  if (is_constant(a, -1)) return make(Op::negate, b);
  if (is_constant(b, -1)) return make(Op::negate, a);
  if (nodes_[a].op == Op::negate) return make(Op::negate, make(Op::multiply, nodes_[a].arg[0], b));
  if (nodes_[b].op == Op::negate) return make(Op::negate, make(Op::multiply, a, nodes_[b].arg[0]));
  if (a == b) return integer_power(a, 2);
  return std::nullopt;
}

std::optional<Id> Graph::simplify_quotient(Id a, Id b) {
  if (is_constant(a, 0)) return a;
  if (is_constant(b, 1)) return a;
  if (is_constant(b, -1)) return make(Op::negate, a);
  if (nodes_[a].op == Op::negate) return make(Op::negate, make(Op::divide, nodes_[a].arg[0], b));
  // Division by a power of 2 is exact as a product.
  if (int exponent; is_constant(b) && std::isfinite(nodes_[b].value) &&
                    std::abs(std::frexp(nodes_[b].value, &exponent)) == 0.5 &&
                    std::abs(exponent) < 1000)
    return make(Op::multiply, a, constant(1 / nodes_[b].value));
  return std::nullopt;
}

std::optional<Id> Graph::simplify_angle(Op op, Id a, Id b) {
  switch (op) {
    case Op::asin:
      if (const auto u = Match(*this).cosine(a))
        return make(Op::asin2, u->p, make(Op::root_det, u->p, u->q1, u->q2));
      break;
    case Op::acos:
      if (const auto u = Match(*this).cosine(a))
        return make(Op::acos2, u->p, make(Op::root_det, u->p, u->q1, u->q2));
      break;
    case Op::atan:
      if (const Node quotient = nodes_[a]; quotient.op == Op::divide)
        if (nodes_[quotient.arg[1]].op == Op::root_det)
          return make(Op::asin2, quotient.arg[0], quotient.arg[1]);
      break;
    case Op::atan2:  // of a root, which is not negative
      if (nodes_[a].op == Op::root_det) return make(Op::acos2, b, a);
      if (nodes_[b].op == Op::root_det) return make(Op::asin2, a, b);
      break;
    case Op::sqrt:
      return Match(*this).root_of_difference(a);
    default:
      break;
  }
  return std::nullopt;
}

std::vector<Id> Graph::needed_by(std::span<const Id> roots) const {
  std::vector<bool> needed(nodes_.size(), false);
  for (const Id root : roots) needed[root] = true;
  for (std::size_t id = nodes_.size(); id-- > 0;)
    if (needed[id])
      for (std::size_t k = 0; k < arity(nodes_[id].op); ++k) needed[nodes_[id].arg[k]] = true;
  std::vector<Id> ids;
  for (std::size_t id = 0; id < needed.size(); ++id)
    if (needed[id]) ids.push_back(static_cast<Id>(id));
  return ids;
}

}  // namespace nngp::formula
