#pragma once

// Random functions with features of known places and sizes, and their expectations by nested
// quadrature on panels graded towards these: truth that shares nothing with the numerical layer.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

namespace nngp::test {

/// A sum of terms amplitude g((x - place) / size).
struct RandomFunction {
  struct Term {
    std::string kind;
    double amplitude, place, size, power;

    double value(double x) const {
      const double t = (x - place) / size;
      if (kind == "tanh") return amplitude * std::tanh(t);
      if (kind == "bump") return amplitude * std::exp(-t * t);
      if (kind == "hinge") return amplitude * std::max(t, 0.0);
      if (kind == "sine") return amplitude * std::sin(t);
      if (kind == "jump") return t > 0 ? amplitude : 0;
      return amplitude * std::pow(std::abs(t), power);
    }
    double derivative(double x) const {
      const double t = (x - place) / size, scale = amplitude / size;
      if (kind == "tanh") return scale * std::pow(1 / std::cosh(t), 2);
      if (kind == "bump") return scale * -2 * t * std::exp(-t * t);
      if (kind == "hinge") return t > 0 ? scale : 0;
      if (kind == "sine") return scale * std::cos(t);
      if (kind == "jump") return 0;
      return t == 0 ? 0 : scale * power * std::copysign(std::pow(std::abs(t), power - 1), t);
    }
  };
  std::vector<Term> terms;

  double operator()(double x) const {
    double sum = 0;
    for (const Term& term : terms) sum += term.value(x);
    return sum;
  }
  double derivative(double x) const {
    double sum = 0;
    for (const Term& term : terms) sum += term.derivative(x);
    return sum;
  }
  std::string text() const {
    std::string out;
    for (const Term& t : terms)
      out += (out.empty() ? "" : " + ") + std::to_string(t.amplitude) + " " + t.kind + "((x - " +
             std::to_string(t.place) + ") / " + std::to_string(t.size) + ")" +
             (t.kind == "power" ? "^" + std::to_string(t.power) : "");
    return out;
  }
};

/// Up to three terms whose places and sizes suit inputs of one or another of the deviations.
inline RandomFunction random_function(std::mt19937_64& random, const std::vector<double>& deviations) {
  const auto uniform = [&](double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  };
  static const std::vector<std::string> kinds = {"tanh", "bump", "hinge", "sine", "power", "jump"};
  RandomFunction f;
  const int count = std::uniform_int_distribution<int>(1, 3)(random);
  for (int i = 0; i < count; ++i) {
    RandomFunction::Term term;
    double sigma =
        deviations[std::uniform_int_distribution<std::size_t>(0, deviations.size() - 1)(random)];
    term.kind = kinds[std::uniform_int_distribution<std::size_t>(0, kinds.size() - 1)(random)];
    // Oscillations that are finer take the reference long.
    if (term.kind == "sine") sigma = *std::max_element(deviations.begin(), deviations.end());
    term.amplitude = uniform(-1, 1);
    term.place = uniform(0, 1) < 0.4 ? 0 : sigma * uniform(-2, 2);
    const double narrowest = term.kind == "sine" ? -1.5 : -3;
    term.size = sigma * std::pow(10, uniform(narrowest, 1));
    term.power = uniform(0.8, 3.5);
    if (term.kind == "hinge" || term.kind == "power") term.size = sigma * uniform(0.3, 3);
    f.terms.push_back(term);
  }
  return f;
}

/// E[f(x1) f(x2)] and E[f'(x1) f'(x2)], the latter almost everywhere: a sum over x1 of sums over x2.
class NestedQuadrature {
 public:
  explicit NestedQuadrature(const RandomFunction& f) : f_(f) {}

  struct Values {
    double nngp, d_nngp, norm, d_norm;
    double error;  ///< by which two rules differ, relative to the norms
  };

  /// cov12^2 < var1 var2; all digits of the difference count.
  Values operator()(double cov12, double var1, double var2) const {
    Values fine = with(legendre(16), cov12, var1, var2);
    const Values coarse = with(legendre(12), cov12, var1, var2);
    fine.error = std::abs(fine.nngp - coarse.nngp) / fine.norm;
    if (fine.d_norm > 0)
      fine.error = std::max(fine.error, std::abs(fine.d_nngp - coarse.d_nngp) / fine.d_norm);
    return fine;
  }

 private:
  struct Rule {
    std::vector<double> node, weight;
  };

  /// Gauss-Legendre on (-1, 1) by Newton's method.
  static Rule legendre(int n) {
    Rule rule;
    for (int i = 0; i < n; ++i) {
      double x = std::cos(std::numbers::pi * (i + 0.75) / (n + 0.5)), slope = 0;
      for (int step = 0; step < 50; ++step) {
        double p0 = 1, p1 = x;
        for (int k = 2; k <= n; ++k) {
          const double p2 = ((2 * k - 1) * x * p1 - (k - 1) * p0) / k;
          p0 = p1;
          p1 = p2;
        }
        slope = n * (x * p1 - p0) / (x * x - 1);
        x -= p1 / slope;
      }
      rule.node.push_back(x);
      rule.weight.push_back(2 / ((1 - x * x) * slope * slope));
    }
    std::reverse(rule.node.begin(), rule.node.end());  // increasing
    return rule;
  }

  struct Feature {
    double place, size;
  };

  /// On [-end, end], graded towards all features; no panel is wider than `widest`.
  static Rule graded(const Rule& gauss, double end, const std::vector<Feature>& features,
                     double widest) {
    std::vector<double> edges = {-end, end};
    for (const Feature& f : features) {
      edges.push_back(f.place);
      for (double d = f.size / 4; d < 2 * end; d *= 2) {
        edges.push_back(f.place - d);
        edges.push_back(f.place + d);
      }
    }
    std::erase_if(edges, [&](double x) { return !(std::abs(x) <= end); });
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    Rule rule;
    for (std::size_t e = 0; e + 1 < edges.size(); ++e) {
      const double parts = std::max(1.0, std::ceil((edges[e + 1] - edges[e]) / widest));
      const double half = (edges[e + 1] - edges[e]) / parts / 2;
      for (double p = 0; p < parts; ++p)
        for (std::size_t i = 0; i < gauss.node.size(); ++i) {
          rule.node.push_back(edges[e] + (2 * p + 1 + gauss.node[i]) * half);
          rule.weight.push_back(half * gauss.weight[i]);
        }
    }
    return rule;
  }

  static double gaussian(double x, double deviation) {
    const double u = x / deviation;
    return std::exp(-u * u / 2) / (deviation * std::sqrt(2 * std::numbers::pi));
  }

  /// The scale of a term, `singular` for a power and `broken` for a kink or jump.
  static double size_of(const RandomFunction::Term& term, double singular, double broken) {
    if (term.kind == "power") return singular;
    return term.kind == "hinge" || term.kind == "jump" ? broken : term.size;
  }

  Values with(const Rule& gauss, double cov12, double var1, double var2) const {
    const double sigma1 = std::sqrt(var1), sigma2 = std::sqrt(var2), turn = cov12 / var1;
    // Of var1 var2 - cov12^2 all digits (Kahan).
    const double square = cov12 * cov12;
    const double determinant = std::fma(var1, var2, -square) - std::fma(cov12, cov12, -square);
    const double rest = std::sqrt(determinant / var1);  // the deviation of x2, given x1
    std::vector<Feature> features;
    double widest = INFINITY;
    for (const auto& term : f_.terms) {
      if (term.kind == "sine")
        widest = std::min(widest, 4 * term.size);
      else
        features.push_back({term.place, size_of(term, 1e-16 * sigma1, sigma1)});
    }
    std::vector<Feature> outer = features;
    for (const auto& term : f_.terms)
      if (turn != 0 && term.kind != "sine")
        outer.push_back(
            {term.place / turn, std::max(rest, size_of(term, rest, rest)) / std::abs(turn)});
    constexpr double reach = 13;  // fn may be 0 but in the tails
    const double widest_turned = std::min(widest, widest / std::max(std::abs(turn), 1e-300));
    const Rule x1 = graded(gauss, reach * sigma1, outer, std::min(widest_turned, sigma1));
    const Rule x2 = graded(gauss, reach * std::hypot(sigma2, rest), features, std::min(widest, rest));
    std::vector<double> value, derivative;
    double energy2 = 0, d_energy2 = 0;
    for (std::size_t k = 0; k < x2.node.size(); ++k) {
      const double f = f_(x2.node[k]), d = f_.derivative(x2.node[k]);
      const double density = x2.weight[k] * gaussian(x2.node[k], sigma2);
      energy2 += density * f * f;
      d_energy2 += density * d * d;
      value.push_back(x2.weight[k] * f);
      derivative.push_back(x2.weight[k] * d);
    }
    Values sum{};
    double energy1 = 0, d_energy1 = 0;
    for (std::size_t i = 0; i < x1.node.size(); ++i) {
      const double x = x1.node[i], mean = turn * x;
      const auto from = std::lower_bound(x2.node.begin(), x2.node.end(), mean - reach * rest);
      double g = 0, dg = 0;
      for (auto k = static_cast<std::size_t>(from - x2.node.begin());
           k < x2.node.size() && x2.node[k] < mean + reach * rest; ++k) {
        const double density = gaussian(x2.node[k] - mean, rest);
        g += value[k] * density;
        dg += derivative[k] * density;
      }
      const double f = f_(x), d = f_.derivative(x), density = x1.weight[i] * gaussian(x, sigma1);
      sum.nngp += density * f * g;
      sum.d_nngp += density * d * dg;
      energy1 += density * f * f;
      d_energy1 += density * d * d;
    }
    sum.norm = std::sqrt(energy1) * std::sqrt(energy2);
    sum.d_norm = std::sqrt(d_energy1) * std::sqrt(d_energy2);
    return sum;
  }

  const RandomFunction& f_;
};

}  // namespace nngp::test
