#include "formula/derivative.hpp"

#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <vector>

namespace nngp::formula {
namespace {

/// The slope of a node from the slopes of its arguments; `y` is the node.
class Rule {
 public:
  Rule(Graph& graph, Id y, const std::vector<Id>& slopes) : graph_(graph), y_(y), slopes_(slopes) {}

  Id slope() const {
    const Node node = graph_[y_];
    const Term y{&graph_, y_}, a = term(0), b = term(1), da = d(0), db = d(1);
    switch (node.op) {
      case Op::add:
        return (da + db).id;
      case Op::subtract:
        return (da - db).id;
      case Op::multiply:
        return (da * b + a * db).id;
      case Op::divide:
        return ((da - y * db) / b).id;
      case Op::negate:
        return (-da).id;
      case Op::power: {
        const Term in_base = b * a.with(Op::power, b - 1.0) * da;
        return graph_.is_constant(db.id, 0) ? in_base.id : (in_base + y * a.with(Op::log) * db).id;
      }
      case Op::select:
        return select(a, db, d(2)).id;
      case Op::minimum:
        return select(a.with(Op::less_equal, b), da, db).id;
      case Op::maximum:
        return select(b.with(Op::less_equal, a), da, db).id;
      case Op::atan2:
        return ((b * da - a * db) / (a.to(2) + b.to(2))).id;
      case Op::root_det: {
        const Term c = term(2);
        return ((0.5 * (db * c + b * d(2)) - a * da) * y.with(Op::inverse_or_zero)).id;
      }
      case Op::asin2:
        return angle(a, b, da, db).id;
      case Op::acos2:
        return (-angle(a, b, da, db)).id;
      default: {
        const std::optional<Term> inner = slope_in_argument();
        return inner ? (da * *inner).id : graph_.constant(0);
      }
    }
  }

 private:
  /// Of a function of one argument its derivative there; nullopt for constants, conditions and steps.
  std::optional<Term> slope_in_argument() const {
    const Node node = graph_[y_];
    const Term y{&graph_, y_}, a = term(0);
    constexpr double two_by_sqrt_pi = 2 * std::numbers::inv_sqrtpi;
    switch (node.op) {
      case Op::integer_power:
        return node.value * a.to(static_cast<int>(node.value) - 1);
      case Op::abs:
        return a.with(Op::sign);
      case Op::sqrt:
        return 0.5 * y.with(Op::inverse_or_zero);
      case Op::cbrt:
        return (3.0 * y.to(2)).with(Op::inverse_or_zero);
      case Op::exp:
        return y;
      case Op::expm1:
        return a.with(Op::exp);
      case Op::log:
        return 1.0 / a;
      case Op::log1p:
        return 1.0 / (1.0 + a);
      case Op::sin:
        return a.with(Op::cos);
      case Op::cos:
        return -a.with(Op::sin);
      case Op::asin:
        return cosine_of(a).with(Op::inverse_or_zero);
      case Op::acos:
        return -cosine_of(a).with(Op::inverse_or_zero);
      case Op::atan:
        return 1.0 / (1.0 + a.to(2));
      case Op::sinh:
        return a.with(Op::cosh);
      case Op::cosh:
        return a.with(Op::sinh);
      case Op::tanh:  // 1 / cosh^2, with its own digits where tanh is 1
        return 4.0 * (2.0 * a).with(Op::sigmoid) * (-2.0 * a).with(Op::sigmoid);
      case Op::asinh:
        return 1.0 / (1.0 + a.to(2)).with(Op::sqrt);
      case Op::acosh:
        return 1.0 / ((a - 1.0).with(Op::sqrt) * (a + 1.0).with(Op::sqrt));
      case Op::atanh:
        return 1.0 / ((1.0 - a) * (1.0 + a));
      case Op::erf:
        return two_by_sqrt_pi * (-a.to(2)).with(Op::exp);
      case Op::erfc:
        return -two_by_sqrt_pi * (-a.to(2)).with(Op::exp);
      case Op::erfcx:
        return 2.0 * a * y - two_by_sqrt_pi;
      case Op::sigmoid:
        return y * (-a).with(Op::sigmoid);
      case Op::softplus:
        return a.with(Op::sigmoid);
      case Op::inverse_or_zero:
        return -y.to(2);
      default:
        return std::nullopt;
    }
  }

  Term term(std::size_t k) const { return {&graph_, graph_[y_].arg[k]}; }
  Term d(std::size_t k) const { return {&graph_, slopes_[graph_[y_].arg[k]]}; }

  static Term cosine_of(Term sine) { return ((1.0 - sine) * (1.0 + sine)).with(Op::sqrt); }

  /// Of the angle whose sine is c / sqrt(c^2 + s^2). If s = sqrt(q1 q2 - c^2) with constant q1 and q2,
  /// this is dc / s.
  Term angle(Term c, Term s, Term dc, Term ds) const {
    const Node root = graph_[s.id];
    if (root.op == Op::root_det && root.arg[0] == c.id && graph_.is_constant(slopes_[root.arg[1]], 0) &&
        graph_.is_constant(slopes_[root.arg[2]], 0))
      return dc * s.with(Op::inverse_or_zero);
    return (s * dc - c * ds) * (s.to(2) + c.to(2)).with(Op::inverse_or_zero);
  }

  Graph& graph_;
  Id y_;
  const std::vector<Id>& slopes_;
};

/// A sum as products with coefficients. Products are sorted by factor, so that equal ones meet.
class Sum {
 public:
  explicit Sum(Graph& graph) : graph_(graph) {}

  /// Throws TooLarge if the sum has very many terms, or takes very long to look through.
  void add(Id id, double coefficient) {
    take_step();
    const Node node = graph_[id];
    switch (node.op) {
      case Op::add:
        add(node.arg[0], coefficient);
        return add(node.arg[1], coefficient);
      case Op::subtract:
        add(node.arg[0], coefficient);
        return add(node.arg[1], -coefficient);
      case Op::negate:
        return add(node.arg[0], -coefficient);
      default:
        return add_product(id, coefficient);
    }
  }

  /// The sum without what cancels; nothing if nothing does. Throws TooLarge too.
  std::optional<Id> without_cancelled() const {
    bool any = false;
    std::optional<Term> sum;
    for (const auto& [product, coefficient] : terms_) {
      if (std::abs(coefficient.sum) <= 1e-15 * coefficient.size) {
        any = any || coefficient.count > 1;
        continue;
      }
      const Term term = coefficient.sum * value_of(product);
      sum = sum ? *sum + term : term;
    }
    if (!any) return std::nullopt;
    return sum ? sum->id : graph_.constant(0);
  }

 private:
  using Product = std::map<Id, int>;  // factors with exponents
  struct Coefficient {
    double sum = 0, size = 0;
    int count = 0;
  };

  // Equal parts are one node of the graph, so that a short formula may stand for a sum without end.
  static constexpr int max_steps = 5000;
  static constexpr std::size_t max_terms = 200;
  static constexpr int max_exponent = 1024;

  void take_step() {
    if (++steps_ > max_steps) throw TooLarge{};
  }

  void add_product(Id id, double coefficient) {
    // Products of sums are multiplied out as long as they are few.
    std::vector<std::pair<Product, double>> products{{{}, coefficient}};
    multiply(id, 1, products);
    for (const auto& [product, c] : products) {
      Coefficient& to = terms_[product];
      to.sum += c;
      to.size += std::abs(c);
      ++to.count;
    }
    if (terms_.size() > max_terms) throw TooLarge{};
  }

  void multiply(Id id, int exponent, std::vector<std::pair<Product, double>>& products) {
    take_step();
    if (std::abs(exponent) > max_exponent || products.size() > max_terms) throw TooLarge{};
    const Node node = graph_[id];
    if (node.op == Op::constant) {
      for (auto& [product, c] : products) c *= std::pow(node.value, exponent);
    } else if (node.op == Op::negate) {
      if (exponent % 2 != 0)
        for (auto& [product, c] : products) c = -c;
      multiply(node.arg[0], exponent, products);
    } else if (node.op == Op::multiply) {
      multiply(node.arg[0], exponent, products);
      multiply(node.arg[1], exponent, products);
    } else if (node.op == Op::divide) {
      multiply(node.arg[0], exponent, products);
      multiply(node.arg[1], -exponent, products);
    } else if (node.op == Op::integer_power) {
      multiply(node.arg[0], exponent * static_cast<int>(node.value), products);
    } else if (node.op == Op::inverse_or_zero) {
      // Kept apart from quotients: at 0 it is 0.
      for (auto& [product, c] : products) product[id] += exponent;
    } else if ((node.op == Op::add || node.op == Op::subtract) && exponent == 1 &&
               products.size() <= 50) {
      auto second = products;
      multiply(node.arg[0], 1, products);
      multiply(node.arg[1], 1, second);
      if (node.op == Op::subtract)
        for (auto& [product, c] : second) c = -c;
      products.insert(products.end(), second.begin(), second.end());
    } else {
      for (auto& [product, c] : products)
        if ((product[id] += exponent) == 0) product.erase(id);
    }
  }

  Term value_of(const Product& product) const {
    std::optional<Term> above, below;
    for (const auto& [id, exponent] : product) {
      if (exponent == 0) continue;
      if (std::abs(exponent) > max_exponent) throw TooLarge{};
      const Term factor = Term{&graph_, id}.to(std::abs(exponent));
      std::optional<Term>& part = exponent > 0 ? above : below;
      part = part ? *part * factor : factor;
    }
    const Term one{&graph_, graph_.constant(1)};
    const Term value = above ? *above : one;
    return below ? value / *below : value;
  }

  Graph& graph_;
  std::map<Product, Coefficient> terms_;
  int steps_ = 0;
};

}  // namespace

Id differentiate(Graph& graph, Id of, Id variable) {
  const std::vector<Id> needed = graph.needed_by(std::vector<Id>{of, variable});
  std::vector<Id> slopes(graph.size(), 0);
  const Id zero = graph.constant(0), one = graph.constant(1);
  for (const Id id : needed) {
    if (id == variable) {
      slopes[id] = one;
      continue;
    }
    bool depends = false;
    for (std::size_t k = 0; k < arity(graph[id].op); ++k)
      depends = depends || slopes[graph[id].arg[k]] != zero;
    slopes[id] = depends ? Rule(graph, id, slopes).slope() : zero;
  }
  const Id slope = slopes[of];
  try {
    Sum sum(graph);
    sum.add(slope, 1);
    if (const auto shorter = sum.without_cancelled()) return *shorter;
  } catch (const TooLarge&) {  // it stays as it is
  }
  return slope;
}

}  // namespace nngp::formula
