#include "numerical/quadrature.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <numbers>

#include "numerical/dense_algebra.hpp"

namespace nngp::numerical {

namespace {

/// The nodes in (-1, 1) and weights, increasing.
template <unsigned nodes>
Rule legendre() {
  using Gauss = boost::math::quadrature::gauss<double, nodes>;  // holds the non-negative half
  const auto& abscissa = Gauss::abscissa();
  const auto& weight = Gauss::weights();
  Rule rule;
  for (std::size_t i = abscissa.size(); i-- > 0;) {
    rule.node.push_back(-abscissa[i]);
    rule.weight.push_back(weight[i]);
  }
  for (std::size_t i = 0; i < abscissa.size(); ++i) {
    rule.node.push_back(abscissa[i]);
    rule.weight.push_back(weight[i]);
  }
  return rule;
}

const Rule& legendre(std::size_t nodes) {
  static const Rule twenty = legendre<20>(), sixteen = legendre<16>();
  return nodes == 20 ? twenty : sixteen;
}

Rule make_gauss_hermite(std::size_t nodes) {
  const Eigen::Index n = static_cast<Eigen::Index>(nodes);
  // Golub and Welsch: eigenvalues of the Jacobi matrix of the weight.
  Eigen::MatrixXd jacobi = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index i = 1; i < n; ++i)
    jacobi(i, i - 1) = jacobi(i - 1, i) = std::sqrt(static_cast<double>(i));
  const Eigensystem eigen = eigensystem(jacobi);
  Rule rule;
  for (Eigen::Index i = 0; i < n; ++i) {
    rule.node.push_back(eigen.values[i]);
    rule.weight.push_back(std::pow(eigen.vectors(0, i), 2));
  }
  return rule;
}

}  // namespace

const Rule& gauss_hermite(std::size_t nodes) {
  constexpr std::size_t most = 20;
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> made;
    for (std::size_t n = 1; n <= most; ++n) made.push_back(make_gauss_hermite(n));
    return made;
  }();
  return rules.at(nodes - 1);
}

Rule composite_gauss(const std::vector<double>& edges, double max_width, std::size_t nodes) {
  const Rule& gauss = legendre(nodes);
  Rule rule;
  for (std::size_t e = 0; e + 1 < edges.size(); ++e) {
    const double width = edges[e + 1] - edges[e];
    const int parts = std::max(1, static_cast<int>(std::ceil(width / max_width)));
    const double half = width / parts / 2;
    for (int p = 0; p < parts; ++p) {
      const double middle = edges[e] + (2 * p + 1) * half;
      for (std::size_t i = 0; i < gauss.size(); ++i) {
        rule.node.push_back(middle + half * gauss.node[i]);
        rule.weight.push_back(half * gauss.weight[i]);
      }
    }
  }
  return rule;
}

std::vector<double> chebyshev_nodes(std::size_t n) {
  std::vector<double> nodes(n);
  for (std::size_t i = 0; i < n; ++i)
    nodes[i] = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(n));
  return nodes;
}

std::vector<double> chebyshev_coefficients(const std::vector<double>& values) {
  const std::size_t n = values.size();
  std::vector<double> cosine(4 * n);  // of multiples of pi / (2 n)
  for (std::size_t i = 0; i < 4 * n; ++i)
    cosine[i] = std::cos(std::numbers::pi * static_cast<double>(i) / (2.0 * static_cast<double>(n)));
  std::vector<double> c(n);
  for (std::size_t k = 0; k < n; ++k) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += values[i] * cosine[k * (2 * i + 1) % (4 * n)];
    c[k] = (k == 0 ? 1.0 : 2.0) / static_cast<double>(n) * sum;
  }
  return c;
}

namespace {

/// Clenshaw's recurrence, from the last term to the second.
struct Clenshaw {
  ChebyshevTerms terms;
  double b1 = 0, b2 = 0;
  void step(std::size_t k) {
    const double b = terms.c[k] + 2 * terms.t * b1 - b2;
    b2 = b1;
    b1 = b;
  }
  double end() const { return terms.n == 0 ? 0 : terms.c[0] + terms.t * b1 - b2; }
};

}  // namespace

double chebyshev_sum(const double* c, std::size_t n, double t) {
  Clenshaw sum{{c, n, t}};
  for (std::size_t k = n; k-- > 1;) sum.step(k);
  return sum.end();
}

std::array<double, 2> chebyshev_sums(const ChebyshevTerms& first, const ChebyshevTerms& second) {
  Clenshaw a{first}, b{second};
  std::size_t k = std::max(first.n, second.n);
  for (; k > second.n && k > 1; --k) a.step(k - 1);
  for (; k > first.n && k > 1; --k) b.step(k - 1);
  for (; k > 1; --k) {
    a.step(k - 1);
    b.step(k - 1);
  }
  return {a.end(), b.end()};
}

}  // namespace nngp::numerical
