#include "numerical/expansion.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "numerical/quadrature.hpp"
#include "simd/dispatch.hpp"

namespace nngp::numerical {
namespace {

constexpr std::size_t padding = 8;  // doubles of the widest vector

/// The Hermite functions psi_j(u) = he_j(u) exp(-u^2/4) (2 pi)^(-1/4) on u > 0, two of them at a time,
/// and the even and odd parts of the functions to expand, times the weights: fn, fn', and their kinks.
struct Transform {
  std::vector<double> u, previous, current;
  std::array<std::vector<double>, 4> even, odd;  // by Channel
  std::size_t functions = 2;                     // or 4, with the kinks
  std::size_t begin = 0, end = 0;                // terms to compute
  std::array<std::vector<double>, 4> terms;      // results, appended

  template <class Isa>
  void run() {
    if (functions == 2)
      advance<vec<double, Isa>, 2>();
    else
      advance<vec<double, Isa>, 4>();
  }

  template <class V, std::size_t Functions>
  void advance() {
    double* p0 = previous.data();
    double* p1 = current.data();
    const double* node = u.data();
    const std::size_t n = u.size();
    for (std::size_t j = begin; j < end; ++j) {
      const double* part[Functions];
      V sum[Functions];
      for (std::size_t f = 0; f < Functions; ++f) {
        part[f] = (j % 2 == 0 ? even : odd)[f].data();
        sum[f] = V(0.0);
      }
      const V down = -std::sqrt(static_cast<double>(j));
      const V scale = 1 / std::sqrt(static_cast<double>(j + 1));
      for (std::size_t i = 0; i < n; i += V::size) {
        const V psi = V::load(p1 + i);
        const V next = scale * fma(V::load(node + i), psi, down * V::load(p0 + i));
        next.store(p0 + i);
        for (std::size_t f = 0; f < Functions; ++f) sum[f] = fma(V::load(part[f] + i), psi, sum[f]);
      }
      std::swap(p0, p1);
      for (std::size_t f = 0; f < Functions; ++f) {
        double total = 0;
        for (std::size_t lane = 0; lane < V::size; ++lane) total += sum[f][lane];
        terms[f].push_back(total);
      }
    }
    if ((end - begin) % 2 != 0) std::swap(previous, current);
  }
};

template <class Function>
std::vector<double> half_line_edges(const Function& fn, double sigma) {
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
double relative_tail(const std::vector<double>& a, const std::vector<double>& r, double norm) {
  if (norm == 0) return 0;
  const std::size_t last = std::min(a.size(), std::max<std::size_t>(32, a.size() / 6));
  double sum = 0;
  for (std::size_t j = a.size() - last; j < a.size(); ++j)
    sum += r.empty() ? a[j] * a[j] : std::abs(a[j] * a[j] - r[j] * r[j]);
  return sum / (norm * norm);
}

/// Energy that no term has yet, relative to all; 0 for what rounding and slow decay leave.
double relative_missing(const std::vector<double>& a, double norm) {
  if (norm == 0) return 0;
  double sum = 0;
  for (double x : a) sum += x * x;
  const double missing = 1 - sum / (norm * norm);
  constexpr double left = 1e-3;
  return missing > left ? missing : 0;
}

template <class Function>
Expansions expand_function(const Function& fn, const std::vector<Kink>& kinks, double sigma,
                           std::size_t terms, double tolerance) {
  // A 20-node Gauss rule integrates waves of wave number k well up to k width / 2 = 12; psi_j has
  // wave numbers up to sqrt(j).
  const double width = std::min(0.7, 22 / std::sqrt(static_cast<double>(terms)));
  const Rule rule = composite_gauss(half_line_edges(fn, sigma), width);
  const std::size_t padded = (rule.size() + padding - 1) / padding * padding;

  Transform transform;
  transform.u.assign(padded, 0.0);
  transform.previous.assign(padded, 0.0);
  transform.current.assign(padded, 0.0);
  transform.functions = kinks.empty() ? 2 : 4;
  for (std::size_t f = 0; f < transform.functions; ++f) {
    transform.even[f].assign(padded, 0.0);
    transform.odd[f].assign(padded, 0.0);
  }
  double energy[2] = {0, 0};
  const double quarter_root = std::pow(2 * std::numbers::pi, -0.25);
  for (std::size_t i = 0; i < rule.size(); ++i) {
    const double u = rule.node[i], x = sigma * u;
    const double psi = quarter_root * std::exp(-u * u / 4);
    const double weight = psi * rule.weight[i];
    transform.u[i] = u;
    transform.current[i] = psi;
    const auto put = [&](std::size_t f, double right, double left) {
      transform.even[f][i] = weight * (right + left);
      transform.odd[f][i] = weight * (right - left);
      return weight * psi * (right * right + left * left);
    };
    const std::array<double, 2> right = fn(x), left = fn(-x);
    for (Channel channel : {nngp, d_nngp})
      energy[channel] += put(channel, right[channel], left[channel]);
    if (!kinks.empty())
      for (Channel channel : {nngp, d_nngp})
        put(2 + channel, value(kinks, channel, x), value(kinks, channel, -x));
  }

  Expansions out;
  for (Channel channel : {nngp, d_nngp}) out.of[channel].norm = std::sqrt(energy[channel]);
  while (transform.end < terms) {
    transform.begin = transform.end;
    transform.end = std::min(terms, transform.begin + std::max<std::size_t>(64, transform.begin / 8));
    dispatch(transform);
    out.tail = 0;
    for (Channel channel : {nngp, d_nngp})
      // An oscillation has small terms first.
      out.tail = std::max(
          {out.tail,
           relative_tail(transform.terms[channel], transform.terms[2 + channel], out.of[channel].norm),
           relative_missing(transform.terms[channel], out.of[channel].norm)});
    if (out.tail <= tolerance) break;
  }
  for (Channel channel : {nngp, d_nngp}) {
    out.of[channel].a = std::move(transform.terms[channel]);
    out.of[channel].r = std::move(transform.terms[2 + channel]);
  }
  return out;
}

}  // namespace

Expansions expand(const ScalarFunction& fn, const std::vector<Kink>& kinks, double sigma,
                  std::size_t terms, double tolerance) {
  return expand_function(fn, kinks, sigma, terms, tolerance);
}

Expansions expand(const Pieces& fn, double sigma, std::size_t terms, double tolerance) {
  return expand_function(fn, {}, sigma, terms, tolerance);
}

MehlerDual::MehlerDual(const std::vector<Expansions>& expansions, Channel channel) {
  const auto count = static_cast<Eigen::Index>(expansions.size());
  std::size_t most = 0;
  for (const Expansions& e : expansions) most = std::max(most, e.of[channel].a.size());
  const auto terms = static_cast<Eigen::Index>(most);
  for (Eigen::Index parity = 0; parity < 2; ++parity) {
    const auto fill = [&](RowMatrix& matrix, std::vector<double> Expansion::*coefficients) {
      matrix.setZero(count, (terms + 1 - parity) / 2);
      for (Eigen::Index i = 0; i < count; ++i) {
        const std::vector<double>& c =
            expansions[static_cast<std::size_t>(i)].of[channel].*coefficients;
        for (std::size_t j = static_cast<std::size_t>(parity); j < c.size(); j += 2)
          matrix(i, static_cast<Eigen::Index>(j / 2)) = c[j];
      }
    };
    fill(a_[parity], &Expansion::a);
    if (!expansions[0].of[channel].r.empty()) fill(r_[parity], &Expansion::r);
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
  Eigen::MatrixXd result = weighted_gram(a_[parity], a_[parity], power);
  if (r_[parity].size() > 0) result -= weighted_gram(r_[parity], r_[parity], power);
  return result;
}

}  // namespace nngp::numerical
