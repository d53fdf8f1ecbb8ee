#include "numerical/polar.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "numerical/dense_algebra.hpp"
#include "numerical/quadrature.hpp"
#include "numerical/table.hpp"

namespace nngp::numerical {
namespace {

constexpr std::size_t radial_nodes = 48;  // of p

/// Edges of a quadrature over (0, alpha) that is finer towards both ends, on the scale on which
/// sigma sin(w) passes 1.
std::vector<double> sector_edges(double alpha, double sigma_max) {
  std::vector<double> edges = {0, alpha / 2, alpha};
  for (double w = alpha / 8; w * sigma_max > 0.5; w /= 4) edges.insert(edges.end(), {w, alpha - w});
  std::sort(edges.begin(), edges.end());
  return edges;
}

}  // namespace

PolarDual::PolarDual(const ScalarFunction& fn, Channel channel, int power,
                     const std::vector<double>& sigma)
    : sigma_(sigma), power_(power), z_max_(z_of_sigma(sigma.front())) {
  const double p_max = sigma.front();
  const std::vector<double> t = chebyshev_nodes(radial_nodes);
  // r exp(-r^2/2) g^2 counts as far as exp(-u^2/2) g^2 does.
  std::vector<double> edges = {0, fn.reach()};
  for (double x : fn.panels())
    if (x > 0 && x / p_max < fn.reach()) edges.push_back(x / p_max);
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  const Rule rule = composite_gauss(edges, 1.0);

  const auto n = static_cast<Eigen::Index>(t.size());
  Eigen::MatrixXd g[2] = {Eigen::MatrixXd(n, rule.size()), Eigen::MatrixXd(n, rule.size())};
  for (Eigen::Index i = 0; i < n; ++i) {
    const double p = sigma_of_z(z_max_ * (1 + t[static_cast<std::size_t>(i)]) / 2);
    const double scale = std::pow(p, power_);
    for (std::size_t k = 0; k < rule.size(); ++k) {
      const double r = rule.node[k], x = r * p;
      const double right = fn(x)[channel], left = fn(-x)[channel];
      const double weight = std::sqrt(r * rule.weight[k]) * std::exp(-r * r / 4) / scale;
      g[0](i, static_cast<Eigen::Index>(k)) = weight * (right + left) / 2;
      g[1](i, static_cast<Eigen::Index>(k)) = weight * (right - left) / 2;
    }
  }
  for (std::size_t parity = 0; parity < 2; ++parity) {
    // Relative to the size of each row, so that small p keep their accuracy.
    const Eigen::VectorXd norm = g[parity].rowwise().norm();
    const double largest = norm.maxCoeff();
    if (largest == 0) continue;
    const Eigen::VectorXd size = norm.cwiseMax(1e-12 * largest);
    const Eigen::MatrixXd scaled = size.cwiseInverse().asDiagonal() * g[parity];
    const Eigensystem eigen = eigensystem(scaled * scaled.transpose());
    std::vector<std::vector<double>> columns;
    std::size_t degrees = 2;
    for (Eigen::Index e = 0; e < n; ++e) {
      if (eigen.values[e] < 1e-15 * eigen.values[n - 1]) continue;
      const Eigen::VectorXd h = (eigen.vectors.col(e) * std::sqrt(eigen.values[e])).cwiseProduct(size);
      columns.push_back(chebyshev_coefficients({h.data(), h.data() + n}));
      for (std::size_t k = degrees; k < columns.back().size(); ++k)
        if (std::abs(columns.back()[k]) > 1e-15 * largest) degrees = k + 1;
    }
    h_[parity].resize(static_cast<Eigen::Index>(degrees), static_cast<Eigen::Index>(columns.size()));
    for (std::size_t c = 0; c < columns.size(); ++c)
      for (std::size_t k = 0; k < degrees; ++k)
        h_[parity](static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(c)) = columns[c][k];
  }
}

Eigen::MatrixXd PolarDual::sector(std::size_t parity, double alpha) const {
  const auto count = static_cast<Eigen::Index>(sigma_.size());
  const Eigen::MatrixXd& h = h_[parity];
  if (h.size() == 0 || alpha == 0) return Eigen::MatrixXd::Zero(count, count);
  const Rule rule = composite_gauss(sector_edges(alpha, sigma_.front()), alpha);
  const auto angles = static_cast<Eigen::Index>(rule.size());
  RowMatrix forward(count, h.cols() * angles), backward = forward;
  Eigen::ArrayXd sine(angles);
  for (Eigen::Index i = 0; i < angles; ++i) sine[i] = std::sin(rule.node[static_cast<std::size_t>(i)]);
  Eigen::MatrixXd basis(angles, h.rows());
  basis.col(0).setOnes();
  for (Eigen::Index a = 0; a < count; ++a) {
    const Eigen::ArrayXd p = sigma_[static_cast<std::size_t>(a)] * sine;
    const Eigen::ArrayXd t = 2 / z_max_ * p / (p + 2) - 1;
    basis.col(1) = t.matrix();
    for (Eigen::Index k = 2; k < h.rows(); ++k)
      basis.col(k) = (2 * t * basis.col(k - 1).array() - basis.col(k - 2).array()).matrix();
    Eigen::MatrixXd values = basis * h;  // angle x factor
    for (int k = 0; k < power_; ++k) values.array().colwise() *= p;
    for (Eigen::Index c = 0; c < h.cols(); ++c)
      for (Eigen::Index i = 0; i < angles; ++i) {
        forward(a, c * angles + i) = values(i, c);
        backward(a, c * angles + i) = values(angles - 1 - i, c);  // the rule is symmetric
      }
  }
  Eigen::VectorXd weight(h.cols() * angles);
  for (Eigen::Index c = 0; c < h.cols(); ++c)
    for (Eigen::Index i = 0; i < angles; ++i)
      weight[c * angles + i] = rule.weight[static_cast<std::size_t>(i)] / std::numbers::pi;
  return weighted_gram(forward, backward, weight);
}

Eigen::MatrixXd PolarDual::part(std::size_t parity, double theta) const {
  const Eigen::MatrixXd wide = sector(parity, std::numbers::pi - theta), narrow = sector(parity, theta);
  if (parity == 0) return wide + narrow;
  return wide - narrow;
}

}  // namespace nngp::numerical
