#include "numerical/expansion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "numerical/dispatch.hpp"
#include "numerical/quadrature.hpp"

namespace nngp::numerical {
namespace {

constexpr std::size_t kPadding = 8;  // doubles of the widest vector

/// The Hermite functions psi_j(u) = he_j(u) exp(-u^2/4) (2 pi)^(-1/4) on u > 0, two of them at a time,
/// and the even and odd parts of fn and fn', times the weights.
struct Transform {
  std::vector<double> u, previous, current;
  std::array<std::vector<double>, 2> even, odd;  // by Channel
  std::size_t begin = 0, end = 0;                // terms to compute
  std::array<std::vector<double>, 2> terms;      // results, appended

  template <class Isa>
  void run() {
    using V = vec<double, Isa>;
    double* p0 = previous.data();
    double* p1 = current.data();
    const double* node = u.data();
    const std::size_t n = u.size();
    for (std::size_t j = begin; j < end; ++j) {
      const double* fn = (j % 2 == 0 ? even : odd)[nngp].data();
      const double* derivative = (j % 2 == 0 ? even : odd)[d_nngp].data();
      const V down = -std::sqrt(static_cast<double>(j));
      const V scale = 1 / std::sqrt(static_cast<double>(j + 1));
      V fn_sum(0.0), derivative_sum(0.0);
      for (std::size_t i = 0; i < n; i += V::size) {
        const V psi = V::load(p1 + i);
        const V next = scale * fma(V::load(node + i), psi, down * V::load(p0 + i));
        next.store(p0 + i);
        fn_sum = fma(V::load(fn + i), psi, fn_sum);
        derivative_sum = fma(V::load(derivative + i), psi, derivative_sum);
      }
      std::swap(p0, p1);
      double fn_total = 0, derivative_total = 0;
      for (std::size_t lane = 0; lane < V::size; ++lane) {
        fn_total += fn_sum[lane];
        derivative_total += derivative_sum[lane];
      }
      terms[nngp].push_back(fn_total);
      terms[d_nngp].push_back(derivative_total);
    }
    if ((end - begin) % 2 != 0) std::swap(previous, current);
  }
};

std::vector<double> half_line_edges(const ScalarFunction& fn, double sigma) {
  std::vector<double> edges = {0, fn.reach()};
  for (double x : fn.panels()) {
    const double u = std::abs(x) / sigma;
    if (u < fn.reach()) edges.push_back(u);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

/// Energy of the last terms relative to all: about what lies beyond them where terms decay.
double relative_tail(const std::vector<double>& a, double norm) {
  if (norm == 0) return 0;
  const std::size_t last = std::min(a.size(), std::max<std::size_t>(32, a.size() / 6));
  double sum = 0;
  for (std::size_t j = a.size() - last; j < a.size(); ++j) sum += a[j] * a[j];
  return sum / (norm * norm);
}

}  // namespace

Expansions expand(const ScalarFunction& fn, double sigma, std::size_t terms, double tolerance) {
  // A 20-node Gauss rule integrates waves of wave number k well up to k width / 2 = 8; psi_j has
  // wave numbers up to sqrt(j).
  const double width = std::min(0.5, 14 / std::sqrt(static_cast<double>(terms)));
  const Rule rule = composite_gauss(half_line_edges(fn, sigma), width);
  const std::size_t padded = (rule.size() + kPadding - 1) / kPadding * kPadding;

  Transform transform;
  transform.u.assign(padded, 0.0);
  transform.previous.assign(padded, 0.0);
  transform.current.assign(padded, 0.0);
  for (Channel channel : {nngp, d_nngp}) {
    transform.even[channel].assign(padded, 0.0);
    transform.odd[channel].assign(padded, 0.0);
  }
  double energy[2] = {0, 0};
  const double quarter_root = std::pow(2 * std::numbers::pi, -0.25);
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const double u = rule.node[i], x = sigma * u;
    const double psi = quarter_root * std::exp(-u * u / 4);
    const double weight = psi * rule.weight[i];
    transform.u[i] = u;
    transform.current[i] = psi;
    const auto put = [&](Channel channel, double right, double left) {
      energy[channel] += weight * psi * (right * right + left * left);
      transform.even[channel][i] = weight * (right + left);
      transform.odd[channel][i] = weight * (right - left);
    };
    put(nngp, fn(x), fn(-x));
    put(d_nngp, fn.derivative(x), fn.derivative(-x));
  }

  Expansions out;
  for (Channel channel : {nngp, d_nngp}) out.of[channel].norm = std::sqrt(energy[channel]);
  while (transform.end < terms) {
    transform.begin = transform.end;
    transform.end = std::min(terms, transform.begin + std::max<std::size_t>(64, transform.begin / 8));
    dispatch(transform);
    out.tail = 0;
    for (Channel channel : {nngp, d_nngp})
      out.tail = std::max(out.tail, relative_tail(transform.terms[channel], out.of[channel].norm));
    if (out.tail <= tolerance) break;
  }
  for (Channel channel : {nngp, d_nngp}) out.of[channel].a = std::move(transform.terms[channel]);
  return out;
}

MehlerDual::MehlerDual(const std::vector<Expansions>& expansions, Channel channel) {
  const auto count = static_cast<Eigen::Index>(expansions.size());
  std::size_t most = 0;
  for (const Expansions& e : expansions) most = std::max(most, e.of[channel].a.size());
  const auto terms = static_cast<Eigen::Index>(most);
  for (Eigen::Index parity = 0; parity < 2; ++parity) {
    a_[parity].setZero(count, (terms + 1 - parity) / 2);
    for (Eigen::Index i = 0; i < count; ++i) {
      const std::vector<double>& a = expansions[static_cast<std::size_t>(i)].of[channel].a;
      for (std::size_t j = static_cast<std::size_t>(parity); j < a.size(); j += 2)
        a_[parity](i, static_cast<Eigen::Index>(j / 2)) = a[j];
    }
  }
}

Eigen::MatrixXd MehlerDual::part(std::size_t parity, double theta) const {
  const double rho = std::cos(theta);
  Eigen::VectorXd power(a_[parity].cols());
  double next = parity == 0 ? 1 : rho;
  for (double& p : power) {
    p = next;
    next *= rho * rho;
  }
  return weighted_gram(a_[parity], a_[parity], power);
}

Eigen::MatrixXd MehlerDual::at_one() const { return part(0, 0) + part(1, 0); }

}  // namespace nngp::numerical
