#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace nngp::numerical {

/// Nodes and weights of a rule: the integral of g is about sum weight[i] g(node[i]).
struct Rule {
  std::vector<double> node;
  std::vector<double> weight;
  std::size_t size() const { return node.size(); }
};

/// Gauss-Legendre with 20 or 16 nodes on each piece between consecutive `edges` (increasing), after
/// cutting pieces wider than `max_width` into equal parts.
Rule composite_gauss(const std::vector<double>& edges, double max_width, std::size_t nodes = 20);

/// Gauss-Hermite with 1 to 20 nodes: E g(u) for u ~ N(0, 1) is about sum weight[i] g(node[i]).
const Rule& gauss_hermite(std::size_t nodes);

/// Chebyshev nodes cos(pi (i + 1/2) / n), i = 0 ... n - 1, decreasing.
std::vector<double> chebyshev_nodes(std::size_t n);

/// The coefficients of the polynomial sum c_k T_k through `values` at the Chebyshev nodes.
std::vector<double> chebyshev_coefficients(const std::vector<double>& values);

/// sum c_k T_k(t).
double chebyshev_sum(const double* c, std::size_t n, double t);

/// One of two such sums.
struct ChebyshevTerms {
  const double* c;
  std::size_t n;
  double t;
};
/// Both, in the time of one: the steps of a recurrence wait for one another.
std::array<double, 2> chebyshev_sums(const ChebyshevTerms& first, const ChebyshevTerms& second);

}  // namespace nngp::numerical
