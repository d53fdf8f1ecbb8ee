#include "numerical/table.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "numerical/dense_algebra.hpp"
#include "numerical/integrator.hpp"
#include "numerical/quadrature.hpp"
#include "parallel.hpp"

namespace nngp::numerical {
namespace {

constexpr double smallest_sigma = 1e-30;
constexpr std::size_t max_half_terms = 160;
constexpr std::size_t max_nodes = 96;
constexpr std::size_t max_entries = 60'000;  // of one channel and parity: about 0.5 s of one core

double rho_of_x(double x, double kappa) { return std::sin(x * std::asin(kappa)) / kappa; }

double theta_of_x(double x, double kappa) {
  return kappa == 1 ? std::numbers::pi / 2 * (1 - x) : std::acos(rho_of_x(x, kappa));
}

/// How many coefficients c_0, c_1, ... until the sum of the others is below `tolerance`.
std::size_t significant(const Eigen::VectorXd& c, double tolerance) {
  double rest = 0;
  Eigen::Index n = c.size();
  while (n > 0 && (rest += std::abs(c[n - 1])) <= tolerance) --n;
  return static_cast<std::size_t>(n);
}

/// From values at the positive Chebyshev nodes of x, 2 half in all, to the coefficients of T_2m or
/// T_2m+1 of an even or odd function.
Eigen::MatrixXd half_transform(std::size_t half, std::size_t parity) {
  const auto n = static_cast<Eigen::Index>(half);
  Eigen::MatrixXd transform(n, n);
  for (Eigen::Index m = 0; m < n; ++m)
    for (Eigen::Index i = 0; i < n; ++i) {
      const Eigen::Index k = 2 * m + static_cast<Eigen::Index>(parity);
      const double phi = std::numbers::pi * static_cast<double>(2 * i + 1) / static_cast<double>(4 * n);
      transform(m, i) =
          (k == 0 ? 1.0 : 2.0) / static_cast<double>(n) * std::cos(static_cast<double>(k) * phi);
    }
  return transform;
}

}  // namespace

double Scale::operator()(double sigma, double t) const {
  return std::pow(sigma, power) *
         (growth.empty() ? 1 : std::exp(chebyshev_sum(growth.data(), growth.size(), t)));
}

Series::Series(const ScalarFunction& fn, double sigma_min, double sigma_max, double tolerance) {
  sigma_max = std::max(sigma_max, smallest_sigma);
  sigma_min = std::clamp(sigma_min, smallest_sigma, sigma_max);
  const Integrator integrator(fn, sigma_min, sigma_max, tolerance);
  kinks_ = integrator.kinks();
  truncation_ = {integrator.tail(), integrator.tail()};

  const double width = z_of_sigma(sigma_max) - z_of_sigma(sigma_min);
  const bool one_node = sigma_max - sigma_min <= 1e-13 * sigma_max;
  // In proportion to the digits wanted; more if that turns out not to do.
  const double digits = -std::log10(tolerance);
  std::size_t count = one_node ? 1 : static_cast<std::size_t>(digits * (0.6 + 3 * width));
  for (double last = INFINITY;;) {
    place_nodes(sigma_min, sigma_max, count);
    measure(fn, integrator);
    if (!resolved_) return;
    if (half_terms_ == 0) choose_x(integrator, tolerance / 4);
    resolved_ = half_terms_ + 2 < max_half_terms;
    if (!resolved_) return;
    tabulate(integrator.at(sigma_));
    const double rest = rest_in_z();
    if (count == 1 || rest <= 10 * tolerance) break;
    // So many nodes bring the rest below the tolerance if it goes on as it did.
    const double more = std::log(rest / (10 * tolerance)) / std::log(last / rest);
    const double needed = static_cast<double>(count) * (last < INFINITY ? 1 + more / 5 : 1.25);
    resolved_ = more >= 0 && needed < static_cast<double>(max_nodes) &&
                needed * needed * static_cast<double>(half_terms_) <= max_entries;
    if (!resolved_) return;
    last = rest;
    count += count / 4 + 1;
  }
}

void Series::place_nodes(double sigma_min, double sigma_max, std::size_t count) {
  const double low = z_of_sigma(sigma_min), high = z_of_sigma(sigma_max);
  z_middle_ = (low + high) / 2;
  z_half_ = count == 1 ? 0 : (high - low) / 2;
  t_ = chebyshev_nodes(count);
  sigma_.clear();
  for (double t : t_) sigma_.push_back(count == 1 ? sigma_max : sigma_of_z(z_middle_ + z_half_ * t));
}

void Series::measure(const ScalarFunction& fn, const Integrator& integrator) {
  const std::size_t nodes = sigma_.size();
  for (std::vector<double>& norm : norm_) norm.resize(nodes);
  parallel_for(2 * nodes, [&](std::size_t index) {
    const Channel channel = index < nodes ? nngp : d_nngp;
    const std::size_t a = index % nodes;
    norm_[channel][a] = std::sqrt(fn.expectation_on_line(channel, sigma_[a], sigma_[a]));
  });
  for (Channel channel : {nngp, d_nngp}) {
    std::vector<double>& norm = norm_[channel];
    scale_[channel] = fit_scale(channel, integrator.power(channel));
    double largest = 0;
    for (std::size_t a = 0; a < norm.size(); ++a)
      largest = std::max(largest, norm[a] / scale_[channel](sigma_[a], t_[a]));
    for (std::size_t a = 0; a < norm.size(); ++a) {
      const double least = 1e-9 * largest * scale_[channel](sigma_[a], t_[a]);
      if (norm[a] < least) resolved_ = false;  // smaller ones would lose their relative accuracy
      norm[a] = std::max(norm[a], least);
    }
    if (largest == 0) norm.clear();
  }
}

Scale Series::fit_scale(Channel channel, int power) const {
  Scale scale{power, {}};
  const auto n = static_cast<Eigen::Index>(sigma_.size());
  Eigen::VectorXd size(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto node = static_cast<std::size_t>(i);
    size[i] = norm_[channel][node] / std::pow(sigma_[node], scale.power);
  }
  if (size.minCoeff() <= 0 || size.maxCoeff() < 1e4 * size.minCoeff()) return scale;
  // Least squares by a polynomial of degree 4: the scale need not be exact, but smooth.
  const Eigen::Index degrees = std::min<Eigen::Index>(5, n);
  Eigen::MatrixXd basis(n, degrees);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index k = 0; k < degrees; ++k)
      basis(i, k) = std::cos(static_cast<double>(k) * std::acos(t_[static_cast<std::size_t>(i)]));
  const Eigen::VectorXd c = least_squares(basis, size.array().log().matrix());
  scale.growth.assign(c.data(), c.data() + c.size());
  return scale;
}

/// The last coefficients in z, of nngp or d_nngp.
double Series::rest_in_z() const {
  double rest[2] = {0, 0};
  for (const Term& term : terms_of_x_) {
    const std::size_t n = term.u.size();
    if (n == 1) continue;  // one deviation alone
    rest[term.chain / 2] += term.weight * (std::abs(term.u[n - 1]) + std::abs(term.u[n - 2]));
  }
  return std::max(rest[nngp], rest[d_nngp]);
}

void Series::choose_x(const Integrator& integrator, double tolerance) {
  // At the largest deviation, where the ends of rho's range are steepest.
  const Duals top = integrator.at({sigma_[0]});
  const auto count = [&](double kappa, const std::array<Eigen::MatrixXd, 2>& transforms,
                         std::size_t& half) {
    const auto n = static_cast<std::size_t>(transforms[0].rows());
    const std::vector<double> x = chebyshev_nodes(2 * n);
    std::size_t total = 0;
    half = 1;
    for (Channel channel : {nngp, d_nngp}) {
      if (norm_[channel].empty()) continue;
      const double energy = norm_[channel][0] * norm_[channel][0];
      for (std::size_t parity = 0; parity < 2; ++parity) {
        Eigen::VectorXd values(static_cast<Eigen::Index>(n));
        for (std::size_t i = 0; i < n; ++i)
          values[static_cast<Eigen::Index>(i)] =
              top[channel]->part(parity, theta_of_x(x[i], kappa))(0, 0);
        const std::size_t needed = significant(transforms[parity] * values, tolerance * energy);
        total += needed;
        half = std::max(half, needed + 1);
      }
    }
    half = std::min(half, n);
    return total;
  };
  static constexpr double kappas[] = {0.8, 0.9, 0.95, 0.975, 0.985, 0.993, 0.997, 0.999, 1.0};
  for (std::size_t n : {std::size_t{32}, std::size_t{72}, max_half_terms}) {
    const std::array transforms{half_transform(n, 0), half_transform(n, 1)};
    std::size_t best = 4 * n + 1;
    for (double kappa : kappas) {
      if (integrator.polar() && kappa != 1) continue;
      std::size_t half;
      const std::size_t total = count(kappa, transforms, half);
      if (total > best) break;
      best = total;
      half_terms_ = half;
      kappa_ = kappa;
    }
    if (half_terms_ + 2 < n) break;
  }
}

void Series::tabulate(const Duals& duals) {
  const std::size_t nodes = sigma_.size(), half = half_terms_;
  const std::vector<double> x = chebyshev_nodes(2 * half);

  // Values, then coefficients, by chain and x or m, relative to the norms.
  std::vector<Eigen::MatrixXd> values(4 * half), c(4 * half);
  parallel_for(values.size(), [&](std::size_t index) {
    const std::size_t chain = index / half;
    const Channel channel = chain < 2 ? nngp : d_nngp;
    if (norm_[channel].empty()) return;
    const Eigen::Map<const Eigen::VectorXd> norm(norm_[channel].data(),
                                                 static_cast<Eigen::Index>(nodes));
    values[index] = duals[channel]->part(chain % 2, theta_of_x(x[index % half], kappa_));
    values[index].array() /= (norm * norm.transpose()).array();
  });
  const Eigen::MatrixXd transforms[2] = {half_transform(half, 0), half_transform(half, 1)};
  std::vector<std::vector<Term>> found(c.size());
  parallel_for(c.size(), [&](std::size_t index) {
    const std::size_t chain = index / half, m = index % half;
    const Channel channel = chain < 2 ? nngp : d_nngp;
    if (norm_[channel].empty()) return;
    Eigen::MatrixXd sum =
        Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(nodes), static_cast<Eigen::Index>(nodes));
    for (std::size_t i = 0; i < half; ++i)
      sum += transforms[chain % 2](static_cast<Eigen::Index>(m), static_cast<Eigen::Index>(i)) *
             values[chain * half + i];
    if (sum.isZero(1e-16)) return;
    // A change of u matters relative to the norm over the scale.
    double smallest_size = INFINITY;
    for (std::size_t a = 0; a < nodes; ++a)
      smallest_size = std::min(smallest_size, norm_[channel][a] / scale_[channel](sigma_[a], t_[a]));
    const Eigensystem eigen = eigensystem(sum);
    for (Eigen::Index e = 0; e < eigen.values.size(); ++e) {
      const double value = eigen.values[e];
      if (std::abs(value) < 1e-17) continue;
      const Eigen::VectorXd v = eigen.vectors.col(e) * std::sqrt(std::abs(value));
      std::vector<double> u(nodes);
      for (std::size_t a = 0; a < nodes; ++a)
        u[a] = v[static_cast<Eigen::Index>(a)] * norm_[channel][a] / scale_[channel](sigma_[a], t_[a]);
      const double largest = v.cwiseAbs().maxCoeff();
      found[index].push_back({chain, m, value < 0 ? -1.0 : 1.0, largest * largest,
                              largest / smallest_size, chebyshev_coefficients(u)});
    }
  });
  terms_of_x_.clear();
  for (auto& list : found) std::move(list.begin(), list.end(), std::back_inserter(terms_of_x_));
}

std::vector<const Series::Term*> Series::choose_terms(double tolerance, TableError& error) const {
  std::vector<const Term*> order;
  for (const Term& term : terms_of_x_) order.push_back(&term);
  std::sort(order.begin(), order.end(), [](auto p, auto q) { return p->size < q->size; });
  double dropped[2] = {0, 0};
  std::vector<const Term*> kept;
  for (const Term* term : order) {
    double& sum = dropped[term->chain / 2];
    if (sum + term->size <= tolerance)
      sum += term->size;
    else
      kept.push_back(term);
  }
  error.nngp += dropped[nngp] + truncation_.nngp;
  error.d_nngp += dropped[d_nngp] + truncation_.d_nngp;
  std::stable_sort(kept.begin(), kept.end(), [](auto p, auto q) {
    return p->chain != q->chain ? p->chain < q->chain : p->m > q->m;
  });
  return kept;
}

std::vector<std::size_t> Series::coefficients_needed(const std::vector<const Term*>& terms,
                                                     double tolerance) {
  const double negligible =
      0.1 * tolerance / static_cast<double>(std::max<std::size_t>(1, terms.size()));
  std::vector<std::size_t> needed;
  for (const Term* term : terms) {
    double rest = 0;
    std::size_t n = term->u.size();
    while (n > 1 && (rest += std::abs(term->u[n - 1]) * term->weight) <= negligible) --n;
    needed.push_back(n);
  }
  return needed;
}

std::vector<std::uint16_t> Series::ranks(const std::vector<const Term*>& terms, std::size_t chain) {
  std::size_t count = 0;
  for (const Term* term : terms)
    if (term->chain == chain) count = std::max(count, term->m + 1);
  std::vector<std::uint16_t> ranks(count, 0);
  for (const Term* term : terms)
    if (term->chain == chain) ++ranks[count - 1 - term->m];
  return ranks;
}

template <class Real>
void Series::pack(const std::vector<const Term*>& terms, const std::vector<std::size_t>& needed,
                  Table<Real>& table) {
  const auto channel = [&](std::size_t f) { return f < table.nngp_factors ? nngp : d_nngp; };
  std::vector<std::uint32_t> order(terms.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto f, auto g) {
    return channel(f) != channel(g) ? channel(f) < channel(g) : needed[f] > needed[g];
  });
  using Group = typename Table<Real>::FactorGroup;
  for (std::uint32_t f : order) {
    if (table.groups.empty() || table.groups.back().count == Group::size ||
        channel(table.groups.back().factor[0]) != channel(f))
      table.groups.push_back({needed[f], 0, {}, 0});
    Group& group = table.groups.back();
    group.factor[group.count++] = f;
  }
  for (Group& group : table.groups) {
    group.coefficients = table.coefficients.size();
    for (std::size_t k = 0; k < group.degrees; ++k)
      for (std::size_t i = 0; i < Group::size; ++i)
        table.coefficients.push_back(i < group.count ? static_cast<Real>(terms[group.factor[i]]->u[k])
                                                     : Real(0));
  }
}

template <class Real>
Table<Real> Series::compress(double tolerance, TableError& error) const {
  const std::vector<const Term*> terms = choose_terms(tolerance, error);
  const std::vector<std::size_t> needed = coefficients_needed(terms, tolerance);
  Table<Real> table;
  table.kappa = kappa_;
  table.z_middle = z_middle_;
  table.z_scale = z_half_ == 0 ? 0 : 1 / z_half_;
  table.scale = scale_;
  table.kinks = kinks_;
  table.factors = terms.size();
  for (const Term* term : terms) {
    if (term->chain < 2) ++table.nngp_factors;
    table.sign.push_back(static_cast<Real>(term->sign));
  }
  for (std::size_t chain = 0; chain < Table<Real>::chains; ++chain)
    table.ranks[chain] = ranks(terms, chain);
  for (const std::size_t n : needed) table.degrees = std::max(table.degrees, n);
  pack(terms, needed, table);
  return table;
}

template Table<double> Series::compress(double, TableError&) const;
template Table<float> Series::compress(double, TableError&) const;

}  // namespace nngp::numerical
