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
      return amplitude * std::pow(std::abs(t), power);
    }
    double derivative(double x) const {
      const double t = (x - place) / size, scale = amplitude / size;
      if (kind == "tanh") return scale * std::pow(1 / std::cosh(t), 2);
      if (kind == "bump") return scale * -2 * t * std::exp(-t * t);
      if (kind == "hinge") return t > 0 ? scale : 0;
      if (kind == "sine") return scale * std::cos(t);
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

/// Up to three terms whose places and sizes suit inputs of deviation `sigma`.
inline RandomFunction random_function(std::mt19937_64& random, double sigma) {
  const auto uniform = [&](double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  };
  static const std::vector<std::string> kinds = {"tanh", "bump", "hinge", "sine", "power"};
  RandomFunction f;
  const int count = std::uniform_int_distribution<int>(1, 3)(random);
  for (int i = 0; i < count; ++i) {
    RandomFunction::Term term;
    term.kind = kinds[std::uniform_int_distribution<std::size_t>(0, kinds.size() - 1)(random)];
    term.amplitude = uniform(-1, 1);
    term.place = uniform(0, 1) < 0.4 ? 0 : sigma * uniform(-2, 2);
    // Where a feature is narrow, it lies at 0, or stands out by what it does to fn elsewhere.
    const double narrowest = term.kind == "sine"                      ? -1.5
                             : term.place != 0 && term.kind == "bump" ? -1
                                                                      : -3;
    term.size = sigma * std::pow(10, uniform(narrowest, 1));
    term.power = uniform(0.8, 3.5);
    if (term.kind == "hinge" || term.kind == "power") term.size = sigma * uniform(0.3, 3);
    f.terms.push_back(term);
  }
  return f;
}

class NestedQuadrature {
 public:
  explicit NestedQuadrature(const RandomFunction& f) : f_(f) {}

  struct Values {
    double nngp, d_nngp, norm, d_norm;
    double error;  ///< by which two rules differ, relative to the norms
  };

  /// |rho| < 1.
  Values operator()(double rho, double sigma1, double sigma2) const {
    Values fine = with(20, rho, sigma1, sigma2);
    const Values coarse = with(15, rho, sigma1, sigma2);
    fine.error = std::max(std::abs(fine.nngp - coarse.nngp) / fine.norm,
                          std::abs(fine.d_nngp - coarse.d_nngp) / fine.d_norm);
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
    return rule;
  }

  struct Feature {
    double place, size;
  };

  /// On [low, high], graded towards all features; no panel is wider than `widest`.
  static Rule graded(const Rule& gauss, double low, double high, const std::vector<Feature>& features,
                     double widest) {
    std::vector<double> edges = {low, high};
    for (const Feature& f : features) {
      edges.push_back(f.place);
      for (double d = f.size / 4; d < high - low; d *= 2) {
        edges.push_back(f.place - d);
        edges.push_back(f.place + d);
      }
    }
    std::erase_if(edges, [&](double x) { return !(x >= low && x <= high); });
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    Rule rule;
    for (std::size_t e = 0; e + 1 < edges.size(); ++e) {
      const int parts = std::max(1, static_cast<int>(std::ceil((edges[e + 1] - edges[e]) / widest)));
      const double half = (edges[e + 1] - edges[e]) / parts / 2;
      for (int p = 0; p < parts; ++p)
        for (std::size_t i = 0; i < gauss.node.size(); ++i) {
          rule.node.push_back(edges[e] + (2 * p + 1 + gauss.node[i]) * half);
          rule.weight.push_back(half * gauss.weight[i]);
        }
    }
    return rule;
  }

  Values with(int nodes, double rho, double sigma1, double sigma2) const {
    const Rule gauss = legendre(nodes);
    std::vector<Feature> features;
    double widest = INFINITY;
    for (const auto& term : f_.terms) {
      if (term.kind == "sine")
        widest = std::min(widest, 2 * term.size);
      else if (term.kind == "power")  // a singularity
        features.push_back({term.place, 1e-8 * sigma1});
      else
        features.push_back({term.place, term.size});
    }
    constexpr double reach = 9.5;
    const double rest = sigma2 * std::sqrt((1 - rho) * (1 + rho)), turn = rho * sigma2 / sigma1;
    std::vector<Feature> outer = features;
    for (const Feature& f : features)
      if (turn != 0) outer.push_back({f.place / turn, std::max(rest, f.size) / std::abs(turn)});
    outer.push_back({0, sigma1});
    Values sum{};
    const auto gaussian = [](double u) {
      return std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi);
    };
    const Rule x1 = graded(gauss, -reach * sigma1, reach * sigma1, outer, std::min(widest, sigma1));
    double energy1[2] = {0, 0}, energy2[2] = {0, 0};
    for (std::size_t i = 0; i < x1.node.size(); ++i) {
      const double x = x1.node[i], mean = turn * x;
      const double weight = x1.weight[i] * gaussian(x / sigma1) / sigma1;
      std::vector<Feature> inner = features;
      inner.push_back({mean, rest});
      const Rule x2 =
          graded(gauss, mean - reach * rest, mean + reach * rest, inner, std::min(widest, rest));
      double value = 0, derivative = 0;
      for (std::size_t k = 0; k < x2.node.size(); ++k) {
        const double w = x2.weight[k] * gaussian((x2.node[k] - mean) / rest) / rest;
        value += w * f_(x2.node[k]);
        derivative += w * f_.derivative(x2.node[k]);
      }
      const double g = f_(x), d = f_.derivative(x);
      sum.nngp += weight * g * value;
      sum.d_nngp += weight * d * derivative;
      energy1[0] += weight * g * g;
      energy1[1] += weight * d * d;
    }
    std::vector<Feature> line = features;
    line.push_back({0, sigma2});
    const Rule x2 = graded(gauss, -reach * sigma2, reach * sigma2, line, std::min(widest, sigma2));
    for (std::size_t i = 0; i < x2.node.size(); ++i) {
      const double weight = x2.weight[i] * gaussian(x2.node[i] / sigma2) / sigma2;
      energy2[0] += weight * std::pow(f_(x2.node[i]), 2);
      energy2[1] += weight * std::pow(f_.derivative(x2.node[i]), 2);
    }
    sum.norm = std::sqrt(energy1[0]) * std::sqrt(energy2[0]);
    sum.d_norm = std::sqrt(energy1[1]) * std::sqrt(energy2[1]);
    return sum;
  }

  const RandomFunction& f_;
};

}  // namespace nngp::test
